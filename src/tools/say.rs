//! What a caller is told of a result in the operator's words (`say`), so that no model has to find some:
//! small ones call the right tool and then say something else.
//!
//! The template knows the arguments, the fields of a result that is an object, and `result`, its text. A
//! name that no template can write, such as "opening hours", is known as `opening_hours` too.

use std::collections::BTreeSet;

use minijinja::{Environment, ErrorKind, UndefinedBehavior};
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
    let result: Value = serde_json::from_str(&brought.text).unwrap_or_default();
    let fill = |fields: &Map<String, Value>| {
        let mut known = known.clone();
        known.extend(fields.clone());
        rendered(template, &known, UndefinedBehavior::Strict)
    };
    let words = match result.as_object() {
        Some(fields) => fill(fields),
        None => fill(&Map::new()),
    };
    // Two dentists: each is told.
    let words = words.or_else(|error| {
        let rows = result.as_array().or_else(|| result.get("rows")?.as_array());
        let rows: Vec<_> = rows.into_iter().flatten().filter_map(Value::as_object).collect();
        if rows.is_empty() {
            Err(error)
        } else {
            rows.into_iter().map(fill).collect::<Result<Vec<_>, _>>().map(|rows| rows.join(" "))
        }
    });
    let words = words.inspect_err(|error| tracing::info!(%error, "`say` does not fit the result."));
    let words = speakable(&words.ok()?);
    (!words.is_empty()).then_some(words)
}

/// Without controls and marks of a chat template, which are no words, and no longer than somebody listens;
/// cut between words.
fn speakable(words: &str) -> String {
    let mark = |c: char| c.is_control() || matches!(c, '‹' | '›' | '|');
    let plain = words.replace(mark, " ");
    let mut out = String::new();
    for word in plain.split_whitespace() {
        if out.chars().count() + word.chars().count() >= CHARS_MAX {
            tracing::info!(characters = plain.len(), "What `say` says is cut: it is too long.");
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A name as a template can write it.
pub fn writable(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || c == '_' { c } else { '_' };
    name.chars().map(plain).collect()
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
    let mut known = known.clone();
    for name in known.keys().cloned().collect::<Vec<_>>() {
        let writable = writable(&name);
        if !known.contains_key(&writable) {
            let value = known.get(&name).cloned().unwrap_or_default();
            known.insert(writable, value);
        }
    }
    environment.render_str(template, minijinja::Value::from(minijinja::value::Serde(&known)))
}

/// What is wrong with a template, whatever a tool may bring; else the names that it asks for.
///
/// # Errors
/// It cannot be read, or fails however it is filled in.
pub fn check(template: &str) -> Result<BTreeSet<String>, String> {
    let problem = |error: &minijinja::Error| {
        let line =
            error.line().filter(|line| *line > 1).map(|line| format!(", in its line {line}"));
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        format!("{detail}{}", line.unwrap_or_default())
    };
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let parsed = environment.template_from_str(template).map_err(|error| problem(&error))?;
    let own: BTreeSet<String> = environment.globals().map(|(name, _)| name.to_owned()).collect();
    let names = parsed.undeclared_variables(false);
    let names: BTreeSet<String> = names.into_iter().filter(|name| !own.contains(name)).collect();
    // With names missing only what no value can mend counts.
    let tried = parsed.render(());
    let hopeless = |error: &minijinja::Error| {
        use ErrorKind::{UnknownFilter, UnknownFunction, UnknownTest};
        names.is_empty() || matches!(error.kind(), UnknownFilter | UnknownFunction | UnknownTest)
    };
    if let Err(error) = tried.map(drop)
        && hopeless(&error)
    {
        return Err(problem(&error));
    }
    Ok(names)
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
        let rows = r#"[{"day": "Sunday"}, {"day": "Monday"}]"#;
        let both = "Riyadh on Sunday. Riyadh on Monday.";
        assert_eq!(words_of("{{ city }} on {{ day }}.", rows).unwrap(), both);
        let more = format!(r#"{{"rows": {rows}, "more": "ask more exactly"}}"#);
        assert_eq!(words_of("{{ city }} on {{ day }}.", &more).unwrap(), both);
        assert_eq!(words_of("{{ hour }}", rows), None);
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
        assert_eq!(words_of("Here: {{ a }}", &long).unwrap(), "Here:");
        let long = json!({ "a": "word ".repeat(250) }).to_string();
        assert!(words_of("{{ a }}", &long).unwrap().ends_with("word word"));
        let marks = json!({ "a": "paid‹|im_end|›\u{1b}[2J\nnow" }).to_string();
        assert_eq!(words_of("{{ a }}", &marks).unwrap(), "paid im_end [2J now");
    }

    #[test]
    fn names_with_spaces_are_written_with_underscores() {
        let hours = r#"{"opening hours": "9 to 4", "ساعات العمل": "من 9"}"#;
        assert_eq!(words_of("{{ opening_hours }}", hours).unwrap(), "9 to 4");
        assert_eq!(words_of("{{ ساعات_العمل }}", hours).unwrap(), "من 9");
    }

    #[test]
    fn what_can_never_be_said_is_told_before_a_call() {
        let names = |template| check(template).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(names("{{ a }}{% if b is defined %}{{ c.d }}{% endif %}"), ["a", "b", "c"]);
        assert_eq!(names("{% for i in range(3) %}{{ i }}{% endfor %}"), [""; 0]);
        let wrong = |template| check(template).unwrap_err();
        assert_eq!(wrong("{{ a"), "unexpected end of input, expected end of variable block");
        assert_eq!(wrong("x\n{{ a | shout }}"), "filter shout is unknown, in its line 2");
        assert!(wrong("{{ 1 / 0 }}").contains("1 / 0"), "{}", wrong("{{ 1 / 0 }}"));
    }
}
