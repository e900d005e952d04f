//! Is there room? Asked once, before anything is fetched.

use std::path::Path;

use crate::models::ModelError;
use crate::models::manifest::ModelSpec;
use crate::models::store::Store;

/// Left free beside what we need: logs, sockets, a journal that grows.
const SPARE_BYTES: u64 = 64 << 20;

/// Refuses when the models would not fit. Counts what a pull holds at its worst moment: every
/// model, and the packages and inputs of the one at work (of all, if packages are kept).
pub(super) fn check(
    store: &Store,
    specs: &[&ModelSpec],
    keep_cache: bool,
) -> Result<(), ModelError> {
    let needed_bytes = needed_bytes(specs, keep_cache);
    let dir = store.dir();
    let Some(available_bytes) = available_bytes(dir) else { return Ok(()) };
    if available_bytes < needed_bytes {
        return Err(ModelError::DiskFull { dir: dir.to_owned(), needed_bytes, available_bytes });
    }
    Ok(())
}

pub(super) fn needed_bytes(specs: &[&ModelSpec], keep_cache: bool) -> u64 {
    let packages = |spec: &&ModelSpec| spec.packages.iter().map(|p| p.bytes).sum::<u64>();
    let inputs = |spec: &&ModelSpec| {
        let inputs = spec.convert.iter().flat_map(|convert| &convert.inputs);
        inputs.map(super::FileSpec::bytes_expected).sum::<u64>()
    };
    let kept: u64 = specs.iter().map(|spec| spec.bytes_expected()).sum();
    let passing = if keep_cache {
        let widest = specs.iter().map(inputs).max().unwrap_or(0);
        specs.iter().map(packages).sum::<u64>() + widest
    } else {
        specs.iter().map(|spec| packages(spec) + inputs(spec)).max().unwrap_or(0)
    };
    kept + passing + SPARE_BYTES
}

/// Free space for us at the nearest folder that exists; none if the system will not say.
fn available_bytes(dir: &Path) -> Option<u64> {
    let existing = dir.ancestors().find(|dir| dir.exists())?;
    let stat = rustix::fs::statvfs(existing).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}
