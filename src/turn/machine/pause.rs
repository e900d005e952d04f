//! The pause of an open turn: whom it is asked of, what is known of it, what it teaches.

use std::time::Duration;

use super::{OpenTurn, Phase, TurnMachine, Voice};
use crate::turn::{CallTime, Evidence, SOUNDS_INCOMPLETE, TurnOutput};

/// A pause that sounded incomplete is judged once more when it has lasted this long.
const JUDGE_AGAIN_AFTER: Duration = Duration::from_millis(700);

/// What the turn detector was asked and said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judgement {
    asked: u8,
    complete: Option<f32>,
}

impl Judgement {
    pub(super) const fn new() -> Self {
        Self { asked: 0, complete: None }
    }
}

impl TurnMachine {
    /// When the pause is to be judged: as soon as speech has ended, and again, much later, where
    /// the first judgement asked for patience.
    pub(super) fn judge_pause_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref().filter(|turn| !turn.full)?;
        let paused_at = turn.paused_at?;
        let again = turn.judgement.complete.is_some_and(|p| p < SOUNDS_INCOMPLETE);
        let due = match turn.judgement.asked {
            0 => paused_at,
            1 if again => paused_at + JUDGE_AGAIN_AFTER,
            _ => return None,
        };
        let is_wanted =
            self.policy.judge_pauses && self.caller == Voice::Silent && self.phase == Phase::Active;
        is_wanted.then_some(due)
    }

    pub(super) fn ask_judgement(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        let Some(at) = turn.paused_at else { return };
        turn.judgement.asked += 1;
        let from = turn.parts.first().map_or(turn.from, |part| part.from);
        self.outputs.push_back(TurnOutput::JudgePause { from, at });
    }

    /// A judgement of a pause in which the caller has gone on meanwhile says nothing.
    pub(super) fn pause_judged(&mut self, at: CallTime, complete: f32) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.paused_at == Some(at)) {
            turn.judgement.complete = Some(complete);
        }
    }

    /// How long the pause of `turn` has to last, by all that is known now.
    pub(super) fn patience(&self, turn: &OpenTurn) -> Duration {
        if turn.full {
            return Duration::ZERO;
        }
        let words = turn.parts.iter().rev().find_map(|part| part.outcome.as_ref()?.text());
        self.endpointing.delay(Evidence { complete: turn.judgement.complete, words })
    }

    /// Speech began at `at`: if a turn is open, its pause was not its end.
    pub(super) fn learn_pause(&mut self, at: CallTime) {
        let paused_at = self.turn.as_ref().filter(|turn| !turn.full).and_then(|t| t.paused_at);
        if let Some(paused_at) = paused_at {
            self.endpointing.learn(at.since(paused_at));
        }
    }

    /// The caller went on before the answer was heard: that pause was not the end either.
    pub(super) fn learn_cut_off(&mut self) {
        if let (Voice::Speaking { since }, Some(paused_at)) = (self.caller, self.answered_pause) {
            self.endpointing.learn(since.since(paused_at));
        }
    }
}
