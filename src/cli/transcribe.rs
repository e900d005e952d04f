//! `sawt transcribe`: write down what a WAV file says.

use std::path::PathBuf;

use anyhow::bail;

use super::progress::Waiting;
use crate::audio::pieces::pieces_of;
use crate::audio::{self, CALLER_RATE_HZ};
use crate::config::Config;
use crate::engines::RunningEngines;
use crate::engines::stt::{LocalStt, SpeechToText as _, Transcript, Utterance};
use crate::supervisor::EngineKind;

/// Write down what WAV files say.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt transcribe question.wav
  sawt transcribe --language ar call-1.wav call-2.wav --json")]
pub struct Args {
    /// WAV files of any rate
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Language spoken, e.g. ar; may be given several times [default: as configured]
    #[arg(long)]
    language: Vec<String>,
    /// One JSON object per file
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let clips: Vec<Vec<i16>> = args
        .files
        .iter()
        .map(|file| audio::wav::read(file, CALLER_RATE_HZ))
        .collect::<Result<_, _>>()?;
    let engines = RunningEngines::start(&config, &[EngineKind::Stt])?;
    let waiting = Waiting::start("Loading the speech model");
    engines.ready().await?;
    waiting.done();
    let Some(stt) = engines.stt() else { bail!("the speech engine was not started") };
    let languages =
        if args.language.is_empty() { config.agent.languages.clone() } else { args.language };
    for (file, pcm) in args.files.iter().zip(clips) {
        let pieces = write_down(&stt, &config, &languages, &pcm).await?;
        let file = file.display();
        print_result(&file.to_string(), &pieces, args.json);
    }
    engines.stop().await;
    Ok(())
}

/// What `pcm` of any length says, piece by piece.
pub(super) async fn write_down(
    stt: &LocalStt,
    config: &Config,
    languages: &[String],
    pcm: &[i16],
) -> anyhow::Result<Vec<Transcript>> {
    let mut pieces = Vec::new();
    for piece in pieces_of(pcm) {
        let request = Utterance {
            pcm: piece.to_vec(),
            languages: languages.to_vec(),
            prompt: config.stt.prompt.clone(),
            partial: false,
        };
        pieces.push(stt.transcribe(request).await?);
    }
    Ok(pieces)
}

fn print_result(file: &str, pieces: &[Transcript], json: bool) {
    let text = pieces.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join(" ");
    if json {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|p| {
                serde_json::json!({
                    "text": p.text, "language": p.language, "confidence": p.confidence,
                    "inference_ms": p.inference_ms,
                })
            })
            .collect();
        println!("{}", serde_json::json!({ "file": file, "text": text.trim(), "pieces": pieces }));
    } else {
        println!("{}", text.trim());
    }
}
