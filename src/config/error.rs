//! What can be wrong with a configuration, each with its place. Printing and exit codes are the
//! command line's business.

use std::fmt;
use std::path::PathBuf;

use super::Origin;

/// Everything that is wrong, found in one go so that it can be mended in one go.
#[derive(Debug, Default)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// The single problems, in the order in which they were found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn ok_or<T>(self, value: T) -> Result<T, Self> {
        if self.problems.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "the configuration has {} problems", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file that was named, or is there, cannot be read.
    #[error("{} cannot be read: {reason}; check its name and its permissions", path.display())]
    Unreadable {
        /// the file
        path: PathBuf,
        /// what the system said
        reason: std::io::Error,
    },
    /// No configuration is that long.
    #[error("{} is larger than {bytes_max} bytes; this is no configuration file", path.display())]
    TooLarge {
        /// the file
        path: PathBuf,
        /// our limit
        bytes_max: u64,
    },
    /// Not text.
    #[error("{}:{line}: not valid UTF-8; save the file as UTF-8", path.display())]
    NotUtf8 {
        /// the file
        path: PathBuf,
        /// line of the first bad byte, from 1
        line: usize,
    },
    /// Not TOML, or no line of a `.env` file.
    #[error("{origin}: {message}")]
    Syntax {
        /// where
        origin: Origin,
        /// what the parser said
        message: String,
    },
    /// No such key.
    #[error("{origin}: unknown key `{key}`; {}", suggestion_text(suggestion.as_deref()))]
    UnknownKey {
        /// where
        origin: Origin,
        /// as it was typed
        key: String,
        /// a key that looks like it
        suggestion: Option<String>,
    },
    /// The key is known, its value is not of its type.
    #[error("{origin}: {key}: expected {expected}, found {found}")]
    WrongType {
        /// where
        origin: Origin,
        /// the key
        key: String,
        /// what belongs there
        expected: String,
        /// what is there; never the value of a secret
        found: String,
    },
    /// Of the right type, but not a value that can work.
    #[error("{origin}: {key}: {message}")]
    BadValue {
        /// where
        origin: Origin,
        /// the key
        key: &'static str,
        /// why, and what would be right
        message: String,
    },
    /// A key that this command cannot do without.
    #[error(
        "{key} is not set; put {name}=… into .env or the environment, or `{key}` into sawt.toml"
    )]
    Missing {
        /// the key
        key: &'static str,
        /// its plain name in the environment
        name: &'static str,
    },
    /// A secret that could be guessed.
    #[error(
        "{key} has {chars} characters and needs {chars_min}; make one with `openssl rand -hex 32` \
         and give it to livekit-server too"
    )]
    TooShort {
        /// the key
        key: &'static str,
        /// that it has
        chars: usize,
        /// that it needs
        chars_min: usize,
    },
    /// `--set` without `=`.
    #[error("--set {text}: expected key=value, such as --set vad.threshold=0.6")]
    BadFlag {
        /// as it was typed
        text: String,
    },
}

impl Problem {
    /// The key that is wrong, and what is wrong with it, without the place.
    pub(crate) fn key(&self) -> Option<(&str, String)> {
        match self {
            Self::WrongType { key, expected, found, .. } => {
                Some((key, format!("expected {expected}, found {found}")))
            }
            Self::BadValue { key, message, .. } => Some((key, message.clone())),
            Self::UnknownKey { key, suggestion, .. } => {
                Some((key, format!("no such key; {}", suggestion_text(suggestion.as_deref()))))
            }
            Self::Unreadable { .. }
            | Self::TooLarge { .. }
            | Self::NotUtf8 { .. }
            | Self::Syntax { .. }
            | Self::Missing { .. }
            | Self::TooShort { .. }
            | Self::BadFlag { .. } => None,
        }
    }
}

fn suggestion_text(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(key) => format!("did you mean `{key}`?"),
        None => "`sawt config schema` lists all keys".into(),
    }
}
