//! Calls for people: a table, and one call from its first to its last word.

use chrono::{Local, TimeZone as _};
use serde_json::Value;

use crate::store::CallRow;

/// One line each.
pub(super) fn table(calls: &[CallRow]) {
    if calls.is_empty() {
        println!("no calls");
        return;
    }
    let width = calls.iter().map(|call| call.id.chars().count()).max().unwrap_or(0);
    println!(
        "{:width$}  {:16}  {:>6}  {:12}  {:9}  {:>5}  {:>7}  {:>5}  outcome",
        "call", "began", "length", "assistant", "languages", "turns", "slowest", "mood"
    );
    for call in calls {
        let mood = call.sentiment.map_or_else(String::new, |value| format!("{value:+.1}"));
        let recorded = if call.recording.is_empty() { "" } else { ", recorded" };
        let rules = if call.rules.is_empty() {
            String::new()
        } else {
            format!(", rules {}", call.rules.join(" "))
        };
        println!(
            "{:width$}  {:16}  {:>6}  {:12}  {:9}  {:>5}  {:>7}  {:>5}  {}{recorded}{rules}",
            call.id,
            began(call),
            clock(call.ended_ms - call.started_ms),
            call.assistant,
            call.languages.join(" "),
            call.exchanges,
            format!("{} ms", call.slowest_ms),
            mood,
            call.outcome,
        );
    }
}

/// All of one call.
pub(super) fn print(call: &CallRow) -> anyhow::Result<()> {
    let report: Value = serde_json::from_str(&call.report)?;
    println!(
        "call {} in room {:?}, {}, {} long, ended: {}",
        call.id,
        call.room,
        began(call),
        clock(call.ended_ms - call.started_ms),
        call.outcome
    );
    println!("assistant {} {}", call.assistant, call.version);
    if let Some(outcome) = report["recording"]["outcome"].as_str() {
        let from = clock(report["recording"]["from_ms"].as_i64().unwrap_or(0));
        println!("recording: {outcome} {} (from {from} of the call on)", call.recording);
    }
    let turns = report["turns"].as_array().cloned().unwrap_or_default();
    for turn in &turns {
        let at = |value: &Value| value.as_i64().map(clock).unwrap_or_default();
        let text = |key: &str| turn[key].as_str().unwrap_or_default();
        println!();
        if !text("caller").is_empty() {
            println!("{:>7}  caller  {}", at(&turn["caller_ms"][0]), text("caller"));
        }
        let cut = if turn["interrupted"] == Value::Bool(true) { " (cut)" } else { "" };
        let waited = turn["e2e_latency"].as_i64();
        let waited = waited.map_or_else(String::new, |ms| format!("   [after {ms} ms]"));
        println!("{:>7}  agent   {}{cut}{waited}", at(&turn["agent_ms"][0][0]), text("agent"));
        for tool in turn["tools"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            println!("         tool    {tool}");
        }
    }
    if !call.rules.is_empty() {
        println!("\nrules that fired: {}", call.rules.join(", "));
    }
    if let Some(summary) = report["summary"].as_str() {
        println!("\nsummary: {summary}");
    }
    Ok(())
}

fn began(call: &CallRow) -> String {
    let time = Local.timestamp_millis_opt(call.started_ms).earliest();
    time.map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M").to_string())
}

/// Minutes and seconds.
fn clock(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}
