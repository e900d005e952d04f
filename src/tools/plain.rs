//! What a caller is told of a result that neither the operator (`say`) nor the model has words for.
//!
//! A small model calls the right tool and then falls silent. The apology that stands for silence asks
//! the caller to say it again, and who has just left a message leaves it twice: so the result itself is
//! told, plainly. Lacks grammar: names and values as they stand.

use serde_json::{Map, Value};

use super::Brought;

/// Fields and rows that somebody can follow by ear.
const FIELDS_MAX: usize = 6;
const ROWS_MAX: usize = 3;
/// Longest value that is told, in characters.
const VALUE_CHARS_MAX: usize = 160;

/// The words in `language`; `None`: there are none that a caller would understand.
pub(super) fn words(brought: &Brought, reads_only: bool, language: &str) -> Option<String> {
    let [done, failed, nothing] = match language {
        "ar" => ["تم ذلك.", "عذرًا، لم ينجح ذلك.", "لم أجد شيئًا عن ذلك."],
        _ => ["That is done.", "I am sorry, that did not work.", "I found nothing about that."],
    };
    if brought.failed {
        return Some(failed.into());
    }
    let told = match serde_json::from_str(&brought.text) {
        Ok(Value::Object(fields)) if fields.get("found") == Some(&Value::from("nothing")) => {
            return Some(nothing.into());
        }
        Ok(Value::Object(mut fields)) => match fields.remove("rows") {
            Some(rows) => rows_told(&rows, language),
            None => fields_told(&fields, language),
        },
        Ok(rows @ Value::Array(_)) => rows_told(&rows, language),
        _ => String::new(),
    };
    match (reads_only, told.is_empty()) {
        (true, true) => None,
        (true, false) => Some(told),
        (false, true) => Some(done.into()),
        (false, false) => Some(format!("{done} {told}")),
    }
}

fn rows_told(rows: &Value, language: &str) -> String {
    let rows = rows.as_array().into_iter().flatten().filter_map(Value::as_object);
    let told = rows.take(ROWS_MAX).map(|row| fields_told(row, language));
    told.filter(|row| !row.is_empty()).collect::<Vec<_>>().join(" ")
}

/// "hours: 9 to 4, telephone: 920." What is no text and no number is for programs.
fn fields_told(fields: &Map<String, Value>, language: &str) -> String {
    let comma = if language == "ar" { "، " } else { ", " };
    let told = fields.iter().filter_map(|(name, value)| {
        let value = match value {
            Value::String(text) if !text.trim().is_empty() => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let name = match (name.as_str(), language) {
            ("reference", "ar") => "الرقم المرجعي".into(),
            (name, _) => name.replace('_', " "),
        };
        let short = value.chars().count() <= VALUE_CHARS_MAX;
        short.then(|| format!("{name}: {value}"))
    });
    let told = told.take(FIELDS_MAX).collect::<Vec<_>>().join(comma);
    if told.is_empty() { told } else { format!("{told}.") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn said(result: Value, reads_only: bool, language: &str, expected: Option<&str>) {
        assert_eq!(words(&Brought::json(&result), reads_only, language).as_deref(), expected);
    }

    #[test]
    fn what_was_done_is_told_with_its_number() {
        let saved = || json!({"saved": true, "reference": "431207"});
        said(saved(), false, "en", Some("That is done. reference: 431207."));
        said(saved(), false, "ar", Some("تم ذلك. الرقم المرجعي: 431207."));
        said(json!({"saved": true}), false, "fr", Some("That is done."));
        said(json!("anything"), false, "en", Some("That is done."));
    }

    #[test]
    fn what_was_found_is_told_as_it_stands() {
        let row = |hours: &str| json!({"branch": "Olaya", "opening_hours": hours, "x": [1]});
        said(row("9 to 4"), true, "en", Some("branch: Olaya, opening hours: 9 to 4."));
        let rows: Vec<_> = ["9", "10", "11", "12"].map(row).into();
        let told = words(&Brought::json(&json!({"rows": rows, "more": "ask"})), true, "en");
        assert_eq!(told.unwrap().matches("Olaya").count(), 3);
        let nothing = json!({"found": "nothing", "known": {"city": ["جدة"]}});
        said(nothing, true, "ar", Some("لم أجد شيئًا عن ذلك."));
    }

    #[test]
    fn what_nobody_would_follow_by_ear_is_left_to_the_apology() {
        said(json!({"rows": []}), true, "en", None);
        said(json!({"page": "x".repeat(500)}), true, "en", None);
        assert_eq!(words(&Brought::result("passages of a book"), true, "en"), None);
        let failed = words(&Brought::failure("status 503 of crm.example"), true, "en");
        assert_eq!(failed.unwrap(), "I am sorry, that did not work.");
    }
}
