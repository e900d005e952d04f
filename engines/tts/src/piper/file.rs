//! A voice's file, read once and made ready for the sessions of all workers: cut if it can be. Nothing is cached on disk: cutting takes less than checking a cache would.

use std::path::{Path, PathBuf};

use super::VoiceError;
use super::seam::{Parts, Seam, durations};
use crate::onnx::{Model, add_output};

/// Larger than any Piper voice; keeps a wrong file from filling the memory.
const MODEL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Models as ONNX Runtime loads them.
pub(crate) enum Graphs {
    /// Speaks whole sentences.
    Whole { model: Vec<u8>, durations: Option<String> },
    /// Speaks as it decodes.
    Cut { parts: Parts, seam: Seam },
}

/// The configuration that belongs to `model`: the same path with `.json` appended.
pub(crate) fn config_path(model: &Path) -> PathBuf {
    let mut path = model.as_os_str().to_owned();
    path.push(".json");
    path.into()
}

impl Graphs {
    /// Reads the voice at `path`; cuts it if `streaming`.
    pub(crate) fn read(path: &Path, streaming: bool) -> Result<Self, VoiceError> {
        let unreadable = |error: std::io::Error| VoiceError::Unreadable {
            path: path.to_owned(),
            detail: error.to_string(),
        };
        let refused = |detail: String| VoiceError::Model { path: path.to_owned(), detail };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes == 0 || bytes > MODEL_BYTES_MAX {
            return Err(refused(format!("{bytes} bytes is no voice")));
        }
        let file = std::fs::read(path).map_err(unreadable)?;
        Self::prepare(file, streaming, path).map_err(refused)
    }

    fn prepare(file: Vec<u8>, streaming: bool, path: &Path) -> Result<Self, String> {
        let model = Model::parse(&file).map_err(|error| error.to_string())?;
        if streaming {
            match Seam::find(&model) {
                Ok(seam) => {
                    let parts = seam.cut(&model);
                    return Ok(Self::Cut { parts, seam });
                }
                Err(reason) => tracing::warn!(
                    voice = %path.display(), %reason,
                    "Voice can not be cut: it speaks whole sentences, and starts later."
                ),
            }
        }
        let durations = durations(&model).map(str::to_owned);
        let told = durations.as_deref().is_some_and(|name| model.outputs.contains(&name));
        let mut model = file;
        if let Some(durations) = durations.as_ref().filter(|_| !told) {
            add_output(&mut model, durations);
        }
        Ok(Self::Whole { model, durations })
    }
}
