//! A call as a row, out of its record.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value as Json;

use super::db::{Row, Statement, Value};
use crate::records::{RecordError, read_json};
use crate::speech::normalise::{Form, normalise};

/// What is read of a row, in this order; behind it, the report where it is wanted.
pub(super) const COLUMNS: &str = "id, tenant, room, assistant, version, languages, started_ms, ended_ms, outcome, \
     sentiment, rules, turns, slowest_ms, recording";

/// A call that is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CallRow {
    /// The call's name in logs.
    pub id: String,
    /// Whose call it is, where one Sawt serves several; empty: the site's.
    pub tenant: String,
    /// LiveKit's room.
    pub room: String,
    /// Who answered first.
    pub assistant: String,
    /// Of its files.
    pub version: String,
    /// Languages that the caller spoke, in order.
    pub languages: Vec<String>,
    /// When it began, in milliseconds of the Unix epoch.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: i64,
    /// Why it ended.
    pub outcome: String,
    /// How the caller felt in the end.
    pub sentiment: Option<f64>,
    /// Rules that fired, in order.
    pub rules: Vec<String>,
    /// How many exchanges there were.
    pub exchanges: i64,
    /// The longest that the caller waited for an answer, in milliseconds.
    pub slowest_ms: i64,
    /// The recording's file, beside the record; empty: none.
    pub recording: String,
    /// The exchanges; empty in a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnRow>,
    /// The whole record, as JSON; empty in a list.
    #[serde(skip)]
    pub report: String,
}

/// An exchange.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TurnRow {
    /// What the caller said.
    pub caller: String,
    /// What the agent was heard to say.
    pub agent: String,
}

impl CallRow {
    /// The call whose record is at `path`.
    ///
    /// # Errors
    /// It can not be read, or is no record.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let (json, written) = read_json(path)?;
        Self::of_record(&json, written).ok_or_else(|| RecordError::Strange {
            path: path.to_owned(),
            problem: "it names no call".into(),
        })
    }

    /// The call of a record that was written then.
    pub fn of_record(json: &Json, written: SystemTime) -> Option<Self> {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
        let turns = list(&json["turns"]);
        let mut rules: Vec<String> = Vec::new();
        for rule in list(&json["moments"]).iter().flat_map(|moment| list(&moment["fired"])) {
            if !rules.contains(&text(&rule)) {
                rules.push(text(&rule));
            }
        }
        let length_ms = json["length_ms"].as_i64().unwrap_or(0);
        // Records of older versions do not say when: they were written when the call was over.
        let started_ms = json["started_unix_ms"].as_i64();
        let started_ms = started_ms.unwrap_or_else(|| unix_ms(written).saturating_sub(length_ms));
        let waits = turns.iter().filter_map(|turn| turn["e2e_latency"].as_i64());
        let said =
            |turn: &Json| TurnRow { caller: text(&turn["caller"]), agent: text(&turn["agent"]) };
        Some(Self {
            id: json["call_id"].as_str().filter(|id| !id.is_empty())?.to_owned(),
            tenant: String::new(),
            room: text(&json["room"]),
            assistant: text(&json["assistant"]["name"]),
            version: text(&json["assistant"]["version"]),
            languages: list(&json["languages"]).iter().map(text).collect(),
            started_ms,
            ended_ms: started_ms.saturating_add(length_ms),
            outcome: text(&json["reason"]),
            sentiment: json["sentiment"].as_f64(),
            rules,
            exchanges: i64::try_from(turns.len()).unwrap_or(i64::MAX),
            slowest_ms: waits.max().unwrap_or(0),
            recording: text(&json["recording"]["file"]),
            turns: turns.iter().map(said).collect(),
            report: json.to_string(),
        })
    }

    pub(super) fn of_row(row: Row) -> Self {
        let mut row = row.into_iter();
        let mut next = || row.next().unwrap_or(Value::Null);
        let list = |value: Value| -> Vec<String> {
            let text = value.text();
            text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Self {
            id: next().text(),
            tenant: next().text(),
            room: next().text(),
            assistant: next().text(),
            version: next().text(),
            languages: list(next()),
            started_ms: next().int(),
            ended_ms: next().int(),
            outcome: next().text(),
            sentiment: next().real(),
            rules: list(next()),
            exchanges: next().int(),
            slowest_ms: next().int(),
            recording: next().text(),
            report: next().text(),
            turns: Vec::new(),
        }
    }

    pub(super) fn upsert(&self) -> Statement {
        let columns: Vec<&str> = COLUMNS.split(", ").chain(["report"]).collect();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("${n}")).collect();
        let updates = columns[1..].iter().map(|column| format!("{column} = excluded.{column}"));
        let updates: Vec<String> = updates.collect();
        let sql = format!(
            "INSERT INTO calls ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}",
            columns.join(", "),
            places.join(", "),
            updates.join(", ")
        );
        // Commas around each name: a part of a name is not found.
        let list = |names: &[String]| {
            let names: Vec<_> = names.iter().map(|name| name.replace(',', " ")).collect();
            Value::from(format!(",{},", names.join(",")).as_str())
        };
        let values = vec![
            self.id.as_str().into(),
            self.tenant.as_str().into(),
            self.room.as_str().into(),
            self.assistant.as_str().into(),
            self.version.as_str().into(),
            list(&self.languages),
            self.started_ms.into(),
            self.ended_ms.into(),
            self.outcome.as_str().into(),
            self.sentiment.into(),
            list(&self.rules),
            self.exchanges.into(),
            self.slowest_ms.into(),
            self.recording.as_str().into(),
            self.report.as_str().into(),
        ];
        Statement::new(sql, values)
    }
}

impl TurnRow {
    pub(super) fn insert(&self, call_id: &str, n: i64) -> Statement {
        let sql =
            "INSERT INTO turns (call_id, n, caller, agent, folded) VALUES ($1, $2, $3, $4, $5)";
        let fold = |text: &str| normalise(text, Form::Folded);
        let folded = format!("{}\n{}", fold(&self.caller), fold(&self.agent));
        let (caller, agent) = (self.caller.as_str().into(), self.agent.as_str().into());
        Statement::new(sql, vec![call_id.into(), n.into(), caller, agent, folded.as_str().into()])
    }

    pub(super) fn of_row(row: Row) -> Self {
        let mut row = row.into_iter().map(Value::text);
        let mut next = || row.next().unwrap_or_default();
        Self { caller: next(), agent: next() }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
