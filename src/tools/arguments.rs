//! What a model asks of a tool, checked before anything is done with it.

use serde_json::{Map, Value};

/// Longest arguments of a call, in bytes of JSON.
const ARGUMENTS_BYTES_MAX: usize = 8 * 1024;

/// Longest text among them, in characters, where the schema does not say.
const TEXT_CHARS_MAX: usize = 1_000;

/// Deepest nesting of lists and objects.
const DEPTH_MAX: usize = 8;

/// What is wrong with a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}{}", if place.is_empty() { String::new() } else { format!(" (at {place})") })]
pub struct SchemaProblem {
    /// Where in it, as in "/properties/city/type"; empty: at its top.
    pub place: String,
    /// What.
    pub problem: String,
}

/// A JSON schema of arguments that is known to be one.
#[derive(Debug)]
pub struct Schema {
    json: Value,
    validator: jsonschema::Validator,
}

impl Schema {
    /// A schema; references to other documents are not followed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(mut json: Value) -> Result<Self, SchemaProblem> {
        let at_the_top =
            |problem: &str| SchemaProblem { place: String::new(), problem: problem.into() };
        let Some(object) = json.as_object_mut() else {
            return Err(at_the_top("a schema is a table, such as { type = \"object\" }"));
        };
        object.entry("type").or_insert_with(|| "object".into());
        if object.get("type") != Some(&Value::from("object")) {
            return Err(at_the_top("arguments are an object: type = \"object\""));
        }
        if object.contains_key("properties") {
            // What nobody declared can not be meant.
            object.entry("additionalProperties").or_insert(Value::Bool(false));
        }
        let validator = jsonschema::validator_for(&json).map_err(|e| SchemaProblem {
            place: e.instance_path().as_str().to_owned(),
            problem: e.to_string(),
        })?;
        Ok(Self { json, validator })
    }

    /// As the model is told of it.
    pub const fn json(&self) -> &Value {
        &self.json
    }

    /// Arguments of this shape, and of a size that somebody could have said.
    ///
    /// # Errors
    /// What is wrong, for the model.
    pub fn check(&self, arguments: &str) -> Result<Map<String, Value>, String> {
        if arguments.len() > ARGUMENTS_BYTES_MAX {
            let bytes = arguments.len();
            return Err(format!("arguments of {bytes} bytes; at most {ARGUMENTS_BYTES_MAX}"));
        }
        let arguments: Value = serde_json::from_str(arguments)
            .map_err(|e| format!("the arguments are no JSON: {e}"))?;
        bounded(&arguments, 0)?;
        if let Some(wrong) = self.validator.iter_errors(&arguments).next() {
            let wrong: String = wrong.to_string().chars().take(200).collect();
            return Err(format!("the arguments are wrong: {wrong}"));
        }
        match arguments {
            Value::Object(arguments) => Ok(arguments),
            _ => Err("the arguments are no object".into()),
        }
    }
}

fn bounded(value: &Value, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("the arguments are nested too deeply".into());
    }
    match value {
        Value::String(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(format!("a text of more than {TEXT_CHARS_MAX} characters"))
        }
        // Line breaks and the like are said by nobody and end lines of protocols and logs.
        Value::String(text) if text.chars().any(char::is_control) => {
            Err("a text with control characters".into())
        }
        Value::Array(items) => items.iter().try_for_each(|item| bounded(item, depth + 1)),
        Value::Object(items) => items.values().try_for_each(|item| bounded(item, depth + 1)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(schema: &Schema, arguments: &str, want: &str) {
        let error = schema.check(arguments).unwrap_err();
        assert!(error.contains(want), "{error}");
    }

    #[test]
    fn only_what_was_declared_is_taken() {
        let schema = Schema::new(json!({
            "properties": {"city": {"enum": ["الرياض", "Jeddah"]}, "n": {"type": "integer"}},
            "required": ["city"],
        }))
        .unwrap();
        assert_eq!(schema.check(r#"{"city": "الرياض", "n": 3}"#).unwrap().len(), 2);
        refused(&schema, r#"{"city": "Mecca"}"#, "Mecca");
        refused(&schema, r#"{"n": 3}"#, "city");
        refused(&schema, r#"{"city": "Jeddah", "host": "evil.example"}"#, "host");
        refused(&schema, r#"{"city": "Jeddah", "n": "3"}"#, "integer");
        refused(&schema, "[]", "wrong");
        refused(&schema, "{", "no JSON");
    }

    #[test]
    fn hostile_sizes_and_controls_are_refused() {
        let schema = Schema::new(json!({"properties": {"x": {}}})).unwrap();
        refused(&schema, &format!("{{\"x\": \"{}\"}}", "a".repeat(9_000)), "9009 bytes");
        refused(&schema, &format!("{{\"x\": \"{}\"}}", "a".repeat(2_000)), "1000 characters");
        refused(&schema, r#"{"x": "a\r\nHost: evil"}"#, "control characters");
        refused(&schema, &format!("{{\"x\": {}{}}}", "[".repeat(20), "]".repeat(20)), "too deeply");
        refused(&schema, &"[".repeat(5_000), "no JSON");
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        for wrong in
            [json!(3), json!({"type": "string"}), json!({"properties": {"a": {"type": 7}}})]
        {
            assert!(Schema::new(wrong).is_err());
        }
        let elsewhere = json!({"properties": {"a": {"$ref": "https://evil.example/schema"}}});
        assert!(Schema::new(elsewhere).is_err(), "nothing is fetched");
    }

    proptest::proptest! {
        #[test]
        fn any_arguments_are_taken(text in r#"[\[\]{}",:0-9a-z\\ ]{0,60}"#) {
            let schema = Schema::new(json!({"properties": {"a": {"type": "string"}}})).unwrap();
            let _ = schema.check(&text);
        }
    }
}
