//! Starts the engines that a command needs and hands out their clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::llm::LocalLlm;
use super::stt::LocalStt;
use super::tts::{KeptLines, LocalTts};
use super::turn_detector::{DetectorError, SmartTurn, TurnDetector};
use super::vad::energy::EnergyVad;
use super::vad::silero::{SileroModel, SileroVad, VadError};
use super::{EngineError, Engines, VadFactory};
use crate::config::Config;
use crate::models::{ModelError, Store};
use crate::supervisor::{EngineHandle, EngineKind, SpecError, Supervisor, engine_specs};

/// Engines do not take longer than this to load before a command gives up.
const LOAD_PATIENCE: Duration = Duration::from_secs(300);

/// Why the engines do not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something is missing.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A model or library is not there.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The voice detector does not load.
    #[error(transparent)]
    Vad(#[from] VadError),
    /// An engine does not come up.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Engine processes that run, and the folder of their sockets.
pub struct RunningEngines {
    supervisor: Supervisor,
    _socket_dir: TempDir,
}

impl RunningEngines {
    /// Starts the engines named in `kinds`; returns at once, while they load.
    ///
    /// # Errors
    /// When a program, model or folder is missing.
    pub fn start(config: &Config, kinds: &[EngineKind]) -> Result<Self, StartError> {
        let store = Store::from_config(&config.models);
        let socket_dir = private_dir(config.engines.socket_dir.as_deref())?;
        let specs = engine_specs(config, &store, socket_dir.path(), kinds)?;
        Ok(Self { supervisor: Supervisor::start(specs), _socket_dir: socket_dir })
    }

    /// Waits until all of them answer.
    ///
    /// # Errors
    /// When one of them can not.
    pub async fn ready(&self) -> Result<(), EngineError> {
        self.supervisor.wait_ready(LOAD_PATIENCE).await
    }

    /// All engines.
    pub fn handles(&self) -> &[EngineHandle] {
        self.supervisor.handles()
    }

    /// Client of the ears; `None` if they were not started.
    pub fn stt(&self) -> Option<LocalStt> {
        self.supervisor.handle(EngineKind::Stt).map(LocalStt::new)
    }

    /// Client of the wits.
    pub fn llm(&self) -> Option<LocalLlm> {
        self.supervisor.handle(EngineKind::Llm).map(LocalLlm::new)
    }

    /// Client of the voice.
    pub fn tts(&self) -> Option<LocalTts> {
        self.supervisor.handle(EngineKind::Tts).map(LocalTts::new)
    }

    /// What calls need; `None` unless all three engines were started.
    ///
    /// # Errors
    /// When the voice detector does not load.
    pub fn for_calls(&self, config: &Config) -> Result<Option<Engines>, StartError> {
        let (Some(stt), Some(llm), Some(tts)) = (self.stt(), self.llm(), self.tts()) else {
            return Ok(None);
        };
        let vad_fallback: VadFactory = Arc::new(|| Box::new(EnergyVad::new()));
        let vad: VadFactory = if config.vad.enabled {
            let store = Store::from_config(&config.models);
            let library = store.resolve("onnxruntime")?;
            let weights = store.resolve("silero-vad")?;
            let model = SileroModel::load(library.main_file(), weights.main_file())?;
            Arc::new(move || Box::new(SileroVad::new(Arc::clone(&model))))
        } else {
            Arc::clone(&vad_fallback)
        };
        Ok(Some(Engines {
            stt: Arc::new(stt),
            llm: Arc::new(llm),
            tts: Arc::new(KeptLines::new(tts)),
            vad,
            vad_fallback,
            turn_detector: turn_detector(config),
        }))
    }

    /// Ends the engines and waits for them.
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }
}

/// Smart Turn, where it is wanted and can be had. Calls work without it, so that its absence is
/// told once and ends nothing.
fn turn_detector(config: &Config) -> Option<Arc<dyn TurnDetector>> {
    if !config.turn.detector_enabled {
        return None;
    }
    let loaded = load_smart_turn(config);
    if let Err(error) = &loaded {
        tracing::warn!(%error, "No turn detector: silence and words decide when a turn is over.");
    }
    loaded.ok().map(|detector| Arc::new(detector) as Arc<dyn TurnDetector>)
}

fn load_smart_turn(config: &Config) -> Result<SmartTurn, LoadError> {
    let store = Store::from_config(&config.models);
    let (library, weights) = (store.resolve("onnxruntime")?, store.resolve("smart-turn-v3.2")?);
    let threads = match config.turn.detector_threads {
        // A quarter of the cores: the engines need the rest more.
        0 => std::thread::available_parallelism().map_or(1, |n| n.get() / 4).clamp(1, 4),
        threads => threads as usize,
    };
    Ok(SmartTurn::load(library.main_file(), weights.main_file(), threads)?)
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Detector(#[from] DetectorError),
}

/// A folder that only we may enter, removed with its owner.
fn private_dir(parent: Option<&Path>) -> Result<TempDir, SpecError> {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        None => std::env::var_os("XDG_RUNTIME_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.is_dir())
            .unwrap_or_else(std::env::temp_dir),
    };
    // Short, because a socket's whole path has at most 107 bytes.
    tempfile::Builder::new()
        .prefix("sawt-")
        .permissions(std::fs::Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(|error| SpecError::SocketDir { path: parent.display().to_string(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_may_enter_the_folder_of_the_sockets() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let dir = private_dir(Some(parent.path())).unwrap();
        let mode = std::fs::metadata(dir.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let gone = private_dir(Some(&parent.path().join("missing"))).unwrap_err();
        assert!(gone.to_string().contains("missing"), "{gone}");
    }
}
