//! The machine itself: cores, memory, room on the disk, the wall clock.

use std::path::Path;

use super::Finding;
use crate::config::Config;
use crate::models::Store;

/// The starter models and their engines take this much while they serve.
const MEMORY_MIB_MIN: u64 = 2500;
/// The starter models take 1 GB, and fetching them as much again for a moment.
const DISK_MIB_MIN: u64 = 3000;
/// Before this code was written no clock can be right.
const YEAR_MIN: u64 = 2026;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let store = Store::open(config.models.dir.clone());
    [Some(cores()), memory(), disk(store.dir()), Some(clock())].into_iter().flatten().collect()
}

fn cores() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores >= 2 {
        Finding::ok("processor", format!("{cores} cores"))
    } else {
        Finding::warn("processor", "1 core", "expect slow answers; two cores carry one call well")
    }
}

/// None where the system does not say.
fn memory() -> Option<Finding> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(judge_memory(kib / 1024))
}

fn judge_memory(mib: u64) -> Finding {
    let found = format!("{mib} MiB free");
    if mib >= MEMORY_MIB_MIN {
        return Finding::ok("memory", found);
    }
    let next = format!(
        "the starter set wants {MEMORY_MIB_MIN} MiB; end other programs, or set llm.model to smollm2-135m-instruct"
    );
    Finding::warn("memory", found, next)
}

/// None where the system does not say.
fn disk(dir: &Path) -> Option<Finding> {
    let there = dir.ancestors().find(|dir| dir.exists())?;
    // The standard library can not ask, and every system has df.
    let output = std::process::Command::new("df").arg("-Pk").arg(there).output().ok()?;
    let mib = parse_df(&String::from_utf8_lossy(&output.stdout))?;
    let check = format!("disk at {}", there.display());
    let found = format!("{mib} MiB free");
    Some(if mib >= DISK_MIB_MIN {
        Finding::ok(check, found)
    } else {
        let next = format!(
            "fetching the starter models wants {DISK_MIB_MIN} MiB; free some, or set models.dir to another disk"
        );
        Finding::warn(check, found, next)
    })
}

/// MiB in the fourth column of the last line.
fn parse_df(text: &str) -> Option<u64> {
    let kib: u64 = text.lines().last()?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib / 1024)
}

fn clock() -> Finding {
    // A check of the wall clock has to read it.
    #[allow(clippy::disallowed_methods)]
    let now = std::time::SystemTime::now();
    let since_1970 = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_secs());
    judge_clock(since_1970)
}

fn judge_clock(seconds_since_1970: u64) -> Finding {
    // A mean year is near enough to tell a clock that was never set.
    let year = 1970 + seconds_since_1970 / 31_556_952;
    if year >= YEAR_MIN {
        Finding::ok("clock", format!("year {year}"))
    } else {
        Finding::fail("clock", format!("year {year}"), "set it: LiveKit's tokens carry the time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_clock_that_was_never_set_is_told() {
        assert_eq!(judge_clock(0).status, Status::Fail);
        assert_eq!(judge_clock(1_795_000_000).status, Status::Ok);
    }

    #[test]
    fn little_memory_is_told() {
        assert_eq!(judge_memory(1000).status, Status::Warn);
        assert_eq!(judge_memory(8000).status, Status::Ok);
    }

    #[test]
    fn free_space_is_read_from_df() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 10 5 4096000 50% /\n";
        assert_eq!(parse_df(text), Some(4000));
        assert_eq!(parse_df(""), None);
    }
}
