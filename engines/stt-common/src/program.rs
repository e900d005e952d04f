//! The program around an STT engine: command line, start, end.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use sawt_engine_protocol::MESSAGE_BYTES_MAX;
use sawt_engine_protocol::server::{self, EXIT_CONFIG, EngineArgs};
use sawt_engine_protocol::v1::{
    InfoResponse, engine_server::EngineServer, speech_to_text_server::SpeechToTextServer,
};

use crate::decode::{Decoder, EngineError};
use crate::service::Service;
use crate::worker::Pool;

/// Command line of every STT engine.
#[derive(Debug, clap::Args)]
pub struct SttArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Whisper model in this engine's format
    #[arg(long, value_name = "PATH")]
    pub model: PathBuf,
    /// Name to report for the model [default: from the path]
    #[arg(long, value_name = "NAME")]
    pub model_name: Option<String>,
    /// Utterances transcribed at once; they share the threads
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub states: u32,
    /// Utterances that may wait; more are refused
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub queue_depth: u32,
}

impl SttArgs {
    /// Compute threads of one utterance.
    pub fn threads_each(&self) -> u32 {
        (self.engine.threads / self.states).max(1)
    }
}

/// A decoder, or why the library can not make one.
pub type Made<D> = Result<D, EngineError>;

/// A loaded model and how to make a decoder on it.
pub struct Engine<M> {
    /// Library and version, for `Info`.
    pub backend: String,
    /// "cpu" or "cuda:0".
    pub device: String,
    /// Codes of all languages of the model.
    pub languages: Vec<String>,
    /// Called once in each owner thread.
    pub make: M,
}

/// Runs the engine until it is told to end. `inspect` checks the model's files before any C++ sees
/// them: what it refuses, no restart mends.
pub fn run<T, D, M, E: Display>(
    args: &SttArgs,
    inspect: impl FnOnce() -> Result<T, E>,
    load: impl FnOnce(T) -> anyhow::Result<Engine<M>>,
) -> ExitCode
where
    D: Decoder,
    M: Fn() -> Made<D> + Clone + Send + 'static,
{
    #[allow(clippy::disallowed_methods)] // the start of the process, for `load_ms`
    let start = Instant::now();
    server::init_logging();
    let inspected = match inspect() {
        Ok(inspected) => inspected,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(EXIT_CONFIG as u8);
        }
    };
    match load(inspected).and_then(|engine| serve(args, engine, start)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve<D, M>(args: &SttArgs, engine: Engine<M>, start: Instant) -> anyhow::Result<()>
where
    D: Decoder,
    M: Fn() -> Made<D> + Clone + Send + 'static,
{
    let pool = Pool::start(args.states, args.queue_depth as usize, engine.make)
        .context("the model loads but does not work")?;
    let stem = || args.model.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let info = InfoResponse {
        kind: "stt".to_owned(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: engine.backend,
        model: args.model_name.clone().unwrap_or_else(stem),
        device: engine.device,
        threads: args.engine.threads,
        languages: engine.languages,
        voices: Vec::new(),
        context_tokens: 0,
        slots: args.states,
        load_ms: start.elapsed().as_millis() as u64,
    };
    tracing::info!(model = %info.model, load_ms = info.load_ms, "Model ready.");
    let service = Service { pool: Arc::new(pool), info: Arc::new(info) };
    let router = tonic::transport::Server::builder()
        .add_service(EngineServer::new(service.clone()))
        .add_service(SpeechToTextServer::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX));
    // One thread carries bytes; the work is done by the owner threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server::serve(&args.engine, router))
}
