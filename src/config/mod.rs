//! What the operator wants, resolved into one [`Config`] and, for every key, who said so.
//!
//! Layers, each over the ones before: defaults, the system's file, the user's file, the project's
//! `sawt.toml`, `.env`, the environment, `--set`. A map such as `tts.voice_map` is filled entry by
//! entry; everything else is replaced whole. Nothing is read after start: to change a setting,
//! restart.

mod environment;
mod error;
mod example;
mod keys;
pub(crate) mod languages;
mod layer;
mod settings;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde_json::Value;

pub use environment::{PLAIN_NAMES, PREFIX, name_of};
pub use error::{ConfigError, Problem};
pub(crate) use example::toml_value;
pub use example::{example_env, example_toml};
pub use keys::{Key, Kind, all as keys, is_secret, schema};
pub(crate) use layer::{line_at, to_json};
pub use settings::*;

use layer::Setting;

/// Longer files are refused: no configuration is that long.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The project's file, looked for in the working directory.
pub const PROJECT_FILE: &str = "sawt.toml";

/// Who set a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// nobody
    Default,
    /// a line of a TOML or `.env` file
    File {
        /// the file
        path: PathBuf,
        /// from 1
        line: usize,
    },
    /// a variable of the environment
    Environment {
        /// its name
        name: String,
    },
    /// a file that a `…_FILE` variable names
    SecretFile {
        /// the variable
        name: String,
        /// the file
        path: PathBuf,
    },
    /// `--set`
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment { name } => write!(f, "environment variable {name}"),
            Self::SecretFile { name, path } => write!(f, "{} (by {name})", path.display()),
            Self::Flag => f.write_str("--set"),
        }
    }
}

/// Flags of every command that say where settings come from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Read this file instead of the system's, the user's and ./sawt.toml
    #[arg(long, global = true, value_name = "FILE", env = "SAWT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Read no file and no .env; the environment and --set still count
    #[arg(long, global = true, conflicts_with = "config")]
    pub no_config: bool,
    /// Set one key, such as vad.threshold=0.6; may be given again
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Where settings are looked for. Files that are not there are passed over, but for the named one.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// found by place: system, user, project
    pub files: Vec<PathBuf>,
    /// named by the operator: has to be there
    pub named_file: Option<PathBuf>,
    /// the `.env` file
    pub env_file: Option<PathBuf>,
    /// the environment
    pub environment: Vec<(String, String)>,
    /// `key=value`
    pub set: Vec<String>,
}

impl Sources {
    /// The places of this machine and this process.
    pub fn of_this_process(flags: &Flags) -> Self {
        // A name or value that is not UTF-8 can be none of ours.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let mut sources = Self { environment, set: flags.set.clone(), ..Self::default() };
        if flags.no_config {
            return sources;
        }
        sources.env_file = Some(".env".into());
        sources.named_file.clone_from(&flags.config);
        if sources.named_file.is_none() {
            sources.files.push("/etc/sawt/config.toml".into());
            if let Ok(dirs) = etcetera::choose_base_strategy() {
                sources.files.push(dirs.config_dir().join("sawt/config.toml"));
            }
            sources.files.push(PROJECT_FILE.into());
        }
        sources
    }

    /// Reads and resolves everything.
    ///
    /// # Errors
    /// All that is wrong with it, each with its place.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let mut errors = ConfigError::default();
        let mut settings = Vec::new();
        let found = self.files.iter().filter(|path| exists(path));
        for path in found.chain(&self.named_file) {
            settings.extend(layer::load(path, &mut errors));
        }
        if let Some(path) = self.env_file.as_deref().filter(|path| exists(path)) {
            settings.extend(env_file_settings(path, &mut errors));
        }
        let by_name = |name: &str| Origin::Environment { name: name.to_owned() };
        settings.extend(environment::settings(&self.environment, &by_name, &mut errors));
        settings.extend(environment::flags(&self.set, &mut errors));
        // Values are checked only when all names and types are right: half a configuration would
        // be blamed for what the other half says.
        let loaded = errors.ok_or(settings).and_then(resolve)?;
        validate::check(&loaded)?;
        Ok(loaded)
    }
}

/// A file whose absence cannot be told from a forbidden folder is taken as there, so that reading
/// it says why not.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

fn env_file_settings(path: &Path, errors: &mut ConfigError) -> Vec<Setting> {
    let variables = match environment::read_env_file(path) {
        Ok(variables) => variables,
        Err(problem) => {
            errors.push(problem);
            return Vec::new();
        }
    };
    let origin = |name: &str| Origin::File {
        path: path.to_owned(),
        line: variables.iter().rev().find(|(n, ..)| n == name).map_or(1, |(.., line)| *line),
    };
    let pairs: Vec<_> = variables.iter().map(|(n, v, _)| (n.clone(), v.clone())).collect();
    environment::settings(&pairs, &origin, errors)
}

/// The resolved configuration.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// what counts
    pub config: Config,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Who set the key, or the map entry, at `path`.
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.get(path).cloned().unwrap_or(Origin::Default)
    }
}

/// Lays `settings` over the defaults, in their order.
fn resolve(settings: Vec<Setting>) -> Result<Loaded, ConfigError> {
    resolve_over(&Config::default(), settings)
}

/// `base` with `values` laid over it, by dotted key, types and ranges checked as a file's are. For
/// whoever overrides settings of a part of the calls.
///
/// # Errors
/// All that is wrong with the values; [`Problem::key`] tells which.
pub(crate) fn overlay(
    base: &Config,
    values: impl IntoIterator<Item = (String, Value)>,
) -> Result<Config, ConfigError> {
    let mut errors = ConfigError::default();
    let mut settings = Vec::new();
    for (path, value) in values {
        match keys::find(&path) {
            Some(key) => layer::push(key, None, value, Origin::Flag, &mut settings, &mut errors),
            None => errors.push(Problem::UnknownKey {
                origin: Origin::Flag,
                suggestion: keys::suggest(&path),
                key: path,
            }),
        }
    }
    let loaded = errors.ok_or(settings).and_then(|settings| resolve_over(base, settings))?;
    validate::check(&loaded)?;
    Ok(loaded.config)
}

/// Lays `settings` over `base`, in their order.
fn resolve_over(base: &Config, settings: Vec<Setting>) -> Result<Loaded, ConfigError> {
    let mut tree =
        serde_json::to_value(base).expect("a configuration is plain data. This is a bug.");
    let mut origins = BTreeMap::new();
    for Setting { path, value, origin } in settings {
        place(&mut tree, &path, value);
        origins.insert(path, origin);
    }
    match serde_path_to_error::deserialize::<_, Config>(tree) {
        Ok(config) => Ok(Loaded { config, origins }),
        Err(e) => {
            let path = e.path().to_string();
            let origin = origins
                .iter()
                .filter(|(set, _)| path.starts_with(set.as_str()))
                .max_by_key(|(set, _)| set.len())
                .map_or(Origin::Default, |(_, origin)| origin.clone());
            let message = format!("{path}: {}", e.inner());
            Err(Problem::Syntax { origin, message }.into())
        }
    }
}

fn place(tree: &mut Value, path: &str, value: Value) {
    // Only the entries of a map may hold dots in their names, and a map is no deeper.
    let (sections, name) = match keys::find_with_entry(path) {
        Some((key, Some(entry))) => (key.path.as_str(), entry),
        _ => path.rsplit_once('.').unwrap_or(("", path)),
    };
    let mut node = tree;
    for section in sections.split('.').filter(|s| !s.is_empty()) {
        node = &mut node[section];
    }
    node[name] = value;
}
