//! Runs the real `sawt-stt-ct2` with a real model and holds it to the engine contract.
//!
//! Needs the model `whisper-base-ct2` in the models folder (`SAWT_SKIP_MODEL_TESTS=1` skips).

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::PathBuf;

use sawt_engine_protocol::testing::{check_refuses_model, model_file};

#[path = "../../stt-common/conformance.rs"]
mod conformance;

const BINARY: &str = env!("CARGO_BIN_EXE_sawt-stt-ct2");
const BACKEND: &str = "ctranslate2 ";

fn model() -> Option<PathBuf> {
    model_file("whisper-base-ct2", "model.bin")
}

#[test]
fn a_bad_model_is_a_clear_error_and_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    let check = |name: &str, words: &str| {
        let said = check_refuses_model(BINARY, &["--model", path.to_str().unwrap()], &path);
        assert!(said.contains(words), "{name}: {said}");
    };
    check("missing", "sawt models pull");
    std::fs::write(&path, b"<html>not found</html>").unwrap();
    check("page", "not of a CTranslate2 Whisper model");
    let Some(model) = model() else { return };
    let mut whole = std::fs::read(model).unwrap();
    std::fs::write(&path, &whole).unwrap();
    check("without its words", "vocabulary.txt is missing");
    whole.truncate(whole.len() - 1);
    std::fs::write(&path, &whole).unwrap();
    check("truncated", "cut short");
}
