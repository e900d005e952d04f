//! Addresses with places for arguments, such as `https://crm.example/customers/{id}?day={day}`.
//!
//! The host is the operator's: a place can stand behind it only, and what is put there can not leave
//! its part of the address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// What stays as it is: everything else could mean something in an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Longest address.
const URL_CHARS_MAX: usize = 2_000;

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    /// Text, and the argument behind it.
    parts: Vec<(String, Option<String>)>,
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// Not closed, or empty.
    #[error("a place is written {{name}}, and both braces are needed")]
    Place,
    /// No host, or a place before the host's end.
    #[error(
        "write https:// or http:// and the host out, such as https://crm.example/…; places come after"
    )]
    Host,
    /// Somebody's password.
    #[error("an address holds no name and password; send them in a header")]
    Userinfo,
    /// Too long with these arguments.
    #[error("the address is longer than {URL_CHARS_MAX} characters; shorten the arguments")]
    TooLong,
    /// An argument that has no place as text.
    #[error("the argument {0} is no text, number or truth; use it in the body")]
    NoText(String),
    /// Empty, or a name for another folder.
    #[error("the argument {0} is empty, . or .., which would mean another place; ask for it")]
    Elsewhere(String),
}

impl UrlTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, UrlProblem> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(UrlProblem::Place)?;
            let word = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if name.is_empty() || !word || before.contains('}') {
                return Err(UrlProblem::Place);
            }
            parts.push((before.to_owned(), Some(name.to_owned())));
            rest = after;
        }
        if rest.contains('}') {
            return Err(UrlProblem::Place);
        }
        parts.push((rest.to_owned(), None));
        let first = parts.first().map_or("", |(text, _)| text.as_str());
        let host = first.split_once("://").map_or("", |(_, after)| after);
        let web = first.starts_with("https://") || first.starts_with("http://");
        if !host.contains(['/', '?']) && parts.len() > 1 || host.is_empty() || !web {
            return Err(UrlProblem::Host);
        }
        if host.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(UrlProblem::Userinfo);
        }
        Ok(Self { parts })
    }

    /// The arguments that it has places for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|(_, name)| name.as_deref())
    }

    /// The address with these arguments; one that is not there is empty, and only behind the path.
    ///
    /// # Errors
    /// The arguments do not fit.
    pub fn fill(&self, arguments: &Map<String, Value>) -> Result<String, UrlProblem> {
        let mut url = String::new();
        let mut in_path = true;
        // Of the part of the path that is being written: where it begins, and what was put there.
        let (mut part, mut placed) = (0, None);
        for (text, name) in &self.parts {
            for c in text.chars() {
                if in_path && matches!(c, '/' | '?' | '#') {
                    stays(&url[part..], placed.take())?;
                    in_path = c == '/';
                    part = url.len() + 1;
                }
                url.push(c);
            }
            let Some(name) = name else { continue };
            let value = match arguments.get(name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
                Some(_) => return Err(UrlProblem::NoText(name.clone())),
            };
            url.extend(utf8_percent_encode(&value, PLAIN));
            placed = Some(name).filter(|_| in_path);
        }
        if in_path {
            stays(&url[part..], placed)?;
        }
        if url.len() > URL_CHARS_MAX { Err(UrlProblem::TooLong) } else { Ok(url) }
    }
}

/// Whether `part` of a path, where `placed` was put, is one. "." and ".." would mean another folder,
/// encoded or not: clients read both the same way. An empty one would mean all of its folder.
fn stays(part: &str, placed: Option<&String>) -> Result<(), UrlProblem> {
    let Some(name) = placed else { return Ok(()) };
    match part.replace("%2E", ".").as_str() {
        "" | "." | ".." => Err(UrlProblem::Elsewhere(name.clone())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(template: &str, arguments: Value) -> Result<String, UrlProblem> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        UrlTemplate::new(template)?.fill(&arguments)
    }

    #[test]
    fn an_argument_stays_in_its_place() {
        let template = "https://crm.example/c/{id}?day={day}";
        let url = |id: &str| fill(template, json!({"id": id, "day": 3})).unwrap();
        assert_eq!(url("a-7"), "https://crm.example/c/a-7?day=3");
        assert_eq!(
            url("../../admin?x=1&y#z @evil.example:80/\r\nHost: e"),
            "https://crm.example/c/%2E%2E%2F%2E%2E%2Fadmin%3Fx%3D1%26y%23z%20%40evil%2Eexample%3A80\
             %2F%0D%0AHost%3A%20e?day=3"
        );
        assert_eq!(url("الرياض").matches('%').count(), 12);
        assert_eq!(fill(template, json!({"id": 7})).unwrap(), "https://crm.example/c/7?day=");
        assert!(fill(template, json!({"id": ["a"]})).is_err());
        assert_eq!(fill(template, json!({"id": "x".repeat(5_000)})), Err(UrlProblem::TooLong));
    }

    #[test]
    fn an_argument_means_no_other_place() {
        for wrong in [json!({}), json!({"id": ""}), json!({"id": "."}), json!({"id": ".."})] {
            for template in ["https://h.example/c/{id}", "https://h.example/c/{id}/delete?x=1"] {
                let left = fill(template, wrong.clone());
                assert_eq!(left, Err(UrlProblem::Elsewhere("id".into())), "{template} {wrong}");
            }
        }
        // Two that are harmless each, and one behind a dot of the operator's.
        let both = fill("https://h.example/c/{a}{b}", json!({"a": ".", "b": "."}));
        assert_eq!(both, Err(UrlProblem::Elsewhere("b".into())));
        let dotted = fill("https://h.example/c/.{a}/x", json!({"a": "."}));
        assert_eq!(dotted, Err(UrlProblem::Elsewhere("a".into())));
        let query = fill("https://h.example/c?a={a}&b={b}", json!({"a": ".."}));
        assert_eq!(query.unwrap(), "https://h.example/c?a=%2E%2E&b=");
    }

    #[test]
    fn the_host_is_the_operators() {
        for wrong in ["https://{host}/", "{url}", "https://a.{tld}/x", "https://a.example{x}/", "x"]
        {
            assert_eq!(UrlTemplate::new(wrong), Err(UrlProblem::Host), "{wrong}");
        }
        assert_eq!(UrlTemplate::new("https://u:p@h.example/"), Err(UrlProblem::Userinfo));
        assert_eq!(UrlTemplate::new("https://h.example/{"), Err(UrlProblem::Place));
        assert!(UrlTemplate::new("http://127.0.0.1:8000").is_ok());
    }

    proptest::proptest! {
        #[test]
        fn whatever_an_argument_is_the_host_stays(value in ".{0,60}") {
            if let Ok(url) = fill("https://crm.example/c/{id}", json!({ "id": value })) {
                let url = reqwest::Url::parse(&url).unwrap();
                proptest::prop_assert_eq!(url.host_str(), Some("crm.example"));
                proptest::prop_assert!(url.path().starts_with("/c/"));
                proptest::prop_assert_eq!(url.query(), None);
            }
        }
    }
}
