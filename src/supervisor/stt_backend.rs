//! Which of the STT engines runs, and with which model: `stt.backend`, what is installed, and what
//! is built. Looks at the disk; starts nothing.

use std::path::Path;

use super::specs::SpecError;
use crate::config::SttConfig;
use crate::models::{CT2_SUFFIX, InstalledModel, Store};

/// An engine's program and the model it is to load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SttChoice {
    /// Name of the program.
    pub program: &'static str,
    /// In the form that this program reads.
    pub model: InstalledModel,
}

pub(super) const CTRANSLATE2: &str = "sawt-stt-ct2";
const WHISPER_CPP: &str = "sawt-stt";

/// Chooses the engine for `stt`, among the programs in `programs`. `auto` takes CTranslate2, which
/// is several times cheaper on a processor, where its program and the model in its form are there.
///
/// # Errors
/// When the model is not installed in a form that the engine reads.
pub(super) fn choose(
    stt: &SttConfig,
    store: &Store,
    programs: &Path,
) -> Result<SttChoice, SpecError> {
    let ctranslate2 = |model| Ok(SttChoice { program: CTRANSLATE2, model });
    let whisper_cpp = |model| Ok(SttChoice { program: WHISPER_CPP, model });
    let named = store.resolve(&stt.model);
    let other_form = || store.resolve(&format!("{}{CT2_SUFFIX}", stt.model));
    match stt.backend.as_str() {
        "ctranslate2" => match named {
            Ok(model) if model.is_ctranslate2() => ctranslate2(model),
            _ => ctranslate2(other_form()?),
        },
        "whisper.cpp" => match named? {
            model if model.is_ctranslate2() => Err(SpecError::SttForm { model: model.name }),
            model => whisper_cpp(model),
        },
        _ => match (named, other_form()) {
            (Ok(model), _) if model.is_ctranslate2() => ctranslate2(model),
            (_, Ok(model)) if programs.join(CTRANSLATE2).is_file() => ctranslate2(model),
            (named, _) => whisper_cpp(named?),
        },
    }
}

/// The model's name for messages when nothing could be chosen.
pub fn wanted(stt: &SttConfig) -> String {
    match stt.backend.as_str() {
        "ctranslate2" if !stt.model.ends_with(CT2_SUFFIX) => format!("{}{CT2_SUFFIX}", stt.model),
        _ => stt.model.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{ModelKind, Origin, Stamp, StampedFile};

    /// A models folder with these sets (by name and main file), and one with these programs.
    fn place(models: &[(&str, &str)], programs: &[&str]) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        for (name, file) in models {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join(file), b"").unwrap();
            let stamp = Stamp {
                schema: 1,
                name: (*name).to_owned(),
                kind: ModelKind::Stt,
                languages: Vec::new(),
                licence: String::new(),
                origin: Origin::Import,
                files: vec![StampedFile {
                    name: (*file).to_owned(),
                    bytes: 0,
                    sha256: String::new(),
                }],
            };
            let stamp = serde_json::to_vec(&stamp).unwrap();
            std::fs::write(folder.join(".sawt.json"), stamp).unwrap();
        }
        for program in programs {
            std::fs::write(dir.path().join(program), b"").unwrap();
        }
        let store = Store::open(Some(dir.path().to_owned()));
        (dir, store)
    }

    const GGML: (&str, &str) = ("mine", "ggml-mine.bin");
    const CT2: (&str, &str) = ("mine-ct2", "model.bin");

    #[track_caller]
    fn check(backend: &str, model: &str, here: &[(&str, &str)], program: bool, wanted: &str) {
        let (dir, store) = place(here, if program { &[CTRANSLATE2] } else { &[] });
        let stt =
            SttConfig { backend: backend.into(), model: model.into(), ..SttConfig::default() };
        let found = match choose(&stt, &store, dir.path()) {
            Ok(choice) => format!("{} {}", choice.program, choice.model.name),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(wanted), "{backend} {model}: {found}");
    }

    #[test]
    fn auto_takes_ctranslate2_where_its_model_and_program_are_there() {
        check("auto", "mine", &[GGML, CT2], true, "sawt-stt-ct2 mine-ct2");
        check("auto", "mine", &[CT2], true, "sawt-stt-ct2 mine-ct2");
        check("auto", "mine", &[GGML], true, "sawt-stt mine");
        check("auto", "mine", &[GGML, CT2], false, "sawt-stt mine");
        check("auto", "mine-ct2", &[GGML, CT2], true, "sawt-stt-ct2 mine-ct2");
        check("auto", "whisper-base", &[], true, "models pull");
    }

    #[test]
    fn a_backend_that_is_named_is_taken_or_refused_with_the_next_step() {
        check("whisper.cpp", "mine", &[GGML, CT2], true, "sawt-stt mine");
        check("whisper.cpp", "mine-ct2", &[CT2], true, "set stt.backend");
        check("ctranslate2", "mine", &[GGML, CT2], true, "sawt-stt-ct2 mine-ct2");
        check("ctranslate2", "whisper-base", &[GGML], true, "models pull whisper-base-ct2");
    }
}
