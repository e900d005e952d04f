//! From configuration to engine processes: which program, which model, how many threads.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{EngineKind, EngineSpec, stt_backend};
use crate::config::Config;
use crate::models::{InstalledModel, ModelError, Store};

/// Why engines can not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// A model or library is not there.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// We do not know where we are.
    #[error("can not tell where this program is ({0}); set engines.dir")]
    OwnPath(std::io::Error),
    /// The socket's folder.
    #[error(
        "can not make the folder {path} for the engines' sockets ({error}); set engines.socket_dir"
    )]
    SocketDir {
        /// Which folder
        path: String,
        /// What happened
        error: std::io::Error,
    },
    /// whisper.cpp reads ggml alone.
    #[error("model `{model}` is in CTranslate2's format; set stt.backend to auto or ctranslate2")]
    SttForm {
        /// Which model
        model: String,
    },
    /// Unix sockets have short names.
    #[error("{path} is too long for a unix socket; set engines.socket_dir to a shorter path")]
    SocketPath {
        /// Which path
        path: String,
    },
}

/// Longest path of a unix socket on Linux, its terminating zero excepted.
const SOCKET_PATH_MAX: usize = 107;

/// The starter's diacritizer.
pub const DIACRITIZER: &str = "rawi-ensemble";

const ONNXRUNTIME: &str = "onnxruntime";

/// Prefix of the voices that espeak-ng itself speaks.
const ESPEAK: &str = "espeak-";

/// What to start for `config`, for the engines named in `kinds`, with sockets in `socket_dir`.
///
/// # Errors
/// When a model, a library or a folder is missing.
pub fn engine_specs(
    config: &Config,
    store: &Store,
    socket_dir: &Path,
    kinds: &[EngineKind],
) -> Result<Vec<EngineSpec>, SpecError> {
    let programs = programs(config)?;
    kinds
        .iter()
        .map(|&kind| {
            let socket = socket_dir.join(format!("{}.sock", kind.as_str()));
            if socket.as_os_str().len() > SOCKET_PATH_MAX {
                return Err(SpecError::SocketPath { path: socket.display().to_string() });
            }
            let (program, args, threads) = match kind {
                EngineKind::Stt => {
                    let choice = stt_backend::choose(&config.stt, store, &programs)?;
                    (choice.program, stt_args(choice.model), config.stt.threads)
                }
                EngineKind::Llm => ("sawt-llm", llm_args(config, store)?, config.llm.threads),
                EngineKind::Tts => ("sawt-tts", tts_args(config, store)?, config.tts.threads),
            };
            let threads = if threads == 0 { default_threads(program, cores()) } else { threads };
            let program = programs.join(program);
            Ok(EngineSpec { kind, program, args, env: engine_env(), socket, threads })
        })
        .collect()
}

/// The STT engine and model that would be started for `config`.
///
/// # Errors
/// As [`engine_specs`].
pub fn stt_choice(config: &Config, store: &Store) -> Result<stt_backend::SttChoice, SpecError> {
    stt_backend::choose(&config.stt, store, &programs(config)?)
}

fn programs(config: &Config) -> Result<PathBuf, SpecError> {
    config.engines.dir.clone().map_or_else(own_dir, Ok)
}

fn own_dir() -> Result<PathBuf, SpecError> {
    let own = std::env::current_exe().map_err(SpecError::OwnPath)?;
    Ok(own.parent().map_or_else(PathBuf::new, Path::to_owned))
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

/// A call uses its engines one after another, so each may have most of the machine; the voice
/// overlaps with the model that is still writing. CTranslate2 decodes one token at a time, a matrix
/// times a vector: on two cores its second thread costs a third more work and gains nothing.
fn default_threads(program: &str, cores: u32) -> u32 {
    match program {
        stt_backend::CTRANSLATE2 => (cores / 2).clamp(1, 4),
        "sawt-llm" => cores.min(8),
        "sawt-tts" => cores.min(2),
        _ => cores.min(4),
    }
}

/// OpenMP's threads must not spin while they wait: three engines share the cores, and one
/// descheduled peer stalls a spinning barrier. Measured on busy cores: a spin of 1,000 rounds
/// doubles the processor time of each token against none, active waiting makes it tenfold.
///
/// Weights are read from one end to the other for each token: pages of 2 MB take a twelfth off the
/// time of an utterance (CTranslate2, one thread). glibc asks for them only when it is told to.
fn engine_env() -> Vec<(&'static str, String)> {
    let mut env =
        vec![("OMP_WAIT_POLICY", "passive".to_owned()), ("GOMP_SPINCOUNT", "0".to_owned())];
    if std::env::var_os(GLIBC_TUNABLES).is_none() {
        env.push((GLIBC_TUNABLES, "glibc.malloc.hugetlb=1".to_owned()));
    }
    env
}

/// An operator's own choice is kept.
const GLIBC_TUNABLES: &str = "GLIBC_TUNABLES";

fn stt_args(model: InstalledModel) -> Vec<OsString> {
    vec!["--model".into(), model.main_file().into(), "--model-name".into(), model.name.into()]
}

fn llm_args(config: &Config, store: &Store) -> Result<Vec<OsString>, SpecError> {
    let model = store.resolve(&config.llm.model)?;
    Ok(vec![
        "--model".into(),
        model.main_file().into(),
        "--model-name".into(),
        model.name.into(),
        "--context-tokens".into(),
        config.llm.context_tokens.to_string().into(),
        "--slots".into(),
        config.llm.slots.to_string().into(),
    ])
}

fn tts_args(config: &Config, store: &Store) -> Result<Vec<OsString>, SpecError> {
    let tts = &config.tts;
    let wanted: BTreeSet<&str> = [tts.voice.as_str(), tts.voice_default.as_str()]
        .into_iter()
        .chain(tts.voice_map.values().map(String::as_str))
        .filter(|voice| !voice.is_empty())
        .collect();
    let mut args: Vec<OsString> = Vec::new();
    let mut piper = false;
    for voice in wanted {
        match voice.strip_prefix(ESPEAK) {
            Some(language) => args.extend(["--espeak-voice".into(), language.into()]),
            None => {
                piper = true;
                args.extend(["--voice".into(), store.resolve(voice)?.main_file().into()]);
            }
        }
    }
    let diacritizer = diacritizer(config, store);
    if piper || diacritizer.is_some() {
        args.extend(["--onnxruntime".into(), store.resolve(ONNXRUNTIME)?.main_file().into()]);
    }
    if let Some(model) = diacritizer {
        args.extend(["--diacritizer".into(), model.main_file().into()]);
    }
    Ok(args)
}

/// The model that adds vowels to Arabic; none where it is off, missing, or nobody speaks Arabic. Calls go on
/// without it, and `sawt doctor` tells what is missed.
fn diacritizer(config: &Config, store: &Store) -> Option<InstalledModel> {
    let is_wanted = config.tts.diacritizer == "auto" && speaks_arabic(config);
    let model = is_wanted.then(|| store.resolve(DIACRITIZER).ok()).flatten()?;
    store.resolve(ONNXRUNTIME).is_ok().then_some(model)
}

fn speaks_arabic(config: &Config) -> bool {
    config.agent.languages.iter().chain(config.tts.voice_map.keys()).any(|tag| tag == "ar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_model_says_how_to_get_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Some(dir.path().to_owned()));
        let error =
            engine_specs(&Config::default(), &store, dir.path(), &[EngineKind::Stt]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("whisper-base") && message.contains("models pull"), "{message}");
    }

    #[test]
    fn a_voice_of_espeak_needs_no_model() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Some(dir.path().to_owned()));
        let mut config = Config::default();
        config.tts.voice_map = [("ar".to_owned(), "espeak-ar".to_owned())].into();
        config.tts.voice_default = "espeak-en".into();
        let specs = engine_specs(&config, &store, dir.path(), &[EngineKind::Tts]).unwrap();
        assert_eq!(specs[0].args, ["--espeak-voice", "ar", "--espeak-voice", "en"]);
    }

    /// A store with models of these names, each a folder of one file.
    fn store_with(dir: &Path, names: &[&str]) -> Store {
        for name in names {
            let folder = dir.join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("model.onnx"), "x").unwrap();
            let stamp = serde_json::json!({
                "schema": 1, "name": name, "kind": "diacritizer", "languages": ["ar"], "licence": "",
                "origin": "import", "files": [{ "name": "model.onnx", "bytes": 1, "sha256": "" }],
            });
            std::fs::write(folder.join(".sawt.json"), stamp.to_string()).unwrap();
        }
        Store::open(Some(dir.to_owned()))
    }

    #[test]
    fn arabic_gets_its_vowels_where_the_model_is_installed() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.tts.voice_map = [("ar".to_owned(), "espeak-ar".to_owned())].into();
        config.tts.voice_default = "espeak-en".into();
        let has_it = |config: &Config, names: &[&str]| {
            let dir = tempfile::tempdir_in(&dir).unwrap();
            let args = tts_args(config, &store_with(dir.path(), names)).unwrap();
            args.iter().any(|arg| arg == "--diacritizer")
        };
        assert!(has_it(&config, &["rawi-ensemble", "onnxruntime"]));
        assert!(!has_it(&config, &["onnxruntime"]));
        assert!(!has_it(&config, &["rawi-ensemble"]), "nothing to run it with");
        config.tts.diacritizer = "off".into();
        assert!(!has_it(&config, &["rawi-ensemble", "onnxruntime"]));
    }

    #[test]
    fn a_socket_path_that_is_too_long_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Some(dir.path().to_owned()));
        let deep = PathBuf::from("/").join("d".repeat(120));
        let error =
            engine_specs(&Config::default(), &store, &deep, &[EngineKind::Tts]).unwrap_err();
        assert!(error.to_string().contains("engines.socket_dir"), "{error}");
    }

    #[test]
    fn threads_follow_the_machine() {
        assert_eq!(default_threads("sawt-llm", 2), 2);
        assert_eq!(default_threads("sawt-stt", 64), 4);
        assert_eq!([1, 2, 4, 64].map(|cores| default_threads("sawt-stt-ct2", cores)), [1, 1, 2, 4]);
    }
}
