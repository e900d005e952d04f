//! What the caller hears and sees of the agent: audio and captions out, what was heard back in.

use super::Call;
use crate::call::report::CallEvent;
use crate::transport::{CallTransport, Caption, Speaker};
use crate::turn::{CallTime, Line, ReplyId, StopReason, TurnInput};

impl Call {
    /// Pushes the audio that is due.
    pub(super) fn play(&mut self, transport: &mut dyn CallTransport) {
        let now = transport.now();
        let played = self.playout.tick(now);
        for frame in &played.frames {
            transport.push_audio(frame);
            self.recording.pushed(now, frame);
        }
        for text in played.clauses {
            self.reporter.tell(CallEvent::Agent { text });
        }
        for caption in played.captions {
            if !caption.whole {
                self.reporter.words(caption.segment, &caption.text, now);
            }
            transport.send_caption(caption);
        }
        if let Some(heard) = played.filler {
            self.reporter.filler_heard(heard);
        }
        let Some(reply) = &self.reply else { return };
        let (id, outcome) = (reply.id, reply.outcome);
        if played.audible.is_some() {
            self.caller_segment += 1;
            self.reporter.audible(id, now);
            self.recording.turn_stands(now);
            self.input(now, TurnInput::ReplyAudible { reply: id });
        }
        if let Some((_, heard)) = played.finished {
            self.reply = None;
            self.acting.said(id);
            self.history.agent_was_heard(&heard);
            self.tooling.heard(id, &heard);
            self.reply_heard(now, &heard);
            self.reporter.finish(id, &heard, false);
            self.read_on();
            self.input(now, TurnInput::ReplyEnded { reply: id, outcome });
        }
    }

    /// Says something short while the answer is not there; nothing, where it is just coming.
    pub(super) fn say_filler(&mut self, id: ReplyId) {
        if let Some(phrase) = self.fillers.next(&self.caller_language)
            && self.playout.fill(id, phrase)
        {
            tracing::debug!(reply = %id, "The answer is late; a filler covers the wait.");
        }
    }

    pub(super) fn stop_filler(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        id: ReplyId,
    ) {
        if let Some(stopped) = self.playout.stop_filler(now, id) {
            self.take_back(transport, now);
            transport.send_caption(stopped.caption);
            self.reporter.filler_heard(stopped.heard);
        }
    }

    pub(super) fn stop(
        &mut self,
        transport: &mut dyn CallTransport,
        now: CallTime,
        id: ReplyId,
        why: StopReason,
    ) {
        let Some(reply) = self.reply.take_if(|r| r.id == id) else { return };
        reply.task.abort();
        self.take_back(transport, now);
        let stopped = self.playout.stop(now, id);
        let (heard, caption) = stopped.map(|s| (s.heard, s.caption)).unzip();
        caption.into_iter().for_each(|caption| transport.send_caption(caption));
        let heard = heard.unwrap_or_default();
        self.tooling.heard(id, &heard);
        match why {
            StopReason::CallerWentOn => {
                self.history.retract_caller(&reply.to);
                self.routing.facts.retract_turn();
                self.acting.unsaid(id);
                self.feelings.retract();
                self.reporter.forget(id);
            }
            StopReason::Interrupted | StopReason::TimedOut | StopReason::Ending => {
                self.history.agent_was_heard(&heard);
                self.reply_heard(now, &heard);
                self.reporter.finish(id, &heard, true);
                self.acting.said(id);
                let answer = !reply.to.is_empty() && why == StopReason::Interrupted;
                self.routing.facts.interruptions += i64::from(answer);
                if why == StopReason::Interrupted {
                    self.feelings.talked_over();
                    self.read_on();
                }
            }
        }
    }

    /// What was pushed and not heard is dropped.
    pub(super) fn take_back(&mut self, transport: &mut dyn CallTransport, now: CallTime) {
        transport.clear_audio();
        self.recording.taken_back(now);
    }

    /// No more is heard of a reply, and what it answered stands.
    fn reply_heard(&mut self, now: CallTime, heard: &str) {
        self.recording.turn_stands(now);
        self.recording.said(now, heard, &self.config.agent.consent);
    }

    pub(super) fn words_of(&mut self, line: Line, reply: ReplyId) -> String {
        let agent = &self.config.agent;
        match line {
            Line::Welcome => agent.opening(),
            Line::SilencePrompt(n) => agent.silence_prompts.get(n).cloned().unwrap_or_default(),
            Line::Apology => agent.apology.clone(),
            Line::Goodbye => agent.goodbye.clone(),
            Line::Ordered(line) | Line::Parting(line) => self.acting.begins(line, reply),
        }
    }

    pub(super) fn caller_caption(&self, text: &str) -> Caption {
        Caption {
            speaker: Speaker::Caller,
            segment: self.caller_segment,
            text: text.to_owned(),
            whole: true,
            last: true,
        }
    }
}
