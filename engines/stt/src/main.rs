//! The `sawt-stt` program: whisper.cpp in the frame that all STT engines share.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use sawt_stt::{decode, ffi, model, vocabulary};
use sawt_stt_common::program::{self, Engine, SttArgs};

/// Sawt's STT engine: transcribes utterances with a Whisper model in ggml format, over a unix socket
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    stt: SttArgs,
}

fn main() -> ExitCode {
    let args = Args::parse().stt;
    program::run(&args, || model::inspect(&args.model), |_| load(&args))
}

fn load(
    args: &SttArgs,
) -> anyhow::Result<Engine<impl Fn() -> program::Made<decode::Decoder> + Clone + use<>>> {
    ffi::capture_log();
    let gpu = cfg!(feature = "cuda");
    let context = ffi::Context::load(&args.model, gpu)?;
    let vocabulary = Arc::new(vocabulary::Vocabulary::new(&context));
    let threads_each = args.threads_each();
    Ok(Engine {
        backend: format!("whisper.cpp {}", ffi::version()),
        device: if gpu { "cuda:0" } else { "cpu" }.to_owned(),
        languages: vocabulary.languages().map(str::to_owned).collect(),
        make: move || Ok(decode::Decoder::new(&context, &vocabulary, threads_each)?),
    })
}
