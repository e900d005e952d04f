//! Which calls are wanted.

use std::fmt::Write as _;

use super::db::{Statement, Value};
use super::row::COLUMNS;
use crate::speech::normalise::{Form, normalise};

/// Calls that are told where nobody says how many.
const LIMIT: u32 = 50;

/// Which calls are wanted; what is not set asks for nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Began at this time or later, in milliseconds of the Unix epoch.
    pub since_ms: Option<i64>,
    /// Began before.
    pub until_ms: Option<i64>,
    /// Who answered first.
    pub assistant: Option<String>,
    /// A language that was spoken.
    pub language: Option<String>,
    /// A rule that fired.
    pub rule: Option<String>,
    /// Why it ended.
    pub outcome: Option<String>,
    /// A caller waited at least so long for an answer, in milliseconds.
    pub slow_ms: Option<i64>,
    /// Words that were said, by either side; compared without vowel marks, case and variants of letters.
    pub words: Option<String>,
    /// Most calls; 0: 50.
    pub limit: u32,
}

impl Filter {
    pub(super) fn select(&self) -> Statement {
        let mut conditions: Vec<(&str, Value)> = Vec::new();
        let mut and = |condition: &'static str, value: Option<Value>| {
            conditions.extend(value.map(|value| (condition, value)));
        };
        let text = |value: &Option<String>| value.as_deref().map(Value::from);
        let listed = |name: &Option<String>| {
            name.as_ref().map(|name| Value::from(format!("%,{},%", plain(name)).as_str()))
        };
        let folded = self.words.as_ref().map(|words| normalise(words, Form::Folded));
        let folded = folded.as_ref().map(|words| words.trim());
        let said = folded.map(|words| Value::from(format!("%{}%", plain(words)).as_str()));
        and("started_ms >= #", self.since_ms.map(Value::Int));
        and("started_ms < #", self.until_ms.map(Value::Int));
        and("assistant = #", text(&self.assistant));
        and("outcome = #", text(&self.outcome));
        and("slowest_ms >= #", self.slow_ms.map(Value::Int));
        and("languages LIKE # ESCAPE '!'", listed(&self.language));
        and("rules LIKE # ESCAPE '!'", listed(&self.rule));
        // Marks alone are no words: nobody said them.
        and("id = #", folded.filter(|words| words.is_empty()).map(Value::from));
        and("id IN (SELECT call_id FROM turns WHERE folded LIKE # ESCAPE '!')", said);
        let mut sql = format!("SELECT {COLUMNS} FROM calls");
        let mut values = Vec::new();
        for (condition, value) in conditions {
            let joint = if values.is_empty() { "WHERE" } else { "AND" };
            values.push(value);
            let place = format!("${}", values.len());
            let _ = write!(sql, " {joint} {}", condition.replace('#', &place));
        }
        let limit = if self.limit == 0 { LIMIT } else { self.limit };
        values.push(Value::Int(i64::from(limit)));
        let _ = write!(sql, " ORDER BY started_ms DESC, id DESC LIMIT ${}", values.len());
        Statement::new(sql, values)
    }
}

/// Signs that LIKE reads are letters here.
fn plain(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
