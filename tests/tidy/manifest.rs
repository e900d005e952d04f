//! `Cargo.toml`: each dependency says why it is there.

use crate::none;
use crate::source::files;

#[test]
fn every_dependency_says_why_it_is_there() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        let mut in_dependencies = false;
        let mut before = "";
        for (number, line) in file.text.lines().enumerate() {
            if line.starts_with('[') {
                in_dependencies = line.contains("dependencies");
            } else if in_dependencies && line.contains(" = ") {
                // The workspace's table has the reason already.
                let is_given = line.contains('#') || before.starts_with('#');
                if !is_given && !line.contains("workspace = true") {
                    findings.push(format!("{}:{}: {line}", file.path, number + 1));
                }
            }
            before = line;
        }
    }
    none(&findings, "add a comment on what it is for and why we do not write that ourselves");
}

#[test]
fn the_workspace_builds_no_engine_by_default() {
    let text =
        std::fs::read_to_string(crate::source::root().join("Cargo.toml")).expect("Cargo.toml");
    assert!(
        text.contains("default-members = [\".\"]"),
        "plain `cargo build` and `cargo test` must compile no C++: keep default-members at the root"
    );
}
