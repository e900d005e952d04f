//! What one call has asked of tools: what ran in this turn, and what waits for the caller's yes.
//! Pure; shared by a call's replies.

use serde_json::{Map, Value};

use super::{Answer, Brought, answer_of};

/// Calls that are remembered; a turn has fewer.
const DONE_MAX: usize = 64;

/// What waits for a yes.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The tool.
    pub tool: String,
    /// Its arguments, checked.
    pub arguments: Map<String, Value>,
    /// The question.
    pub question: String,
}

/// What the caller has said yes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirmed(pub Asked);

#[derive(Debug)]
struct Waiting {
    asked: Asked,
    /// The reply that asks.
    reply: u64,
    /// The caller has heard the question.
    heard: bool,
}

#[derive(Debug)]
struct Done {
    tool: String,
    arguments: Map<String, Value>,
    brought: Option<Brought>,
}

/// The ledger of one call.
#[derive(Debug, Default)]
pub struct Ledger {
    waiting: Option<Waiting>,
    confirmed: Option<Confirmed>,
    /// Of this turn.
    done: Vec<Done>,
}

impl Ledger {
    /// The caller's turn is over and they said `words`: what was asked is answered now, or forgotten.
    /// `goes_on`: nothing of the answer to their words before was heard, so that it is the same turn.
    pub fn turn_begins(&mut self, words: &str, goes_on: bool) {
        self.confirmed = self.would_confirm(words);
        self.waiting = None;
        if !goes_on {
            // What still runs would be run beside itself.
            self.done.retain(|done| done.brought.is_none());
        }
    }

    /// What `words` would confirm, if the turn ended with them.
    pub fn would_confirm(&self, words: &str) -> Option<Confirmed> {
        let waiting = self.waiting.as_ref().filter(|waiting| waiting.heard)?;
        let yes = answer_of(words) == Answer::Yes;
        yes.then(|| Confirmed(waiting.asked.clone()))
    }

    /// What is to be run now; once.
    pub fn take_confirmed(&mut self) -> Option<Confirmed> {
        self.confirmed.take()
    }

    /// It was not run after all.
    pub fn put_back(&mut self, confirmed: Option<Confirmed>) {
        self.confirmed = confirmed;
    }

    /// `reply` asks the caller.
    pub fn ask(&mut self, reply: u64, asked: Asked) {
        self.waiting = Some(Waiting { asked, reply, heard: false });
    }

    /// The caller has heard `heard` of `reply`, and no more comes of it. A question of which they
    /// heard less than half was not asked.
    pub fn heard(&mut self, reply: u64, heard: &str) {
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| waiting.reply == reply) else {
            return;
        };
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (heard, question) = (words(heard).join(" "), words(&waiting.asked.question));
        waiting.heard = heard.contains(&question[..question.len().div_ceil(2)].join(" "));
        if !waiting.heard {
            self.waiting = None;
        }
    }

    /// Begins a run, unless the same has run in this turn: then what it brought, or that it runs.
    ///
    /// # Errors
    /// What the first run brought.
    pub fn begin(&mut self, tool: &str, arguments: &Map<String, Value>) -> Result<(), Brought> {
        let same = |done: &&Done| done.tool == tool && done.arguments == *arguments;
        if let Some(done) = self.done.iter().find(same) {
            let running = || Brought::failure("it is running already; tell the caller to wait");
            return Err(done.brought.clone().unwrap_or_else(running));
        }
        if self.done.len() >= DONE_MAX {
            return Err(Brought::failure("too many calls of tools in this turn"));
        }
        let (tool, arguments) = (tool.to_owned(), arguments.clone());
        self.done.push(Done { tool, arguments, brought: None });
        Ok(())
    }

    /// A run is over; `None`: it was stopped, and may be run again.
    pub fn end(&mut self, tool: &str, arguments: &Map<String, Value>, brought: Option<Brought>) {
        let same = |done: &Done| done.tool == tool && done.arguments == *arguments;
        let Some(at) = self.done.iter().position(same) else { return };
        match brought {
            Some(brought) => self.done[at].brought = Some(brought),
            None => drop(self.done.remove(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            tool: "book".into(),
            arguments: Map::new(),
            question: "Shall I book it for Sunday?".into(),
        }
    }

    #[test]
    fn a_yes_counts_once_in_the_turn_after_the_question() {
        let mut ledger = Ledger::default();
        ledger.ask(1, asked());
        assert_eq!(ledger.would_confirm("yes"), None, "not heard yet");
        ledger.heard(1, "Shall I book it for Sunday?");
        assert!(ledger.would_confirm("yes").is_some());
        ledger.turn_begins("نعم", false);
        assert!(ledger.take_confirmed().is_some());
        assert!(ledger.take_confirmed().is_none());
        ledger.turn_begins("yes", false);
        assert!(ledger.take_confirmed().is_none());
    }

    #[test]
    fn a_question_expires_with_any_other_answer() {
        for other in ["no", "what does it cost?", "لا"] {
            let mut ledger = Ledger::default();
            ledger.ask(1, asked());
            ledger.heard(1, "Shall I book it for Sunday?");
            ledger.turn_begins(other, false);
            assert!(ledger.take_confirmed().is_none());
            ledger.turn_begins("yes", false);
            assert!(ledger.take_confirmed().is_none(), "it has expired");
        }
    }

    #[test]
    fn a_question_that_was_not_heard_was_not_asked() {
        let mut ledger = Ledger::default();
        ledger.ask(1, asked());
        ledger.heard(1, "Shall");
        ledger.turn_begins("yes", false);
        assert!(ledger.take_confirmed().is_none());
    }

    #[test]
    fn the_same_call_runs_once_in_a_turn() {
        let mut ledger = Ledger::default();
        let arguments = Map::new();
        assert_eq!(ledger.begin("fee", &arguments), Ok(()));
        assert!(ledger.begin("fee", &arguments).unwrap_err().failed, "it is running");
        ledger.end("fee", &arguments, Some(Brought::result("5")));
        assert_eq!(ledger.begin("fee", &arguments), Err(Brought::result("5")));
        ledger.turn_begins("and", true);
        assert_eq!(ledger.begin("fee", &arguments), Err(Brought::result("5")), "the same turn");
        ledger.turn_begins("again", false);
        assert_eq!(ledger.begin("fee", &arguments), Ok(()));
        ledger.end("fee", &arguments, None);
        assert_eq!(ledger.begin("fee", &arguments), Ok(()), "it was stopped");
    }
}
