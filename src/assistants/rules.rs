//! `[[rules]]` of an assistant's file: each with its condition compiled and its actions whole, or
//! what is wrong with it, at its line.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use minijinja::Value;

use super::file::{File, is_name};
use super::finding::{did_you_mean, shown};
use super::section::{Placed, Section};
use crate::rules::{
    Action, Condition, LineText, RULES_MAX, Rule, Rules, TRANSFER_WAIT, Transfer, TransferTo,
};

const NAME_CHARS_MAX: usize = 60;
const NOTE_CHARS_MAX: usize = 200;
const ADDRESS_CHARS_MAX: usize = 300;
const DIGITS_MAX: usize = 32;
const SET_MAX: usize = 20;
const PAYLOAD_BYTES_MAX: usize = 4_000;

type Variables = BTreeMap<String, BTreeMap<String, Value>>;

impl File<'_> {
    /// All rules; those with mistakes are in the findings.
    pub(super) fn rules(
        &self,
        root: &Section<'_>,
        languages: &[String],
        variables: &Variables,
    ) -> Rules {
        let mut seen = BTreeSet::new();
        let sections = root.sections("rules", RULES_MAX);
        let rules = sections.into_iter().filter_map(|section| {
            let rule = self.rule(&section, languages, variables);
            let name = section.text("name", NAME_CHARS_MAX);
            section.finish(&BTreeMap::from([
                ("if", "write the condition under `when`"),
                ("actions", "write each action as a key of the rule, such as say = { … }"),
                ("language", "compare it in `when`: language == \"ar\""),
            ]));
            if let Some(Placed { value: name, line }) = name
                && !seen.insert(name.clone())
            {
                root.push(line, "rules.name", format!("{} stands there twice", shown(&name)));
            }
            rule
        });
        Rules::new(rules.collect())
    }

    fn rule(
        &self,
        section: &Section<'_>,
        languages: &[String],
        variables: &Variables,
    ) -> Option<Rule> {
        let name = section.text("name", NAME_CHARS_MAX);
        if name.is_none() && !section.has("name") {
            section.push(section.line, "name", "is not there; name the rule, such as \"angry\"");
        }
        if let Some(name) = name.as_ref().filter(|name| !is_name(&name.value)) {
            let rule = "use small letters, digits, - and _, starting with a letter or digit";
            section.push(name.line, "name", format!("{}: {rule}", shown(&name.value)));
        }
        let when = condition(section);
        let priority = section.whole("priority", -1_000..=1_000).unwrap_or(0);
        let once = yes(section, "once").unwrap_or(true);
        let cooldown_turns = section.whole("cooldown_turns", 0..=100);
        if once && cooldown_turns.is_some() {
            let next = "it fires once; write once = false beside it";
            section.push(section.line, "cooldown_turns", next);
        }
        let answer = yes(section, "answer");
        let actions = self.actions(section, languages, variables);
        if actions.is_empty() && !ACTIONS.iter().any(|action| section.has(action)) {
            let next = format!("nothing is to be done; write one of {}", ACTIONS.join(", "));
            section.push(section.line, "when", next);
        }
        let (when, line) = when?;
        Some(Rule {
            name: name?.value,
            line,
            when: Arc::new(when),
            priority,
            once,
            cooldown_turns: cooldown_turns.unwrap_or(0),
            answer: answer.unwrap_or_else(|| !actions.iter().any(Action::answers)),
            actions,
        })
    }

    /// In the order in which they are done, whatever the order in the file.
    fn actions(
        &self,
        section: &Section<'_>,
        languages: &[String],
        variables: &Variables,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let line = |key: &'static str| {
            let texts = self.lines(section, key, languages, variables, false);
            let texts = texts.into_iter().map(|(tag, text)| (tag, text.value));
            Some(LineText::by_language(texts)).filter(|_| section.has(key))
        };
        if let Some(note) = section.text("escalate", NOTE_CHARS_MAX) {
            actions.push(Action::Escalate { note: note.value });
        }
        if let Some(set) = section.section("set") {
            let names = set.names();
            if names.len() > SET_MAX {
                let message = format!("{} of them; at most {SET_MAX}", names.len());
                section.push(set.line, "set", message);
            }
            for Placed { value: name, line } in names.into_iter().take(SET_MAX) {
                let value = set.value(&name).map(|placed| placed.value);
                match value {
                    Some(value) if value.is_object() || value.is_array() => {
                        let rule = "a value is text, a number, true or false";
                        set.push(line, shown(&name).trim_matches('"'), rule);
                    }
                    Some(value) => actions.push(Action::SetVariable { name, value }),
                    None => {}
                }
            }
        }
        if let Some(hook) = section.section("webhook") {
            actions.extend(webhook(&hook));
            hook.finish(&BTreeMap::new());
        }
        if let Some(digits) = section.text("send_dtmf", DIGITS_MAX) {
            let pressed = |c: char| c.is_ascii_digit() || "*#ABCD".contains(c);
            if digits.value.is_empty() || !digits.value.chars().all(pressed) {
                let rule = "keys of a telephone are 0-9, *, # and A-D, such as \"12#\"";
                section.push(digits.line, "send_dtmf", rule);
            }
            actions.push(Action::SendDtmf { digits: digits.value });
        }
        let say = line("say");
        let end = yes(section, "end_call").unwrap_or(false);
        let transfer = section.section("transfer");
        let hand_over = section.section("hand_over");
        if usize::from(end) + usize::from(transfer.is_some()) + usize::from(hand_over.is_some()) > 1
        {
            let next = "only one of transfer, hand_over and end_call; make it two rules";
            section.push(section.line, "transfer", next);
        }
        if let Some(to) = transfer {
            if let Some(action) = self.transfer(&to, say, languages, variables) {
                actions.push(Action::Transfer(action));
            }
            to.finish(&BTreeMap::from([("say", "stands in the rule itself, beside transfer")]));
        } else if end {
            actions.push(Action::EndCall { say });
        } else {
            actions.extend(say.map(Action::Say));
            if let Some(to) = hand_over {
                actions.extend(self.hand_over(&to));
                to.finish(&BTreeMap::new());
            }
        }
        actions
    }

    fn transfer(
        &self,
        section: &Section<'_>,
        say: Option<LineText>,
        languages: &[String],
        variables: &Variables,
    ) -> Option<Transfer> {
        let queue = section.text("queue", NAME_CHARS_MAX);
        let sip = section.text("sip", ADDRESS_CHARS_MAX);
        let wait = section.whole("wait_s", 5..=600);
        let wait =
            wait.and_then(|s| u64::try_from(s).ok()).map_or(TRANSFER_WAIT, Duration::from_secs);
        let sorry = self.lines(section, "sorry", languages, variables, false);
        let sorry = sorry.into_iter().map(|(tag, text)| (tag, text.value));
        let sorry = Some(LineText::by_language(sorry)).filter(|_| section.has("sorry"));
        let to = match (queue, sip) {
            (Some(queue), None) if !queue.value.trim().is_empty() => TransferTo::Queue(queue.value),
            (None, Some(sip)) => {
                if let Some(problem) = crate::rules::address_problem(&sip.value) {
                    section.push(sip.line, "sip", problem);
                }
                TransferTo::Sip(sip.value)
            }
            _ => {
                if section.has("queue") == section.has("sip") {
                    let next = "name where to: queue = \"…\" or sip = \"tel:+966…\"";
                    section.push(section.line, "queue", next);
                }
                return None;
            }
        };
        Some(Transfer { to, say, sorry, wait })
    }

    fn hand_over(&self, section: &Section<'_>) -> Option<Action> {
        let with_history = yes(section, "with_history").unwrap_or(true);
        let Some(name) = section.text("assistant", NAME_CHARS_MAX) else {
            if !section.has("assistant") {
                let next = "is not there; name who takes over";
                section.push(section.line, "assistant", next);
            }
            return None;
        };
        let files = self.folder.assistants().unwrap_or_default();
        let known: Vec<&str> = files.iter().filter_map(|f| f.strip_suffix(".toml")).collect();
        if !known.contains(&name.value.as_str()) {
            let near = did_you_mean(&name.value, known.iter().copied());
            let next = near.map_or_else(
                || format!("here are {}", known.join(", ")),
                |near| format!("did you mean {near:?}?"),
            );
            let message = format!("there is no assistant {}; {next}", shown(&name.value));
            section.push(name.line, "assistant", message);
        }
        Some(Action::HandOver { assistant: name.value, with_history })
    }
}

const ACTIONS: &[&str] =
    &["say", "transfer", "hand_over", "end_call", "set", "escalate", "webhook", "send_dtmf"];

fn condition(section: &Section<'_>) -> Option<(Condition, usize)> {
    // Its own limit is told by the compiler.
    let Some(when) = section.text("when", 1_000_000) else {
        if !section.has("when") {
            let next = "is not there; write a condition, such as when = \"turn > 2\"";
            section.push(section.line, "when", next);
        }
        return None;
    };
    match Condition::compile(&when.value) {
        Ok(condition) => Some((condition, when.line)),
        Err(error) => {
            let before: String = when.value.chars().take(error.at).collect();
            // A text of several lines begins below its key.
            let below = usize::from(when.value.contains('\n'));
            let line = when.line + below + before.matches('\n').count();
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            section.push(line, "when", format!("at character {column}: {}", error.message));
            None
        }
    }
}

fn webhook(section: &Section<'_>) -> Option<Action> {
    let url = section.text("url", ADDRESS_CHARS_MAX);
    let payload = section.value("payload");
    if url.is_none() && !section.has("url") {
        section.push(section.line, "url", "is not there; write url = \"https://…\"");
    }
    let url = url?;
    if !url.value.starts_with("https://") && !url.value.starts_with("http://127.0.0.1") {
        let rule = "starts with https:// (or http://127.0.0.1 on this machine)";
        section.push(url.line, "url", format!("{}: a webhook {rule}", shown(&url.value)));
    }
    let payload = match payload {
        Some(placed) if placed.value.to_string().len() > PAYLOAD_BYTES_MAX => {
            section.push(placed.line, "payload", format!("at most {PAYLOAD_BYTES_MAX} bytes fit"));
            return None;
        }
        Some(placed) => placed.value,
        None => serde_json::Value::Null,
    };
    Some(Action::Webhook { url: url.value, payload })
}

/// `true` or `false` under `name`.
pub(super) fn yes(section: &Section<'_>, name: &str) -> Option<bool> {
    let placed = section.value(name)?;
    let value = placed.value.as_bool();
    if value.is_none() {
        section.push(placed.line, name, "is true or false");
    }
    value
}
