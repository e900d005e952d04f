//! A rule's condition: CEL, checked whole when it is loaded, cheap and harmless when it is asked.
//!
//! Of CEL a part: facts, literals, comparisons, logic, arithmetic, `in`, and a few functions. No
//! loops, no maps, no regular expressions: what is left costs no more than it is long.

mod check;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::objects::Key;
use cel::{Context, Env, Program, Value};

use super::CallFacts;
use super::human::padded;

/// Longest condition.
pub const CONDITION_CHARS_MAX: usize = 500;

/// Deepest nesting of brackets, and most of what nests without them.
const DEPTH_MAX: usize = 16;

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// Which character, from 0.
    pub at: usize,
    /// What, and what to do.
    pub message: String,
}

/// A condition that was found right.
#[derive(Debug)]
pub struct Condition {
    source: String,
    program: Program,
    /// Names that it looks at: facts, and `variables.NAME`.
    names: Vec<String>,
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// Making it costs far more than asking a condition.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

impl Condition {
    /// Checks `source`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        limits(source)?;
        let wrong = |at, message: String| ConditionError { at, message };
        // A panic in the parser would be a bug there; the operator's file is refused, not the program.
        let parsed = catch_unwind(AssertUnwindSafe(|| Program::compile(source)));
        let parsed =
            parsed.map_err(|_| wrong(0, "can not be read; write it in another way".to_owned()))?;
        let program = parsed.map_err(|errors| {
            let first = errors.errors.first();
            let at = first.map_or(0, |e| offset(source, e.pos));
            let message = first.map_or("syntax error", |e| e.msg.as_str());
            let message = message.lines().next().unwrap_or_default();
            let message = message.split(" expecting ").next().unwrap_or_default();
            let next = match message.contains("'= '") || message.contains("'='") {
                true => "compare with ==",
                false => "write it like sentiment < -0.5 && turn > 2",
            };
            wrong(at, format!("{message}; {next}"))
        })?;
        let names = check::check(&program).map_err(|(at, message)| wrong(at, message))?;
        Ok(Self { source: source.to_owned(), program, names })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it looks at, with the values that `facts` have.
    pub fn values(&self, facts: &CallFacts) -> Vec<(String, serde_json::Value)> {
        let value = |name: &String| {
            let value = match name.strip_prefix("variables.") {
                Some(variable) => facts.variables.get(variable).cloned(),
                None => facts.value(name),
            };
            (name.clone(), value.unwrap_or(serde_json::Value::Null))
        };
        self.names.iter().map(value).collect()
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// It can not be decided, such as for a variable that is not there.
    pub fn holds(&self, facts: &CallFacts) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        for name in &self.names {
            let name = name.split('.').next().unwrap_or_default();
            if let Some(value) = facts.value(name) {
                context.add_variable_from_value(name, to_cel(&value));
            }
        }
        let words = padded(&facts.words);
        let said = move |phrase: Arc<String>| -> bool {
            let phrase = padded(&phrase);
            !phrase.trim().is_empty() && words.contains(&phrase)
        };
        context.add_function(SAID, said).map_err(|error| error.to_string())?;
        let answer = catch_unwind(AssertUnwindSafe(|| self.program.execute(&context)));
        match answer.map_err(|_| "it broke off".to_owned())?.map_err(|e| e.to_string())? {
            Value::Bool(holds) => Ok(holds),
            other => Err(format!("it is {other:?}, and neither true nor false")),
        }
    }
}

/// Looks for words in what the caller said.
const SAID: &str = "said";

fn to_cel(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(*b),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(n) => Value::Int(n),
            None => Value::Float(n.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(all) => Value::List(Arc::new(all.iter().map(to_cel).collect())),
        serde_json::Value::Object(all) => {
            let all = all.iter().map(|(key, value)| (Key::from(key.clone()), to_cel(value)));
            let all: std::collections::HashMap<Key, Value> = all.collect();
            Value::Map(all.into())
        }
    }
}

/// What a parser made of recursion should not be asked to read.
fn limits(source: &str) -> Result<(), ConditionError> {
    let wrong = |at, message: String| Err(ConditionError { at, message });
    if source.trim().is_empty() {
        return wrong(0, "empty; write when it holds, such as turn > 2".into());
    }
    let chars = source.chars().count();
    if chars > CONDITION_CHARS_MAX {
        let message = format!("{chars} characters; at most {CONDITION_CHARS_MAX}: split the rule");
        return wrong(0, message);
    }
    let (mut depth, mut deepest, mut run, mut choices) = (0_usize, 0, 0, 0);
    for (at, c) in source.chars().enumerate() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '?' => choices += 1,
            _ => {}
        }
        run = if matches!(c, '!' | '-') { run + 1 } else { 0 };
        deepest = deepest.max(depth);
        if deepest > DEPTH_MAX || run > DEPTH_MAX || choices > DEPTH_MAX {
            return wrong(at, format!("nested more than {DEPTH_MAX} deep; split the rule"));
        }
    }
    Ok(())
}

/// Characters before a line and column, both from 1 (lines) and 0 (columns).
fn offset(source: &str, (line, column): (isize, isize)) -> usize {
    let lines = source.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
    let before: usize = lines.map(|line| line.chars().count()).sum();
    (before + usize::try_from(column).unwrap_or(0)).min(source.chars().count())
}

#[cfg(test)]
mod tests;
