//! The folder of weights: what is installed, where its files are, and how a model gets in whole.
//!
//! A model counts as installed when its folder holds a stamp, `.sawt.json`, which is written last.
//! Lacks any idea of where models come from: see `pull` and `import`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ModelError;
use super::cancel::CancelFlag;
use super::digest::{self, Fingerprint};
use super::headers;
use super::manifest::{Manifest, ModelKind, ModelSpec, is_file_name, is_model_name};
use crate::config::ModelsConfig;

/// Names the folder of weights; wins over the configuration, not over an explicit `--dir`.
pub const DIR_VARIABLE: &str = "SAWT_MODELS_DIR";
const STAMP: &str = ".sawt.json";
const STAMP_BYTES_MAX: u64 = 1 << 20;

/// The folder of weights.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
    manifest: Manifest,
}

/// A model that is whole by name, size and stamp. `verify` also checks its digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledModel {
    /// In the manifest, or as imported; of a bare file its path.
    pub name: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Where its files are.
    pub dir: PathBuf,
    /// Codes such as "en".
    pub languages: Vec<String>,
    /// Absolute paths; the first is the one to load.
    pub files: Vec<PathBuf>,
}

impl InstalledModel {
    /// The file that the engine loads.
    pub fn main_file(&self) -> &Path {
        // `Stamp::read` refuses an empty list, and a bare path has one file.
        self.files.first().map_or(self.dir.as_path(), PathBuf::as_path)
    }

    /// Whether it is in CTranslate2's format, which the engine reads as a folder.
    pub fn is_ctranslate2(&self) -> bool {
        self.main_file().file_name().is_some_and(|name| name == super::convert::CT2_WEIGHTS)
    }

    /// One file by its path under the model's folder.
    ///
    /// # Errors
    /// [`ModelError::NoSuchFile`] with those there are.
    pub fn file(&self, name: &str) -> Result<PathBuf, ModelError> {
        self.files.iter().find(|path| **path == self.dir.join(name)).cloned().ok_or_else(|| {
            let present: Vec<_> = self.files.iter().map(|f| f.display().to_string()).collect();
            ModelError::NoSuchFile {
                model: self.name.clone(),
                file: name.to_owned(),
                present: present.join(", "),
            }
        })
    }
}

/// Who put a model here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `sawt models pull`, or an import of the very bytes that the manifest pins.
    Manifest,
    /// `sawt models import` of something of the operator's own.
    Import,
}

/// What `.sawt.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// 1
    pub schema: u32,
    /// The folder's name.
    pub name: String,
    /// What it is for.
    pub kind: ModelKind,
    /// Codes such as "en".
    pub languages: Vec<String>,
    /// Short name, as far as known.
    pub licence: String,
    /// Who put it here.
    pub origin: Origin,
    /// All files; the first is the one to load.
    pub files: Vec<StampedFile>,
}

/// One file in a [`Stamp`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampedFile {
    /// Path under the folder.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Digest in hex, as pinned or as first seen.
    pub sha256: String,
}

impl Stamp {
    /// For a model of the manifest whose files were checked.
    pub(super) fn of_spec(spec: &ModelSpec, found: &[(String, Fingerprint)]) -> Self {
        Self {
            schema: 1,
            name: spec.name.clone(),
            kind: spec.kind,
            languages: spec.languages.clone(),
            licence: spec.licence.clone(),
            origin: Origin::Manifest,
            files: stamped(found),
        }
    }

    fn read(dir: &Path, name: &str) -> Result<Self, ModelError> {
        let path = dir.join(STAMP);
        let broken = |detail: String| ModelError::Incomplete { name: name.to_owned(), detail };
        let length = match fs::metadata(&path) {
            Ok(meta) => meta.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ModelError::NotInstalled { name: name.to_owned() });
            }
            Err(error) => return Err(ModelError::io("read", &path)(error)),
        };
        if length > STAMP_BYTES_MAX {
            return Err(broken("its stamp is damaged".into()));
        }
        let text = fs::read_to_string(&path).map_err(ModelError::io("read", &path))?;
        let stamp: Self = serde_json::from_str(&text)
            .map_err(|error| broken(format!("its stamp is damaged ({error})")))?;
        let names_fit = stamp.files.iter().all(|file| is_file_name(&file.name));
        if stamp.name != name || stamp.files.is_empty() || !names_fit {
            return Err(broken("its stamp is not of this folder".into()));
        }
        Ok(stamp)
    }

    /// Presence and sizes: cheap enough for every start.
    fn quick_check(&self, dir: &Path) -> Result<(), ModelError> {
        for file in &self.files {
            let detail = match fs::metadata(dir.join(&file.name)) {
                Ok(meta) if meta.is_file() && meta.len() == file.bytes => continue,
                Ok(meta) => format!("{} has {} of {} bytes", file.name, meta.len(), file.bytes),
                Err(_) => format!("{} is missing", file.name),
            };
            return Err(ModelError::Incomplete { name: self.name.clone(), detail });
        }
        Ok(())
    }
}

pub(super) fn stamped(found: &[(String, Fingerprint)]) -> Vec<StampedFile> {
    found
        .iter()
        .map(|(name, print)| StampedFile {
            name: name.clone(),
            bytes: print.bytes,
            sha256: print.sha256.clone(),
        })
        .collect()
}

/// A lock that was just given back may live on for a moment, in a process that is being started and
/// has not closed our files yet.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(15);

impl Store {
    /// Opens the folder of weights: `dir` if given, else `SAWT_MODELS_DIR`, else `sawt/models` in
    /// the user's data folder. Nothing is created.
    pub fn open(dir: Option<PathBuf>) -> Self {
        let from_environment =
            || std::env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let dir = dir.or_else(from_environment).unwrap_or_else(default_dir);
        // Absolute, because a library is loaded by this path.
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        Self { dir, manifest: Manifest::builtin() }
    }

    /// Opens the folder that the configuration names; `SAWT_MODELS_DIR` wins over it.
    pub fn from_config(config: &ModelsConfig) -> Self {
        let from_environment = std::env::var_os(DIR_VARIABLE).is_some_and(|dir| !dir.is_empty());
        Self::open(if from_environment { None } else { config.dir.clone() })
    }

    /// The same with a manifest of one's own, for tests.
    pub fn with_manifest(dir: PathBuf, manifest: Manifest) -> Self {
        Self { dir, manifest }
    }

    /// Where the weights are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What there is to have.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Finds a model by its name, or by the path of a file (or a folder of one model). Checks that
    /// it is whole by stamp and size; a bare file by its header.
    ///
    /// # Errors
    /// [`ModelError`], which says what to run.
    pub fn resolve(&self, name_or_path: &str) -> Result<InstalledModel, ModelError> {
        if !is_model_name(name_or_path) || !self.knows(name_or_path) {
            let path = Path::new(name_or_path);
            if path.is_file() {
                return bare_file(path);
            }
            if !is_model_name(name_or_path) {
                return Err(ModelError::io("read", path)(std::io::ErrorKind::NotFound.into()));
            }
        }
        let stamp = self.stamp(name_or_path)?;
        let dir = self.model_dir(name_or_path)?;
        Ok(InstalledModel {
            name: stamp.name,
            kind: stamp.kind,
            files: stamp.files.iter().map(|file| dir.join(&file.name)).collect(),
            languages: stamp.languages,
            dir,
        })
    }

    /// One file of one model.
    ///
    /// # Errors
    /// As [`Store::resolve`] and [`InstalledModel::file`].
    pub fn file(&self, model: &str, file: &str) -> Result<PathBuf, ModelError> {
        self.resolve(model)?.file(file)
    }

    /// Everything that is installed and whole by size.
    pub fn installed(&self) -> Vec<Stamp> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let mut stamps: Vec<Stamp> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_model_name(name))
            .filter_map(|name| self.stamp(&name).ok())
            .collect();
        stamps.sort_by(|a, b| a.name.cmp(&b.name));
        stamps
    }

    /// The stamp of an installed model, after the quick check, and only if it agrees with the
    /// digests of the manifest.
    ///
    /// # Errors
    /// [`ModelError::NotInstalled`], [`ModelError::Unknown`], [`ModelError::Incomplete`].
    pub fn stamp(&self, name: &str) -> Result<Stamp, ModelError> {
        let dir = self.model_dir(name)?;
        let stamp = match Stamp::read(&dir, name) {
            // Not on disk: say whether it could be.
            Err(error @ ModelError::NotInstalled { .. }) => {
                return Err(self.manifest.find(name).err().unwrap_or(error));
            }
            stamp => stamp?,
        };
        stamp.quick_check(&dir)?;
        if stamp.origin == Origin::Manifest
            && let Ok(spec) = self.manifest.find(name)
        {
            for file in &spec.files {
                let here = stamp.files.iter().find(|stamped| stamped.name == file.name);
                let pinned = file.sha256.as_ref();
                if here.is_none_or(|here| pinned.is_some_and(|pin| *pin != here.sha256)) {
                    let detail = format!("{} is not the one this version uses", file.name);
                    return Err(ModelError::Incomplete { name: name.to_owned(), detail });
                }
            }
        }
        Ok(stamp)
    }

    /// Reads every byte of a model and compares it with its digests.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, name: &str, cancel: &CancelFlag) -> Result<(), ModelError> {
        let stamp = self.stamp(name)?;
        let dir = self.model_dir(name)?;
        for file in &stamp.files {
            let path = dir.join(&file.name);
            let found = digest::of_file(&path, false, cancel)?;
            if found.sha256 != file.sha256 {
                return Err(ModelError::Digest {
                    what: path.display().to_string(),
                    algorithm: "sha256",
                    expected: file.sha256.clone(),
                    found: found.sha256,
                });
            }
        }
        Ok(())
    }

    /// Removes a model from disk.
    ///
    /// # Errors
    /// [`ModelError::NotInstalled`] if there is nothing, [`ModelError::Io`].
    pub fn remove(&self, name: &str) -> Result<(), ModelError> {
        let dir = self.model_dir(name)?;
        if !dir.exists() {
            self.manifest.find(name)?;
            return Err(ModelError::NotInstalled { name: name.to_owned() });
        }
        // The stamp first: what is left after a crash in between does not count as installed.
        match fs::remove_file(dir.join(STAMP)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ModelError::io("remove", dir.join(STAMP))(error));
            }
            _ => {}
        }
        fs::remove_dir_all(&dir).map_err(ModelError::io("remove", &dir))
    }

    /// Folder of one model, there or not.
    pub(super) fn model_dir(&self, name: &str) -> Result<PathBuf, ModelError> {
        if !is_model_name(name) {
            return Err(ModelError::BadName { name: name.to_owned() });
        }
        Ok(self.dir.join(name))
    }

    /// Folder where a model is put together; kept when interrupted.
    pub(super) fn staging_dir(&self, name: &str) -> PathBuf {
        self.dir.join(".staging").join(name)
    }

    /// Folder of downloaded packages.
    pub(super) fn cache_dir(&self) -> PathBuf {
        self.dir.join(".cache")
    }

    /// Holds the folder for one writer, until the file is dropped.
    pub(super) fn lock(&self) -> Result<File, ModelError> {
        fs::create_dir_all(&self.dir).map_err(ModelError::io("create", &self.dir))?;
        let path = self.dir.join(".lock");
        let file = File::create(&path).map_err(ModelError::io("write", &path))?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(fs::TryLockError::Error(error)) => {
                    return Err(ModelError::io("lock", &path)(error));
                }
            }
        }
        Err(ModelError::Busy { dir: self.dir.clone() })
    }

    /// Writes the stamp into `staging`, then puts it into place. A crash at any point leaves
    /// either the old model, or none and a staging folder that the next pull takes up.
    pub(super) fn install(&self, staging: &Path, stamp: &Stamp) -> Result<PathBuf, ModelError> {
        let dir = self.model_dir(&stamp.name)?;
        self.write_stamp(staging, stamp)?;
        let aside = self.dir.join(".staging").join(format!(".old-{}", stamp.name));
        if dir.exists() {
            let _ = fs::remove_dir_all(&aside); // left by a crash, or absent
            fs::rename(&dir, &aside).map_err(ModelError::io("rename", &dir))?;
        }
        fs::rename(staging, &dir).map_err(ModelError::io("rename", staging))?;
        sync_dir(&self.dir);
        let _ = fs::remove_dir_all(&aside); // only space; the next install tries again
        Ok(dir)
    }

    /// Stamps a folder whose files were checked.
    pub(super) fn write_stamp(&self, dir: &Path, stamp: &Stamp) -> Result<(), ModelError> {
        let (path, partial) = (dir.join(STAMP), dir.join(".sawt.json.part"));
        let text = serde_json::to_vec_pretty(stamp)
            .map_err(|error| ModelError::io("write", &path)(error.into()))?;
        sync_dir(dir);
        File::create(&partial)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(ModelError::io("write", &path))?;
        sync_dir(dir);
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        self.manifest.find(name).is_ok() || self.dir.join(name).join(STAMP).is_file()
    }
}

/// A rename survives a power cut once its folder is on disk. Not every file system can; that is
/// then all we can do.
fn sync_dir(dir: &Path) {
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
}

/// A path of the configuration: a file that nobody imported.
fn bare_file(path: &Path) -> Result<InstalledModel, ModelError> {
    let path = std::path::absolute(path).map_err(ModelError::io("read", path))?;
    let kind = headers::guess_kind(&path)?;
    headers::check(&path, kind)?;
    let mut files = vec![path.clone()];
    let sidecar = path.with_added_extension("json");
    if sidecar.is_file() {
        files.push(sidecar);
    }
    Ok(InstalledModel {
        name: path.display().to_string(),
        kind,
        dir: path.parent().map(Path::to_owned).unwrap_or_default(),
        languages: Vec::new(),
        files,
    })
}

fn default_dir() -> PathBuf {
    use etcetera::BaseStrategy as _;
    // No home folder (a bare service account): beside us, rather than not at all.
    etcetera::choose_base_strategy().map_or_else(
        |_| PathBuf::from("models"),
        |base| base.data_dir().join("sawt").join("models"),
    )
}
