//! The turn machine: the caller's side, the agent's side, and the few timers between them.

use std::collections::VecDeque;
use std::mem;

use super::{
    CallTime, EndReason, Line, ReplyId, ReplyOutcome, StopReason, TranscriptOutcome, TurnInput,
    TurnOutput, TurnPolicy, UnansweredReason, UtteranceId,
};
use crate::transport::AgentState;

/// See the module's documentation for how it is driven.
#[derive(Debug)]
pub struct TurnMachine {
    policy: TurnPolicy,
    phase: Phase,
    /// When the call became active; its length is counted from here.
    active_since: CallTime,
    caller: Voice,
    turn: Option<OpenTurn>,
    agent: Agent,
    /// Words that were said to a reply which was stopped before it was heard.
    carried: Vec<String>,
    /// End of the last thing that either side did; silence is counted from here.
    quiet_since: CallTime,
    silence_prompts_said: usize,
    last_utterance: u32,
    last_reply: u32,
    outputs: VecDeque<TurnOutput>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The caller can not hear us yet.
    Waiting,
    Active,
    /// The goodbye is being said.
    Ending(EndReason),
    Ended,
}

/// What the caller's voice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    Silent,
    Speaking { since: CallTime },
}

/// The caller's turn while it is not answered.
#[derive(Debug)]
struct OpenTurn {
    /// Start of the speech that is not yet sent to be transcribed.
    from: CallTime,
    /// End of the last speech; `None` while the caller speaks.
    paused_at: Option<CallTime>,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    utterance: UtteranceId,
    from: CallTime,
    asked_at: CallTime,
    /// Asked at a pause: asked again, longer, if the caller goes on.
    at_pause: bool,
    outcome: Option<TranscriptOutcome>,
}

#[derive(Debug)]
enum Agent {
    Idle,
    Busy { reply: ReplyId, content: Content, since: CallTime, audible: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Answer(String),
    Fixed(Line),
}

impl TurnMachine {
    /// A machine for one call.
    pub fn new(policy: TurnPolicy) -> Self {
        Self {
            policy,
            phase: Phase::Waiting,
            active_since: CallTime::ZERO,
            caller: Voice::Silent,
            turn: None,
            agent: Agent::Idle,
            carried: Vec::new(),
            quiet_since: CallTime::ZERO,
            silence_prompts_said: 0,
            last_utterance: 0,
            last_reply: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened at `now`. Times never go back; drain [`Self::poll_output`] after it.
    pub fn handle_input(&mut self, now: CallTime, input: TurnInput) {
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            TurnInput::CallerReady => self.caller_ready(now),
            TurnInput::SpeechStarted { at } => self.speech_started(at),
            TurnInput::SpeechEnded { at } => self.speech_ended(now, at),
            TurnInput::Transcript { utterance, outcome } => {
                self.transcript(now, utterance, outcome);
            }
            TurnInput::CallerText(text) => self.caller_text(now, text),
            TurnInput::ReplyAudible { reply } => self.reply_audible(now, reply),
            TurnInput::ReplyEnded { reply, outcome } => self.reply_ended(now, reply, outcome),
            TurnInput::HangUp(reason) => self.end(reason),
        }
        self.handle_timeout(now);
    }

    /// Lets time pass. Harmless to call at any moment.
    pub fn handle_timeout(&mut self, now: CallTime) {
        // Each step may make the next one due; the bound only guards against a bug here.
        for _ in 0..16 {
            match self.poll_timeout() {
                Some(due) if due <= now => self.step(now),
                _ => return,
            }
        }
        debug_assert!(false, "timers that are due again at once");
    }

    /// The next thing to do, until `None`.
    pub fn poll_output(&mut self) -> Option<TurnOutput> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] is wanted at the latest. `None` once the call has ended.
    pub fn poll_timeout(&self) -> Option<CallTime> {
        match self.phase {
            // Whoever carries the call gives up on a caller who never comes.
            Phase::Waiting | Phase::Ended => None,
            Phase::Active | Phase::Ending(_) => [
                self.too_long_at(),
                self.interruption_at(),
                self.utterance_full_at(),
                self.endpoint_at(),
                self.transcript_late_at(),
                self.agent_late_at(),
                self.silence_at(),
            ]
            .into_iter()
            .flatten()
            .min(),
        }
    }

    /// Whether the call is over.
    pub fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    // ── timers: when each is due, `None` when it does not run ───────────────────────────────

    fn too_long_at(&self) -> Option<CallTime> {
        (self.phase == Phase::Active).then(|| self.active_since + self.policy.call_max)
    }

    /// The caller has spoken over an interruptible reply for long enough.
    fn interruption_at(&self) -> Option<CallTime> {
        let Voice::Speaking { since } = self.caller else { return None };
        let Agent::Busy { content, since: reply_since, .. } = &self.agent else { return None };
        // Speech that was there before the reply counts from the reply.
        content.interruptible().then(|| since.max(*reply_since) + self.policy.interruption_min)
    }

    fn utterance_full_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref()?;
        matches!(self.caller, Voice::Speaking { .. }).then(|| turn.from + self.policy.utterance_max)
    }

    /// All parts are transcribed, the silence is long enough, and the agent is free to answer.
    fn endpoint_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref()?;
        let paused_at = turn.paused_at?;
        let complete = turn.parts.iter().all(|p| p.outcome.is_some());
        (complete && matches!(self.agent, Agent::Idle) && self.phase == Phase::Active)
            .then(|| paused_at + self.policy.endpointing)
    }

    fn transcript_late_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref()?;
        let oldest = turn.parts.iter().find(|p| p.outcome.is_none())?;
        Some(oldest.asked_at + self.policy.transcript_max)
    }

    fn agent_late_at(&self) -> Option<CallTime> {
        let Agent::Busy { since, audible, .. } = &self.agent else { return None };
        Some(*since + if *audible { self.policy.speaking_max } else { self.policy.reply_max })
    }

    fn silence_at(&self) -> Option<CallTime> {
        let idle = self.phase == Phase::Active
            && matches!(self.agent, Agent::Idle)
            && matches!(self.caller, Voice::Silent)
            && self.turn.is_none();
        idle.then(|| self.quiet_since + self.policy.silence_prompt_after)
    }

    /// Does the one thing that is due first.
    fn step(&mut self, now: CallTime) {
        let due = |at: Option<CallTime>| at.is_some_and(|at| at <= now);
        if due(self.too_long_at()) {
            self.say_goodbye(now, EndReason::TooLong);
        } else if due(self.interruption_at()) {
            self.interrupt(StopReason::Interrupted);
        } else if due(self.utterance_full_at()) {
            self.cut_utterance(now);
        } else if due(self.transcript_late_at()) {
            self.give_up_transcript();
        } else if due(self.agent_late_at()) {
            self.give_up_reply(now);
        } else if due(self.endpoint_at()) {
            self.commit_turn(now);
        } else if due(self.silence_at()) {
            self.break_silence(now);
        }
    }

    // ── the caller's side ──────────────────────────────────────────────────────────────────

    fn caller_ready(&mut self, now: CallTime) {
        if self.phase != Phase::Waiting {
            return; // the same caller, subscribed again
        }
        self.phase = Phase::Active;
        self.active_since = now;
        self.quiet_since = now;
        if self.policy.welcome {
            self.say(now, Line::Welcome);
        } else {
            self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        }
    }

    fn speech_started(&mut self, at: CallTime) {
        self.caller = Voice::Speaking { since: at };
        self.silence_prompts_said = 0;
        let Some(turn) = &mut self.turn else {
            self.turn = Some(OpenTurn { from: at, paused_at: None, parts: Vec::new() });
            return;
        };
        turn.paused_at = None;
        // The caller goes on: what was asked at the pause is asked again, longer, unless it would
        // soon be more than one transcription takes.
        let long = self.policy.utterance_max / 2;
        if let Some(part) = turn.parts.pop_if(|p| p.at_pause && at.since(p.from) < long) {
            turn.from = part.from;
            self.outputs.push_back(TurnOutput::DropTranscript { utterance: part.utterance });
        }
    }

    fn speech_ended(&mut self, now: CallTime, at: CallTime) {
        self.caller = Voice::Silent;
        self.quiet_since = now;
        let over_reply = matches!(&self.agent,
            Agent::Busy { content, .. } if content.interruptible());
        let Some(turn) = &mut self.turn else { return };
        if over_reply && turn.parts.is_empty() {
            // The reply is still there, so the speech was too short to interrupt it.
            self.turn = None;
            self.unanswered(None, UnansweredReason::OverAgent);
            return;
        }
        turn.paused_at = Some(at);
        // The last piece may have been cut at this very moment: then nothing is left to ask.
        if turn.from < at {
            self.ask_transcript(now, at, true);
        }
    }

    /// Asks for the words between the start of what is not yet asked and `until`.
    fn ask_transcript(&mut self, now: CallTime, until: CallTime, at_pause: bool) {
        self.last_utterance += 1;
        let utterance = UtteranceId(self.last_utterance);
        let Some(turn) = &mut self.turn else { return };
        let from = turn.from;
        turn.parts.push(Part { utterance, from, asked_at: now, at_pause, outcome: None });
        turn.from = until;
        self.outputs.push_back(TurnOutput::Transcribe { utterance, from, until });
    }

    /// The caller has spoken for longer than one transcription takes: send this piece, go on.
    fn cut_utterance(&mut self, now: CallTime) {
        self.ask_transcript(now, now, false);
        let Some(turn) = &mut self.turn else { return };
        if turn.parts.len() >= self.policy.utterances_max {
            // Somebody who never stops is answered as it is; speaking on is a new turn.
            turn.paused_at = Some(now);
        }
    }

    fn transcript(&mut self, now: CallTime, utterance: UtteranceId, outcome: TranscriptOutcome) {
        let Some(turn) = &mut self.turn else { return };
        if let Some(part) = turn.parts.iter_mut().find(|p| p.utterance == utterance) {
            part.outcome.get_or_insert(outcome);
            self.quiet_since = self.quiet_since.max(now);
        }
    }

    fn give_up_transcript(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        if let Some(part) = turn.parts.iter_mut().find(|p| p.outcome.is_none()) {
            part.outcome = Some(TranscriptOutcome::Failed);
            self.outputs.push_back(TurnOutput::DropTranscript { utterance: part.utterance });
        }
    }

    /// The caller's turn is over: answer it, or say why not.
    fn commit_turn(&mut self, now: CallTime) {
        let Some(turn) = self.turn.take() else { return };
        if let Voice::Speaking { .. } = self.caller {
            // Cut off in mid-speech: what follows is the next turn.
            self.turn = Some(OpenTurn { from: turn.from, paused_at: None, parts: Vec::new() });
        }
        let mut words = mem::take(&mut self.carried);
        let mut failed = None;
        for part in turn.parts {
            match part.outcome {
                Some(TranscriptOutcome::Words(text)) if !text.is_empty() => words.push(text),
                Some(TranscriptOutcome::Words(_)) => {
                    self.unanswered(Some(part.utterance), UnansweredReason::NoWords);
                }
                Some(TranscriptOutcome::Failed) | None => {
                    self.unanswered(Some(part.utterance), UnansweredReason::TranscriptFailed);
                    failed = Some(part.utterance);
                }
            }
        }
        if !words.is_empty() {
            self.answer(now, words.join(" "), turn.paused_at);
        } else if failed.is_some() && self.policy.apology {
            self.say(now, Line::Apology);
        } else {
            self.quiet_since = now;
            self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        }
    }

    fn caller_text(&mut self, now: CallTime, text: String) {
        if self.phase != Phase::Active || text.trim().is_empty() {
            return;
        }
        self.silence_prompts_said = 0;
        self.interrupt(StopReason::Interrupted);
        if self.turn.is_some() {
            // Spoken and written at once: answered together when the speech is over.
            self.carried.push(text);
        } else {
            let mut words = mem::take(&mut self.carried);
            words.push(text);
            self.answer(now, words.join(" "), None);
        }
    }

    // ── the agent's side ───────────────────────────────────────────────────────────────────

    fn next_reply(&mut self) -> ReplyId {
        self.last_reply += 1;
        ReplyId(self.last_reply)
    }

    fn answer(&mut self, now: CallTime, to: String, speech_ended: Option<CallTime>) {
        let reply = self.next_reply();
        self.begin(now, reply, Content::Answer(to.clone()));
        self.outputs.push_back(TurnOutput::State(AgentState::Thinking));
        self.outputs.push_back(TurnOutput::Reply { reply, to, speech_ended });
    }

    fn say(&mut self, now: CallTime, line: Line) {
        let reply = self.next_reply();
        self.begin(now, reply, Content::Fixed(line));
        self.outputs.push_back(TurnOutput::Say { reply, line });
    }

    fn begin(&mut self, now: CallTime, reply: ReplyId, content: Content) {
        debug_assert!(matches!(self.agent, Agent::Idle), "{reply} starts over another reply");
        self.agent = Agent::Busy { reply, content, since: now, audible: false };
    }

    fn reply_audible(&mut self, now: CallTime, id: ReplyId) {
        if let Agent::Busy { reply, since, audible, .. } = &mut self.agent
            && *reply == id
            && !*audible
        {
            *audible = true;
            *since = now;
            self.outputs.push_back(TurnOutput::State(AgentState::Speaking));
        }
    }

    fn reply_ended(&mut self, now: CallTime, id: ReplyId, outcome: ReplyOutcome) {
        let Agent::Busy { reply, content, .. } = &self.agent else { return };
        if *reply != id {
            return; // stopped meanwhile
        }
        let content = content.clone();
        self.agent = Agent::Idle;
        self.quiet_since = now;
        if let Phase::Ending(reason) = self.phase {
            self.end(reason);
            return;
        }
        self.outputs.push_back(TurnOutput::State(AgentState::Listening));
        if let (Content::Answer(_), ReplyOutcome::Failed) = (content, outcome) {
            self.unanswered(None, UnansweredReason::ReplyFailed);
            if self.policy.apology {
                self.say(now, Line::Apology);
            }
        }
    }

    /// Stops an interruptible reply; what it answered comes again if nothing of it was heard.
    fn interrupt(&mut self, why: StopReason) {
        let Agent::Busy { reply, content, audible, .. } = &self.agent else { return };
        if !content.interruptible() {
            return;
        }
        let (reply, content, audible) = (*reply, content.clone(), *audible);
        self.agent = Agent::Idle;
        let why = match content {
            Content::Answer(to) if !audible => {
                self.carried.push(to);
                StopReason::CallerWentOn
            }
            Content::Answer(_) | Content::Fixed(_) => why,
        };
        self.outputs.push_back(TurnOutput::Stop { reply, why });
        self.outputs.push_back(TurnOutput::State(AgentState::Listening));
    }

    fn give_up_reply(&mut self, now: CallTime) {
        let Agent::Busy { reply, .. } = &self.agent else { return };
        let reply = *reply;
        self.outputs.push_back(TurnOutput::Stop { reply, why: StopReason::TimedOut });
        self.reply_ended(now, reply, ReplyOutcome::Failed);
    }

    fn break_silence(&mut self, now: CallTime) {
        if self.silence_prompts_said < self.policy.silence_prompts {
            self.say(now, Line::SilencePrompt(self.silence_prompts_said));
            self.silence_prompts_said += 1;
        } else {
            self.say_goodbye(now, EndReason::Silence);
        }
    }

    // ── the end ────────────────────────────────────────────────────────────────────────────

    fn say_goodbye(&mut self, now: CallTime, reason: EndReason) {
        self.close_open_work(StopReason::Ending);
        if !self.policy.goodbye {
            self.end(reason);
            return;
        }
        self.phase = Phase::Ending(reason);
        self.say(now, Line::Goodbye);
    }

    fn end(&mut self, reason: EndReason) {
        self.close_open_work(StopReason::Ending);
        self.phase = Phase::Ended;
        self.outputs.push_back(TurnOutput::End(reason));
    }

    fn close_open_work(&mut self, why: StopReason) {
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

    fn unanswered(&mut self, utterance: Option<UtteranceId>, why: UnansweredReason) {
        self.outputs.push_back(TurnOutput::Unanswered { utterance, why });
    }
}

impl Content {
    const fn interruptible(&self) -> bool {
        match self {
            Self::Answer(_) => true,
            Self::Fixed(line) => line.interruptible(),
        }
    }
}
