//! `[outcome]` of an assistant's file: what a call came to, field by field, in words that are a part of
//! JSON Schema. What the model fills in is read in `dialog::record`.

use super::finding::{did_you_mean, shown};
use super::section::{Placed, Section};

const FIELDS_MAX: usize = 20;
const DESCRIPTION_CHARS_MAX: usize = 300;
const CHOICES_MAX: usize = 30;
const CHOICE_CHARS_MAX: usize = 80;
const TYPES: [&str; 4] = ["string", "integer", "number", "boolean"];

/// What is to be known about a call when it is over, in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutcomeSchema {
    fields: Vec<OutcomeField>,
}

/// One thing to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeField {
    /// A word of letters, digits and _.
    pub name: String,
    /// What belongs there.
    pub kind: FieldKind,
    /// For the model.
    pub description: String,
}

/// What belongs in a field; null belongs in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    String,
    /// One of these texts.
    Choice(Vec<String>),
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
}

impl OutcomeSchema {
    /// In the file's order.
    pub fn fields(&self) -> &[OutcomeField] {
        &self.fields
    }

    /// Fields that were written somewhere else than in a file.
    #[cfg(test)]
    pub(crate) fn of_test(fields: Vec<OutcomeField>) -> Self {
        Self { fields }
    }

    /// The same as JSON Schema, for engines that hold a model to it.
    pub fn json_schema(&self) -> serde_json::Value {
        let property = |field: &OutcomeField| {
            let kind = match &field.kind {
                FieldKind::String => serde_json::json!({ "type": ["string", "null"] }),
                FieldKind::Choice(choices) => {
                    let choices = choices.iter().map(|c| serde_json::Value::from(c.as_str()));
                    let all: Vec<_> = choices.chain([serde_json::Value::Null]).collect();
                    serde_json::json!({ "enum": all })
                }
                FieldKind::Integer => serde_json::json!({ "type": ["integer", "null"] }),
                FieldKind::Number => serde_json::json!({ "type": ["number", "null"] }),
                FieldKind::Boolean => serde_json::json!({ "type": ["boolean", "null"] }),
            };
            (field.name.clone(), kind)
        };
        let properties: serde_json::Map<_, _> = self.fields.iter().map(property).collect();
        let required: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        serde_json::json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

/// Reads the section; what is wrong is in the reader's findings.
pub(super) fn read(root: &Section<'_>) -> Option<OutcomeSchema> {
    let section = root.section("outcome")?;
    let names = section.names();
    if names.is_empty() || names.len() > FIELDS_MAX {
        let message = format!("{} fields; write one to {FIELDS_MAX} of them", names.len());
        root.push(section.line, "outcome", message);
        return None;
    }
    let fields = names.into_iter().filter_map(|name| field(&section, name)).collect();
    Some(OutcomeSchema { fields })
}

fn field(outcome: &Section<'_>, name: Placed<String>) -> Option<OutcomeField> {
    let Placed { value: name, line } = name;
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 64;
    if !word {
        let rule = "a field is a word of letters, digits and _, at most 64";
        outcome.push(line, shown(&name).trim_matches('"'), rule);
        return None;
    }
    let section = outcome.section(&name)?;
    let kind = section.text("type", 20);
    let choices = section.texts("enum", CHOICES_MAX, CHOICE_CHARS_MAX);
    let description = section.text("description", DESCRIPTION_CHARS_MAX);
    let has_kind = section.names().iter().any(|name| name.value == "type");
    let has_choices = section.names().iter().any(|name| name.value == "enum");
    section.refuse_others(
        &[("required", "each field may be null, for a caller may not have said it")].into(),
    );
    if !has_kind && !has_choices {
        outcome.push(line, &name, format!("has no type; write one of {}", TYPES.join(", ")));
        return None;
    }
    let kind = match (has_kind, kind) {
        (false, _) => FieldKind::String,
        (true, kind) => {
            let kind = kind?;
            match kind.value.as_str() {
                "string" => FieldKind::String,
                "integer" => FieldKind::Integer,
                "number" => FieldKind::Number,
                "boolean" => FieldKind::Boolean,
                other => {
                    let next = did_you_mean(other, TYPES).map_or_else(
                        || format!("write one of {}", TYPES.join(", ")),
                        |near| format!("did you mean {near:?}?"),
                    );
                    section.push(kind.line, "type", format!("{other:?} is no type; {next}"));
                    return None;
                }
            }
        }
    };
    let kind = match (has_choices, kind) {
        (false, kind) => kind,
        (true, FieldKind::String) => {
            let Placed { value: choices, line } = choices?;
            let mut different = choices.clone();
            different.sort_unstable();
            different.dedup();
            if choices.is_empty() || different.len() != choices.len() {
                section.push(line, "enum", "write at least one text, and each of them once");
                return None;
            }
            FieldKind::Choice(choices)
        }
        (true, _) => {
            section.push(line, "enum", "only texts have one; write type = \"string\"");
            return None;
        }
    };
    let description = description.map(|text| text.value).unwrap_or_default();
    Some(OutcomeField { name, kind, description })
}
