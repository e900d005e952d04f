//! Speech over a reply: fall silent soon, decide by the words, then stop or go on.
//!
//! The agent pauses after a moment of speech, because whoever means to interrupt should not have
//! to shout; a paused reply costs nothing if the sound was a cough or an "mm-hm".

use super::caller::PIECE_MAX;
use super::{Agent, Murmur, OpenTurn, Part, TurnMachine, Voice};
use crate::turn::words::{self, Said};
use crate::turn::{
    CallTime, StopReason, TranscriptOutcome, TurnOutput, UnansweredReason, UtteranceId,
};

use std::time::Duration;

/// Speech without known words stops the reply after this many times `interruption_min`.
const SPEECH_IS_MEANT: u32 = 4;

/// "Yeah" is an answer, and not a listener's noise, when the agent has ended this soon after it.
const MURMUR_ANSWERS: Duration = Duration::from_millis(1_200);

impl TurnMachine {
    // ── timers ─────────────────────────────────────────────────────────────────────────────

    /// The caller speaks over a reply.
    pub(super) fn hush_at(&self) -> Option<CallTime> {
        let since = self.speaks_over_reply_since()?;
        (!self.is_hushed()).then(|| since + self.policy.interruption_pause)
    }

    /// The caller speaks on over it: what are the words?
    pub(super) fn probe_at(&self) -> Option<CallTime> {
        let since = self.speaks_over_reply_since()?;
        let turn = self.turn.as_ref()?;
        let due = (since + self.policy.interruption_min).max(turn.from + Duration::from_millis(1));
        (self.is_hushed() && !turn.probed).then_some(due)
    }

    /// Nobody murmurs for so long.
    pub(super) fn overrule_at(&self) -> Option<CallTime> {
        let since = self.speaks_over_reply_since()?;
        Some(since + self.policy.interruption_min * SPEECH_IS_MEANT)
    }

    /// The caller is silent, and it is still not known what it was: a noise, probably.
    pub(super) fn resume_at(&self) -> Option<CallTime> {
        let quiet_since = match self.caller {
            Voice::Speaking { .. } => return None,
            Voice::Paused { at, .. } => at,
            Voice::Silent => self.quiet_since,
        };
        self.is_hushed().then(|| quiet_since + self.policy.resume_after)
    }

    /// All words of what was said over the reply are there.
    pub(super) fn judge_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref().filter(|turn| !turn.judged && turn.is_transcribed())?;
        // Of somebody who never stopped until now the last words are still to be asked for.
        let more = matches!(self.caller, Voice::Paused { at, .. } if turn.from < at);
        let over = matches!(self.agent, Agent::Busy { .. }) && !more;
        (over && !matches!(self.caller, Voice::Speaking { .. })).then_some(turn.paused_at?)
    }

    fn speaks_over_reply_since(&self) -> Option<CallTime> {
        let Voice::Speaking { since } = self.caller else { return None };
        self.may_interrupt().then_some(since)
    }

    /// Whether what is being said may interrupt: a reply that began over it was meant to.
    fn may_interrupt(&self) -> bool {
        matches!(&self.agent, Agent::Busy { content, .. } if content.interruptible())
            && self.turn.as_ref().is_some_and(|turn| !turn.older_than_reply)
    }

    fn is_hushed(&self) -> bool {
        matches!(self.agent, Agent::Busy { hushed: true, .. })
    }

    // ── what is done ───────────────────────────────────────────────────────────────────────

    pub(super) fn hush(&mut self) {
        if let Agent::Busy { reply, hushed, .. } = &mut self.agent {
            *hushed = true;
            self.outputs.push_back(TurnOutput::Pause { reply: *reply });
        }
    }

    pub(super) fn go_on_speaking(&mut self) {
        if let Agent::Busy { reply, hushed, .. } = &mut self.agent
            && std::mem::take(hushed)
        {
            self.outputs.push_back(TurnOutput::Resume { reply: *reply });
        }
        self.drop_probe();
    }

    /// Asks for the words so far of a caller who speaks on.
    pub(super) fn probe(&mut self, now: CallTime) {
        let Some(turn) = &mut self.turn else { return };
        turn.probed = true;
        let from = turn.from.max(now - PIECE_MAX);
        let utterance = self.next_utterance();
        self.probe = Some(utterance);
        let partial = true;
        self.outputs.push_back(TurnOutput::Transcribe { utterance, from, until: now, partial });
    }

    /// Nobody waits for the words so far any more.
    pub(super) fn drop_probe(&mut self) {
        if let Some(utterance) = self.probe.take() {
            self.outputs.push_back(TurnOutput::DropTranscript { utterance });
        }
    }

    /// The words so far, perhaps cut in the middle: enough to tell speech from a murmur.
    pub(super) fn probed(&mut self, outcome: &TranscriptOutcome) {
        self.probe = None;
        let meant = match self.kind_of(outcome.text().unwrap_or_default()) {
            Said::Command => true,
            Said::Words => !matches!(outcome, TranscriptOutcome::Murmur(_)),
            Said::Nothing | Said::Backchannel | Said::TooFew => false,
        };
        if meant {
            self.interrupt(StopReason::Interrupted);
        }
    }

    /// Decides what was said over the reply.
    pub(super) fn judge(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        turn.judged = true;
        let (began, until) = (turn.began, turn.paused_at.unwrap_or(turn.began));
        let text = turn.words().collect::<Vec<_>>().join(" ");
        let lost = turn.parts.iter().any(|p| p.outcome == Some(TranscriptOutcome::Failed));
        let murmur = turn.parts.iter().all(is_murmured);
        let meant = match self.kind_of(&text) {
            Said::Command => true,
            Said::Words if murmur => false,
            // A cough makes the ears hear words that nobody said.
            Said::Words => until.since(began) >= self.policy.interruption_pause,
            // What the ears lost may have been "no": long speech is heeded, and apologised for.
            Said::Nothing if lost => until.since(began) >= self.policy.interruption_min,
            Said::Nothing | Said::Backchannel | Said::TooFew => false,
        };
        if !meant && self.carried.is_empty() {
            self.murmured(until);
        }
        if !meant {
            self.go_on_speaking();
        } else if self.may_interrupt() {
            self.interrupt(StopReason::Interrupted);
        } // Else it is answered when the reply is over.
    }

    fn kind_of(&self, text: &str) -> Said {
        let policy = &self.policy;
        let words_min = policy.interruption_words_min;
        words::judge(text, &policy.backchannels, &policy.commands, words_min)
    }

    /// What was said over the reply is no turn, unless the reply is about to end.
    fn murmured(&mut self, at: CallTime) {
        self.forget_murmur();
        let parts = self.turn.take().map(|turn| turn.parts).unwrap_or_default();
        self.murmur = Some(Murmur { at, parts });
    }

    /// It was a listener's noise after all.
    pub(super) fn forget_murmur(&mut self) {
        let parts = self.murmur.take().map(|murmur| murmur.parts).unwrap_or_default();
        for Part { utterance, outcome, .. } in parts {
            let why = match outcome {
                Some(TranscriptOutcome::Failed) | None => UnansweredReason::TranscriptFailed,
                Some(outcome) if outcome.text().is_some() => UnansweredReason::OverAgent,
                Some(_) => UnansweredReason::NoWords,
            };
            self.unanswered(Some(utterance), why);
        }
    }

    /// The reply has been heard to its end: "yeah" in its last second answers it.
    pub(super) fn answer_murmur(&mut self, now: CallTime) {
        // What ears made of a hum is no answer to anything.
        let answers = |murmur: &mut Murmur| {
            now.since(murmur.at) <= MURMUR_ANSWERS && !murmur.parts.iter().all(is_murmured)
        };
        let Some(Murmur { at, mut parts }) = self.murmur.take_if(answers) else {
            self.forget_murmur();
            return;
        };
        parts.iter_mut().for_each(|part| part.at_pause = false); // never asked again
        let turn = self.turn.get_or_insert_with(|| OpenTurn::new(at, Some(at)));
        turn.parts.splice(0..0, parts);
    }

    pub(super) fn next_utterance(&mut self) -> UtteranceId {
        self.last_utterance += 1;
        UtteranceId(self.last_utterance)
    }
}

/// Nothing of it was understood well enough to be meant for us.
fn is_murmured(part: &Part) -> bool {
    matches!(part.outcome, Some(TranscriptOutcome::Murmur(_)))
}
