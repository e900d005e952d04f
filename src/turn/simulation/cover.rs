//! What is heard while somebody waits: fillers and the thinking sound, which nobody answers.

use super::world::World;
use crate::turn::{ReplyId, StopReason, TurnOutput};

#[derive(Debug, Default)]
pub(super) struct Cover {
    filler: Option<ReplyId>,
    thinking: bool,
    /// The reply that answers the caller, until it is heard.
    answering: Option<ReplyId>,
    /// Answers heard or given up since the last filler; `None`: there was none.
    answers_since: Option<u32>,
}

impl Cover {
    /// The voice of `reply` is heard now.
    pub(super) fn audible(&mut self, reply: ReplyId) {
        if self.answering.is_some() {
            self.filler = None;
        }
        self.answered(reply);
    }

    /// `reply` was heard, or is over.
    pub(super) fn answered(&mut self, reply: ReplyId) {
        if self.answering.take_if(|id| *id == reply).is_some() {
            self.answers_since = self.answers_since.map(|n| n + 1);
        }
    }
}

impl World {
    /// Takes one output, before the engines do it.
    pub(super) fn cover(&mut self, output: &TurnOutput) {
        let reply = self.reply.as_ref();
        let heard = reply.is_some_and(|reply| reply.audible && reply.paused.is_none());
        let running = reply.map(|reply| reply.id);
        let speaking = self.voice.speaking;
        let cover = &mut self.cover;
        match output {
            TurnOutput::SayFiller { reply } => {
                assert!(!speaking && !heard, "a filler over a voice");
                assert_eq!(running, cover.answering, "a filler for a line");
                assert_eq!(cover.filler, None, "two fillers at once");
                let answers_min = if self.policy.fillers_in_a_row { 1 } else { 2 };
                let answers = cover.answers_since.unwrap_or(answers_min);
                assert!(answers >= answers_min, "two fillers in a row");
                cover.filler = Some(*reply);
                cover.answers_since = Some(0);
                self.tally.fillers += 1;
            }
            TurnOutput::StopFiller { reply } => {
                assert_eq!(cover.filler.take(), Some(*reply), "stopped what may be heard");
            }
            TurnOutput::StartThinkingSound => {
                assert!(!speaking && !heard, "thinking over a voice");
                assert!(!std::mem::replace(&mut cover.thinking, true), "thinking twice");
                self.tally.sounds += 1;
            }
            TurnOutput::StopThinkingSound => {
                assert!(std::mem::take(&mut cover.thinking), "stopped what was heard");
            }
            TurnOutput::Reply { reply, .. } | TurnOutput::Commit { reply, .. } => {
                cover.answering = Some(*reply);
            }
            TurnOutput::Stop { reply, why: StopReason::TimedOut } => cover.answered(*reply),
            TurnOutput::Stop { .. } => cover.answering = None,
            _ => {}
        }
    }

    /// After a step.
    pub(super) fn check_cover(&self) {
        let quiet = self.cover.filler.is_none() && !self.cover.thinking;
        let voice = self.voice.speaking || self.ended.is_some();
        assert!(quiet || !voice, "a filler or a sound over a voice");
    }
}
