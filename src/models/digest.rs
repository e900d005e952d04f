//! Digests of files, read in pieces so that Ctrl-C is heard. Knows no manifest but its pins.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::Digest as _;

use super::ModelError;
use super::cancel::CancelFlag;
use super::manifest::FileSpec;

/// Size and digests of what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// Only made where the manifest asks for it.
    sha1: Option<String>,
}

/// Makes a [`Fingerprint`] of pieces.
pub(super) struct Hasher {
    bytes: u64,
    sha256: sha2::Sha256,
    sha1: Option<sha1::Sha1>,
}

impl Hasher {
    pub(super) fn new(with_sha1: bool) -> Self {
        Self { bytes: 0, sha256: sha2::Sha256::new(), sha1: with_sha1.then(sha1::Sha1::new) }
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        self.sha256.update(piece);
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(piece);
        }
    }

    pub(super) fn finish(self) -> Fingerprint {
        Fingerprint {
            bytes: self.bytes,
            sha256: hex::encode(self.sha256.finalize()),
            sha1: self.sha1.map(|sha1| hex::encode(sha1.finalize())),
        }
    }
}

/// Reads a whole file.
pub(super) fn of_file(
    path: &Path,
    with_sha1: bool,
    cancel: &CancelFlag,
) -> Result<Fingerprint, ModelError> {
    let mut file = File::open(path).map_err(ModelError::io("read", path))?;
    let mut hasher = Hasher::new(with_sha1);
    let mut buffer = vec![0; 1 << 20];
    loop {
        if cancel.is_set() {
            return Err(ModelError::Cancelled);
        }
        let count = file.read(&mut buffer).map_err(ModelError::io("read", path))?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}

/// Compares with what the manifest pins. A file without a pin passes.
pub(super) fn check(what: &str, found: &Fingerprint, spec: &FileSpec) -> Result<(), ModelError> {
    let differs = |algorithm, expected: String, found: String| {
        Err(ModelError::Digest { what: what.to_owned(), algorithm, expected, found })
    };
    if let Some(bytes) = spec.bytes
        && bytes != found.bytes
    {
        return differs("size", bytes.to_string(), found.bytes.to_string());
    }
    if let Some(sha256) = &spec.sha256
        && *sha256 != found.sha256
    {
        return differs("sha256", sha256.clone(), found.sha256.clone());
    }
    if let Some(sha1) = &spec.sha1
        && Some(sha1) != found.sha1.as_ref()
    {
        return differs("sha1", sha1.clone(), found.sha1.clone().unwrap_or_default());
    }
    Ok(())
}

/// Whether the file is there and is what the manifest pins; no pin, no match.
pub(super) fn matches(
    path: &Path,
    spec: &FileSpec,
    cancel: &CancelFlag,
) -> Result<Option<Fingerprint>, ModelError> {
    let size_differs = |length| spec.bytes.is_some_and(|bytes| bytes != length);
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() && !size_differs(meta.len()) && spec.is_pinned() => {}
        _ => return Ok(None),
    }
    let found = of_file(path, spec.sha1.is_some(), cancel)?;
    Ok(check(&spec.name, &found, spec).is_ok().then_some(found))
}
