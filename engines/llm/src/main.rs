//! Sawt's LLM engine process: llama.cpp behind the engine contract, on a unix socket.
//!
//! `service.rs` checks requests and streams replies, `engine.rs` is the loop of the thread that
//! owns the context, `plan.rs` decides what each batch holds, `model.rs` speaks to llama.cpp.

mod calls;
mod engine;
mod fit;
mod gguf;
mod grammar;
mod model;
mod plan;
mod service;
mod stop;
mod template;
mod utf8;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use sawt_engine_protocol::server::{self, EngineArgs};
use sawt_engine_protocol::{MESSAGE_BYTES_MAX, v1};
use tokio::sync::mpsc;
use tonic::transport::Server;

use crate::engine::Engine;
use crate::model::{BATCH_TOKENS_MAX, ContextSize, LlamaCompute, LoadError, Model};
use crate::plan::Limits;
use crate::service::{Facts, Service};

/// Most prompt tokens in a step beside decoding callers, however fast the machine.
const CHUNK_BESIDE_DECODE_MAX: usize = 128;

/// Most `--slots`.
const SLOTS_MAX: usize = 64;

// All slots decoding beside the largest chunk fit one batch.
const _: () = assert!(SLOTS_MAX + CHUNK_BESIDE_DECODE_MAX <= BATCH_TOKENS_MAX);

/// Exit code when the engine's own thread ends by a bug (EX_SOFTWARE); a restart may mend it.
const EXIT_SOFTWARE: i32 = 70;

/// Longest step in which nobody decodes: bounds how late a cancel or a new caller is seen.
const STEP_ALONE_MAX: Duration = Duration::from_millis(500);

/// Longest pause in a caller's text while another caller's prompt is read.
const STEP_BESIDE_DECODE_MAX: Duration = Duration::from_millis(150);

/// Sawt's LLM engine: answers conversations over a unix socket
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// Model file in GGUF format
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Name to report; default: the file's name without its extension
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,
    /// Tokens one conversation may hold, at most what the model was trained for
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(64..=1_048_576))]
    context_tokens: u32,
    /// Conversations served at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=SLOTS_MAX as i64))]
    slots: u32,
    /// Requests that may wait for a slot; more are refused
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=1024))]
    queue_depth: u32,
}

fn main() -> ExitCode {
    server::init_logging();
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            let config = error.downcast_ref::<LoadError>().is_some();
            if config { ExitCode::from(server::EXIT_CONFIG as u8) } else { ExitCode::FAILURE }
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let started_at = engine::now();
    let model = Model::load(&args.model)?;
    let trained = model.context_tokens_trained();
    let context_tokens = (args.context_tokens as usize).min(trained.max(1));
    if context_tokens < args.context_tokens as usize {
        tracing::warn!(trained, "The model holds fewer tokens than asked for; using those.");
    }
    let slots = args.slots as usize;
    let size = ContextSize { slots, context_tokens, threads: args.engine.threads };
    let line_length = slots + args.queue_depth as usize;
    // Refuses when full. The line admits fewer generations; the rest is room for probes.
    let (commands, inbox) = mpsc::channel(line_length + 4);
    let (ready, warm) = std::sync::mpsc::sync_channel(1);
    let queue_depth_max = args.queue_depth as usize;
    // OpenMP keeps a pool of threads for each thread that computes, so all computing, warm-up
    // included, is done by this one.
    let owner = std::thread::Builder::new()
        .name("llm-owner".into())
        .spawn(move || {
            let owner = std::panic::AssertUnwindSafe(|| match prepare(model, size) {
                Err(error) => drop(ready.send(Err(error))),
                Ok((compute, chunks)) => {
                    let limits = Limits {
                        slots,
                        context_tokens,
                        chunk_alone_tokens: chunks.alone,
                        chunk_beside_decode_tokens: chunks.beside_decode,
                        queue_depth_max,
                    };
                    tracing::info!(?limits, "Model is warm.");
                    drop(ready.send(Ok(())));
                    Engine::new(compute, limits).run(inbox);
                }
            });
            if std::panic::catch_unwind(owner).is_err() {
                // Half an engine answers nobody; the supervisor starts a whole one.
                tracing::error!("The engine thread panicked. This is a bug; ending.");
                std::process::exit(EXIT_SOFTWARE);
            }
        })
        .context("can not start the engine thread; raise the limit on threads")?;
    warm.recv().context("the engine thread ended while loading; start the engine again")??;

    let model_name = args.model_name.clone().unwrap_or_else(|| {
        args.model.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    });
    let facts = Facts {
        model_name,
        threads: args.engine.threads,
        context_tokens,
        slots,
        load: started_at.elapsed(),
    };
    let service = Service::new(model, facts, commands, line_length);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        // Tokenizing, one task per admitted request at most.
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .context("can not start the async runtime; raise the limit on threads")?;
    runtime.block_on(async {
        let language_model = v1::language_model_server::LanguageModelServer::new(service.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX);
        let router = Server::builder()
            .add_service(v1::engine_server::EngineServer::new(service))
            .add_service(language_model);
        server::serve(&args.engine, router).await
    })?;
    // All senders of commands are gone with the router: the owner ends after its last step. It
    // must not compute while C++ tears down its statics.
    drop(runtime);
    let _ = owner.join();
    Ok(())
}

/// Prompt tokens per step.
struct Chunks {
    alone: usize,
    beside_decode: usize,
}

fn prepare(model: &'static Model, size: ContextSize) -> Result<(LlamaCompute, Chunks), LoadError> {
    let mut compute = LlamaCompute::new(model, size)?;
    let prompt_token = compute.warm_up()?;
    let chunks = Chunks {
        alone: chunk_tokens(STEP_ALONE_MAX, prompt_token, BATCH_TOKENS_MAX),
        beside_decode: chunk_tokens(STEP_BESIDE_DECODE_MAX, prompt_token, CHUNK_BESIDE_DECODE_MAX),
    };
    Ok((compute, chunks))
}

/// Prompt tokens that take about `step`: a power of two, so that the same machine chooses the
/// same chunks again and replies stay equal, and at least 16, below which batching gains nothing.
fn chunk_tokens(step: Duration, prompt_token: Duration, most: usize) -> usize {
    let tokens = step.as_nanos() / prompt_token.as_nanos().max(1);
    let tokens = usize::try_from(tokens).unwrap_or(most).clamp(16, most);
    1 << tokens.ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_machine_reads_prompts_in_smaller_chunks() {
        let chunk = |us| chunk_tokens(STEP_ALONE_MAX, Duration::from_micros(us), 256);
        assert_eq!([chunk(0), chunk(500), chunk(5_000), chunk(100_000)], [256, 256, 64, 16]);
    }
}
