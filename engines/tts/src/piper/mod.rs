//! Piper voices: text → phonemes (espeak) → ids → frames → audio (ONNX Runtime).
//!
//! A voice is an ONNX graph and the `.onnx.json` beside it. Both come from outside and are
//! checked before use. The graph is cut where it loads, so that the first audio of a
//! sentence need not wait for the rest; a voice that can not be cut speaks whole sentences.

pub(crate) mod chunks;
pub(crate) mod config;
pub(crate) mod file;
pub(crate) mod ids;
pub(crate) mod latents;
pub(crate) mod phonemes;
pub(crate) mod seam;
pub(crate) mod sessions;
pub(crate) mod voice;

use std::path::PathBuf;

/// Why a voice can not be loaded. No restart mends these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VoiceError {
    #[error("can not read {path}: {detail}; fetch the voice with `sawt models pull`")]
    Unreadable { path: PathBuf, detail: String },
    #[error("{path} is not a usable Piper voice configuration: {detail}")]
    Config { path: PathBuf, detail: String },
    #[error("{path} is not a usable Piper voice: {detail}; run `sawt models verify`")]
    Model { path: PathBuf, detail: String },
}
