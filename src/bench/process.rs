//! What other processes have used, read from `/proc`. Where there is none, nothing.

use std::collections::BTreeMap;

/// The kernel's clock ticks per second; fixed for user space on every Linux platform.
const TICKS_PER_S: f64 = 100.0;

/// CPU time of `pid` in seconds, all threads, user and kernel.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    let (_, fields) = stat(pid)?;
    let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}

/// Resident memory of `pid` in megabytes.
pub(super) fn memory_mb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024.0 / 1e6)
}

/// `pid` and its children, by program name.
pub(super) fn family(pid: u32) -> BTreeMap<String, u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let members = entries.filter_map(|entry| {
        let other: u32 = entry.file_name().to_str()?.parse().ok()?;
        let (name, fields) = stat(other)?;
        (other == pid || fields.get(1)?.parse() == Ok(pid)).then_some((name, other))
    });
    members.collect()
}

/// A process's name and the fields of its `stat` after the name, the state first.
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, tail.split_whitespace().map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_found_with_its_numbers() {
        let own = std::process::id();
        assert!(family(own).values().any(|pid| *pid == own));
        assert!(cpu_seconds(own).is_some_and(|s| s >= 0.0));
        assert!(memory_mb(own).is_some_and(|mb| mb > 1.0));
        assert_eq!(cpu_seconds(u32::MAX), None);
    }
}
