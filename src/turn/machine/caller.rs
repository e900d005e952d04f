//! The caller's side: speech becomes an open turn, its transcripts its words, silence its end.

use std::mem;
use std::time::Duration;

use super::pause::Judgement;
use super::{Agent, Content, OpenTurn, Part, Phase, TurnMachine, Voice, WAITING_CHARS_MAX};
use crate::transport::AgentState;
use crate::turn::{
    CallTime, Line, StopReason, TranscriptOutcome, TurnOutput, UnansweredReason, UtteranceId,
};

/// Longest speech that is transcribed in one go: what engines take, less room around it.
pub(super) const PIECE_MAX: Duration = Duration::from_millis(29_500);

/// Older audio than this is not held by anybody.
const HELD_MAX: Duration = Duration::from_secs(35);

impl TurnMachine {
    pub(super) fn caller_ready(&mut self, now: CallTime) {
        if self.phase != Phase::Waiting {
            return; // the same caller, subscribed again
        }
        self.phase = Phase::Active;
        self.active_since = now;
        self.quiet_since = now;
        if self.turn.is_none() && !self.carried.is_empty() {
            // Who wrote before we were there is answered, not welcomed.
            let words = mem::take(&mut self.carried).join(" ");
            self.answer(now, words, None);
        } else if self.policy.welcome {
            self.say(now, Line::Welcome);
        } else {
            self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        }
    }

    pub(super) fn speech_started(&mut self, at: CallTime) {
        self.caller = Voice::Speaking { since: at };
        self.likely_since = None;
        self.silence_prompts_said = 0;
        self.learn_pause(at);
        if let Some(turn) = &mut self.turn {
            turn.older_than_reply = false;
        }
        self.go_on(at);
    }

    pub(super) fn speech_paused(&mut self, at: CallTime) {
        let Voice::Speaking { since } = self.caller else { return };
        self.caller = Voice::Paused { since, at };
        if let Some(turn) = self.turn.as_mut().filter(|turn| !turn.full) {
            turn.paused_at = Some(at);
        }
    }

    pub(super) fn speech_resumed(&mut self, at: CallTime) {
        let Voice::Paused { since, .. } = self.caller else { return };
        // Answered in the pause: what comes now is said to the answer.
        let since = if self.turn.is_some() { since } else { at };
        self.caller = Voice::Speaking { since };
        self.go_on(at);
    }

    /// The caller speaks, since `at`: opens a turn, or opens it again.
    fn go_on(&mut self, at: CallTime) {
        let Some(turn) = &mut self.turn else {
            self.turn = Some(OpenTurn::new(at, None));
            return;
        };
        if turn.full {
            return;
        }
        turn.paused_at = None;
        turn.judgement = Judgement::new();
        turn.judged = false;
        // What was asked at the pause is asked again, longer, unless it would soon be more than
        // one transcription takes.
        let long = self.policy.utterance_max / 2;
        if let Some(part) = turn.parts.pop_if(|p| p.at_pause && at.since(p.from) < long) {
            turn.from = part.from;
            turn.dropped = turn.dropped.saturating_add(1);
            self.outputs.push_back(TurnOutput::DropTranscript { utterance: part.utterance });
        }
    }

    pub(super) fn speech_ended(&mut self, now: CallTime, at: CallTime) {
        self.caller = Voice::Silent;
        self.quiet_since = now;
        let Some(turn) = &mut self.turn else { return };
        turn.paused_at = Some(at);
        // The last piece may have been cut at this very moment: then nothing is left to ask.
        if turn.from < at {
            self.ask_transcript(now, at, true);
        }
    }

    pub(super) fn ask_early_transcript(&mut self, now: CallTime) {
        if let Voice::Paused { at, .. } = self.caller {
            self.ask_transcript(now, at, true);
        }
    }

    /// Asks for the words between the start of what is not yet asked and `until`.
    fn ask_transcript(&mut self, now: CallTime, until: CallTime, at_pause: bool) {
        self.drop_probe();
        let Some(turn) = &mut self.turn else { return };
        // It is longer than an engine takes only if we stood still meanwhile: then it goes in pieces.
        turn.from = turn.from.max(until - HELD_MAX);
        if until.since(turn.from) > PIECE_MAX {
            let piece = turn.from + PIECE_MAX;
            self.ask_transcript(now, piece, false);
        }
        let utterance = self.next_utterance();
        let Some(turn) = &mut self.turn else { return };
        let from = turn.from;
        turn.parts.push(Part { utterance, from, asked_at: now, at_pause, outcome: None });
        turn.from = until;
        let partial = false;
        self.outputs.push_back(TurnOutput::Transcribe { utterance, from, until, partial });
    }

    /// The caller has spoken for longer than one transcription takes: send this piece, go on.
    pub(super) fn cut_utterance(&mut self, now: CallTime) {
        self.ask_transcript(now, now, false);
        let Some(turn) = &mut self.turn else { return };
        if turn.parts.len() >= self.policy.utterances_max {
            // Somebody who never stops is answered as it is; speaking on is a new turn.
            turn.paused_at = Some(now);
            turn.full = true;
        }
    }

    pub(super) fn transcript(
        &mut self,
        now: CallTime,
        utterance: UtteranceId,
        outcome: TranscriptOutcome,
    ) {
        if self.probe == Some(utterance) {
            self.probed(&outcome);
            return;
        }
        let Some(turn) = &mut self.turn else { return };
        if let Some(part) = turn.parts.iter_mut().find(|p| p.utterance == utterance) {
            part.outcome.get_or_insert(outcome);
            self.quiet_since = self.quiet_since.max(now);
        }
    }

    pub(super) fn give_up_transcript(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        if let Some(part) = turn.parts.iter_mut().find(|p| p.outcome.is_none()) {
            part.outcome = Some(TranscriptOutcome::Failed);
            self.outputs.push_back(TurnOutput::DropTranscript { utterance: part.utterance });
        }
    }

    /// The caller's turn is over: answer it, or say why not.
    pub(super) fn commit_turn(&mut self, now: CallTime) {
        let words = self.words_to_answer();
        let Some(turn) = self.turn.take() else { return };
        self.carried.clear();
        self.answered_pause = turn.paused_at;
        // Cut off in mid-speech: what follows is the next turn.
        self.turn = match self.caller {
            Voice::Speaking { .. } => Some(OpenTurn::new(turn.from, None)),
            Voice::Paused { at, .. } if turn.from < at => Some(OpenTurn::new(turn.from, Some(at))),
            Voice::Paused { .. } | Voice::Silent => None,
        };
        let mut failed = None;
        for part in turn.parts {
            match part.outcome {
                Some(outcome) if outcome.text().is_some() => {}
                Some(TranscriptOutcome::Words(_) | TranscriptOutcome::Murmur(_)) => {
                    self.unanswered(Some(part.utterance), UnansweredReason::NoWords);
                }
                Some(TranscriptOutcome::Failed) | None => {
                    self.unanswered(Some(part.utterance), UnansweredReason::TranscriptFailed);
                    failed = Some(part.utterance);
                }
            }
        }
        if !words.is_empty() {
            self.answer(now, words, turn.paused_at);
        } else if failed.is_some() && self.policy.apology {
            self.say(now, Line::Apology);
        } else {
            self.quiet_since = now;
            self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        }
    }

    /// All that was said and not answered yet, as far as it is transcribed.
    fn words_to_answer(&self) -> String {
        let spoken = self.turn.iter().flat_map(OpenTurn::words);
        self.carried.iter().map(String::as_str).chain(spoken).collect::<Vec<_>>().join(" ")
    }

    /// Prepares the reply to a turn that is probably over, and throws away what answers anything
    /// else than what would be answered now.
    pub(super) fn speculate(&mut self) {
        let ready = self.turn.as_ref().is_some_and(|turn| self.is_answerable(turn));
        if !ready {
            self.discard_prepared();
            return;
        }
        let words = self.words_to_answer();
        if self.prepared.as_ref().is_some_and(|prepared| prepared.to != words) {
            self.discard_prepared();
        }
        let wanted = self.policy.speculation
            && self.speculation_allowed
            && self.prepared.is_none()
            && self.turn.as_ref().is_some_and(|turn| !turn.unprepared)
            && !words.is_empty();
        if wanted {
            self.prepare(words);
        }
    }

    /// Characters of what was written, or said and not heard to be answered.
    fn waiting_chars(&self) -> usize {
        let unheard = match &self.agent {
            Agent::Busy { content: Content::Answer(to), audible: false, .. } => Some(to),
            Agent::Busy { .. } | Agent::Idle => None,
        };
        self.carried.iter().chain(unheard).map(|text| text.chars().count()).sum()
    }

    pub(super) fn caller_text(&mut self, now: CallTime, text: String) {
        if text.trim().is_empty() {
            return;
        }
        self.silence_prompts_said = 0;
        if let Phase::Ending(_) = self.phase {
            self.unanswered(None, UnansweredReason::CallEnded);
            return;
        }
        if self.waiting_chars() + text.chars().count() > WAITING_CHARS_MAX {
            self.unanswered(None, UnansweredReason::TooMuch);
            return;
        }
        if self.phase == Phase::Waiting {
            self.carried.push(text);
            return;
        }
        self.interrupt(StopReason::Interrupted);
        if self.turn.is_some() {
            // Spoken and written at once: answered together when the speech is over.
            self.carried.push(text);
        } else {
            let mut words = mem::take(&mut self.carried);
            words.push(text);
            self.answered_pause = None;
            self.answer(now, words.join(" "), None);
        }
    }
}
