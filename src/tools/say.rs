//! What a caller is told of a result in the operator's words (`say`), so that no model has to find some:
//! small ones call the right tool and then say something else.
//!
//! The template knows the arguments, the fields of a result that is an object, and `result`, its text.

use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use super::Brought;

/// Steps of a template.
const FUEL: u64 = 10_000;
/// Longest answer, in characters.
const CHARS_MAX: usize = 600;

/// The words for what was `brought`; `None` where the tool failed, or the result has not what the template
/// asks for, or the template says nothing: then the model answers.
pub(super) fn words(
    template: &str,
    arguments: &Map<String, Value>,
    brought: &Brought,
) -> Option<String> {
    if brought.failed {
        return None;
    }
    let mut known = arguments.clone();
    known.insert("result".into(), Value::from(brought.text.as_str()));
    if let Ok(Value::Object(fields)) = serde_json::from_str(&brought.text) {
        known.extend(fields);
    }
    let words = rendered(template, &known, UndefinedBehavior::Strict);
    let words = words.inspect_err(|error| tracing::info!(%error, "`say` does not fit the result."));
    let words: String = words.ok()?.trim().chars().take(CHARS_MAX).collect();
    (!words.is_empty()).then_some(words)
}

/// The template with what is `known` in it, in a bounded number of steps.
pub(super) fn rendered(
    template: &str,
    known: &Map<String, Value>,
    undefined: UndefinedBehavior,
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.render_str(template, minijinja::Value::from(minijinja::value::Serde(known)))
}

/// What is wrong with a template, whatever a tool may bring.
///
/// # Errors
/// It cannot be read.
pub fn check(template: &str) -> Result<(), String> {
    Environment::new().template_from_str(template).map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words_of(template: &str, result: &str) -> Option<String> {
        let Value::Object(arguments) = json!({"city": "Riyadh"}) else { panic!() };
        words(template, &arguments, &Brought::result(result))
    }

    #[test]
    fn arguments_and_fields_are_said() {
        let result = r#"{"reference": "431207", "المواعيد": "من التاسعة", "n": 3}"#;
        let said = |template| words_of(template, result).unwrap();
        assert_eq!(said("{{ city }}: {{ reference }}, {{ n }}."), "Riyadh: 431207, 3.");
        assert_eq!(said("الفرع مفتوح {{ المواعيد }}."), "الفرع مفتوح من التاسعة.");
        assert_eq!(words_of("It says {{ result }}.", "open").unwrap(), "It says open.");
    }

    #[test]
    fn what_is_not_there_is_left_to_the_model() {
        assert_eq!(words_of("{{ reference }}", r#"{"found": "nothing"}"#), None);
        assert_eq!(words_of("{{ reference }}", "[1, 2]"), None);
        assert_eq!(words_of("{% if reference is defined %}x{% endif %}", "{}"), None);
        assert_eq!(words("{{ result }}", &Map::new(), &Brought::failure("gone")), None);
        assert_eq!(words_of("{% for i in range(9999999) %}x{% endfor %}", "{}"), None);
    }

    #[test]
    fn a_result_is_no_template_and_stays_short() {
        let hostile = json!({ "a": "{{ city }} {% if %}" }).to_string();
        assert_eq!(words_of("{{ a }}", &hostile).unwrap(), "{{ city }} {% if %}");
        let long = json!({ "a": "x".repeat(1_400) }).to_string();
        assert_eq!(words_of("{{ a }}", &long).unwrap().len(), CHARS_MAX);
        assert!(check("{{ a").is_err());
        assert!(check("{{ a }}").is_ok());
    }
}
