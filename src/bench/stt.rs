//! The ears: how long after an utterance its words are there, and what they cost. Several models
//! are compared on the same clips, in turns, so that whatever else runs meets all of them alike.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::{Report, clock, ms_since, process};
use crate::audio::{self, CALLER_RATE_HZ};
use crate::config::Config;
use crate::engines::EngineError;
use crate::engines::RunningEngines;
use crate::engines::stt::{LocalStt, SpeechToText as _, Transcript, Utterance};
use crate::models::Store;
use crate::supervisor::{EngineHandle, EngineKind, stt_choice};

/// Longest clip: what one transcription takes.
const CLIP_SAMPLES_MAX: usize = 29 * CALLER_RATE_HZ as usize;

/// What is transcribed.
#[derive(Debug)]
struct Clip {
    name: String,
    pcm: Vec<i16>,
}

/// Transcribes each of `files` `passes` times with each of `models`.
///
/// # Errors
/// When a file can not be read, or a model does not run.
pub async fn run(
    config: &Config,
    files: &[PathBuf],
    models: &[String],
    passes: usize,
) -> anyhow::Result<Report> {
    let clips = files.iter().map(|file| read(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut ears = Vec::new();
    for model in models {
        ears.push(Ears::open(config, model).await?);
    }
    let mut report = Report::new("stt");
    report.setup.insert("clips", clips.len().to_string());
    report.setup.insert("passes", passes.to_string());
    for pass in 0..=passes {
        for clip in &clips {
            for ears in &ears {
                let heard = ears.hear(config, clip).await?;
                if pass == 0 {
                    let seconds = clip.pcm.len() as f64 / f64::from(CALLER_RATE_HZ);
                    let (model, name) = (&ears.model, &clip.name);
                    report.notes.push(format!("{name} ({seconds:.1} s), {model}: {}", heard.text));
                    continue; // the first pass warms up and tells the words
                }
                report.add(&format!("{}: words after the end", ears.model), "ms", heard.took_ms);
                report.add(&format!("{}: per utterance", ears.model), "CPU-s", heard.cpu_s);
            }
        }
    }
    for ears in &ears {
        let memory = ears.handle.pid().and_then(process::memory_mb).unwrap_or(0.0);
        report.add(&format!("{}: memory", ears.model), "MB", memory);
        ears.stop().await;
    }
    Ok(report)
}

/// The model and the program that would run it for `config`.
pub(super) fn label(config: &Config) -> anyhow::Result<String> {
    let choice = stt_choice(config, &Store::from_config(&config.models))?;
    Ok(format!("{} ({})", choice.model.name, choice.program))
}

fn read(file: &Path) -> anyhow::Result<Clip> {
    let mut pcm = audio::wav::read(file, CALLER_RATE_HZ)?;
    pcm.truncate(CLIP_SAMPLES_MAX);
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Clip { name, pcm })
}

pub(super) struct Ears {
    pub(super) model: String,
    engines: RunningEngines,
    handle: EngineHandle,
    stt: LocalStt,
}

struct Heard {
    text: String,
    took_ms: f64,
    cpu_s: f64,
}

impl Ears {
    pub(super) async fn open(config: &Config, model: &str) -> anyhow::Result<Self> {
        let mut config = config.clone();
        model.clone_into(&mut config.stt.model);
        let label = label(&config)?;
        let engines = RunningEngines::start(&config, &[EngineKind::Stt])?;
        engines.ready().await.with_context(|| format!("model {model}"))?;
        let (Some(stt), Some(handle)) = (engines.stt(), engines.handles().first().cloned()) else {
            bail!("the speech engine was not started");
        };
        Ok(Self { model: label, engines, handle, stt })
    }

    async fn hear(&self, config: &Config, clip: &Clip) -> anyhow::Result<Heard> {
        let languages = config.agent.languages.clone();
        let (before, start) = (self.cpu_seconds(), clock());
        let transcript = self.transcribe(config, clip.pcm.clone(), languages).await?;
        let cpu_s = self.cpu_seconds() - before;
        Ok(Heard { text: transcript.text, took_ms: ms_since(start), cpu_s })
    }

    /// What is said in `pcm`, at most 29 s.
    pub(super) async fn transcribe(
        &self,
        config: &Config,
        pcm: Vec<i16>,
        languages: Vec<String>,
    ) -> Result<Transcript, EngineError> {
        let prompt = config.stt.prompt.clone();
        self.stt.transcribe(Utterance { pcm, languages, prompt, partial: false }).await
    }

    /// What the engine has used so far.
    pub(super) fn cpu_seconds(&self) -> f64 {
        self.handle.pid().and_then(process::cpu_seconds).unwrap_or(0.0)
    }

    pub(super) async fn stop(&self) {
        self.engines.stop().await;
    }
}
