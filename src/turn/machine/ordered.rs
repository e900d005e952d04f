//! What others want done in the call: a line said, the call ended. Both wait until what is being
//! said is over; nothing is said over the caller, and an end waits for nobody else.

use super::{Agent, Phase, TurnMachine, Voice};
use crate::turn::{CallTime, EndReason, Line, OrderedLine, StopReason};

/// What waits for the agent to be free.
#[derive(Debug, Default)]
pub(super) struct Orders {
    line: Option<OrderedLine>,
    close: Option<(EndReason, Option<OrderedLine>)>,
}

impl TurnMachine {
    /// The newest line is said; whoever orders them one at a time loses none.
    pub(super) fn order_line(&mut self, line: OrderedLine) {
        self.orders.line = Some(line);
    }

    /// The first reason stays.
    pub(super) fn order_close(&mut self, reason: EndReason, line: Option<OrderedLine>) {
        self.orders.close.get_or_insert((reason, line));
    }

    // ── timers ─────────────────────────────────────────────────────────────────────────────

    pub(super) fn close_at(&self) -> Option<CallTime> {
        let free = self.phase == Phase::Active && matches!(self.agent, Agent::Idle);
        (free && self.orders.close.is_some()).then_some(self.quiet_since)
    }

    /// Nobody speaks, and nothing that the caller said waits for an answer.
    pub(super) fn line_at(&self) -> Option<CallTime> {
        let free = self.phase == Phase::Active
            && matches!(self.agent, Agent::Idle)
            && matches!(self.caller, Voice::Silent)
            && self.likely_since.is_none()
            && self.turn.is_none();
        (free && self.orders.line.is_some()).then_some(self.quiet_since)
    }

    // ── what is done ───────────────────────────────────────────────────────────────────────

    pub(super) fn say_ordered(&mut self, now: CallTime) {
        if let Some(line) = self.orders.line.take() {
            self.say(now, Line::Ordered(line));
        }
    }

    pub(super) fn close_as_ordered(&mut self, now: CallTime) {
        let Some((reason, line)) = self.orders.close.take() else { return };
        let Some(line) = line else {
            self.say_goodbye(now, reason);
            return;
        };
        self.close_open_work(StopReason::Ending);
        self.phase = Phase::Ending(reason);
        self.say(now, Line::Parting(line));
    }
}
