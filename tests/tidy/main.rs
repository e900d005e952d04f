//! The rules of the house, as a test. Each message says what to do. Rules that clippy or rustfmt
//! know stand there; here is what they cannot see: which way modules may look, where foreign names
//! may stand, what a file must open with, what the repository must hold.

mod layers;
mod manifest;
mod source;
mod tree;

use std::fmt::Write as _;

/// Fails with all findings, and what to do about them.
#[track_caller]
fn none(findings: &[String], next: &str) {
    let mut message = String::new();
    for finding in findings {
        let _ = writeln!(message, "  {finding}");
    }
    assert!(findings.is_empty(), "\n{message}next: {next}\n");
}
