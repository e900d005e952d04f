//! The `sawt-stt-ct2` program: CTranslate2 in the frame that all STT engines share.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use sawt_stt_common::program::{self, Engine, SttArgs};
use sawt_stt_ct2::{decode, model};

/// Sawt's STT engine: transcribes utterances with a Whisper model in CTranslate2 format, over a unix socket
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    stt: SttArgs,
}

fn main() -> ExitCode {
    let args = Args::parse().stt;
    let threads_each = args.threads_each();
    let load = |model: model::Model| {
        let model = Arc::new(model);
        decode::quiet_log();
        Ok(Engine {
            backend: decode::BACKEND.to_owned(),
            device: "cpu".to_owned(),
            languages: model.vocabulary.languages().map(str::to_owned).collect(),
            make: move || Ok(decode::Decoder::new(&model, threads_each)?),
        })
    };
    program::run(&args, || model::inspect(&args.model), load)
}
