//! Settings from the environment, a `.env` file and `--set`: names to keys, words to values.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Origin;
use super::error::{ConfigError, Problem};
use super::keys::{self, Key, Kind};
use super::layer::{self, Setting};

/// Every key has a name of this form: `SAWT__SECTION__KEY`.
pub const PREFIX: &str = "SAWT__";

/// Plain names that LiveKit's tools and earlier deployments use, and the keys they stand for.
/// A map stands before what its entries may also set, so that the more exact name wins.
pub const PLAIN_NAMES: &[(&str, &str)] = &[
    ("LIVEKIT_URL", "livekit.url"),
    ("LIVEKIT_API_KEY", "livekit.api_key"),
    ("LIVEKIT_API_SECRET", "livekit.api_secret"),
    ("LIVEKIT_AGENT_NAME", "livekit.agent_name"),
    ("TTS_MODEL", "tts.model"),
    ("TTS_VOICE", "tts.voice"),
    ("TTS_VOICE_MAP", "tts.voice_map"),
    ("TTS_VOICE_DEFAULT", "tts.voice_default"),
    ("AUDIO_OUTPUT_SAMPLE_RATE", "tts.output_sample_rate_hz"),
    ("VAD_ENABLED", "vad.enabled"),
    ("VAD_THRESHOLD", "vad.threshold"),
    ("FALLBACK_TTS_ENABLED", "remote.tts.enabled"),
    ("FALLBACK_TTS_SERVICE", "remote.tts.service"),
    ("OPENAI_API_KEY", "remote.openai_api_key"),
    ("ELEVENLABS_API_KEY", "remote.elevenlabs_api_key"),
    ("ELEVENLABS_VOICE_ID", "remote.voice"),
];

/// Settings of the variables in `variables`; those that are not ours are passed over.
pub(super) fn settings(
    variables: &[(String, String)],
    origin: &dyn Fn(&str) -> Origin,
    errors: &mut ConfigError,
) -> Vec<Setting> {
    let mut found = Vec::new();
    let get = |name: &str| variables.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    for (name, path) in PLAIN_NAMES {
        let Some(key) = keys::find(path) else { continue };
        // `LIVEKIT_URL=` in a copied .env.example means "not set".
        let value = get(name).filter(|value| !value.is_empty());
        let file_name = format!("{name}_FILE");
        let file = get(&file_name).filter(|file| key.is_secret() && !file.is_empty());
        match (value, file) {
            (Some(_), Some(_)) => errors.push(both(name, origin(name))),
            (Some(value), None) => take(key, None, value, origin(name), &mut found, errors),
            (None, Some(file)) => take_file(key, &file_name, file, &mut found, errors),
            (None, None) => {}
        }
    }
    for (name, value) in variables {
        let Some(typed) = name.strip_prefix(PREFIX) else { continue };
        let path = typed.to_ascii_lowercase().replace("__", ".");
        if let Some((key, entry)) = keys::find_with_entry(&path) {
            take(key, entry, value, origin(name), &mut found, errors);
        } else if let Some(key) = path.strip_suffix("_file").and_then(keys::find)
            && key.is_secret()
        {
            if get(name.trim_end_matches("_FILE")).is_some() {
                errors.push(both(name.trim_end_matches("_FILE"), origin(name)));
            } else {
                take_file(key, name, value, &mut found, errors);
            }
        } else {
            let suggestion = keys::suggest(&path).map(|key| name_of(&key));
            errors.push(Problem::UnknownKey {
                origin: origin(name),
                key: name.clone(),
                suggestion,
            });
        }
    }
    found
}

/// Settings of `--set key=value`.
pub(super) fn flags(flags: &[String], errors: &mut ConfigError) -> Vec<Setting> {
    let mut found = Vec::new();
    for text in flags {
        let Some((path, value)) = text.split_once('=') else {
            errors.push(Problem::BadFlag { text: text.clone() });
            continue;
        };
        match keys::find_with_entry(path.trim()) {
            Some((key, entry)) => take(key, entry, value, Origin::Flag, &mut found, errors),
            None => errors.push(Problem::UnknownKey {
                origin: Origin::Flag,
                key: path.trim().to_owned(),
                suggestion: keys::suggest(path.trim()),
            }),
        }
    }
    found
}

/// The variables of the `.env` file at `path`, each with its line.
pub(super) fn read_env_file(path: &Path) -> Result<Vec<(String, String, usize)>, Problem> {
    let text = layer::read(path)?;
    let line_of = |name: &str| {
        let names_it = |line: &str| {
            let line = line.trim_start().trim_start_matches("export ");
            line.split_once('=').is_some_and(|(typed, _)| typed.trim() == name)
        };
        text.lines().position(names_it).map_or(1, |n| n + 1)
    };
    let mut variables = Vec::new();
    for entry in dotenvy::Iter::new(std::io::Cursor::new(text.as_bytes())) {
        match entry {
            Ok((name, value)) => {
                let line = line_of(&name);
                variables.push((name, value, line));
            }
            Err(dotenvy::Error::LineParse(bad, at)) => {
                let starts = |line: &str| line.trim_end() == bad.trim_end();
                let line = text.lines().position(starts).map_or(1, |n| n + 1);
                // The line may hold a secret: its column is told, its text is not.
                let message = format!("not a line of the form NAME=value, from column {}", at + 1);
                let origin = Origin::File { path: path.to_owned(), line };
                return Err(Problem::Syntax { origin, message });
            }
            Err(e) => {
                let origin = Origin::File { path: path.to_owned(), line: 1 };
                return Err(Problem::Syntax { origin, message: e.to_string() });
            }
        }
    }
    Ok(variables)
}

/// The name of `path` in the environment.
pub fn name_of(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

fn take(
    key: &Key,
    entry: Option<&str>,
    text: &str,
    origin: Origin,
    found: &mut Vec<Setting>,
    errors: &mut ConfigError,
) {
    let kind = if entry.is_some() { &Kind::Text } else { &key.kind };
    match parse(kind, text) {
        Some(value) => layer::push(key, entry, value, origin, found, errors),
        None => {
            let shown = if key.is_secret() { "something else" } else { &format!("\"{text}\"") };
            errors.push(layer::wrong_type(key, origin, shown));
        }
    }
}

fn take_file(
    key: &Key,
    name: &str,
    file: &str,
    found: &mut Vec<Setting>,
    errors: &mut ConfigError,
) {
    let path = PathBuf::from(file);
    match layer::read(&path) {
        Ok(text) => {
            // Editors and `echo` end a file with a newline; no key does.
            let value = Value::from(text.trim_end_matches(['\r', '\n']));
            let origin = Origin::SecretFile { name: name.to_owned(), path };
            layer::push(key, None, value, origin, found, errors);
        }
        Err(problem) => errors.push(problem),
    }
}

fn both(name: &str, origin: Origin) -> Problem {
    Problem::Syntax { origin, message: format!("{name} and {name}_FILE are both set; keep one") }
}

/// A value of `kind` from plain words. Lists: `en,ar` or JSON. Maps: `ar=…,en=…` or JSON.
fn parse(kind: &Kind, text: &str) -> Option<Value> {
    let word = text.trim();
    match kind {
        Kind::Text | Kind::Choice(_) => Some(text.into()),
        Kind::Bool => match word.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true.into()),
            "false" | "0" | "no" | "off" => Some(false.into()),
            _ => None,
        },
        Kind::Integer { .. } => word.parse::<i64>().ok().map(Value::from),
        Kind::Number => {
            let number = word.parse::<f64>().ok()?;
            serde_json::Number::from_f64(number).map(Value::Number)
        }
        Kind::Texts if word.starts_with('[') => serde_json::from_str(word).ok(),
        Kind::Texts => Some(split(word).map(Value::from).collect()),
        Kind::TextMap if word.starts_with('{') => serde_json::from_str(word).ok(),
        Kind::TextMap => split(word)
            .map(|pair| {
                let (name, value) = pair.split_once(['=', ':'])?;
                Some((name.trim().to_owned(), Value::from(value.trim())))
            })
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Value::Object),
        Kind::Other => serde_json::from_str(word).ok(),
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}
