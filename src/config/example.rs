//! `config.example.toml` and `.env.example`, written from the table of keys. A test compares them
//! with the files in the repository.

use std::fmt::Write as _;

use serde_json::Value;

use super::environment::{PLAIN_NAMES, name_of};
use super::keys::{self, Key, Kind};

const WIDTH: usize = 98;

/// Every key with its sentence and default, all commented out.
pub fn example_toml() -> String {
    let mut out = String::from(
        "# Sawt's settings, with their defaults. Copy this to ./sawt.toml, to sawt/config.toml in your\n\
         # configuration folder, or to /etc/sawt/config.toml, and uncomment what you change.\n\
         # `sawt config show --origin` tells what counts and who said so.\n\
         # Written by `sawt config example`; a test keeps it so.\n",
    );
    for (name, doc) in keys::sections() {
        out.push('\n');
        comment(&mut out, &doc);
        let _ = writeln!(out, "[{name}]");
        let prefix = format!("{name}.");
        for key in keys::all() {
            let Some(name) = key.path.strip_prefix(&prefix) else { continue };
            comment(&mut out, &key.doc);
            let _ = writeln!(out, "# {name} = {}", toml_value(key, &key.default));
        }
    }
    out
}

/// The plain names, all commented out.
pub fn example_env() -> String {
    let mut out = String::from(
        "# Copy this to .env and uncomment what you set. Variables of the environment win over this file.\n\
         # Every other key has a name too: section and key with double underscores, such as\n\
         # SAWT__TURN__ENDPOINTING_MS=400 for endpointing_ms in [turn]. Of keys and secrets, NAME_FILE may\n\
         # name a file that holds the value.\n\
         # Written by `sawt config example --env`; a test keeps it so.\n",
    );
    for (name, path) in PLAIN_NAMES {
        let Some(key) = keys::find(path) else { continue };
        out.push('\n');
        comment(&mut out, &format!("{} ({path}, or {})", key.doc, name_of(path)));
        let _ = writeln!(out, "# {name}={}", env_value(&key.default));
    }
    out
}

fn comment(out: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(out, "{line}");
}

/// `value` as TOML writes it.
pub(crate) fn toml_value(key: &Key, value: &Value) -> String {
    match value {
        // A path that has no default: there is nothing to show but its type.
        Value::Null => "\"\"".into(),
        // An f32 as f64 shows digits that nobody typed.
        Value::Number(n) if key.kind == Kind::Number => {
            format!("{:?}", n.as_f64().unwrap_or_default() as f32)
        }
        Value::Array(all) => {
            let all: Vec<_> = all.iter().map(|value| toml_value(key, value)).collect();
            format!("[{}]", all.join(", "))
        }
        Value::Object(map) => {
            let all: Vec<_> = map
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml_value(key, value)))
                .collect();
            format!("{{ {} }}", all.join(", "))
        }
        // JSON's escapes are TOML's.
        value => value.to_string(),
    }
}

fn env_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| format!("{name}={}", env_value(value)))
            .collect::<Vec<_>>()
            .join(","),
        value => value.to_string(),
    }
}
