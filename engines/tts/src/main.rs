//! Sawt's TTS engine process: Piper voices through ONNX Runtime, phonemes and plain voices by
//! espeak-ng, behind the engine contract on a unix socket.
//!
//! Knows no call. Numbers and abbreviations are written out before text comes here; Arabic gets its vowels
//! here, for they belong to the voice alone.

mod diacritics;
mod espeak;
mod loudness;
mod onnx;
mod piper;
mod queue;
mod render;
mod resample;
mod service;
mod text;
mod voices;
mod words;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use sawt_engine_protocol::MESSAGE_BYTES_MAX;
use sawt_engine_protocol::server::{EXIT_CONFIG, EngineArgs, init_logging, serve};
use sawt_engine_protocol::v1::engine_server::EngineServer;
use sawt_engine_protocol::v1::text_to_speech_server::TextToSpeechServer;

use crate::service::{About, Service};
use crate::voices::{Voices, Wanted};

/// Sawt's voices, as a process of their own
#[derive(Debug, Parser)]
#[command(name = "sawt-tts", version)]
struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// ONNX Runtime's shared library; needed for Piper voices
    #[arg(long, value_name = "LIB")]
    onnxruntime: Option<PathBuf>,
    /// A Piper voice, with its .onnx.json beside it; may be given several times
    #[arg(long = "voice", value_name = "FILE.onnx")]
    voices: Vec<PathBuf>,
    /// One of espeak-ng's own voices, e.g. "ar", offered as "espeak-ar"; may be given several times
    #[arg(long = "espeak-voice", value_name = "LANG")]
    espeak_voices: Vec<String>,
    /// espeak-ng's shared library [default: the system's]
    #[arg(long, value_name = "PATH")]
    espeak_lib: Option<PathBuf>,
    /// Folder that holds espeak-ng-data [default: espeak's own]
    #[arg(long, value_name = "PATH")]
    espeak_data: Option<PathBuf>,
    /// A model that adds vowels to Arabic, with its .vocab.json beside it; without it, or where it can not be
    /// loaded, Arabic is spoken without
    #[arg(long, value_name = "FILE.onnx")]
    diacritizer: Option<PathBuf>,
    /// Steps rendered at once, each by its own session; the threads are shared out among them
    /// [default: one for each thread]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: Option<u32>,
    /// Speak whole sentences even where a voice could be streamed; for comparisons
    #[arg(long)]
    whole_sentences: bool,
    /// Most requests at once; more are refused
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    requests_max: u32,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    #[allow(clippy::disallowed_methods)] // how long loading took, for Info
    let started = Instant::now();
    let args = Args::parse();
    init_logging();
    // Two workers with a thread each make more audio than one with two: 0.031 against 0.042 of its
    // length. The first audio of a chunk is short work, and others do not wait for it.
    let workers = args.workers.unwrap_or_else(|| args.engine.threads.clamp(1, 64));
    let wanted = Wanted {
        onnxruntime: args.onnxruntime,
        piper: args.voices,
        espeak: args.espeak_voices,
        espeak_library: args.espeak_lib,
        espeak_data: args.espeak_data,
        diacritizer: args.diacritizer,
        workers: workers as usize,
        threads_per_worker: (args.engine.threads / workers).max(1) as usize,
        streaming: !args.whole_sentences,
    };
    let voices = match Voices::load(&wanted) {
        Ok(voices) => Arc::new(voices),
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(EXIT_CONFIG as u8);
        }
    };
    let about = About {
        threads: args.engine.threads,
        workers,
        load_ms: started.elapsed().as_millis() as u64,
    };
    for voice in voices.list() {
        let rate_hz = voice.sample_rate_hz;
        tracing::info!(voice = voice.name, rate_hz, gain = voice.gain, "Voice loaded.");
    }
    let service = Service::new(voices, args.requests_max, about);
    let router = tonic::transport::Server::builder()
        .add_service(EngineServer::new(service.clone()))
        .add_service(TextToSpeechServer::new(service).max_decoding_message_size(MESSAGE_BYTES_MAX));
    match serve(&args.engine, router).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
