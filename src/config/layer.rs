//! One layer: settings as they were typed in one file, each with the line it stands on. Knows
//! what keys there are, but not what other layers say.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use toml_edit::{Document, Item, TableLike};

use super::error::{ConfigError, Problem};
use super::keys::{self, Key, Kind};
use super::{FILE_BYTES_MAX, Origin};

/// A value that somebody typed.
#[derive(Debug)]
pub(super) struct Setting {
    /// dotted; of a map, with the entry's name
    pub path: String,
    pub value: Value,
    pub origin: Origin,
}

/// The text of the file at `path`, within limits.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |reason| Problem::Unreadable { path: path.to_owned(), reason };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Problem::TooLarge { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    String::from_utf8(bytes).map_err(|e| {
        let line = line_at(e.as_bytes(), e.utf8_error().valid_up_to());
        Problem::NotUtf8 { path: path.to_owned(), line }
    })
}

/// The settings of the TOML file at `path`.
pub(super) fn load(path: &Path, errors: &mut ConfigError) -> Vec<Setting> {
    let text = match read(path) {
        Ok(text) => text,
        Err(problem) => {
            errors.push(problem);
            return Vec::new();
        }
    };
    let origin = |offset: Option<usize>| Origin::File {
        path: path.to_owned(),
        line: line_at(text.as_bytes(), offset.unwrap_or(0)),
    };
    let document = match Document::parse(text.as_str()) {
        Ok(document) => document,
        Err(e) => {
            let message = e.message().lines().collect::<Vec<_>>().join(", ");
            errors.push(Problem::Syntax { origin: origin(e.span().map(|s| s.start)), message });
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    walk(document.as_table(), "", &origin, &mut found, errors);
    found
}

/// Walks down to the leaves, and refuses what is in no table of keys.
fn walk(
    table: &dyn TableLike,
    prefix: &str,
    origin: &dyn Fn(Option<usize>) -> Origin,
    found: &mut Vec<Setting>,
    errors: &mut ConfigError,
) {
    for (name, item) in table.iter() {
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let start = table.key(name).and_then(|key| key.span()).or_else(|| item.span());
        let place = origin(start.map(|span| span.start));
        let leads_on = format!("{path}.");
        if let Some(key) = keys::find(&path) {
            let is_empty = item.as_str().is_some_and(str::is_empty);
            if key.is_secret() && key.path.starts_with("remote.") && !is_empty {
                // The file is shared, backed up and looked over; a key to other people's servers is
                // money and more.
                let message = format!(
                    "keys do not stand in this file; put {}=… into .env or the environment",
                    super::environment::name_of(&key.path)
                );
                errors.push(Problem::BadValue { origin: place, key: &key.path, message });
                continue;
            }
            match to_json(item) {
                Some(value) => push(key, None, value, place, found, errors),
                None => errors.push(wrong_type(key, place, "a date or a number without end")),
            }
        } else if keys::all().iter().any(|key| key.path.starts_with(&leads_on)) {
            match item.as_table_like() {
                Some(section) => walk(section, &path, origin, found, errors),
                None => errors.push(Problem::WrongType {
                    origin: place,
                    expected: format!("a section: write [{path}] and its keys below"),
                    key: path,
                    found: item.type_name().to_owned(),
                }),
            }
        } else {
            let suggestion = keys::suggest(&path);
            errors.push(Problem::UnknownKey { origin: place, key: path, suggestion });
        }
    }
}

/// Checks `value` against its key and notes it; a map entry by entry, so that layers can add to it.
pub(super) fn push(
    key: &Key,
    entry: Option<&str>,
    value: Value,
    origin: Origin,
    found: &mut Vec<Setting>,
    errors: &mut ConfigError,
) {
    let kind = if entry.is_some() { &Kind::Text } else { &key.kind };
    // What has no default is unset by an empty text: TOML has no other word for it.
    let value = if key.default.is_null() && value == "" { Value::Null } else { value };
    if !value.is_null() && !kind.accepts(&value) {
        errors.push(wrong_type(key, origin, &describe(key, &value)));
        return;
    }
    match (entry, value) {
        (None, Value::Object(map)) if key.kind == Kind::TextMap => {
            for (name, value) in map {
                let path = entry_path(key, &name);
                found.push(Setting { path, value, origin: origin.clone() });
            }
        }
        (None, value) => found.push(Setting { path: key.path.clone(), value, origin }),
        (Some(name), value) => found.push(Setting { path: entry_path(key, name), value, origin }),
    }
}

/// `TTS_VOICE_MAP=ar=…,default=…` names the voice of all other languages in the map itself.
fn entry_path(key: &Key, name: &str) -> String {
    match (key.path.as_str(), name) {
        ("tts.voice_map", "default") => "tts.voice_default".into(),
        (path, name) => format!("{path}.{name}"),
    }
}

pub(super) fn wrong_type(key: &Key, origin: Origin, found: &str) -> Problem {
    Problem::WrongType {
        origin,
        key: key.path.clone(),
        expected: key.kind.describe(),
        found: found.to_owned(),
    }
}

/// The value as an error may show it.
fn describe(key: &Key, value: &Value) -> String {
    let text = match value {
        _ if key.is_secret() => "something else".into(),
        Value::Object(_) => "a section".into(),
        Value::Array(_) => "a list".into(),
        value => value.to_string(),
    };
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain(['…']).collect() }
}

/// None for what no key can be: dates, infinities.
pub(crate) fn to_json(item: &Item) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => value_to_json(value),
        Item::Table(table) => table
            .iter()
            .map(|(name, item)| Some((name.to_owned(), to_json(item)?)))
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Value::Object),
        Item::ArrayOfTables(tables) => tables
            .iter()
            .map(|table| to_json(&Item::Table(table.clone())))
            .collect::<Option<Vec<_>>>()
            .map(Value::Array),
    }
}

pub(super) fn value_to_json(value: &toml_edit::Value) -> Option<Value> {
    use toml_edit::Value as Toml;
    match value {
        Toml::String(s) => Some(s.value().as_str().into()),
        Toml::Integer(n) => Some((*n.value()).into()),
        Toml::Float(n) => serde_json::Number::from_f64(*n.value()).map(Value::Number),
        Toml::Boolean(b) => Some((*b.value()).into()),
        Toml::Datetime(_) => None,
        Toml::Array(all) => all.iter().map(value_to_json).collect::<Option<_>>().map(Value::Array),
        Toml::InlineTable(table) => table
            .iter()
            .map(|(name, value)| Some((name.to_owned(), value_to_json(value)?)))
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Value::Object),
    }
}

/// Line of the byte at `offset`, from 1.
pub(crate) fn line_at(text: &[u8], offset: usize) -> usize {
    text.iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
