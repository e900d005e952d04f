//! Calls that are over, on disk: one JSON file each, for their owner only, in bounded number.
//!
//! Written once, at a call's end, under another name first: a reader never finds half a record.
//! A recording whose program was killed gets a short record by [`Records::recover`]. What is searched is the
//! [`store`](crate::store)'s.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::call::{CallReport, Consent, WantedRecording};
use crate::config::RecordsConfig;
use crate::rules::Moment;

/// Largest record that is read.
const RECORD_BYTES_MAX: u64 = 16 << 20;

/// Most files of the folder that are looked at for deletion at a time.
const LOOKED_MAX: usize = 100_000;

/// End of a recording's name.
const RECORDING: &str = "ogg";

/// A recording that nobody has written to for so long is over.
const RECOVER_AFTER: Duration = Duration::from_secs(60);

/// Longest name of a file, without its end.
const NAME_MAX: usize = 100;

/// Where records are kept, and how many.
#[derive(Debug, Clone)]
pub struct Records {
    dir: PathBuf,
    keep: Duration,
    keep_max: usize,
    /// Recordings are wanted, after this.
    audio: Option<Consent>,
}

/// Why a record can not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Records are off.
    #[error("no calls are kept; set records.dir to a folder, or give the record's file")]
    Off,
    /// The system says no.
    #[error("{path}: {error}; check the folder's permissions and its disk (records.dir)")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Nothing of that name.
    #[error("there is no record of call {id:?} in {dir}; its id stands in the log as call_id")]
    Missing {
        /// As it was asked for.
        id: String,
        /// Where.
        dir: PathBuf,
    },
    /// Not one of ours.
    #[error("{path} is no record of a call: {problem}; give a file that `sawt serve` wrote")]
    Strange {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// What is read again of a record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredCall {
    /// The call's name in logs.
    pub call_id: String,
    /// Who answered first.
    #[serde(default)]
    pub assistant: Option<StoredAssistant>,
    /// What rules could know at each turn and silence.
    #[serde(default)]
    pub moments: Vec<Moment>,
}

/// Who answered, and in which version.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredAssistant {
    /// The file's name without its end.
    pub name: String,
    /// Of its files.
    pub version: String,
}

impl Records {
    /// As configured; nothing where no calls are kept.
    pub fn from_config(config: &RecordsConfig) -> Option<Self> {
        Some(Self {
            dir: config.dir.clone()?,
            keep: Duration::from_secs(u64::from(config.keep_days) * 24 * 3600),
            keep_max: config.keep_max as usize,
            audio: match config.audio.as_str() {
                "announced" => Some(Consent::Announced),
                "after_consent" => Some(Consent::Given),
                _ => None,
            },
        })
    }

    /// The recording that is wanted of the call `id`, beside its record.
    pub fn recording(&self, id: &str) -> Option<WantedRecording> {
        self.audio.map(|after| WantedRecording { path: self.recording_of(id), after })
    }

    /// Where a recording of the call `id` is, if there is one.
    pub fn recording_of(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{}.{RECORDING}", file_name(id)))
    }

    /// Writes the record of a call, and deletes those that are too old or too many at `now`.
    ///
    /// # Errors
    /// [`RecordError::Io`].
    pub fn keep(&self, report: &CallReport, now: SystemTime) -> Result<PathBuf, RecordError> {
        let failed = |error: serde_json::Error| RecordError::Io {
            path: self.dir.clone(),
            error: std::io::Error::other(error.to_string()),
        };
        let mut json = serde_json::to_vec_pretty(report).map_err(failed)?;
        json.push(b'\n');
        let path = self.write(&report.call_id, &json)?;
        self.prune(now);
        Ok(path)
    }

    /// The whole file or none of it.
    fn write(&self, id: &str, json: &[u8]) -> Result<PathBuf, RecordError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |error| RecordError::Io { path, error }
        };
        let dir = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        dir.map_err(io(&self.dir))?;
        let path = self.dir.join(format!("{}.json", file_name(id)));
        let unfinished = self.dir.join(format!(".{}.json.new", file_name(id)));
        let _ = fs::remove_file(&unfinished); // of a program that was killed
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)
            .map_err(io(&unfinished))?;
        file.write_all(json).and_then(|()| file.sync_all()).map_err(io(&unfinished))?;
        fs::rename(&unfinished, &path).map_err(io(&path))?;
        Ok(path)
    }

    /// Deletes records that are too old, and the oldest where there are too many, each with its recording. What can
    /// not be deleted stays.
    fn prune(&self, now: SystemTime) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let ours = entries.flatten().take(LOOKED_MAX).filter_map(|entry| {
            let hidden = entry.file_name().to_str()?.starts_with('.');
            let written = entry.metadata().ok()?.modified().ok()?;
            (!hidden).then_some((written, entry.path()))
        });
        let is = |path: &Path, end| path.extension().is_some_and(|own| own == end);
        let (mut records, rest): (Vec<_>, Vec<_>) = ours.partition(|(_, path)| is(path, "json"));
        records.sort();
        let old =
            |written: SystemTime| now.duration_since(written).is_ok_and(|age| age > self.keep);
        let too_many = records.len().saturating_sub(self.keep_max);
        for (n, (written, path)) in records.iter().enumerate() {
            if n < too_many || old(*written) {
                let _ = fs::remove_file(path.with_extension(RECORDING));
                let _ = fs::remove_file(path);
            }
        }
        // Recordings of calls that never came to a record: we were killed.
        let lone = rest.iter().filter(|(_, path)| is(path, RECORDING));
        let lone = lone.filter(|(_, path)| !path.with_extension("json").exists());
        for (_, path) in lone.filter(|(written, _)| old(*written)) {
            let _ = fs::remove_file(path);
        }
    }

    /// How long a record is kept, and how many are.
    pub const fn limits(&self) -> (Duration, usize) {
        (self.keep, self.keep_max)
    }

    /// All records, in no order.
    pub fn all(&self) -> Vec<PathBuf> {
        self.files("json")
    }

    fn files(&self, end: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten().take(LOOKED_MAX);
        let ours = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        ours.map(|entry| entry.path()).filter(|p| p.extension().is_some_and(|e| e == end)).collect()
    }

    /// Writes a short record for each recording that has none: its program was killed. Those that somebody may still
    /// be writing at `now` are left alone. Returns how many there were.
    pub fn recover(&self, now: SystemTime) -> usize {
        let still = |path: &Path| {
            let written = fs::metadata(path).and_then(|file| file.modified());
            written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > RECOVER_AFTER))
        };
        let lone = self.files(RECORDING).into_iter();
        let lone = lone.filter(|path| !path.with_extension("json").exists() && still(path));
        let recovered = lone.filter(|path| {
            let (Some(id), Some(file)) = (path.file_stem(), path.file_name()) else { return false };
            let (began, ended) = span(path);
            let record = json!({
                "call_id": id.to_string_lossy(), "reason": "killed",
                "started_unix_ms": began, "length_ms": ended.saturating_sub(began),
                "recording": { "outcome": "recovered", "file": file.to_string_lossy() },
            });
            let written = self.write(&id.to_string_lossy(), record.to_string().as_bytes());
            written
                .inspect_err(|error| tracing::warn!(%error, "A recording has no record."))
                .is_ok()
        });
        recovered.count()
    }

    /// Takes away the record of the call `id` and its recording; false where there was neither.
    ///
    /// # Errors
    /// They can not be taken away.
    pub fn erase(&self, id: &str) -> Result<bool, RecordError> {
        let mut found = false;
        for end in [RECORDING, "json"] {
            let path = self.dir.join(format!("{}.{end}", file_name(id)));
            match fs::remove_file(&path) {
                Ok(()) => found = true,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(RecordError::Io { path, error }),
            }
        }
        Ok(found)
    }

    /// The file of the call `id`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(&self, id: &str) -> Result<PathBuf, RecordError> {
        let path = self.dir.join(format!("{}.json", file_name(id)));
        let missing = || RecordError::Missing { id: id.to_owned(), dir: self.dir.clone() };
        path.is_file().then_some(path).ok_or_else(missing)
    }
}

impl StoredCall {
    /// Reads a record.
    ///
    /// # Errors
    /// It can not be read, or is none.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        read_json(path).map(|(call, _)| call)
    }
}

/// A whole record, or of it what `T` wants, and when it was written.
///
/// # Errors
/// It can not be read, or is no JSON of that form.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<(T, SystemTime), RecordError> {
    let (text, written) = read_text(path)?;
    let json = serde_json::from_slice(&text).map_err(|error| RecordError::Strange {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    Ok((json, written))
}

/// When a recording was begun and last written to, in milliseconds of the Unix epoch.
fn span(path: &Path) -> (u64, u64) {
    let about = fs::metadata(path);
    let ms = |time: std::io::Result<SystemTime>| {
        let since = time.ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_millis()).ok()
    };
    let written = about.as_ref().ok().and_then(|about| ms(about.modified())).unwrap_or(0);
    let made = about.ok().and_then(|about| ms(about.created())); // not every file system knows
    (made.unwrap_or(written).min(written), written)
}

fn read_text(path: &Path) -> Result<(Vec<u8>, SystemTime), RecordError> {
    let io = |error| RecordError::Io { path: path.to_owned(), error };
    let strange = |problem: String| RecordError::Strange { path: path.to_owned(), problem };
    let about = fs::metadata(path).map_err(io)?;
    if !about.is_file() {
        return Err(strange("it is no plain file".into()));
    }
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(io)?;
    file.take(RECORD_BYTES_MAX + 1).read_to_end(&mut text).map_err(io)?;
    if text.len() as u64 > RECORD_BYTES_MAX {
        return Err(strange(format!("it has more than {RECORD_BYTES_MAX} bytes")));
    }
    Ok((text, about.modified().map_err(io)?))
}

/// A call's id comes from outside: as a file's name it leads nowhere else.
fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let name: String = id.chars().take(NAME_MAX).map(plain).collect();
    if name.is_empty() { "call".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::turn::EndReason;

    fn report(id: &str) -> CallReport {
        CallReport {
            call_id: id.into(),
            room: String::new(),
            started_unix_ms: None,
            languages: Vec::new(),
            assistant: None,
            handed_over_to: Vec::new(),
            reason: EndReason::CallerLeft,
            length_ms: 1,
            turns: Vec::new(),
            speculation: Default::default(),
            refused: Vec::new(),
            actions: Vec::new(),
            moments: vec![Moment { at_ms: 5, fired: vec!["angry".into()], ..Moment::default() }],
            sentiment: None,
            variables: Default::default(),
            summary: None,
            outcome: None,
            recording: None,
        }
    }

    fn records(dir: &Path, keep_max: u32) -> Records {
        let config = RecordsConfig {
            dir: Some(dir.join("calls")),
            keep_days: 1,
            keep_max,
            ..Default::default()
        };
        Records::from_config(&config).unwrap()
    }

    #[allow(clippy::disallowed_methods)] // files have the system's times
    fn now() -> SystemTime {
        SystemTime::now()
    }

    #[test]
    fn a_call_is_kept_for_its_owner_only_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(dir.path(), 10);
        let path = records.keep(&report("AJ_1"), now()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let stored = StoredCall::read(&records.find("AJ_1").unwrap()).unwrap();
        assert_eq!((stored.call_id.as_str(), stored.moments.len()), ("AJ_1", 1));
        assert_eq!(stored.moments[0].fired, ["angry"]);
        let error = records.find("AJ_2").unwrap_err().to_string();
        assert!(error.contains("call_id"), "{error}");
    }

    #[test]
    fn no_id_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(dir.path(), 10);
        for id in ["../../etc/passwd", "/tmp/x", "", "a\0b", &"x".repeat(5_000)] {
            let path = records.keep(&report(id), now()).unwrap();
            assert_eq!(path.parent(), Some(dir.path().join("calls").as_path()));
        }
    }

    #[test]
    fn old_records_and_too_many_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(dir.path(), 3);
        for n in 0..5 {
            records.keep(&report(&format!("c{n}")), now()).unwrap();
            std::thread::sleep(Duration::from_millis(15));
        }
        let names = || {
            let all = fs::read_dir(dir.path().join("calls")).unwrap().flatten();
            let mut all: Vec<_> = all.map(|e| e.file_name().into_string().unwrap()).collect();
            all.sort();
            all
        };
        assert_eq!(names(), ["c2.json", "c3.json", "c4.json"]);
        let later = now() + Duration::from_secs(2 * 24 * 3600);
        records.prune(later);
        assert_eq!(names(), [""; 0]);
    }

    #[test]
    fn recordings_go_with_their_records_and_lone_ones_by_their_age() {
        let dir = tempfile::tempdir().unwrap();
        let mut records = records(dir.path(), 2);
        assert_eq!(records.recording("c0"), None);
        records.audio = Some(Consent::Announced);
        fs::create_dir(dir.path().join("calls")).unwrap();
        let path = |id: &str| records.recording(id).unwrap().path;
        for id in ["c0", "c1", "c2", "lone"] {
            fs::write(path(id), "Ogg").unwrap();
        }
        for id in ["c0", "c1", "c2"] {
            records.keep(&report(id), now()).unwrap();
            std::thread::sleep(Duration::from_millis(15));
        }
        let there = || ["c0", "c1", "c2", "lone"].map(|id| path(id).exists());
        assert_eq!(there(), [false, true, true, true]);
        assert_eq!(records.recover(now()), 0, "somebody may be writing it");
        assert_eq!(records.recover(now() + 2 * RECOVER_AFTER), 1);
        assert_eq!(records.recover(now() + 2 * RECOVER_AFTER), 0);
        assert_eq!(StoredCall::read(&records.find("lone").unwrap()).unwrap().call_id, "lone");
        assert_eq!((records.erase("c1").unwrap(), records.erase("c1").unwrap()), (true, false));
        assert_eq!(there(), [false, false, true, true]);
        records.prune(now() + Duration::from_secs(2 * 24 * 3600));
        assert_eq!(there(), [false; 4]);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("a", "{"), ("b", "[]"), ("c", "{\"moments\": 3, \"call_id\": \"x\"}")]
        {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            let error = StoredCall::read(&path).unwrap_err().to_string();
            assert!(error.contains("is no record"), "{error}");
        }
        assert!(StoredCall::read(dir.path()).is_err());
    }
}
