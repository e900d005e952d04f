//! What the caller hears while they wait for an answer: a filler, once, and a quiet sound.
//!
//! A filler is no reply: the machine does not wait for its end. An answer that is there meanwhile is heard right after it.

use super::{Agent, Content, Phase, TurnMachine, Voice};
use crate::turn::{CallTime, ReplyId, TurnOutput};

/// What covers the wait.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// The filler that may still be heard.
    filler: Option<ReplyId>,
    /// There was one since an answer was heard.
    said: bool,
    /// There was one before the answer that was heard last.
    said_before: bool,
    /// The thinking sound is on.
    thinking: bool,
}

impl TurnMachine {
    // ── timers ─────────────────────────────────────────────────────────────────────────────

    /// The answer is late, and the turn before was answered without a filler.
    pub(super) fn filler_at(&self) -> Option<CallTime> {
        let after = self.policy.filler_after?;
        let in_a_row = self.cover.said_before && !self.policy.fillers_in_a_row;
        (!self.cover.said && !in_a_row).then_some(self.answer_awaited_since()? + after)
    }

    pub(super) fn thinking_sound_at(&self) -> Option<CallTime> {
        let after = self.policy.thinking_sound_after?;
        (!self.cover.thinking).then_some(self.answer_awaited_since()? + after)
    }

    /// Since when it is the agent's turn, while nothing is heard of it and nobody speaks.
    fn answer_awaited_since(&self) -> Option<CallTime> {
        let caller_speaks =
            matches!(self.caller, Voice::Speaking { .. }) || self.likely_since.is_some();
        if self.phase != Phase::Active || caller_speaks {
            return None;
        }
        match &self.agent {
            Agent::Busy { content: Content::Answer(_), since, audible, hushed, .. } => {
                (!audible && !hushed).then_some(*since)
            }
            Agent::Busy { content: Content::Fixed(_), .. } => None,
            Agent::Idle => {
                // The ears are late: the silence alone would have ended the turn.
                let turn = self.turn.as_ref().filter(|turn| !turn.is_transcribed())?;
                let silence = &self.policy.endpointing;
                Some(turn.paused_at? + silence.max.max(silence.usual))
            }
        }
    }

    // ── what is done ───────────────────────────────────────────────────────────────────────

    pub(super) fn say_filler(&mut self) {
        self.stop_filler(); // one whose answer failed may not be over
        let reply = self.next_reply();
        self.cover.said = true;
        self.cover.filler = Some(reply);
        self.outputs.push_back(TurnOutput::SayFiller { reply });
    }

    pub(super) fn start_thinking_sound(&mut self) {
        self.cover.thinking = true;
        self.outputs.push_back(TurnOutput::StartThinkingSound);
    }

    /// Nobody waits any more, or somebody speaks: the sound ends, and the filler under a voice.
    pub(super) fn settle_cover(&mut self) {
        if self.phase != Phase::Ended && self.answer_awaited_since().is_none() {
            self.stop_thinking_sound();
        }
        if matches!(self.caller, Voice::Speaking { .. }) {
            self.stop_filler();
        }
    }

    pub(super) fn stop_thinking_sound(&mut self) {
        if std::mem::take(&mut self.cover.thinking) {
            self.outputs.push_back(TurnOutput::StopThinkingSound);
        }
    }

    pub(super) fn stop_filler(&mut self) {
        if let Some(reply) = self.cover.filler.take() {
            self.outputs.push_back(TurnOutput::StopFiller { reply });
        }
    }

    /// An answer is heard, or will never be: the next one is another turn's.
    pub(super) fn wait_is_over(&mut self, heard: bool) {
        if heard {
            self.cover.filler = None; // it was heard to its end before the answer
        }
        self.cover.said_before = std::mem::take(&mut self.cover.said);
    }
}
