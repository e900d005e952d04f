//! `sawt models import`: takes a model from disk, with no network. Bytes that the manifest knows
//! are checked against it; of others the digest is recorded, so that they can not change unseen.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::ModelError;
use super::cancel::CancelFlag;
use super::convert::{self, ConvertError};
use super::digest::{self, Fingerprint, Hasher};
use super::headers;
use super::manifest::{ModelKind, ModelSpec, is_model_name};
use super::store::{Origin, Stamp, Store, stamped};

/// A folder may hold this many sets; a bound, not a promise.
const SETS_MAX: usize = 200;

/// What the engine reads beside the weights, in the order in which it looks.
const CT2_WORDS: [&str; 2] = ["vocabulary.json", "vocabulary.txt"];
const CT2_CONFIG: &str = "config.json";
/// The two forms of one Whisper differ in name by this.
pub const CT2_SUFFIX: &str = "-ct2";

/// What the operator says about what is imported.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Name to give it.
    pub name: Option<String>,
    /// What it is for, where that can not be seen.
    pub kind: Option<ModelKind>,
    /// Stops the work.
    pub cancel: CancelFlag,
}

/// Imports a file, a CTranslate2 folder, a folder of a set, or a folder of such folders. Returns
/// the names of what is now installed.
///
/// # Errors
/// [`ModelError`]; nothing half imported counts as installed.
pub fn import(
    store: &Store,
    path: &Path,
    options: &ImportOptions,
) -> Result<Vec<String>, ModelError> {
    let meta = fs::metadata(path).map_err(ModelError::io("read", path))?;
    let _lock = store.lock()?;
    let import = Import { store, options };
    let folder = match path.parent() {
        // The weights alone are no model.
        Some(folder) if path.ends_with(convert::CT2_WEIGHTS) => folder,
        _ => path,
    };
    if convert::is_ct2_whisper(folder) {
        return import.ct2(folder);
    }
    if meta.is_file() {
        return Ok(vec![import.file(path)?]);
    }
    if let Some(spec) = import.set_of(path) {
        return Ok(vec![import.set(path, spec)?]);
    }
    import.folder(path)
}

struct Import<'a> {
    store: &'a Store,
    options: &'a ImportOptions,
}

impl Import<'_> {
    /// One file: as a set of the manifest if its name or bytes say so, else as it is.
    fn file(&self, path: &Path) -> Result<String, ModelError> {
        if let Some(spec) = self.set_of_file(path) {
            let folder = path.parent().unwrap_or(Path::new("."));
            return self.set(folder, spec);
        }
        let kind = match self.options.kind {
            Some(kind) => kind,
            None => headers::guess_kind(path)?,
        };
        headers::check(path, kind)?;
        let name = self.name(path)?;
        let mut files = vec![path.to_owned()];
        let sidecar = path.with_added_extension("json");
        if sidecar.is_file() {
            files.push(sidecar);
        }
        self.place(&name, kind, &files)
    }

    /// The model in the manifest that this file is of: by `--name`, or by file name and size.
    fn set_of_file(&self, path: &Path) -> Option<&ModelSpec> {
        let length = fs::metadata(path).ok()?.len();
        let file_name = path.file_name()?.to_str()?;
        self.store.manifest().models().find(|spec| {
            let named = self.options.name.as_ref().is_none_or(|name| *name == spec.name);
            named
                && spec.files.first().is_some_and(|first| {
                    first.name == file_name && first.bytes.is_none_or(|bytes| bytes == length)
                })
        })
    }

    /// The model in the manifest that this folder is: by `--name` or the folder's own name, if its
    /// files are there.
    fn set_of(&self, folder: &Path) -> Option<&ModelSpec> {
        let own = folder.file_name().and_then(|name| name.to_str());
        self.set_called(self.options.name.as_deref().or(own)?, folder)
    }

    fn set_called(&self, name: &str, folder: &Path) -> Option<&ModelSpec> {
        let spec = self.store.manifest().find(name).ok()?;
        spec.files.iter().all(|file| folder.join(&file.name).is_file()).then_some(spec)
    }

    /// A set of the manifest: all its files are copied and must be what is pinned.
    fn set(&self, folder: &Path, spec: &ModelSpec) -> Result<String, ModelError> {
        let staging = self.staging(&spec.name)?;
        let mut found = Vec::new();
        for file in &spec.files {
            let (from, to) = (folder.join(&file.name), staging.join(&file.name));
            let print = copy(&from, &to, file.sha1.is_some(), &self.options.cancel)?;
            digest::check(&from.display().to_string(), &print, file)?;
            found.push((file.name.clone(), print));
        }
        if let Some(first) = spec.files.first() {
            headers::check(&staging.join(&first.name), spec.kind)?;
        }
        self.store.install(&staging, &Stamp::of_spec(spec, &found))?;
        Ok(spec.name.clone())
    }

    /// A CTranslate2 folder, for both engines: as it is, and converted where that can be done.
    fn ct2(&self, folder: &Path) -> Result<Vec<String>, ModelError> {
        let plain = self.ct2_as_it_is(folder)?;
        match self.ct2_converted(folder) {
            Ok(converted) => Ok(vec![converted, plain]),
            // Quantised, say: one engine reads it, and that is enough.
            Err(ModelError::Convert { source: ConvertError::Unsupported { .. }, .. }) => {
                Ok(vec![plain])
            }
            Err(error) => Err(error),
        }
    }

    /// The files that the engine reads, under the manifest's name if they are its very bytes.
    fn ct2_as_it_is(&self, folder: &Path) -> Result<String, ModelError> {
        let weights = folder.join(convert::CT2_WEIGHTS);
        headers::check(&weights, ModelKind::Stt)?;
        let names = self.name(folder)?;
        let name = if names.ends_with(CT2_SUFFIX) { names } else { names + CT2_SUFFIX };
        let known = self.options.name.is_none().then(|| self.set_of_file(&weights)).flatten();
        if let Some(spec) = known
            && let Ok(set) = self.set(folder, spec)
        {
            return Ok(set);
        }
        let here = |file: &str| folder.join(file).is_file();
        let words =
            CT2_WORDS.into_iter().find(|file| here(file)).ok_or_else(|| ModelError::Convert {
                name: name.clone(),
                source: ConvertError::Missing { file: CT2_WORDS[0] },
            })?;
        if !here(CT2_CONFIG) {
            let source = ConvertError::Missing { file: CT2_CONFIG };
            return Err(ModelError::Convert { name, source });
        }
        let files = [convert::CT2_WEIGHTS, CT2_CONFIG, words].map(|file| folder.join(file));
        self.place(&name, ModelKind::Stt, &files)
    }

    /// As ggml; if the result is the one that the manifest pins, it is that model, whatever the
    /// folder is called.
    fn ct2_converted(&self, folder: &Path) -> Result<String, ModelError> {
        let mut name = self.name(folder)?;
        let staging = self.staging(&name)?;
        let partial = staging.join("model.part");
        convert::whisper_ct2_to_ggml(folder, &partial, &self.options.cancel).map_err(|source| {
            match source {
                ConvertError::Cancelled => ModelError::Cancelled,
                source => ModelError::Convert { name: name.clone(), source },
            }
        })?;
        headers::check(&partial, ModelKind::Stt)?;
        let print = digest::of_file(&partial, false, &self.options.cancel)?;
        let known = self.store.manifest().models().find(|spec| {
            spec.files.len() == 1 && spec.files[0].sha256.as_ref() == Some(&print.sha256)
        });
        let file = known.map_or_else(|| format!("ggml-{name}.bin"), |s| s.files[0].name.clone());
        let whole = staging.join(&file);
        fs::rename(&partial, &whole).map_err(ModelError::io("rename", &whole))?;
        let found = [(file, print)];
        let stamp = match known {
            Some(spec) if self.options.name.is_none() => {
                name.clone_from(&spec.name);
                Stamp::of_spec(spec, &found)
            }
            _ => self.stamp_of_ours(&name, ModelKind::Stt, &found),
        };
        self.store.install(&staging, &stamp)?;
        Ok(name)
    }

    /// A folder of folders, such as another machine's models: every one that we know.
    fn folder(&self, folder: &Path) -> Result<Vec<String>, ModelError> {
        let mut folders: Vec<PathBuf> = fs::read_dir(folder)
            .map_err(ModelError::io("read", folder))?
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .take(SETS_MAX)
            .collect();
        folders.sort();
        let mut names = Vec::new();
        for sub in &folders {
            let own = sub.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(spec) = self.set_called(own, sub) {
                names.push(self.set(sub, spec)?);
            }
        }
        if names.is_empty() {
            return Err(ModelError::BadFile {
                path: folder.to_owned(),
                detail: "no set of the manifest and no CTranslate2 model is in this folder \
                         (name the file itself for a model of your own)"
                    .into(),
            });
        }
        Ok(names)
    }

    /// Copies files of the operator's own and records their digests.
    fn place(&self, name: &str, kind: ModelKind, files: &[PathBuf]) -> Result<String, ModelError> {
        let staging = self.staging(name)?;
        let mut found = Vec::new();
        for from in files {
            let file = from.file_name().and_then(|file| file.to_str()).unwrap_or_default();
            if !is_model_name(file) {
                return Err(ModelError::BadName { name: file.to_owned() });
            }
            let to = staging.join(file);
            let print = copy(from, &to, false, &self.options.cancel)?;
            found.push((file.to_owned(), print));
        }
        self.store.install(&staging, &self.stamp_of_ours(name, kind, &found))?;
        Ok(name.to_owned())
    }

    fn stamp_of_ours(&self, name: &str, kind: ModelKind, found: &[(String, Fingerprint)]) -> Stamp {
        Stamp {
            schema: 1,
            name: name.to_owned(),
            kind,
            languages: Vec::new(),
            licence: String::new(),
            origin: Origin::Import,
            files: stamped(found),
        }
    }

    /// `--name`, else the stem of the path.
    fn name(&self, path: &Path) -> Result<String, ModelError> {
        let absolute = std::path::absolute(path).map_err(ModelError::io("read", path))?;
        let stem = if absolute.is_dir() { absolute.file_name() } else { absolute.file_stem() };
        let name = self.options.name.clone().or_else(|| Some(stem?.to_str()?.to_owned()));
        name.filter(|name| is_model_name(name))
            .ok_or_else(|| ModelError::BadName { name: path.display().to_string() })
    }

    /// An empty staging folder: an import has nothing to resume.
    fn staging(&self, name: &str) -> Result<PathBuf, ModelError> {
        self.store.model_dir(name)?; // refuses a bad name
        let staging = self.store.staging_dir(name);
        match fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(ModelError::io("remove", &staging)(error));
            }
            _ => {}
        }
        fs::create_dir_all(&staging).map_err(ModelError::io("create", &staging))?;
        Ok(staging)
    }
}

/// Copies and digests in one reading, so that what is checked is what is kept.
fn copy(
    from: &Path,
    to: &Path,
    with_sha1: bool,
    cancel: &CancelFlag,
) -> Result<Fingerprint, ModelError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(ModelError::io("create", parent))?;
    }
    let mut input = File::open(from).map_err(ModelError::io("read", from))?;
    let mut out = File::create(to).map_err(ModelError::io("write", to))?;
    let mut hasher = Hasher::new(with_sha1);
    let mut piece = vec![0; 1 << 20];
    loop {
        if cancel.is_set() {
            return Err(ModelError::Cancelled);
        }
        let count = input.read(&mut piece).map_err(ModelError::io("read", from))?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
        out.write_all(&piece[..count]).map_err(ModelError::io("write", to))?;
    }
    out.sync_all().map_err(ModelError::io("write", to))?;
    Ok(hasher.finish())
}
