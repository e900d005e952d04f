//! What a rule may know of a call: one table, which the checker, the journal and the documentation
//! share. Values come in; nothing here looks at a clock or listens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What kind of value a fact has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// true or false
    Bool,
    /// a whole number
    Int,
    /// a number with a point
    Number,
    /// characters
    Text,
    /// values by name; of any kind but this
    Map,
}

impl Kind {
    /// As documentation and errors say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "whole number",
            Self::Number => "number",
            Self::Text => "text",
            Self::Map => "values by name",
        }
    }
}

/// One thing that a rule may know.
#[derive(Debug)]
pub struct Fact {
    /// As conditions name it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it means, with unit and range.
    pub meaning: &'static str,
}

/// All of them, in the order of [`CallFacts`].
pub const FACTS: &[Fact] = &[
    fact(
        "event",
        Kind::Text,
        "what just happened: `turn` (the caller said something) or `silence` (they said nothing and were asked whether they are there)",
    ),
    fact("turn", Kind::Int, "turns of the caller so far, this one included; 0 before the first"),
    fact(
        "words",
        Kind::Text,
        "what the caller said in this turn, as it was heard, at most 500 characters; said(\"…\") looks for words in it whatever their spelling",
    ),
    fact("language", Kind::Text, "language of the caller's words: ar, en"),
    fact(
        "sentiment",
        Kind::Number,
        "the caller's mood over the call, from -1.0 (angry) to 1.0 (happy), smoothed; 0.0 while it is not known",
    ),
    fact("turn_sentiment", Kind::Number, "the mood of this turn alone, from -1.0 to 1.0"),
    fact(
        "angry_turns",
        Kind::Int,
        "turns in a row, up to this one, whose turn_sentiment is -0.4 or less",
    ),
    fact(
        "asked_for_human",
        Kind::Bool,
        "this turn asks for a person (\"agent please\", \"أبغى أكلم موظف\")",
    ),
    fact("interruptions", Kind::Int, "answers that the caller has interrupted"),
    fact(
        "refusals",
        Kind::Int,
        "stretches of audio whose words were not believed (noise, invented words)",
    ),
    fact(
        "failures",
        Kind::Int,
        "times that the agent had to apologise for an answer it could not give",
    ),
    fact(
        "silence_prompts",
        Kind::Int,
        "times in a row that a silent caller was asked whether they are there",
    ),
    fact("duration_s", Kind::Int, "seconds since the call began"),
    fact(
        "last_latency_ms",
        Kind::Int,
        "how long the caller waited for the last answer; 0 before the first",
    ),
    fact("transferring", Kind::Bool, "somebody else has been asked to take the caller"),
    fact(
        "queue",
        Kind::Text,
        "the queue that the call came through, from its metadata {\"queue\": \"…\"}; empty where it says none",
    ),
    fact("hour", Kind::Int, "the hour where this machine is, 0 to 23"),
    fact("weekday", Kind::Int, "the day there: 1 Monday to 7 Sunday"),
    fact(
        "variables",
        Kind::Map,
        "values kept in the call: variables.name; has(variables.name) tells whether there is one",
    ),
];

const fn fact(name: &'static str, kind: Kind, meaning: &'static str) -> Fact {
    Fact { name, kind, meaning }
}

/// Longest text that a condition looks at.
pub const WORDS_CHARS_MAX: usize = 500;

/// A turn of this sentiment or less is an angry one.
const ANGRY: f64 = -0.4;

/// How much of the mood so far a new turn leaves.
const MOOD_KEPT: f64 = 0.5;

/// The facts of one moment of a call. Field by field as [`FACTS`] has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)] // `FACTS` says what each means
pub struct CallFacts {
    pub event: String,
    pub turn: i64,
    pub words: String,
    pub language: String,
    pub sentiment: f64,
    pub turn_sentiment: f64,
    pub angry_turns: i64,
    pub asked_for_human: bool,
    pub interruptions: i64,
    pub refusals: i64,
    pub failures: i64,
    pub silence_prompts: i64,
    pub duration_s: i64,
    pub last_latency_ms: i64,
    pub transferring: bool,
    pub queue: String,
    pub hour: i64,
    pub weekday: i64,
    pub variables: BTreeMap<String, Value>,
}

impl CallFacts {
    /// The caller said `words`.
    pub fn caller_said(&mut self, words: &str, language: &str) {
        "turn".clone_into(&mut self.event);
        self.turn += 1;
        self.words = words.chars().take(WORDS_CHARS_MAX).collect();
        language.clone_into(&mut self.language);
        self.silence_prompts = 0;
        self.asked_for_human = super::human::asks_for_human(&self.words);
        self.turn_sentiment = 0.0;
    }

    /// The last turn comes again, longer.
    pub fn retract_turn(&mut self) {
        self.turn = (self.turn - 1).max(0);
        self.angry_turns = (self.angry_turns - 1).max(0);
    }

    /// The caller was asked whether they are there.
    pub fn silence(&mut self) {
        "silence".clone_into(&mut self.event);
        self.silence_prompts += 1;
        self.words.clear();
        self.asked_for_human = false;
    }

    /// This turn's mood, where only that is known: the smoothed one follows from it.
    pub fn feel(&mut self, turn: f64) {
        let turn = sane(turn);
        let smoothed = self.sentiment * MOOD_KEPT + turn * (1.0 - MOOD_KEPT);
        self.feel_smoothed(turn, if self.turn <= 1 { turn } else { smoothed });
    }

    /// This turn's mood and that of the call, each -1 to 1.
    pub fn feel_smoothed(&mut self, turn: f64, sentiment: f64) {
        self.turn_sentiment = sane(turn);
        self.sentiment = sane(sentiment);
        self.angry_turns = if self.turn_sentiment <= ANGRY { self.angry_turns + 1 } else { 0 };
    }

    /// The value of the fact `name`; nothing where there is no such fact.
    pub fn value(&self, name: &str) -> Option<Value> {
        Some(match name {
            "event" => json!(self.event),
            "turn" => json!(self.turn),
            "words" => json!(self.words),
            "language" => json!(self.language),
            "sentiment" => json!(self.sentiment),
            "turn_sentiment" => json!(self.turn_sentiment),
            "angry_turns" => json!(self.angry_turns),
            "asked_for_human" => json!(self.asked_for_human),
            "interruptions" => json!(self.interruptions),
            "refusals" => json!(self.refusals),
            "failures" => json!(self.failures),
            "silence_prompts" => json!(self.silence_prompts),
            "duration_s" => json!(self.duration_s),
            "last_latency_ms" => json!(self.last_latency_ms),
            "transferring" => json!(self.transferring),
            "queue" => json!(self.queue),
            "hour" => json!(self.hour),
            "weekday" => json!(self.weekday),
            "variables" => json!(self.variables),
            _ => return None,
        })
    }
}

fn sane(mood: f64) -> f64 {
    // To thousandths: what is shown is what is compared.
    if mood.is_finite() { (mood.clamp(-1.0, 1.0) * 1e3).round() / 1e3 } else { 0.0 }
}

/// The table as Markdown.
pub fn table() -> String {
    let mut table = String::from("| Fact | Kind | Meaning |\n|---|---|---|\n");
    for Fact { name, kind, meaning } in FACTS {
        table.push_str(&format!("| `{name}` | {} | {meaning} |\n", kind.as_str()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_fact_and_no_other() {
        let facts = serde_json::to_value(CallFacts::default()).unwrap();
        let mut fields: Vec<&String> = facts.as_object().unwrap().keys().collect();
        fields.sort();
        let mut named: Vec<&str> = FACTS.iter().map(|f| f.name).collect();
        named.sort_unstable();
        assert_eq!(fields, named);
        for Fact { name, kind, .. } in FACTS {
            let value = CallFacts::default().value(name).unwrap();
            let fits = match kind {
                Kind::Bool => value.is_boolean(),
                Kind::Int => value.is_i64(),
                Kind::Number => value.is_f64(),
                Kind::Text => value.is_string(),
                Kind::Map => value.is_object(),
            };
            assert!(fits, "{name} is {value}, no {}", kind.as_str());
        }
    }

    #[test]
    fn the_readme_has_this_table() {
        let readme = include_str!("../../README.md");
        let missing: Vec<_> =
            super::table().lines().filter(|l| !readme.contains(l)).map(str::to_owned).collect();
        assert!(missing.is_empty(), "run `sawt rules facts --markdown`; missing: {missing:#?}");
    }

    #[test]
    fn moods_that_are_no_numbers_are_none() {
        let mut facts = CallFacts::default();
        facts.caller_said("x", "en");
        facts.feel(f64::NAN);
        assert_eq!((facts.sentiment, facts.angry_turns), (0.0, 0));
        facts.feel(-7.0);
        assert_eq!((facts.sentiment, facts.angry_turns), (-1.0, 1));
    }

    #[test]
    fn two_angry_turns_in_a_row_are_counted_and_a_friendly_one_ends_them() {
        let mut facts = CallFacts::default();
        let mut count = |mood| {
            facts.caller_said("x", "en");
            facts.feel(mood);
            facts.angry_turns
        };
        assert_eq!([count(-0.8), count(-0.5), count(0.2), count(-0.4)], [1, 2, 0, 1]);
    }
}
