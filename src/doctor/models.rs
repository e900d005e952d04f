//! Weights and libraries that the configuration names.

use super::{Finding, Status};
use crate::config::{Config, TtsConfig};
use crate::models::Store;
use crate::supervisor::{stt_choice, stt_wanted};

const TURN_DETECTOR: &str = "smart-turn-v3.2";
const ESPEAK: &str = "espeak-";

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let store = Store::open(config.models.dir.clone());
    let stt = stt(config, &store);
    let mut names: Vec<&str> = vec![&stt, &config.llm.model];
    if config.vad.enabled {
        names.push("silero-vad");
    }
    names.extend(piper_voices(&config.tts));
    names.extend(["onnxruntime", "livekit-sdk"]);
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    let mut findings: Vec<_> = names.iter().map(|name| model(&store, name)).collect();
    if config.turn.detector_enabled {
        findings.push(turn_detector(&store));
    }
    findings
}

/// The model that the STT engine will load, or the one that is missing.
fn stt(config: &Config, store: &Store) -> String {
    match stt_choice(config, store) {
        Ok(choice) => choice.model.name,
        Err(_) => stt_wanted(&config.stt),
    }
}

fn piper_voices(tts: &TtsConfig) -> Vec<&str> {
    let all = std::iter::once(&tts.voice).chain(std::iter::once(&tts.voice_default));
    all.chain(tts.voice_map.values())
        .map(String::as_str)
        .filter(|name| !name.is_empty() && !name.starts_with(ESPEAK))
        .collect()
}

/// A name of the manifest, or a path. Whole by size; `sawt models verify` reads every byte.
fn model(store: &Store, name: &str) -> Finding {
    let check = format!("model {name}");
    match store.resolve(name) {
        Ok(model) => {
            let sizes = model.files.iter().filter_map(|file| Some(file.metadata().ok()?.len()));
            Finding::ok(check, format!("{} MB", sizes.sum::<u64>().div_ceil(1_000_000)))
        }
        Err(e) => {
            let next = format!(
                "run `sawt models pull {name}`, or `sawt models import PATH` with no network"
            );
            Finding::fail(check, e.to_string(), next)
        }
    }
}

/// Calls work without it, so that its absence is a note.
fn turn_detector(store: &Store) -> Finding {
    let found = model(store, TURN_DETECTOR);
    if found.status == Status::Ok {
        return found;
    }
    Finding::warn(
        found.check,
        "silence and words alone decide when a caller's turn is over",
        format!("run `sawt models pull {TURN_DETECTOR}`, or set turn.detector_enabled = false"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_its_files_is_no_model() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(Some(dir.path().to_owned()));
        std::fs::create_dir(dir.path().join("whisper-base")).expect("a folder");
        assert_eq!(model(&store, "whisper-base").status, Status::Fail);
    }

    #[test]
    fn a_missing_turn_detector_is_a_note_and_no_failure() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(Some(dir.path().to_owned()));
        assert_eq!(turn_detector(&store).status, Status::Warn);
    }
}
