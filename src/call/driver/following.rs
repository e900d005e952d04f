//! The words of a caller who still speaks: shown as they grow, and read by the model, so that only the last of
//! them are new to it when the turn is over.
//!
//! Decides nothing, and the turn machine does not know of it. Costs little: it asks after a few seconds of speech,
//! then whenever there is twice as much, and only where nobody waits for the engines.

use std::time::Duration;

use tokio::task::AbortHandle;

use super::{Call, Outcome};
use crate::call::speech_gate::SpeechEdge;
use crate::speech::language_of;
use crate::transport::Caption;
use crate::turn::CallTime;

/// Words at the end that may be others once more was heard.
const UNSURE_WORDS: usize = 2;

/// Longest piece that is asked for: what is longer, the turn machine asks for in pieces of its own.
const LONGEST: Duration = Duration::from_secs(20);

/// What is followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// Since when the caller speaks in one go.
    since: Option<CallTime>,
    paused: bool,
    /// Speech after which its words are asked for next.
    next: Duration,
    /// A turn has begun; of its later pieces the words before are missing.
    in_turn: bool,
    asked: Option<AbortHandle>,
    /// To be shown.
    pub(super) caption: Option<Caption>,
}

impl Following {
    /// The caller's voice comes or goes; words are asked for after `first_ms` of speech, 0: never.
    pub(super) fn hears(&mut self, edge: &SpeechEdge, first_ms: u32) {
        match edge {
            SpeechEdge::Started { at } => {
                self.stop();
                self.since = (!self.in_turn && first_ms > 0).then_some(*at);
                self.next = Duration::from_millis(u64::from(first_ms));
                (self.paused, self.in_turn) = (false, true);
            }
            SpeechEdge::Paused { .. } => {
                // A transcript is asked for that matters: this one would be in its way.
                self.paused = true;
                self.drop_question();
            }
            SpeechEdge::Resumed { .. } => self.paused = false,
            SpeechEdge::Ended { .. } => self.stop(),
            SpeechEdge::Likely | SpeechEdge::Unlikely => {}
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.asked.is_some()
    }

    fn stop(&mut self) {
        self.since = None;
        self.drop_question();
    }

    /// What was said is answered, or never will be.
    pub(super) fn turn_is_over(&mut self) {
        self.in_turn = false;
        self.stop();
    }

    fn drop_question(&mut self) {
        if let Some(asked) = self.asked.take() {
            asked.abort();
        }
    }

    /// Where the speech began whose words are wanted now.
    fn due(&mut self, now: CallTime) -> Option<CallTime> {
        let since = self.since.filter(|_| !self.paused && self.asked.is_none())?;
        let length = now.since(since);
        (length >= self.next && length <= LONGEST).then(|| {
            self.next *= 2;
            since
        })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.drop_question();
    }
}

impl Call {
    /// Asks for the words so far, where they are due and nobody waits for anything else.
    pub(super) fn listen_along(&mut self, now: CallTime) {
        let Some(from) = self.following.due(now) else { return };
        let busy = self.reply.is_some() || !self.transcriptions.is_empty();
        if busy || !self.config.turn.speculation || !self.gate.is_open() {
            return;
        }
        let hearing = self.hear(from, now, true);
        let outcomes = self.outcomes.clone();
        let task = tokio::spawn(async move {
            // Without them nothing is lost.
            let words = hearing.await.map(|heard| heard.text).unwrap_or_default();
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::SoFar(from, words)).await;
        });
        self.following.asked = Some(task.abort_handle());
    }

    /// The words so far of the speech that began at `from`.
    pub(super) fn heard_so_far(&mut self, from: CallTime, words: &str) {
        if self.following.since != Some(from) || self.following.asked.take().is_none() {
            return;
        }
        let words = words.trim();
        if words.is_empty() {
            return;
        }
        let mut caption = self.caller_caption(words);
        caption.last = false;
        self.following.caption = Some(caption);
        self.read_along(words);
    }

    /// The model reads what will most likely be the beginning of the question.
    fn read_along(&mut self, words: &str) {
        // Passages stand before a caller's words, and another language has other instructions.
        let documents = self.assistant.as_ref().is_some_and(|a| a.toolbox().documents().is_some());
        let languages = &self.config.agent.languages;
        if documents || Some(language_of(words, languages)) != languages.first().map(String::as_str)
        {
            return;
        }
        let ends: Vec<usize> = words.match_indices(char::is_whitespace).map(|(at, _)| at).collect();
        let Some(sure) = ends.len().checked_sub(UNSURE_WORDS).and_then(|nth| ends.get(nth)) else {
            return;
        };
        let sure = &words[..*sure];
        self.history.caller_said(sure);
        self.read_ahead();
        self.history.retract_caller(sure);
    }
}
