//! Which assistant a call asks for. The text comes with LiveKit's dispatch or room and may hold
//! anything: what is not ours is passed over, what is ours and wrong is refused.

use serde_json::Value;

/// What a call asks for; nothing: the site's default in its own language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The assistant's name.
    pub assistant: Option<String>,
    /// The language to begin in.
    pub language: Option<String>,
}

/// Why a call can not have what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// Not a text.
    #[error("{key:?} in the call's metadata is no text; write it like {{\"{key}\": \"…\"}}")]
    NoText {
        /// Which entry.
        key: &'static str,
    },
    /// No such assistant.
    #[error("there is no assistant {name}{}; `sawt assistants list` has them all", near.as_ref().map(|n| format!(", did you mean {n:?}?")).unwrap_or_default())]
    Unknown {
        /// As it was asked for.
        name: String,
        /// One that looks like it.
        near: Option<String>,
    },
}

impl Choice {
    /// Without empty texts, which choose nothing: forms and addresses send them for what was left out.
    #[must_use]
    pub fn without_blanks(self) -> Self {
        let named = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self { assistant: named(self.assistant), language: named(self.language) }
    }

    /// From `{"assistant": "bank", "language": "ar"}`. Other entries, and texts that are no JSON
    /// object, are somebody else's.
    ///
    /// # Errors
    /// An entry of ours that is no text.
    pub fn from_metadata(text: &str) -> Result<Self, ChoiceError> {
        let Ok(Value::Object(entries)) = serde_json::from_str::<Value>(text) else {
            return Ok(Self::default());
        };
        let text = |key: &'static str| match entries.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(ChoiceError::NoText { key }),
        };
        Ok(Self { assistant: text("assistant")?, language: text("language")? })
    }

    /// As metadata.
    pub fn to_metadata(&self) -> String {
        let entries = [("assistant", &self.assistant), ("language", &self.language)];
        let entries = entries.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        serde_json::json!(entries.collect::<std::collections::BTreeMap<_, _>>()).to_string()
    }

    /// What is not chosen here is chosen as `other` says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            assistant: self.assistant.or(other.assistant),
            language: self.language.or(other.language),
        }
    }
}
