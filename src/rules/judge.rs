//! Which rules fire, and why the others do not: the same in a call as over a stored one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, CallFacts, Condition};

/// Most rules of an assistant.
pub const RULES_MAX: usize = 50;

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique in its assistant.
    pub name: String,
    /// Where its condition stands in the file.
    pub line: usize,
    /// When it fires.
    pub when: Arc<Condition>,
    /// Higher comes first.
    pub priority: i64,
    /// At most once in a call.
    pub once: bool,
    /// Turns that must pass before it fires again.
    pub cooldown_turns: i64,
    /// Whether the model still answers the words at which it fires.
    pub answer: bool,
    /// What is done, in order.
    pub actions: Vec<Action>,
}

impl Rule {
    /// Whether it takes the caller away from who answers now.
    fn takes_call(&self) -> bool {
        self.actions.iter().any(|action| {
            matches!(action, Action::EndCall { .. } | Action::Transfer(_) | Action::HandOver { .. })
        })
    }
}

/// All rules of an assistant, in the order in which they are asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// By priority, then as they stand in the file.
    pub fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        Self(rules)
    }

    /// In the order in which they are asked.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a rule fired, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Its condition holds.
    Fired,
    /// Its condition does not hold.
    DoesNotHold,
    /// Its condition can not be decided.
    Undecided(String),
    /// It has fired already, in this turn.
    Once(i64),
    /// It fires again in so many turns.
    CoolingDown(i64),
    /// A rule before it took the caller away.
    Taken(String),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fired => f.write_str("fired: its condition holds"),
            Self::DoesNotHold => f.write_str("did not fire: its condition does not hold"),
            Self::Undecided(error) => write!(f, "did not fire: it can not be decided: {error}"),
            Self::Once(turn) => write!(f, "did not fire: it fired once already, at turn {turn}"),
            Self::CoolingDown(turns) => {
                write!(f, "did not fire: it holds, and cools down for {turns} more turns")
            }
            Self::Taken(rule) => write!(f, "was not asked: rule {rule} took the caller elsewhere"),
        }
    }
}

/// What became of one rule at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Its name.
    pub rule: String,
    /// What and why.
    pub why: Why,
    /// What its condition looks at, and the values there.
    pub values: Vec<(String, Value)>,
}

/// One moment of a call, as its record keeps it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When, in milliseconds of the call.
    pub at_ms: u64,
    /// Whose rules were asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub assistant: String,
    /// What was known.
    pub facts: CallFacts,
    /// Rules that fired.
    #[serde(default)]
    pub fired: Vec<String>,
}

/// Asks the rules of one assistant in one call, and remembers which fired.
#[derive(Debug, Clone, Default)]
pub struct Judge {
    rules: Arc<Rules>,
    /// By rule: the turn in which it fired last.
    fired: Vec<Option<i64>>,
}

impl Judge {
    /// Nothing has fired.
    pub fn new(rules: Arc<Rules>) -> Self {
        let fired = vec![None; rules.0.len()];
        Self { rules, fired }
    }

    /// Whether there is anything to ask.
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty()
    }

    /// Asks all rules. The rules that fire are returned in order.
    pub fn look(&mut self, facts: &CallFacts) -> (Vec<Rule>, Vec<Look>) {
        let mut taken: Option<String> = None;
        let (mut fired, mut looks) = (Vec::new(), Vec::new());
        for (rule, last) in self.rules.0.iter().zip(&mut self.fired) {
            let why = match (&taken, *last) {
                (Some(by), _) => Why::Taken(by.clone()),
                (None, Some(turn)) if rule.once => Why::Once(turn),
                (None, last) => match rule.when.holds(facts) {
                    Ok(false) => Why::DoesNotHold,
                    Err(error) => Why::Undecided(error),
                    Ok(true) => match last.map(|turn| turn + rule.cooldown_turns - facts.turn) {
                        Some(left) if left >= 0 && rule.cooldown_turns > 0 => {
                            Why::CoolingDown(left + 1)
                        }
                        _ => Why::Fired,
                    },
                },
            };
            if why == Why::Fired {
                *last = Some(facts.turn);
                fired.push(rule.clone());
                if rule.takes_call() {
                    taken = Some(rule.name.clone());
                }
            }
            let values = rule.when.values(facts);
            looks.push(Look { rule: rule.name.clone(), why, values });
        }
        (fired, looks)
    }
}

/// Asks `rules` at each of the stored moments, as a call would.
pub fn replay(rules: &Arc<Rules>, moments: &[Moment]) -> Vec<Vec<Look>> {
    let mut judge = Judge::new(Arc::clone(rules));
    moments.iter().map(|moment| judge.look(&moment.facts).1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::LineText;

    fn rule(name: &str, when: &str, priority: i64, actions: Vec<Action>) -> Rule {
        let when = Arc::new(Condition::compile(when).unwrap());
        let name = name.to_owned();
        Rule { name, line: 1, when, priority, once: true, cooldown_turns: 0, answer: true, actions }
    }

    fn say() -> Vec<Action> {
        vec![Action::Say(LineText::same("x"))]
    }

    fn names(judge: &mut Judge, turn: i64) -> Vec<String> {
        let (fired, _) = judge.look(&CallFacts { turn, ..CallFacts::default() });
        fired.into_iter().map(|rule| rule.name).collect()
    }

    #[test]
    fn rules_are_asked_by_priority_until_one_takes_the_caller_away() {
        let end = vec![Action::EndCall { say: None }];
        let rules = Rules::new(vec![
            rule("low", "turn > 0", 0, say()),
            rule("end", "turn > 1", 5, end),
            rule("high", "turn > 0", 9, say()),
        ]);
        let mut judge = Judge::new(Arc::new(rules));
        let (fired, looks) = judge.look(&CallFacts { turn: 2, ..CallFacts::default() });
        let fired: Vec<_> = fired.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(fired, ["high", "end"]);
        assert_eq!(looks[2].why, Why::Taken("end".into()));
        assert_eq!(looks[2].values, [("turn".to_owned(), Value::from(2))]);
    }

    #[test]
    fn a_rule_fires_once_or_after_its_cooldown() {
        let mut again = rule("again", "turn > 1", 0, say());
        (again.once, again.cooldown_turns) = (false, 2);
        let rules = Rules::new(vec![rule("once", "turn > 1", 0, say()), again]);
        let mut judge = Judge::new(Arc::new(rules));
        let fired: Vec<_> = (1..=6).map(|turn| names(&mut judge, turn).join(" ")).collect();
        assert_eq!(fired, ["", "once again", "", "", "again", ""]);
    }
}
