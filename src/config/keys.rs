//! The table of all keys, made from the settings' own schema: what is not in `settings.rs` does
//! not exist, and what is there needs no second list.

use std::sync::OnceLock;

use serde_json::Value;

use super::Config;

/// One key of the configuration.
#[derive(Debug, Clone)]
pub struct Key {
    /// dotted, such as `tts.voice_map`
    pub path: String,
    /// what belongs there
    pub kind: Kind,
    /// its sentence
    pub doc: String,
    /// its default
    pub default: Value,
}

impl Key {
    /// Whether its value may be shown.
    pub fn is_secret(&self) -> bool {
        is_secret(&self.path)
    }
}

/// Whether the value of `path` may be shown: keys and secrets to other systems may not.
pub fn is_secret(path: &str) -> bool {
    ["_secret", "_key", "_token", "_password"].iter().any(|end| path.ends_with(end))
}

/// What belongs at a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// true or false
    Bool,
    /// within its bounds
    Integer {
        /// least
        min: i64,
        /// most
        max: i64,
    },
    /// with or without a fraction
    Number,
    /// a string, or a path
    Text,
    /// one of these strings
    Choice(Vec<String>),
    /// strings
    Texts,
    /// strings by name
    TextMap,
    /// anything deeper; serde checks it
    Other,
}

impl Kind {
    /// What belongs there, in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number => "a number".into(),
            Self::Text => "text in quotes".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Texts => "a list of texts, such as [\"en\", \"ar\"]".into(),
            Self::TextMap => "texts by name, such as { ar = \"espeak-ar\" }".into(),
            Self::Other => "a value as the schema says".into(),
        }
    }

    /// Whether `value` belongs there.
    pub fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Integer { min, max } => {
                value.as_i64().is_some_and(|n| (*min..=*max).contains(&n))
            }
            Self::Number => value.is_number(),
            Self::Text => value.is_string(),
            Self::Choice(words) => value.as_str().is_some_and(|s| words.iter().any(|w| w == s)),
            Self::Texts => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
            Self::TextMap => value.as_object().is_some_and(|m| m.values().all(Value::is_string)),
            Self::Other => true,
        }
    }
}

/// All keys, in the order of `settings.rs`.
pub fn all() -> &'static [Key] {
    static KEYS: OnceLock<Vec<Key>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let root = schema();
        let defaults = serde_json::to_value(Config::default()).unwrap_or(Value::Null);
        let mut keys = Vec::new();
        collect(&root, &root, "", &defaults, &mut keys);
        keys
    })
}

/// The JSON Schema of the configuration.
pub fn schema() -> Value {
    schemars::schema_for!(Config).to_value()
}

/// The sections, each with its sentence, in the order of `settings.rs`.
pub(super) fn sections() -> Vec<(String, String)> {
    let root = schema();
    root["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, node)| (name.clone(), sentence(node)))
        .collect()
}

/// The key at `path`.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    all().iter().find(|key| key.path == path)
}

/// The key at `path`, or the map that holds the entry at `path`.
pub(super) fn find_with_entry(path: &str) -> Option<(&'static Key, Option<&str>)> {
    if let Some(key) = find(path) {
        return Some((key, None));
    }
    all()
        .iter()
        .filter(|key| key.kind == Kind::TextMap)
        .find_map(|key| Some((key, Some(path.strip_prefix(&key.path)?.strip_prefix('.')?))))
}

/// The known key that looks most like `path`.
pub(super) fn suggest(path: &str) -> Option<String> {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    let likeness = |key: &str| {
        let (key_section, key_name) = key.rsplit_once('.').unwrap_or(("", key));
        let whole = strsim::jaro_winkler(path, key);
        let last = strsim::jaro_winkler(name, key_name);
        // In the right section, or in the wrong one under its right name.
        if section == key_section { last } else { whole.max(last * 0.95) }
    };
    // A name without a section is a section that was mistyped, or a key that lacks its own.
    let sections = if section.is_empty() { sections() } else { Vec::new() };
    all()
        .iter()
        .map(|key| key.path.as_str())
        .chain(sections.iter().map(|(name, _)| name.as_str()))
        .map(|key| (likeness(key), key))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, key)| key.to_owned())
}

fn collect(root: &Value, node: &Value, path: &str, default: &Value, keys: &mut Vec<Key>) {
    let Some(properties) = resolve(root, node)["properties"].as_object() else {
        keys.push(Key {
            path: path.to_owned(),
            kind: kind(root, node),
            doc: sentence(node),
            default: default.clone(),
        });
        return;
    };
    for (name, child) in properties {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(root, child, &path, &default[name], keys);
    }
}

/// Follows `$ref`, and the one real branch of an optional.
fn resolve<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
    if let Some(name) = node["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/")) {
        return resolve(root, &root["$defs"][name]);
    }
    match node["anyOf"].as_array().map(Vec::as_slice) {
        Some([one, null]) if null["type"] == "null" => resolve(root, one),
        _ => node,
    }
}

fn kind(root: &Value, node: &Value) -> Kind {
    let node = resolve(root, node);
    let choices = |values: &[Value]| values.iter().map(|v| v.as_str().map(str::to_owned)).collect();
    if let Some(words) = node["enum"].as_array().and_then(|all| choices(all)) {
        return Kind::Choice(words);
    }
    if let Some(branches) = node["oneOf"].as_array() {
        let consts: Vec<Value> = branches.iter().map(|b| b["const"].clone()).collect();
        return choices(&consts).map_or(Kind::Other, Kind::Choice);
    }
    let type_name = node["type"].as_str().or_else(|| node["type"][0].as_str());
    match type_name {
        Some("boolean") => Kind::Bool,
        Some("number") => Kind::Number,
        Some("string") => Kind::Text,
        Some("integer") => {
            let (min, max) = match node["format"].as_str() {
                Some("uint8") => (0, i64::from(u8::MAX)),
                Some("uint16") => (0, i64::from(u16::MAX)),
                Some("uint32") => (0, i64::from(u32::MAX)),
                Some("uint64" | "uint") => (0, i64::MAX),
                Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => (i64::MIN, i64::MAX),
            };
            Kind::Integer { min, max }
        }
        Some("array") if resolve(root, &node["items"])["type"] == "string" => Kind::Texts,
        Some("object") if node["additionalProperties"]["type"] == "string" => Kind::TextMap,
        _ => Kind::Other,
    }
}

/// The description as one line.
fn sentence(node: &Value) -> String {
    let text = node["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
