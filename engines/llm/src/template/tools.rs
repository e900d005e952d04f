//! How a model is told of tools: as JSON of the shape that chat templates expect, or in words where
//! a template knows none.

use minijinja::value::Serde;
use minijinja::{Error, ErrorKind, Value};
use serde::Serialize as _;
use serde_json::json;

use super::{CLOSE, JSON, Message, OPEN, Role};
use crate::grammar::Tool;

pub(super) fn declaration(tool: &Tool) -> Value {
    Value::from(Serde(json!({"type": "function", "function": {
        "name": tool.name, "description": tool.description, "parameters": tool.parameters,
    }})))
}

/// The conversation for a template that knows no tools, in the form that most models of the size we
/// run have seen.
pub(super) fn in_words(messages: &[Message], tools: &[Tool]) -> Vec<Message> {
    let mut told: Vec<Message> = messages.to_vec();
    for message in &mut told {
        if let Some(call) = message.call.take() {
            let json = json!({"name": call.name, "arguments": call.arguments});
            let json = json_text(&Value::from(Serde(json))).unwrap_or_default();
            message.content += &format!("\n<tool_call>\n{json}\n</tool_call>");
        }
        if message.role == Role::Tool {
            message.role = Role::User;
            message.content = format!("<tool_response>\n{}\n</tool_response>", message.content);
        }
    }
    if tools.is_empty() {
        return told;
    }
    let declared = tools.iter().map(|tool| json_text(&declaration(tool)).unwrap_or_default());
    let declared = declared.collect::<Vec<_>>().join("\n");
    let words = format!(
        "# Tools\n\nThese functions can be called:\n<tools>\n{declared}\n</tools>\n\nTo call one, \
         write nothing but\n<tool_call>\n{{\"name\": <function-name>, \"arguments\": \
         <args-json-object>}}\n</tool_call>"
    );
    match told.first_mut().filter(|first| first.role == Role::System) {
        Some(system) => system.content = format!("{}\n\n{words}", system.content),
        None => told.insert(0, Message { role: Role::System, content: words, call: None }),
    }
    told
}

/// JSON with a space after each colon and comma, as Python writes it and models have learnt it, and
/// with none of our marks in it.
pub(super) fn json_text(value: &Value) -> Result<String, Error> {
    struct Spaced;
    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: ?Sized + std::io::Write>(
            &mut self,
            writer: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            writer.write_all(if first { b"" } else { b", " })
        }
        fn begin_object_key<W: ?Sized + std::io::Write>(
            &mut self,
            writer: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            writer.write_all(if first { b"" } else { b", " })
        }
        fn begin_object_value<W: ?Sized + std::io::Write>(
            &mut self,
            writer: &mut W,
        ) -> std::io::Result<()> {
            writer.write_all(b": ")
        }
    }
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
    let failed = |e: serde_json::Error| Error::new(ErrorKind::BadSerialization, e.to_string());
    value.serialize(&mut serializer).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(text.replace([OPEN, CLOSE, JSON], ""))
}
