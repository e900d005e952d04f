//! Weights and libraries in the models folder, and voices for the languages that callers speak.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::Finding;
use crate::config::{Config, TtsConfig};

const ESPEAK: &str = "espeak-";

/// Where weights are looked for.
pub(super) fn folder(config: &Config) -> PathBuf {
    let of_user =
        || etcetera::choose_base_strategy().map(|dirs| dirs.data_dir().join("sawt/models"));
    config.models.dir.clone().or_else(|| of_user().ok()).unwrap_or_else(|| "models".into())
}

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let dir = folder(config);
    let mut names: Vec<&str> = vec![&config.stt.model, &config.llm.model];
    if config.vad.enabled {
        names.push("silero-vad");
    }
    names.extend(piper_voices(&config.tts));
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    let mut findings: Vec<_> = names.iter().map(|name| model(&dir, name)).collect();
    findings.push(library(&dir, "onnxruntime/libonnxruntime.so", "voices and voice activity"));
    findings.push(library(&dir, "livekit-sdk/liblivekit_ffi.so", "LiveKit rooms"));
    findings.extend(config.agent.languages.iter().filter_map(|tag| voice(&config.tts, tag)));
    findings
}

fn piper_voices(tts: &TtsConfig) -> Vec<&str> {
    let all = std::iter::once(&tts.voice).chain(std::iter::once(&tts.voice_default));
    all.chain(tts.voice_map.values())
        .map(String::as_str)
        .filter(|name| !name.is_empty() && !name.starts_with(ESPEAK))
        .collect()
}

/// A name of the manifest, or a path.
fn model(dir: &Path, name: &str) -> Finding {
    let check = format!("model {name}");
    let path = if name.contains('/') { PathBuf::from(name) } else { dir.join(name) };
    match bytes_under(&path) {
        0 => Finding::fail(
            check,
            format!("not at {}", path.display()),
            format!("run `sawt models pull {name}`, or `sawt models import PATH` with no network"),
        ),
        bytes => Finding::ok(check, format!("{} MB", bytes.div_ceil(1_000_000))),
    }
}

fn library(dir: &Path, file: &str, what_for: &str) -> Finding {
    let path = dir.join(file);
    let check = format!("library {}", file.split_once('/').map_or(file, |(name, _)| name));
    match bytes_under(&path) {
        0 => Finding::fail(
            check,
            format!("not at {}; needed for {what_for}", path.display()),
            "run `sawt models pull`",
        ),
        bytes => Finding::ok(check, format!("{} MB", bytes.div_ceil(1_000_000))),
    }
}

/// Bytes of the file, or of the files in the folder; 0 if there is none.
fn bytes_under(path: &Path) -> u64 {
    let size =
        |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
    let in_folder = |dir: &Path| {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.filter_map(|entry| size(&entry.path())).sum()
    };
    size(path).unwrap_or_else(|| in_folder(path))
}

/// A note where a language is spoken by a plain voice; none where all is well.
fn voice(tts: &TtsConfig, tag: &str) -> Option<Finding> {
    let voice = match (tts.voice.as_str(), tts.voice_map.get(tag)) {
        ("", Some(voice)) => voice,
        ("", None) => &tts.voice_default,
        (voice, _) => voice,
    };
    let language = match tag {
        "ar" => "Arabic",
        tag => tag,
    };
    voice.starts_with(ESPEAK).then(|| {
        Finding::warn(
            format!("voice for {tag}"),
            format!("{language} is spoken by espeak-ng until a Piper voice is imported"),
            format!("`sawt models import PATH` (for Arabic: ar_JO-kareem), then name it in tts.voice_map.{tag}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn models_are_found_by_name_in_the_folder() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join("whisper-base")).expect("a folder");
        assert_eq!(
            model(dir.path(), "whisper-base").status,
            Status::Fail,
            "an empty folder is none"
        );
        std::fs::write(dir.path().join("whisper-base/ggml-base.bin"), "weights").expect("a file");
        assert_eq!(model(dir.path(), "whisper-base").status, Status::Ok);
    }

    #[test]
    fn arabic_by_espeak_is_told_and_arabic_by_piper_is_not() {
        let mut tts = TtsConfig::default();
        assert_eq!(voice(&tts, "ar").map(|f| f.status), Some(Status::Warn));
        assert_eq!(voice(&tts, "en"), None);
        tts.voice_map.insert("ar".into(), "ar_JO-kareem".into());
        assert_eq!(voice(&tts, "ar"), None);
    }
}
