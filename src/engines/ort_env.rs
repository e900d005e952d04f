//! The one ONNX Runtime environment of this process, shared by everything that runs a small
//! model in the call plane: VAD now, turn detection and diacritics later.
//!
//! The library is loaded at run time. ONNX Runtime allows one environment per process, so the
//! first caller's library is the library.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::AutoDevicePolicy;

/// Why ONNX Runtime or a model can not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OrtError {
    /// The library is missing or does not load.
    #[error("can not load ONNX Runtime from {path}: {detail}; fetch it with `sawt models pull`")]
    Library {
        /// as asked for
        path: PathBuf,
        /// what happened
        detail: String,
    },
    /// Another library is loaded already.
    #[error(
        "ONNX Runtime is loaded from {loaded} already; use one library for all models, not {asked}"
    )]
    OtherLibrary {
        /// in use
        loaded: PathBuf,
        /// asked for
        asked: PathBuf,
    },
    /// The model is missing, damaged, or another model.
    #[error("can not use the model {path}: {detail}; run `sawt models verify`")]
    Model {
        /// the model's file
        path: PathBuf,
        /// what is wrong
        detail: String,
    },
}

static ENVIRONMENT: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The environment over `library`. Loads it at the first call; later calls share it.
///
/// # Errors
/// When the library can not be loaded, or another one already is.
pub fn environment(library: &Path) -> Result<Environment, OrtError> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let refused = |detail: String| OrtError::Library { path: library.to_owned(), detail };
    let path = library.canonicalize().map_err(|error| refused(error.to_string()))?;
    if let Some((loaded, environment)) = &*slot {
        if *loaded != path {
            return Err(OrtError::OtherLibrary { loaded: loaded.clone(), asked: path });
        }
        return Ok(environment.clone());
    }
    let environment = ort::init_from(&path)
        .map_err(|error| refused(error.to_string()))?
        .with_name("sawt")
        // Nothing leaves.
        .with_telemetry(false)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    *slot = Some((path, environment.clone()));
    Ok(environment)
}

/// A session for a small model on one CPU thread that does not spin: many of them share the
/// cores with the engines.
///
/// # Errors
/// When `model` is no ONNX model that this library runs.
pub fn small_session(environment: &Environment, model: &Path) -> Result<Session, OrtError> {
    let refused = |detail: String| OrtError::Model { path: model.to_owned(), detail };
    if !model.is_file() {
        return Err(refused("there is no such file, `sawt models pull` fetches it".into()));
    }
    build(environment, model).map_err(|error| refused(error.to_string()))
}

fn build(environment: &Environment, model: &Path) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .commit_from_file(model)
}
