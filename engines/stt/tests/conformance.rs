//! Runs the real `sawt-stt` with a real model and holds it to the engine contract.
//!
//! Needs the model `whisper-base` in the models folder (`SAWT_SKIP_MODEL_TESTS=1` skips).

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::path::PathBuf;

use sawt_engine_protocol::testing::{check_refuses_model, model_file};

#[path = "../../stt-common/conformance.rs"]
mod conformance;

const BINARY: &str = env!("CARGO_BIN_EXE_sawt-stt");
const BACKEND: &str = "whisper.cpp ";

fn model() -> Option<PathBuf> {
    model_file("whisper-base", "ggml-base.bin")
}

#[test]
fn a_bad_model_is_a_clear_error_and_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut cases = vec![
        ("missing.bin", None, "sawt models pull"),
        ("eight-bytes.bin", Some(b"lmgg\0\0\0\0".to_vec()), "sawt models verify"),
        ("empty.bin", Some(Vec::new()), "cut short"),
        ("page.bin", Some(b"<html>not found</html>".to_vec()), "not a ggml Whisper model"),
    ];
    if let Some(model) = model() {
        let mut whole = std::fs::read(model).unwrap();
        whole.truncate(whole.len() - 1);
        cases.push(("truncated.bin", Some(whole), "cut short"));
    }
    for (name, content, words) in cases {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let said = check_refuses_model(BINARY, &["--model", path.to_str().unwrap()], &path);
        assert!(said.contains(words), "{name}: {said}");
    }
}
