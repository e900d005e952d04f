//! A call in files that other programs read.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::pretty;
use crate::audio;
use crate::recording::{self, RATE_HZ};
use crate::records::Records;
use crate::store::CallRow;

/// What a call is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// The whole record
    Json,
    /// Captions, in time with the recording where there is one, else with the call
    Srt,
    /// The recording, unpacked: stereo, the caller left and the agent right
    Wav,
    /// The recording as it is
    Ogg,
}

pub(super) fn export(
    call: &CallRow,
    records: &Records,
    format: Format,
    out: Option<PathBuf>,
) -> anyhow::Result<()> {
    let bytes = match format {
        Format::Json => pretty(call)? + "\n",
        Format::Srt => captions(&serde_json::from_str(&call.report)?),
        Format::Wav | Format::Ogg => return sound(call, records, format, out),
    };
    match out {
        Some(path) => write(&path, bytes.as_bytes()),
        None => {
            print!("{bytes}");
            Ok(())
        }
    }
}

fn sound(
    call: &CallRow,
    records: &Records,
    format: Format,
    out: Option<PathBuf>,
) -> anyhow::Result<()> {
    ensure!(!call.recording.is_empty(), "the call {} was not recorded", call.id);
    let from = records.recording_of(&call.id);
    let end = if format == Format::Wav { "wav" } else { "ogg" };
    let name = from.with_extension(end);
    let to = out.unwrap_or_else(|| name.file_name().unwrap_or_default().into());
    if format == Format::Ogg {
        let bytes = std::fs::read(&from).with_context(|| from.display().to_string())?;
        write(&to, &bytes)?;
    } else {
        let decoded = recording::read(&from)?;
        let mut wav = std::io::Cursor::new(Vec::new());
        let sides = [decoded.caller.as_slice(), &decoded.agent];
        audio::wav::write_to(&mut wav, RATE_HZ, &sides)?;
        write(&to, wav.get_ref())?;
        if !decoded.whole {
            println!("the recording breaks off: what there is of it was written");
        }
    }
    println!("{}", to.display());
    Ok(())
}

/// For its owner only, as all that callers said.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut open = std::fs::OpenOptions::new();
    let file = open.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(bytes));
    written.with_context(|| path.display().to_string())
}

/// What was said, each side's part of a turn as one caption.
fn captions(report: &Value) -> String {
    let offset = report["recording"]["from_ms"].as_i64().unwrap_or(0);
    let mut out = String::new();
    let mut number = 0;
    let mut add = |from: Option<i64>, until: Option<i64>, who: &str, text: &str| {
        let (Some(from), Some(until)) = (from, until) else { return };
        if text.is_empty() || until <= offset {
            return;
        }
        number += 1;
        let (from, until) = (time(from - offset), time((until - offset).max(from - offset + 1)));
        let _ = writeln!(out, "{number}\n{from} --> {until}\n{who}: {text}\n");
    };
    for turn in report["turns"].as_array().into_iter().flatten() {
        let text = |key: &str| turn[key].as_str().unwrap_or_default();
        let span = &turn["caller_ms"];
        add(span[0].as_i64(), span[1].as_i64(), "caller", text("caller"));
        let words = turn["agent_ms"].as_array();
        let at = |word: Option<&Value>| word.and_then(|word| word[0].as_i64());
        let first = at(words.and_then(|words| words.first()));
        // A word's end is not told: people say one in less than that.
        let last = at(words.and_then(|words| words.last())).map(|last| last + 600);
        add(first, last, "agent", text("agent"));
    }
    out
}

fn time(ms: i64) -> String {
    let ms = ms.max(0);
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02},{:03}", ms % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_in_time_with_the_recording() {
        let report = serde_json::json!({
            "recording": { "from_ms": 2_000 },
            "turns": [
                { "caller": "", "agent": "Recorded.", "agent_ms": [[100, "Recorded."]] },
                { "caller": "Hello", "caller_ms": [3_500, 4_000], "agent": "Hi there",
                  "agent_ms": [[3_725_900, "Hi"], [3_726_100, "there"]] },
            ],
        });
        let expected = "1\n00:00:01,500 --> 00:00:02,000\ncaller: Hello\n\n\
                        2\n01:02:03,900 --> 01:02:04,700\nagent: Hi there\n\n";
        assert_eq!(captions(&report), expected);
    }
}
