//! What files must hold, may not hold, and which must be there.

use crate::none;
use crate::source::{File, files, names, root};

/// The only files with `unsafe`: one per foreign library.
pub(crate) const FFI_FILES: &[&str] = &[
    "src/transport/livekit/ffi.rs",
    "engines/stt/src/ffi.rs",
    "engines/tts/src/espeak.rs",
    "engines/protocol/src/exit.rs",
];

/// Files longer than the rest, each with a reason.
const LONG: &[(&str, &str)] = &[];
const LINES_MAX: usize = 700;

fn rust() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

#[test]
fn every_rust_file_opens_with_what_it_is() {
    let findings: Vec<_> = rust()
        .iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| format!("{} does not open with `//!`", file.path))
        .collect();
    none(&findings, "open it with a sentence on what it is and what it deliberately lacks");
}

#[test]
fn no_rust_file_is_too_long() {
    let findings: Vec<_> = rust()
        .iter()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(file, lines)| {
            *lines > LINES_MAX && !LONG.iter().any(|(path, _)| *path == file.path)
        })
        .map(|(file, lines)| format!("{} has {lines} lines, of {LINES_MAX}", file.path))
        .collect();
    none(
        &findings,
        "look for the second reason to change in it, and move that to a file of its own",
    );
}

#[test]
fn unsafe_code_stands_in_the_listed_files_and_says_why_it_is_sound() {
    let mut findings = Vec::new();
    for file in rust().iter().filter(|file| file.is_product_rust()) {
        let is_listed = FFI_FILES.contains(&file.path.as_str());
        let lines: Vec<_> = file.text.lines().collect();
        for (number, code) in file.code() {
            let is_block = names(code, "unsafe {") || names(code, "unsafe impl");
            if !is_listed && names(code, "unsafe") {
                findings.push(format!("{}:{number}: unsafe", file.path));
            } else if is_block {
                // The comment may stand over the statement that the block is a part of.
                let above = &lines[number.saturating_sub(12)..number];
                if !above.iter().any(|line| line.contains("SAFETY:")) {
                    findings.push(format!("{}:{number}: no SAFETY comment above", file.path));
                }
            }
        }
    }
    none(
        &findings,
        "keep unsafe in one file per library, listed in tests/tidy/tree.rs, with a `// SAFETY:` comment on each block",
    );
}

#[test]
fn no_test_is_ignored() {
    let findings: Vec<_> = rust()
        .iter()
        .filter(|file| !file.path.starts_with("tests/tidy/"))
        .filter(|file| file.text.lines().any(|line| line.trim().starts_with("#[ignore")))
        .map(|file| format!("{} has an ignored test", file.path))
        .collect();
    none(&findings, "let it run in the tier of scripts/test that has what it needs, or remove it");
}

/// Made by tools, which write the address of where they looked.
const LOCK_FILES: &[&str] = &["Cargo.lock"];

#[test]
fn no_file_names_a_machine_or_a_registry_host() {
    // Put together here, so that this file does not name them either.
    let hosts = [
        ("crates", "io"),
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("proxy.golang", "org"),
        ("deb.debian", "org"),
    ];
    let paths = [("/work", "/"), ("/root", "/")];
    let needles: Vec<_> = hosts
        .iter()
        .map(|(name, domain)| format!("{name}.{domain}"))
        .chain(paths.iter().map(|(a, b)| format!("{a}{b}")))
        .collect();
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| !LOCK_FILES.contains(&file.path.as_str())) {
        for (number, line) in file.text.lines().enumerate() {
            for needle in needles.iter().filter(|needle| line.contains(needle.as_str())) {
                // `some/work/` is a folder of anybody; `/work/` at the root is one machine's.
                let at = line.find(needle.as_str()).unwrap_or(0);
                let is_part = needle.starts_with('/')
                    && line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-*}$".contains(c));
                if !is_part {
                    findings.push(format!("{}:{}: names {needle}", file.path, number + 1));
                }
            }
        }
    }
    none(
        &findings,
        "name packages, not where one site fetches them: each site has its own mirror; and no path of one machine",
    );
}

#[test]
fn the_repository_holds_what_a_newcomer_looks_for() {
    let findings: Vec<_> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "BENCHMARKS.md",
        "LICENSE",
        "NOTICE.md",
        "deny.toml",
        "clippy.toml",
        "rustfmt.toml",
        "rust-toolchain.toml",
        "config.example.toml",
        ".env.example",
        "Dockerfile.cuda",
        "compose.yaml",
        "scripts/run",
        "scripts/test",
        ".ci/run",
    ]
    .iter()
    .filter(|name| !root().join(name).is_file())
    .map(|name| format!("{name} is missing"))
    .collect();
    none(&findings, "write it");
}

#[test]
fn no_placeholder_is_left_in_a_document() {
    let marker = concat!("<!-- ", "FILL");
    let findings: Vec<_> = files()
        .iter()
        .filter(|file| file.path.ends_with(".md") && file.text.contains(marker))
        .map(|file| format!("{} has a `{marker}` left", file.path))
        .collect();
    none(&findings, "fill it from a real run, or remove the section");
}
