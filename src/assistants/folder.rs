//! Where the files of assistants are: a folder on disk, or inside the program. Reads nothing that
//! is outside of the folder, and nothing that is too long.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::finding::did_you_mean;
use crate::config::line_at;

/// Longest file of an assistant, its prompts included.
pub const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Most assistants of a site.
pub const ASSISTANTS_MAX: usize = 64;

/// Files that are looked at for changes; what comes after them changes nothing.
const WATCHED_MAX: usize = 2_000;

/// The end of test files, which stand beside their assistants and are none.
const TEST_END: &str = ".test.toml";

/// The built-in starter: what answers where nobody wrote an assistant. The files are those of
/// `assistants/`, so that they can be copied and changed.
const BUILT_IN: &[(&str, &str)] = &[
    ("starter.toml", include_str!("../../assistants/starter.toml")),
    ("starter/en.md", include_str!("../../assistants/starter/en.md")),
    ("starter/ar.md", include_str!("../../assistants/starter/ar.md")),
];

/// Where the files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// On disk.
    Disk(PathBuf),
    /// Inside the program.
    BuiltIn,
}

/// Why a file can not be read. Says what to do, and not which file: the finding has that.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing of that name.
    #[error("there is no file {name}{}", suggestion.as_ref().map(|s| format!("; did you mean {s:?}?")).unwrap_or_default())]
    Missing {
        /// As it was typed.
        name: String,
        /// A file that looks like it.
        suggestion: Option<String>,
    },
    /// It leads out of the folder.
    #[error("{0} is not inside the folder of the assistants; put the file there")]
    Outside(String),
    /// A folder, a pipe, a device.
    #[error("{0} is no plain file")]
    NotAFile(String),
    /// No prompt is that long.
    #[error("{0} is larger than {1} bytes; shorten it")]
    TooLarge(String, u64),
    /// Not text.
    #[error("not valid UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// Line of the first bad byte, from 1.
        line: usize,
    },
    /// The system says no.
    #[error("{name} can not be read: {error}; check its permissions")]
    Io {
        /// The file.
        name: String,
        /// What the system said.
        error: std::io::Error,
    },
}

impl Folder {
    /// As errors and lists name the file `name` of it.
    pub fn path_of(&self, name: &str) -> PathBuf {
        match self {
            Self::Disk(dir) => dir.join(name),
            Self::BuiltIn => Path::new("(built in)").join(name),
        }
    }

    /// Whether the assistant in the file `name` is the starter, word for word as we ship it.
    pub(super) fn has_shipped_starter(&self, name: &str) -> bool {
        let same = |(file, text): &(&str, &str)| self.read(file).is_ok_and(|read| read == *text);
        name == "starter.toml" && BUILT_IN.iter().all(same)
    }

    /// Names of the assistants' files, in order.
    ///
    /// # Errors
    /// The folder can not be read.
    pub fn assistants(&self) -> Result<Vec<String>, ReadError> {
        let dir = match self {
            Self::Disk(dir) => dir,
            Self::BuiltIn => return Ok(vec!["starter.toml".to_owned()]),
        };
        let io = |error| ReadError::Io { name: dir.display().to_string(), error };
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(io)? {
            // A name that is not UTF-8 can be no assistant's.
            let Ok(name) = entry.map_err(io)?.file_name().into_string() else { continue };
            // Editors and copying tools put their own files beside ours.
            let hidden = name.starts_with('.') || name.starts_with('#');
            if name.ends_with(".toml") && !name.ends_with(TEST_END) && !hidden {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The text of the file `name`, a relative path below the folder.
    ///
    /// # Errors
    /// It is not there, not inside, too long, or no text.
    pub fn read(&self, name: &str) -> Result<String, ReadError> {
        let bytes = self.read_bytes(name, FILE_BYTES_MAX)?;
        let text = String::from_utf8(bytes).map_err(|e| ReadError::NotUtf8 {
            line: line_at(e.as_bytes(), e.utf8_error().valid_up_to()),
        })?;
        // Some editors mark UTF-8 at the start of a file.
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// The bytes of the file `name`, a relative path below the folder.
    ///
    /// # Errors
    /// It is not there, not inside, or longer than `bytes_max`.
    pub fn read_bytes(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
        let relative = Path::new(name);
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || name.is_empty() || name.len() > 1_000 {
            return Err(ReadError::Outside(super::finding::shown(name)));
        }
        let dir = match self {
            Self::BuiltIn => {
                let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
                return found
                    .map(|(_, text)| text.as_bytes().to_vec())
                    .ok_or_else(|| self.missing(name));
            }
            Self::Disk(dir) => dir,
        };
        let shown = || super::finding::shown(name);
        let io = |error| ReadError::Io { name: shown(), error };
        let real = match dir.join(relative).canonicalize() {
            Ok(real) => real,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(self.missing(name)),
            Err(e) => return Err(io(e)),
        };
        // A link may lead to another file of the folder (that is how orchestrators mount files),
        // but not out of it.
        if !real.starts_with(dir.canonicalize().map_err(io)?) {
            return Err(ReadError::Outside(shown()));
        }
        // Asked before opening: opening a pipe would wait for its writer.
        if !fs::metadata(&real).map_err(io)?.is_file() {
            return Err(ReadError::NotAFile(shown()));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&real).map_err(io)?;
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > bytes_max {
            return Err(ReadError::TooLarge(shown(), bytes_max));
        }
        Ok(bytes)
    }

    fn missing(&self, name: &str) -> ReadError {
        let mut known = Vec::new();
        match self {
            Self::BuiltIn => known.extend(BUILT_IN.iter().map(|(name, _)| (*name).to_owned())),
            Self::Disk(dir) => {
                walk(dir, "", 0, &mut { WATCHED_MAX }, &mut |name, _| known.push(name));
            }
        }
        let suggestion = did_you_mean(name, known.iter().map(String::as_str)).map(str::to_owned);
        ReadError::Missing { name: super::finding::shown(name), suggestion }
    }

    /// A number that changes when a file of the folder does.
    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        if let Self::Disk(dir) = self {
            walk(dir, "", 0, &mut { WATCHED_MAX }, &mut |name, path| {
                name.hash(&mut hasher);
                if let Ok(about) = fs::metadata(path) {
                    use std::os::unix::fs::MetadataExt as _;
                    let times = (about.mtime(), about.mtime_nsec(), about.ctime_nsec());
                    (about.len(), about.ino(), times).hash(&mut hasher);
                }
            });
        }
        hasher.finish()
    }
}

/// Tells the files below `dir` by their relative names, a few levels deep, in order.
fn walk(
    dir: &Path,
    prefix: &str,
    depth: u32,
    left: &mut usize,
    tell: &mut dyn FnMut(String, &Path),
) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut names: Vec<_> = entries
        .flatten()
        .take(*left)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    *left -= names.len().min(*left);
    for name in names {
        let path = dir.join(&name);
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            if depth < 3 {
                walk(&path, &format!("{name}/"), depth + 1, left, tell);
            }
        } else {
            tell(name, &path);
        }
    }
}
