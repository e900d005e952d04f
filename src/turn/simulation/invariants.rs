//! What must hold: after every output, after every step, and at the end.

use std::time::Duration;

use super::engines;
use super::world::{Fate, Request, Running, World, numbers};
use crate::simulation::Chance;
use crate::transport::AgentState;
use crate::turn::{
    CallTime, EndReason, Line, ReplyId, StopReason, TurnOutput, UnansweredReason, UtteranceId,
};

/// Transcriptions that nobody has answered yet: a turn's pieces, one at a pause, one of the words so far.
const REQUESTS_MAX: usize = 16;

/// So long the first sound of speech is waited upon.
const LIKELY_MAX: Duration = Duration::from_millis(200);

/// Room for timers that wait for one another.
const SLACK: Duration = Duration::from_millis(300);

impl World {
    /// Takes one output, and has the engines do it.
    pub(super) fn obey(&mut self, chance: &mut Chance, output: TurnOutput) {
        if self.trace {
            println!("{:>9} → {output:?}", self.now.to_string());
        }
        let now = self.now;
        self.tally.outputs += 1;
        assert!(self.ended.is_none(), "nothing comes after the end: {output:?}");
        self.cover(&output);
        match output {
            TurnOutput::Transcribe { utterance, from, until, partial } => {
                assert!(
                    from < until && until <= now,
                    "audio that exists: {from}..{until} at {now}"
                );
                assert!(until.since(from) < Duration::from_secs(31), "what an engine takes");
                let (asked_at, delivered, fate) = (now, false, Fate::Open);
                let request = Request { from, until, asked_at, partial, delivered, fate };
                assert!(self.requests.insert(utterance, request).is_none(), "{utterance} twice");
                engines::transcribe(self, chance, utterance);
            }
            TurnOutput::JudgePause { from, at } => {
                assert!(self.policy.judge_pauses, "nobody wants a judgement");
                assert!(from < at && at <= now, "a pause that began: {from}..{at} at {now}");
                engines::judge(self, chance, at);
            }
            TurnOutput::DropTranscript { utterance } => self.drop_transcript(utterance),
            TurnOutput::Reply { reply, to, speech_ended } => {
                self.answer(reply, &to, speech_ended);
                self.begin(chance, reply, None);
            }
            TurnOutput::Prepare { reply, to } => {
                assert!(self.policy.speculation && self.speculation_allowed, "work nobody allowed");
                assert!(!to.trim().is_empty(), "a preparation for nothing");
                assert!(self.reply.is_none(), "prepared while the agent is heard");
                assert_eq!(self.prepared, None, "one at a time");
                self.prepared = Some((reply, to));
                engines::prepare(self, chance, reply);
            }
            TurnOutput::Commit { reply, speech_ended } => {
                let (prepared, to) = self.prepared.take().expect("committed what was prepared");
                assert_eq!(prepared, reply, "committed what was prepared");
                self.tally.committed += 1;
                self.answer(reply, &to, speech_ended);
                self.begin(chance, reply, None);
            }
            TurnOutput::Discard { reply } => {
                let (prepared, _) = self.prepared.take().expect("discarded what was prepared");
                assert_eq!(prepared, reply, "discarded what was prepared");
            }
            TurnOutput::Say { reply, line } => {
                self.check_line(line);
                self.begin(chance, reply, Some(line));
            }
            TurnOutput::Pause { reply } => {
                let running = self.running(reply);
                assert!(running.paused.is_none(), "paused once");
                let may = running.line.is_none_or(Line::interruptible);
                assert!(may, "a goodbye is not paused");
                running.paused = Some(Vec::new());
                self.tally.paused += 1;
            }
            TurnOutput::Resume { reply } => {
                assert!(!self.voice.speaking, "resumed over the caller's voice");
                let held = self.running(reply).paused.take().expect("resumed what was paused");
                let wait = chance.ms(1, 500);
                held.into_iter().for_each(|input| self.at(now + wait, input));
                self.tally.resumed += 1;
            }
            TurnOutput::Stop { reply, why } => self.stop(reply, why),
            TurnOutput::Unanswered { utterance, why } => self.explain(utterance, why),
            TurnOutput::SayFiller { .. }
            | TurnOutput::StopFiller { .. }
            | TurnOutput::StartThinkingSound
            | TurnOutput::StopThinkingSound => {}
            TurnOutput::State(state) => self.state = state,
            TurnOutput::End(reason) => self.ended = Some(reason),
        }
    }

    fn running(&mut self, id: ReplyId) -> &mut Running {
        self.reply.as_mut().filter(|reply| reply.id == id).expect("it is this reply that runs")
    }

    fn begin(&mut self, chance: &mut Chance, id: ReplyId, line: Option<Line>) {
        assert!(self.reply.is_none(), "never two replies at once");
        assert_eq!(self.prepared, None, "nothing waits behind a reply");
        let (since, audible, paused) = (self.now, false, None);
        self.reply = Some(Running { id, line, since, audible, paused });
        engines::reply(self, chance, id);
    }

    /// `to` is answered: each of its words for the first time, and none that was explained away.
    fn answer(&mut self, reply: ReplyId, to: &str, speech_ended: Option<CallTime>) {
        assert!(!to.trim().is_empty(), "a reply to nothing");
        assert!(!self.goodbye, "answered after the goodbye");
        assert!(!to.contains("again"), "an engine that answers twice is heard once");
        let mut oldest = self.now;
        for number in numbers(to, 'u') {
            let request = self.requests.get_mut(&UtteranceId(number)).expect("was asked");
            assert_eq!(request.fate, Fate::Open, "u{number} is answered by {reply}");
            assert!(!request.partial, "u{number} is only the start of what was said");
            request.fate = Fate::Answered(reply);
            oldest = oldest.min(request.from);
        }
        for number in numbers(to, 't') {
            let text = self.texts.get_mut(&number).expect("was written");
            assert_eq!(*text, Fate::Open, "t{number} is answered by {reply}");
            *text = Fate::Answered(reply);
        }
        // Who speaks for longer than is heard in one go may be answered at any moment.
        if self.now.since(oldest) < self.policy.utterance_max {
            assert!(!self.voice.speaking, "{reply} over the caller");
            let least = self.policy.endpointing.min.min(self.policy.endpointing.usual);
            let waited = speech_ended.is_none_or(|at| self.now.since(at) >= least);
            assert!(waited, "{reply} comes too early");
            let likely = self.likely_since.is_some_and(|since| self.now.since(since) < LIKELY_MAX);
            assert!(!likely || speech_ended.is_none(), "{reply} just as the caller goes on");
        }
        self.tally.answers += 1;
    }

    fn drop_transcript(&mut self, id: UtteranceId) {
        let now = self.now;
        let request = self.requests.get_mut(&id).expect("dropped what was asked");
        assert_eq!(request.fate, Fate::Open, "{id} is dropped once");
        if !request.partial && now.since(request.asked_at) >= self.policy.transcript_max {
            request.delivered = true; // given up: a reason follows
            self.free_since = now;
        } else {
            // At the end the reason follows too.
            request.fate = Fate::Dropped;
        }
    }

    fn stop(&mut self, id: ReplyId, why: StopReason) {
        let reply = self.reply.take_if(|reply| reply.id == id).expect("stopped what was running");
        self.tally.stopped += 1;
        self.free_since = self.now;
        let may = reply.line.is_none_or(Line::interruptible) || why != StopReason::Interrupted;
        assert!(may, "a goodbye is not interrupted");
        if why == StopReason::TimedOut {
            self.quiet_since = self.now;
        }
        self.owed = why == StopReason::Interrupted && reply.line.is_none() && !reply.audible;
        if why == StopReason::CallerWentOn {
            assert!(!reply.audible, "what was heard does not come again");
            let requests = self.requests.values_mut().map(|request| &mut request.fate);
            for fate in requests.chain(self.texts.values_mut()) {
                if *fate == Fate::Answered(id) {
                    *fate = Fate::Open;
                }
            }
        }
    }

    fn explain(&mut self, utterance: Option<UtteranceId>, why: UnansweredReason) {
        self.tally.explained += 1;
        let Some(id) = utterance else {
            match why {
                UnansweredReason::TooMuch => {
                    self.tally.refused += 1;
                    if std::mem::take(&mut self.owed) {
                        return;
                    }
                    self.refuse();
                }
                // Written while the goodbye is being said.
                UnansweredReason::CallEnded if self.reply.is_some() => self.refuse(),
                UnansweredReason::CallEnded => {
                    let requests = self.requests.values_mut().map(|request| &mut request.fate);
                    let open =
                        requests.chain(self.texts.values_mut()).filter(|f| **f == Fate::Open);
                    open.for_each(|fate| *fate = Fate::Explained);
                }
                UnansweredReason::ReplyFailed => {}
                _ => panic!("{why:?} of what?"),
            }
            return;
        };
        let request = self.requests.get_mut(&id).expect("was asked");
        let cut_by_the_end = why == UnansweredReason::CallEnded && request.fate == Fate::Dropped;
        assert!(request.fate == Fate::Open || cut_by_the_end, "{id} {why:?}: {:?}", request.fate);
        request.fate = Fate::Explained;
    }

    /// The newest message is not taken.
    fn refuse(&mut self) {
        let newest = self.texts.values_mut().next_back().expect("was written");
        assert_eq!(*newest, Fate::Open, "the newest message");
        *newest = Fate::Explained;
    }

    fn check_line(&mut self, line: Line) {
        let policy = &self.policy;
        match line {
            Line::Welcome => assert!(policy.welcome && self.tally.outputs == 1, "not the first"),
            Line::SilencePrompt(n) => {
                assert_eq!(n, self.prompts, "prompts in their order");
                self.prompts += 1;
                self.tally.prompts += 1;
                assert!(!self.voice.speaking && self.is_settled(), "asked whoever is there");
                let quiet = self.now.since(self.quiet_since);
                assert!(quiet >= policy.silence_prompt_after, "asked after {quiet:?}");
            }
            Line::Apology => assert!(policy.apology, "no apology to say"),
            Line::Goodbye => self.goodbye = true,
            Line::Ordered(line) => {
                let (ordered, _) = self.ordered.take().expect("somebody ordered it");
                assert_eq!(ordered, line, "the newest");
                assert!(!self.voice.speaking, "an ordered line over the caller");
                self.tally.ordered += 1;
            }
            Line::Parting(_) => {
                assert!(self.closing.is_some(), "nobody ordered the end");
                self.goodbye = true;
                self.tally.closed += 1;
            }
        }
    }

    /// Nothing of what the caller said or wrote waits.
    fn is_settled(&self) -> bool {
        let open = |fate: &Fate| *fate == Fate::Open;
        !self.texts.values().any(open)
            && !self.requests.values().any(|request| !request.partial && open(&request.fate))
    }

    /// After a step.
    pub(super) fn check(&self, due: Option<CallTime>) {
        let now = self.now;
        assert!(due.is_some() || self.has_events(), "an active call waits for something");
        let waiting = self.requests.values().filter(|r| !r.delivered && r.fate == Fate::Open);
        let mut count = 0;
        for request in waiting {
            count += 1;
            let late = !request.partial && now.since(request.asked_at) > self.policy.transcript_max;
            assert!(!late, "a transcript is awaited for ever");
        }
        assert!(count <= REQUESTS_MAX, "{count} transcripts at once");
        assert!(!self.owed, "stopped unheard, and no reason given");
        let Some(active_since) = self.active_since else { return };
        let over = now.since(active_since) > self.policy.call_max && !self.goodbye;
        assert!(!over, "the call is too long");
        match &self.reply {
            Some(reply) => self.check_reply(reply, due),
            None => self.check_silence(),
        }
    }

    fn check_reply(&self, reply: &Running, due: Option<CallTime>) {
        let policy = &self.policy;
        let (now, id) = (self.now, reply.id);
        let longest = if reply.audible { policy.speaking_max } else { policy.reply_max };
        assert!(now.since(reply.since) <= longest, "{id} takes too long");
        if reply.audible {
            assert_eq!(self.state, AgentState::Speaking, "{id} is heard");
        }
        if reply.paused.is_some() && !self.voice.speaking {
            let due = due.expect("a timer");
            assert!(due <= now + Duration::from_secs(3), "{id} is silent for nobody");
        }
        let Some((since, over)) = self.voice.unbroken else { return };
        if over == Some(id) && reply.line.is_none_or(Line::interruptible) {
            let spoken = now.since(since);
            let heard = reply.paused.is_none() && spoken >= policy.interruption_pause;
            assert!(!heard, "{id} speaks on over the caller");
            assert!(spoken < policy.interruption_min * 4, "{id} waits for whoever means it");
        }
    }

    /// The agent is idle.
    fn check_silence(&self) {
        assert_eq!(self.state, AgentState::Listening, "nothing is said or thought of");
        assert!(self.closing.is_none() || self.active_since.is_none(), "the end waits for nothing");
        if self.voice.speaking {
            return;
        }
        let endpointing = &self.policy.endpointing;
        let longest = endpointing.max.max(endpointing.usual) + SLACK;
        let waited = self.now.since(self.free_since) > longest;
        let all_there = self.requests.values().all(|r| r.delivered || r.fate != Fate::Open);
        assert!(
            !(waited && all_there) || self.is_settled(),
            "the caller waits for nothing since {:?}, now {:?}, for {longest:?}",
            self.free_since,
            self.now
        );
    }

    /// After the voice detector said that speech has ended: all of it was asked for.
    pub(super) fn check_coverage(&self) {
        if self.goodbye {
            return; // nobody listens any more
        }
        for (from, until) in self.voice.pieces.iter().filter(|(from, _)| *from >= self.voice.torn) {
            let mut covered = *from;
            for request in self.requests.values() {
                let kept = !request.partial && request.fate != Fate::Dropped;
                if kept && request.from <= covered {
                    covered = covered.max(request.until);
                }
            }
            assert!(covered >= *until, "speech {from}..{until} is heard up to {covered} only");
        }
    }

    /// After the end.
    pub(super) fn check_end(&self) {
        assert!(self.ended.is_some(), "every call ends");
        assert_eq!(self.prepared, None, "nothing is prepared after the end");
        assert!(self.reply.is_none(), "nothing speaks after the end");
        for (id, request) in &self.requests {
            let free = request.delivered || request.fate != Fate::Open;
            assert!(free, "{id} is still being transcribed");
            let settled = request.partial || request.fate != Fate::Open;
            assert!(settled, "{id} got no reply and no reason");
        }
        for (number, text) in &self.texts {
            assert_ne!(*text, Fate::Open, "t{number} got no reply and no reason");
        }
        if self.ended == Some(EndReason::Silence) {
            assert!(!self.voice.speaking, "hung up on somebody who speaks");
        }
    }
}
