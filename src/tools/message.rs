//! Takes a message: one line of JSON for each, in a file of the data folder that people and other
//! programs read.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::Brought;

/// A file that nobody reads should not fill a disk.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTool {
    /// The file.
    pub file: PathBuf,
}

impl MessageTool {
    /// Appends a message. Blocks on the disk.
    pub(super) fn run(&self, call: &str, tool: &str, arguments: &Map<String, Value>) -> Brought {
        let reference = format!("{:06}", rand::random_range(0..1_000_000));
        let line = json!({
            "at_unix_s": unix_seconds(), "call": call, "tool": tool, "reference": reference,
            "message": arguments,
        });
        match append(&self.file, &format!("{line}\n")) {
            Ok(()) => Brought::json(&json!({ "saved": true, "reference": reference })),
            Err(error) => {
                tracing::error!(tool, file = %self.file.display(), %error, "A message is lost.");
                Brought::failure("it could not be saved")
            }
        }
    }
}

/// In one write, so that two calls never share a line.
fn append(path: &Path, line: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Callers' words: nobody else on this machine needs to read them.
    let mut file = fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if file.metadata()?.len() > FILE_BYTES_MAX {
        return Err(std::io::Error::other("the file is full; move it away"));
    }
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

#[allow(clippy::disallowed_methods)] // when a message was taken, for people
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_a_line_whatever_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let tool = MessageTool { file: folder.path().join("deep/bank.jsonl") };
        for words in ["اتصلوا بي", "two\nlines \"quoted\""] {
            let arguments = json!({ "words": words });
            let brought = tool.run("call", "message", arguments.as_object().unwrap());
            assert!(!brought.failed && brought.text.contains("reference"), "{brought:?}");
        }
        let lines = fs::read_to_string(&tool.file).unwrap();
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["message"]["words"], "two\nlines \"quoted\"");
        let nowhere = MessageTool { file: folder.path().join("deep/bank.jsonl/x") };
        assert!(nowhere.run("call", "message", &Map::new()).failed);
    }
}
