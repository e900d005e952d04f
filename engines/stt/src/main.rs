//! The `sawt-stt` program: command line, start, end.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use sawt_engine_protocol::MESSAGE_BYTES_MAX;
use sawt_engine_protocol::server::{self, EXIT_CONFIG, EngineArgs};
use sawt_engine_protocol::v1::{
    InfoResponse, engine_server::EngineServer, speech_to_text_server::SpeechToTextServer,
};
use sawt_stt::{ffi, model, service, vocabulary, worker};

/// Sawt's STT engine: transcribes utterances with a Whisper model, over a unix socket
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// Whisper model in ggml format
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Name to report for the model [default: the file's stem]
    #[arg(long, value_name = "NAME")]
    model_name: Option<String>,
    /// Utterances transcribed at once; they share the threads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    states: u32,
    /// Utterances that may wait; more are refused
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    queue_depth: u32,
}

fn main() -> ExitCode {
    #[allow(clippy::disallowed_methods)] // the start of the process, for `load_ms`
    let start = Instant::now();
    server::init_logging();
    let args = Args::parse();
    // Before C++ sees the file, and the one failure that no restart mends.
    if let Err(error) = model::inspect(&args.model) {
        tracing::error!("{error}");
        return ExitCode::from(EXIT_CONFIG as u8);
    }
    match run(&args, start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, start: Instant) -> anyhow::Result<()> {
    ffi::capture_log();
    let gpu = cfg!(feature = "cuda");
    let context = ffi::Context::load(&args.model, gpu)?;
    let vocabulary = Arc::new(vocabulary::Vocabulary::new(&context));
    let threads_each = (args.engine.threads / args.states).max(1);
    let pool = worker::Pool::start(
        &context,
        &vocabulary,
        args.states,
        threads_each,
        args.queue_depth as usize,
    )
    .context("the model loads but does not work")?;

    let stem = || args.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let info = InfoResponse {
        kind: "stt".to_owned(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: format!("whisper.cpp {}", ffi::version()),
        model: args.model_name.clone().unwrap_or_else(stem),
        device: if gpu { "cuda:0" } else { "cpu" }.to_owned(),
        threads: args.engine.threads,
        languages: vocabulary.languages().map(str::to_owned).collect(),
        voices: Vec::new(),
        context_tokens: 0,
        slots: args.states,
        load_ms: start.elapsed().as_millis() as u64,
    };
    tracing::info!(model = %info.model, load_ms = info.load_ms, "Model ready.");
    let pool = Arc::new(pool);
    let service = service::Service { pool, vocabulary, info: Arc::new(info) };
    let router = tonic::transport::Server::builder()
        .add_service(EngineServer::new(service.clone()))
        .add_service(SpeechToTextServer::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX));
    // One thread carries bytes; the work is done by the owner threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server::serve(&args.engine, router))
}
