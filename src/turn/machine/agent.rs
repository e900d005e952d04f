//! The agent's side: one reply at a time, perhaps one prepared, and the end of the call.

use std::mem;

use super::{Agent, Content, Part, Phase, Prepared, TurnMachine, WAITING_CHARS_MAX};
use crate::transport::AgentState;
use crate::turn::{
    CallTime, EndReason, Line, ReplyId, ReplyOutcome, StopReason, TurnOutput, UnansweredReason,
    UtteranceId,
};

impl TurnMachine {
    pub(super) fn next_reply(&mut self) -> ReplyId {
        self.last_reply += 1;
        ReplyId(self.last_reply)
    }

    pub(super) fn answer(&mut self, now: CallTime, to: String, speech_ended: Option<CallTime>) {
        let prepared = self.prepared.take_if(|prepared| prepared.to == to);
        let reply = prepared.as_ref().map_or_else(|| self.next_reply(), |prepared| prepared.reply);
        self.begin(now, reply, Content::Answer(to.clone()));
        self.outputs.push_back(TurnOutput::State(AgentState::Thinking));
        self.outputs.push_back(match prepared {
            Some(Prepared { reply, .. }) => TurnOutput::Commit { reply, speech_ended },
            None => TurnOutput::Reply { reply, to, speech_ended },
        });
    }

    pub(super) fn prepare(&mut self, to: String) {
        let reply = self.next_reply();
        self.outputs.push_back(TurnOutput::Prepare { reply, to: to.clone() });
        self.prepared = Some(Prepared { reply, to });
    }

    pub(super) fn discard_prepared(&mut self) {
        if let Some(Prepared { reply, .. }) = self.prepared.take() {
            self.outputs.push_back(TurnOutput::Discard { reply });
        }
    }

    pub(super) fn say(&mut self, now: CallTime, line: Line) {
        let reply = self.next_reply();
        self.begin(now, reply, Content::Fixed(line));
        self.outputs.push_back(TurnOutput::Say { reply, line });
    }

    fn begin(&mut self, now: CallTime, reply: ReplyId, content: Content) {
        self.discard_prepared();
        debug_assert!(matches!(self.agent, Agent::Idle), "{reply} starts over another reply");
        if let Some(turn) = &mut self.turn {
            turn.older_than_reply = true;
        }
        self.agent = Agent::Busy { reply, content, since: now, audible: false, hushed: false };
    }

    pub(super) fn reply_audible(&mut self, now: CallTime, id: ReplyId) {
        if let Agent::Busy { reply, content, since, audible, .. } = &mut self.agent
            && *reply == id
            && !*audible
        {
            *audible = true;
            *since = now;
            let answers = matches!(content, Content::Answer(_));
            self.answers += u32::from(answers);
            self.outputs.push_back(TurnOutput::State(AgentState::Speaking));
            if answers {
                self.wait_is_over(true);
            }
        }
    }

    pub(super) fn reply_ended(&mut self, now: CallTime, id: ReplyId, outcome: ReplyOutcome) {
        if self.prepared.take_if(|prepared| prepared.reply == id).is_some() {
            // It failed before anybody waited for it: the turn's end asks once more.
            if let Some(turn) = &mut self.turn {
                turn.unprepared = true;
            }
            return;
        }
        let Agent::Busy { reply, content, audible, .. } = &self.agent else { return };
        if *reply != id {
            return; // stopped meanwhile
        }
        let (content, audible) = (content.clone(), *audible);
        if let (Content::Answer(_), false) = (&content, audible) {
            self.wait_is_over(false);
        }
        self.agent = Agent::Idle;
        self.quiet_since = now;
        self.drop_probe();
        if let Phase::Ending(reason) = self.phase {
            self.end(reason);
            return;
        }
        if self.policy.answers_max.is_some_and(|max| self.answers >= max)
            && let (Content::Answer(_), ReplyOutcome::Finished) = (&content, outcome)
        {
            self.say_goodbye(now, EndReason::TooLong);
            return;
        }
        self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        match outcome {
            ReplyOutcome::Finished => self.answer_murmur(now),
            ReplyOutcome::Failed => self.forget_murmur(),
        }
        if let (Content::Answer(_), ReplyOutcome::Failed) = (content, outcome) {
            self.unanswered(None, UnansweredReason::ReplyFailed);
            if self.policy.apology {
                self.say(now, Line::Apology);
            }
        }
    }

    /// Stops an interruptible reply; what it answered comes again if nothing of it was heard.
    pub(super) fn interrupt(&mut self, why: StopReason) {
        let Agent::Busy { reply, content, audible, .. } = &self.agent else { return };
        if !content.interruptible() {
            return;
        }
        let (reply, content, audible) = (*reply, content.clone(), *audible);
        self.agent = Agent::Idle;
        self.drop_probe();
        self.forget_murmur();
        let mut too_much = false;
        self.stop_filler();
        let why = match content {
            Content::Answer(to) if !audible && to.chars().count() > WAITING_CHARS_MAX => {
                too_much = true;
                why
            }
            Content::Answer(to) if !audible => {
                self.carried.push(to);
                self.learn_cut_off();
                StopReason::CallerWentOn
            }
            Content::Answer(_) | Content::Fixed(_) => why,
        };
        self.outputs.push_back(TurnOutput::Stop { reply, why });
        self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        if too_much {
            self.unanswered(None, UnansweredReason::TooMuch);
        }
    }

    pub(super) fn give_up_reply(&mut self, now: CallTime) {
        let Agent::Busy { reply, .. } = &self.agent else { return };
        let reply = *reply;
        self.outputs.push_back(TurnOutput::Stop { reply, why: StopReason::TimedOut });
        self.reply_ended(now, reply, ReplyOutcome::Failed);
    }

    pub(super) fn break_silence(&mut self, now: CallTime) {
        if self.silence_prompts_said < self.policy.silence_prompts {
            self.say(now, Line::SilencePrompt(self.silence_prompts_said));
            self.silence_prompts_said += 1;
        } else {
            self.say_goodbye(now, EndReason::Silence);
        }
    }

    // ── the end ────────────────────────────────────────────────────────────────────────────

    pub(super) fn say_goodbye(&mut self, now: CallTime, reason: EndReason) {
        self.close_open_work(StopReason::Ending);
        if !self.policy.goodbye {
            self.end(reason);
            return;
        }
        self.phase = Phase::Ending(reason);
        self.say(now, Line::Goodbye);
    }

    pub(super) fn end(&mut self, reason: EndReason) {
        self.close_open_work(StopReason::Ending);
        self.phase = Phase::Ended;
        self.outputs.push_back(TurnOutput::End(reason));
    }

    pub(super) fn close_open_work(&mut self, why: StopReason) {
        self.discard_prepared();
        self.drop_probe();
        self.forget_murmur();
        self.stop_filler();
        self.stop_thinking_sound();
        if let Agent::Busy { reply, .. } = mem::replace(&mut self.agent, Agent::Idle) {
            self.outputs.push_back(TurnOutput::Stop { reply, why });
        }
        let parts = self.turn.take().map(|turn| turn.parts).unwrap_or_default();
        for Part { utterance, outcome, .. } in parts {
            if outcome.is_none() {
                self.outputs.push_back(TurnOutput::DropTranscript { utterance });
            }
            self.unanswered(Some(utterance), UnansweredReason::CallEnded);
        }
        if !mem::take(&mut self.carried).is_empty() {
            self.unanswered(None, UnansweredReason::CallEnded);
        }
    }

    pub(super) fn unanswered(&mut self, utterance: Option<UtteranceId>, why: UnansweredReason) {
        self.outputs.push_back(TurnOutput::Unanswered { utterance, why });
    }
}
