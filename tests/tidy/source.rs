//! The repository's files as text, and Rust code without its comments and inline tests.

use std::path::{Path, PathBuf};

/// A text file of the repository.
pub(crate) struct File {
    /// from the root, with forward slashes
    pub path: String,
    pub text: String,
}

impl File {
    /// Whether it is part of a program, not of its tests.
    pub(crate) fn is_product_rust(&self) -> bool {
        let in_source = self.path.starts_with("src/") || self.path.starts_with("engines/");
        let is_test = ["/tests.rs", "_tests.rs"].iter().any(|end| self.path.ends_with(end))
            || ["/tests/", "/simulation/"].iter().any(|part| self.path.contains(part))
            || self.path.ends_with("/simulation.rs");
        in_source && self.path.ends_with(".rs") && !is_test
    }

    /// Code lines with their numbers: no comments, and nothing from an inline `mod tests` on.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests_at = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(crate) mod tests {"]
            .iter()
            .filter_map(|start| self.text.find(start))
            .min()
            .unwrap_or(self.text.len());
        self.text[..tests_at]
            .lines()
            .enumerate()
            .map(|(n, line)| (n + 1, line.split_once("//").map_or(line, |(code, _)| code)))
            .filter(|(_, code)| !code.trim().is_empty())
    }

    /// `path:line: needle` for each code line that holds one of `needles` as whole words.
    pub(crate) fn naming(&self, needles: &[&str]) -> Vec<String> {
        self.code()
            .flat_map(|(line, code)| {
                needles
                    .iter()
                    .filter(|needle| names(code, needle))
                    .map(move |needle| format!("{}:{line}: names {needle}", self.path))
            })
            .collect()
    }
}

/// Whether `code` holds `needle` with no word character, and no `::`, before it.
pub(crate) fn names(code: &str, needle: &str) -> bool {
    code.match_indices(needle).any(|(at, _)| {
        let before = &code[..at];
        let after = &code[at + needle.len()..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let ends_word = needle.ends_with(is_word);
        let is_part = before.ends_with(is_word) || (ends_word && after.starts_with(is_word));
        let is_ours = before.ends_with("::") && !needle.contains("::");
        !is_part && !is_ours
    })
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All text files that are, or would be, tracked.
pub(crate) fn files() -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    assert!(found.len() > 20, "the repository was not found");
    found
}

const SKIPPED: &[&str] = &["target", "node_modules", "dist", ".git", ".cache", ".venv", ".env"];

fn walk(dir: &Path, prefix: &str, found: &mut Vec<File>) {
    let entries = std::fs::read_dir(dir).expect("a folder of the repository can be read");
    for entry in entries.map(|entry| entry.expect("its entries too")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found);
        } else if kind.is_file()
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            found.push(File { path, text });
        }
    }
}

#[test]
fn whole_words_are_found_and_parts_of_words_are_not() {
    assert!(names("use ort::session;", "ort::"));
    assert!(!names("let port::x", "ort::"));
    assert!(!names("use crate::livekit_api::X", "livekit_api"));
    assert!(names("use livekit_api::X", "livekit_api"));
    assert!(names("std::time::Instant::now()", "Instant::now"));
}
