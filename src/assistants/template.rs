//! Texts with variables: prompts, and the lines that an assistant says by itself. A template sees
//! the assistant's own variables and nothing of the machine, loads no other file, and does a
//! bounded number of steps.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::finding::did_you_mean;

/// Steps of one template. A long prompt with a loop or two takes some hundreds.
const STEPS_MAX: u64 = 50_000;

/// Longest text that comes out, in characters; loops make much of little.
const RENDERED_CHARS_MAX: usize = 64 * 1024;

/// What is wrong with a template, and on which of its lines, from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TemplateProblem {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Fills in the variables of `text`.
pub(super) fn render(
    text: &str,
    variables: &BTreeMap<String, Value>,
) -> Result<String, TemplateProblem> {
    let mut environment = Environment::empty();
    minijinja_defaults(&mut environment);
    let problem = |e: minijinja::Error| TemplateProblem {
        line: e.line().unwrap_or(1).max(1),
        message: words(&e, text, variables),
    };
    let template = environment.template_from_str(text).map_err(problem)?;
    let rendered = template.render(variables).map_err(problem)?;
    let chars = rendered.chars().count();
    if chars > RENDERED_CHARS_MAX {
        let message = format!("makes {chars} characters; at most {RENDERED_CHARS_MAX} fit");
        return Err(TemplateProblem { line: 1, message });
    }
    Ok(rendered.trim().to_owned())
}

fn minijinja_defaults(environment: &mut Environment<'_>) {
    // A prompt is no HTML.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // A word that is missing in a prompt is not noticed until a caller notices.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_recursion_limit(50);
    // The plain filters that texts need, and none that makes much of little.
    environment.add_filter("upper", |s: String| s.to_uppercase());
    environment.add_filter("lower", |s: String| s.to_lowercase());
    environment.add_filter("trim", |s: String| s.trim().to_owned());
}

fn words(e: &minijinja::Error, text: &str, variables: &BTreeMap<String, Value>) -> String {
    let detail = e.detail().map(|d| format!(": {d}")).unwrap_or_default();
    match e.kind() {
        ErrorKind::UndefinedError => unknown_variable(e, text, variables),
        ErrorKind::OutOfFuel => {
            format!("takes more than {STEPS_MAX} steps; leave out the loop")
        }
        ErrorKind::TemplateNotFound => {
            "a prompt can not include another file; write it here".to_owned()
        }
        kind => format!("{kind}{detail}"),
    }
}

/// Which one: the library does not say, so the line is searched for names that nobody declared.
fn unknown_variable(
    e: &minijinja::Error,
    text: &str,
    variables: &BTreeMap<String, Value>,
) -> String {
    let line = e.line().unwrap_or(1).max(1);
    let line = text.lines().nth(line - 1).unwrap_or_default();
    let inside = line.split("{{").chain(line.split("{%")).skip(1);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let name = inside
        .flat_map(|part| part.split(|c| !is_word(c)).take(6))
        .find(|word| {
            word.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && !variables.contains_key(*word)
                && !["if", "for", "in", "elif", "else", "not", "and", "or", "set"].contains(word)
        })
        .unwrap_or_default();
    let next = match did_you_mean(name, variables.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "declare it under [variables]".to_owned(),
    };
    format!("unknown variable {}; {next}", super::finding::shown(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> BTreeMap<String, Value> {
        [("bank".to_owned(), Value::from("Wadi")), ("fee".to_owned(), Value::from(5))].into()
    }

    fn problem(text: &str) -> String {
        let TemplateProblem { line, message } = render(text, &variables()).unwrap_err();
        format!("{line}: {message}")
    }

    #[test]
    fn variables_are_filled_in_and_nothing_is_escaped() {
        let text = "At {{ bank }} & co it costs {{ fee }}.{% if fee > 3 %} Dear!{% endif %}\n";
        assert_eq!(render(text, &variables()).unwrap(), "At Wadi & co it costs 5. Dear!");
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        assert_eq!(
            problem("one\ntwo {{ bnak }}"),
            "2: unknown variable \"bnak\"; did you mean `bank`?"
        );
        assert!(problem("one\n\n{% if fee %}").starts_with("3: syntax error"));
        assert!(problem("{{ bank | secret }}").starts_with("1: unknown filter"));
        assert!(problem("{% include 'x' %}").starts_with("1: "));
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let endless = "{% for a in 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}".repeat(8)
            + "y"
            + &"{% endfor %}".repeat(8);
        assert!(problem(&endless).contains("steps"), "{}", problem(&endless));
    }

    proptest::proptest! {
        #[test]
        fn any_template_is_taken(text in r"(\{\{|\}\}|\{%|%\}|for|in|if|bank|fee|\||\.|\(|\)|\[|\]|[0-9]{1,9}|\*|~|'| |\n|[a-z]){0,40}") {
            let _ = render(&text, &variables());
        }
    }
}
