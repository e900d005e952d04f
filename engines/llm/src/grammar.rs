//! JSON schemas as grammars of llama.cpp (GBNF), so that a model can write nothing else.
//!
//! One spelling only: a space after each colon and comma, properties in the schema's order, the
//! required ones first. That is how tools are shown to models, so it is what they would write
//! anyway. Knows the parts of JSON schema that arguments of tools are made of; whatever else a
//! schema says is left to whoever checks the result, and stands here as "any JSON".

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Longest text a model may write where the schema does not say.
const TEXT_CHARS_MAX: u64 = 300;
/// Most items of a list where the schema does not say.
const ITEMS_MAX: u64 = 20;
/// Deeper schemas are any JSON.
const DEPTH_MAX: usize = 6;
/// More rules than any real tool needs: what comes after them is any JSON.
const RULES_MAX: usize = 2_000;

/// How a call begins, before the tool's name.
const CALL_START: &str = "{\"name\": \"";

/// A tool as far as a grammar needs to know it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) parameters: Value,
}

/// The rest of a call of one of `tools`, of which the model has written `seen`. `None` when that is
/// not how a call begins.
pub(crate) fn of_call(tools: &[Tool], seen: &str) -> Option<String> {
    let mut gbnf = Gbnf::default();
    let start = rest_of_start(seen)?;
    let mut calls = Vec::new();
    for tool in tools {
        let arguments = gbnf.value(&tool.parameters, 0);
        let name = literal(&format!("{}\", \"arguments\": ", tool.name));
        calls.push(format!("{name} {arguments}"));
    }
    let calls = calls.join(" | ");
    let blank = if start.blank { "[\\n ]? " } else { "" };
    Some(gbnf.finish(&format!("{blank}{} ({calls}) \"}}\"", literal(start.rest))))
}

/// A whole reply of `schema`'s shape.
pub(crate) fn of_reply(schema: &Value) -> String {
    let mut gbnf = Gbnf::default();
    let root = gbnf.value(schema, 0);
    gbnf.finish(&root)
}

struct Start {
    /// What of [`CALL_START`] is still to come.
    rest: &'static str,
    /// Nothing was written yet, so that a line may begin first.
    blank: bool,
}

fn rest_of_start(seen: &str) -> Option<Start> {
    let mut expected = CALL_START.char_indices().filter(|(_, c)| *c != ' ');
    let mut next = expected.next();
    for c in seen.chars().filter(|c| !c.is_whitespace()) {
        if next?.1 != c {
            return None;
        }
        next = expected.next();
    }
    let rest = next.map_or("", |(at, _)| &CALL_START[at..]);
    Some(Start { rest, blank: seen.is_empty() })
}

#[derive(Default)]
struct Gbnf {
    rules: Vec<String>,
}

impl Gbnf {
    fn finish(self, root: &str) -> String {
        let mut text = format!("root ::= {root}\n");
        for (n, rule) in self.rules.iter().enumerate() {
            let _ = writeln!(text, "r{n} ::= {rule}");
        }
        text + BASE
    }

    /// Adds a rule and returns its name.
    fn rule(&mut self, body: String) -> String {
        if let Some(n) = self.rules.iter().position(|rule| *rule == body) {
            return format!("r{n}");
        }
        self.rules.push(body);
        format!("r{}", self.rules.len() - 1)
    }

    fn value(&mut self, schema: &Value, depth: usize) -> String {
        let Some(schema) = schema.as_object() else { return "any".into() };
        if depth > DEPTH_MAX || self.rules.len() > RULES_MAX {
            return "any".into();
        }
        if let Some(fixed) = schema.get("const") {
            return literal(&json(fixed));
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
            let allowed: Vec<_> = allowed.iter().map(|value| literal(&json(value))).collect();
            return if allowed.is_empty() { "any".into() } else { self.rule(allowed.join(" | ")) };
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(either) = schema.get(key).and_then(Value::as_array)
                && !either.is_empty()
            {
                let either: Vec<_> = either.iter().map(|s| self.value(s, depth + 1)).collect();
                return self.rule(either.join(" | "));
            }
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.typed(name, schema, depth),
            Some(Value::Array(names)) if !names.is_empty() => {
                let names = names.iter().filter_map(Value::as_str);
                let each: Vec<_> = names.map(|name| self.typed(name, schema, depth)).collect();
                self.rule(each.join(" | "))
            }
            _ if schema.contains_key("properties") => self.object(schema, depth),
            _ => "any".into(),
        }
    }

    fn typed(&mut self, name: &str, schema: &Map<String, Value>, depth: usize) -> String {
        match name {
            "string" => {
                let max = bound(schema, "maxLength", TEXT_CHARS_MAX, 1_000);
                let min = bound(schema, "minLength", 0, max);
                self.rule(format!("\"\\\"\" char{{{min},{max}}} \"\\\"\""))
            }
            "integer" => "integer".into(),
            "number" => "number".into(),
            "boolean" => "boolean".into(),
            "null" => "\"null\"".into(),
            "array" => {
                let item =
                    schema.get("items").map_or("any".into(), |item| self.value(item, depth + 1));
                let max = bound(schema, "maxItems", ITEMS_MAX, 100);
                let min = bound(schema, "minItems", 0, max);
                if max == 0 {
                    return "\"[]\"".into();
                }
                let more = format!("{item} (\", \" {item}){{{},{}}}", min.max(1) - 1, max - 1);
                let empty = if min == 0 { "\"[]\" | " } else { "" };
                self.rule(format!("{empty}\"[\" {more} \"]\""))
            }
            "object" => self.object(schema, depth),
            _ => "any".into(),
        }
    }

    fn object(&mut self, schema: &Map<String, Value>, depth: usize) -> String {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        if properties.is_empty() {
            // Nothing is known of it; or nothing may be in it, as in a tool without arguments.
            let closed = schema.contains_key("properties")
                || schema.get("additionalProperties") == Some(&Value::Bool(false));
            return if closed { "\"{}\"".into() } else { "object".into() };
        }
        let required: Vec<&str> = match schema.get("required").and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        let mut needed = Vec::new();
        let mut free = Vec::new();
        for (name, schema) in properties {
            let value = self.value(schema, depth + 1);
            let pair =
                format!("{} {value}", literal(&format!("{}: ", json(&name.as_str().into()))));
            let pair = self.rule(pair);
            if required.contains(&name.as_str()) { needed.push(pair) } else { free.push(pair) }
        }
        let after = |pairs: &[String]| {
            pairs.iter().map(|pair| format!("(\", \" {pair})?")).collect::<Vec<_>>().join(" ")
        };
        let body = if needed.is_empty() {
            // Whichever comes first has no comma before it.
            let firsts = free.iter().enumerate();
            let firsts = firsts.map(|(n, first)| format!("{first} {}", after(&free[n + 1..])));
            format!("({})?", firsts.collect::<Vec<_>>().join(" | "))
        } else {
            format!("{} {}", needed.join(" \", \" "), after(&free))
        };
        self.rule(format!("\"{{\" {body} \"}}\""))
    }
}

/// Rules that the others are made of. Letters that are no text (controls) can not be written.
const BASE: &str = r#"char ::= [^"\\\x00-\x1F\x7F] | "\\" ["\\/bfnrt]
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,15})?
boolean ::= "true" | "false"
string ::= "\"" char{0,300} "\""
list ::= "[]" | "[" any (", " any){0,20} "]"
pair ::= string ": " any
object ::= "{}" | "{" pair (", " pair){0,20} "}"
any ::= string | number | boolean | "null" | list | object
"#;

fn bound(schema: &Map<String, Value>, key: &str, default: u64, most: u64) -> u64 {
    schema.get(key).and_then(Value::as_u64).unwrap_or(default).min(most)
}

fn json(value: &Value) -> String {
    value.to_string()
}

/// Exactly these letters.
fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn rules(grammar: &str) -> String {
        grammar.strip_suffix(BASE).unwrap().to_owned()
    }

    fn tool(name: &str, parameters: Value) -> Tool {
        Tool { name: name.into(), description: String::new(), parameters }
    }

    #[test]
    fn a_call_is_one_of_the_tools_with_its_own_arguments() {
        let branch = json!({"type": "object", "properties": {
            "city": {"type": "string", "enum": ["الرياض", "Jeddah"]},
            "day": {"type": "string", "maxLength": 20},
        }, "required": ["city"]});
        let tools =
            [tool("branch", branch), tool("bye", json!({"type": "object", "properties": {}}))];
        expect![[r#"
            root ::= [\n ]? "{\"name\": \"" ("branch\", \"arguments\": " r4 | "bye\", \"arguments\": " "{}") "}"
            r0 ::= "\"الرياض\"" | "\"Jeddah\""
            r1 ::= "\"city\": " r0
            r2 ::= "\"" char{0,20} "\""
            r3 ::= "\"day\": " r2
            r4 ::= "{" r1 (", " r3)? "}"
        "#]]
        .assert_eq(&rules(&of_call(&tools, "").unwrap()));
    }

    #[test]
    fn what_a_model_has_written_of_a_call_is_not_written_again() {
        let tools = [tool("bye", json!({}))];
        let root = |seen: &str| {
            let grammar = of_call(&tools, seen)?;
            grammar.lines().next().map(str::to_owned)
        };
        expect![[r#"
            Some(
                "root ::= \"\\\"name\\\": \\\"\" (\"bye\\\", \\\"arguments\\\": \" any) \"}\"",
            )
        "#]]
        .assert_debug_eq(&root("\n{\n  "));
        assert!(root("{\"name\": \"").unwrap().starts_with("root ::= \"\" (\"bye"));
        assert_eq!(root("Sure"), None);
        assert_eq!(root("{\"name\": \"x"), None);
    }

    #[test]
    fn properties_that_may_be_left_out_stand_in_any_combination() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "integer"}, "b": {"type": ["number", "null"]}, "c": {"type": "boolean"},
        }});
        expect![[r#"
            root ::= r4
            r0 ::= "\"a\": " integer
            r1 ::= number | "null"
            r2 ::= "\"b\": " r1
            r3 ::= "\"c\": " boolean
            r4 ::= "{" (r0 (", " r2)? (", " r3)? | r2 (", " r3)? | r3 )? "}"
        "#]]
        .assert_eq(&rules(&of_reply(&schema)));
    }

    #[test]
    fn hostile_schemas_end_in_any_json() {
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "object", "properties": {"x": deep}});
        }
        assert!(rules(&of_reply(&deep)).contains("any"));
        for schema in [json!(7), json!({"$ref": "#/x"}), json!({"type": 4}), json!({"enum": []})] {
            assert!(rules(&of_reply(&schema)).contains("any"), "{schema}");
        }
        let quoted = json!({"enum": ["\" | root \u{1}\n"]});
        expect![[r#"
            root ::= r0
            r0 ::= "\"\\\" | root \\u0001\\n\""
        "#]]
        .assert_eq(&rules(&of_reply(&quoted)));
        let list =
            json!({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3});
        expect![[r#"
            root ::= r0
            r0 ::= "[" integer (", " integer){0,2} "]"
        "#]]
        .assert_eq(&rules(&of_reply(&list)));
    }
}
