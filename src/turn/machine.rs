//! The turn machine: its state, and the few timers between the two sides. What the caller does is
//! in [`caller`], what the agent does in [`agent`], both at once in [`interruption`], and what covers a silence between them
//! in [`waiting`]. What others order is in [`ordered`].

mod agent;
mod caller;
mod interruption;
mod ordered;
mod pause;
mod waiting;

use std::collections::VecDeque;
use std::time::Duration;

use super::{
    CallTime, EndReason, Endpointing, Line, ReplyId, StopReason, TranscriptOutcome, TurnInput,
    TurnOutput, TurnPolicy, UtteranceId,
};

/// How much longer a pause must be after each early transcript that was in vain.
const EARLY_TRANSCRIPT_BACKOFF: Duration = Duration::from_millis(50);

/// Longest time that speech which may have begun holds up the end of a turn: the voice detector is
/// sure sooner.
const LIKELY_MAX: Duration = Duration::from_millis(200);

/// Most characters that wait for one answer: two of the longest messages. Written in a flood, or spoken for minutes
/// without ever hearing an answer, more would only outgrow what a model reads.
const WAITING_CHARS_MAX: usize = 4_000;

/// See the module's documentation for how it is driven.
#[derive(Debug)]
pub struct TurnMachine {
    policy: TurnPolicy,
    endpointing: Endpointing,
    phase: Phase,
    /// When the call became active; its length is counted from here.
    active_since: CallTime,
    caller: Voice,
    /// Since when the caller may be speaking, though nobody is sure.
    likely_since: Option<CallTime>,
    turn: Option<OpenTurn>,
    agent: Agent,
    /// A reply that is made ahead of the end of the turn.
    prepared: Option<Prepared>,
    /// Whether there is power to spare for work that may be thrown away.
    speculation_allowed: bool,
    /// The words so far of somebody who speaks over the reply, being transcribed.
    probe: Option<UtteranceId>,
    /// What was murmured over the reply.
    murmur: Option<Murmur>,
    /// What is heard while the caller waits.
    cover: waiting::Cover,
    /// What others want said or ended when the agent is free.
    orders: ordered::Orders,
    /// Words that were said to a reply which was stopped before it was heard.
    carried: Vec<String>,
    /// Where the turn that was answered last had paused.
    answered_pause: Option<CallTime>,
    /// End of the last thing that either side did; silence is counted from here.
    quiet_since: CallTime,
    silence_prompts_said: usize,
    /// Answers of which the caller heard something.
    answers: u32,
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
    Speaking {
        since: CallTime,
    },
    /// Silent since `at`: a breath, or the end.
    Paused {
        since: CallTime,
        at: CallTime,
    },
}

/// The caller's turn while it is not answered.
#[derive(Debug)]
struct OpenTurn {
    /// Start of its first speech.
    began: CallTime,
    /// Start of the speech that is not yet sent to be transcribed.
    from: CallTime,
    /// End of the last speech; `None` while the caller speaks.
    paused_at: Option<CallTime>,
    parts: Vec<Part>,
    /// What the turn detector was asked and said about the pause.
    judgement: pause::Judgement,
    /// Long enough: answered as soon as it is transcribed, whatever the caller does.
    full: bool,
    /// Transcripts that were asked at a pause and dropped because the caller went on.
    dropped: u32,
    /// A prepared reply to it has failed: the next attempt is the reply itself.
    unprepared: bool,
    /// Said over a reply, and it was decided what that means for the reply.
    judged: bool,
    /// Its speech was going on when the reply began: it does not mean to interrupt it.
    older_than_reply: bool,
    /// The words so far were asked for.
    probed: bool,
}

/// Listeners' noises over a reply: no turn, unless the reply ends at once.
#[derive(Debug)]
struct Murmur {
    at: CallTime,
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
    Busy {
        reply: ReplyId,
        content: Content,
        /// When it began; once it is audible, when it became so.
        since: CallTime,
        audible: bool,
        /// Silent while it is decided what the caller said over it.
        hushed: bool,
    },
}

#[derive(Debug)]
struct Prepared {
    reply: ReplyId,
    /// The words it answers.
    to: String,
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
            endpointing: Endpointing::new(policy.endpointing.clone()),
            policy,
            phase: Phase::Waiting,
            active_since: CallTime::ZERO,
            caller: Voice::Silent,
            likely_since: None,
            turn: None,
            agent: Agent::Idle,
            prepared: None,
            speculation_allowed: true,
            probe: None,
            murmur: None,
            cover: waiting::Cover::default(),
            orders: ordered::Orders::default(),
            carried: Vec::new(),
            answered_pause: None,
            quiet_since: CallTime::ZERO,
            silence_prompts_said: 0,
            answers: 0,
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
            TurnInput::SpeechLikely => self.likely_since = Some(now),
            TurnInput::SpeechUnlikely => self.likely_since = None,
            TurnInput::SpeechStarted { at } => self.speech_started(at),
            TurnInput::SpeechPaused { at } => self.speech_paused(at),
            TurnInput::SpeechResumed { at } => self.speech_resumed(at),
            TurnInput::SpeechEnded { at } => self.speech_ended(now, at),
            TurnInput::PauseJudged { at, complete } => self.pause_judged(at, complete),
            TurnInput::Transcript { utterance, outcome } => {
                self.transcript(now, utterance, outcome);
            }
            TurnInput::CallerText(text) => self.caller_text(now, text),
            TurnInput::ReplyAudible { reply } => self.reply_audible(now, reply),
            TurnInput::ReplyEnded { reply, outcome } => self.reply_ended(now, reply, outcome),
            TurnInput::SayLine(line) => self.order_line(line),
            TurnInput::Close { reason, line } => self.order_close(reason, line),
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
                _ => {
                    self.speculate();
                    self.settle_cover();
                    return;
                }
            }
        }
        debug_assert!(false, "timers that are due again at once");
    }

    /// Somebody else answers from now on, with other patience. What was learnt of the caller's
    /// pauses is learnt anew.
    pub fn follow(&mut self, policy: TurnPolicy) {
        self.endpointing = Endpointing::new(policy.endpointing.clone());
        self.policy = policy;
        self.discard_prepared(); // whoever made it does not answer any more
    }

    /// Under load the work that may be thrown away is shed first. What is prepared stays.
    pub fn allow_speculation(&mut self, allowed: bool) {
        self.speculation_allowed = allowed;
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
                self.close_at(),
                self.hush_at(),
                self.probe_at(),
                self.overrule_at(),
                self.judge_at(),
                self.resume_at(),
                self.utterance_full_at(),
                self.early_transcript_at(),
                self.judge_pause_at(),
                self.endpoint_at(),
                self.transcript_late_at(),
                self.agent_late_at(),
                self.filler_at(),
                self.thinking_sound_at(),
                self.line_at(),
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

    fn utterance_full_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref()?;
        matches!(self.caller, Voice::Speaking { .. }).then(|| turn.from + self.policy.utterance_max)
    }

    /// The caller's voice has paused for long enough to ask what was said so far.
    fn early_transcript_at(&self) -> Option<CallTime> {
        let Voice::Paused { at, .. } = self.caller else { return None };
        let turn = self.turn.as_ref().filter(|turn| !turn.full && turn.from < at)?;
        // Each one that was in vain asks for a longer pause; in the end speech is over first.
        let patience = self.policy.early_transcript? + EARLY_TRANSCRIPT_BACKOFF * turn.dropped;
        self.speculation_allowed.then(|| at + patience)
    }

    /// All parts are transcribed, the silence is long enough, and the agent is free to answer.
    fn endpoint_at(&self) -> Option<CallTime> {
        let turn = self.turn.as_ref().filter(|turn| self.is_answerable(turn))?;
        let paused_at = turn.paused_at?;
        // An answer that is heard for a tenth of a second before the caller goes on is worse than
        // one that comes a tenth of a second later.
        let sure_at = self.likely_since.map(|since| since + LIKELY_MAX);
        Some((paused_at + self.patience(turn)).max(sure_at.unwrap_or_default()))
    }

    /// All words of the turn are there, and the agent is free to answer them.
    fn is_answerable(&self, turn: &OpenTurn) -> bool {
        turn.is_transcribed() && matches!(self.agent, Agent::Idle) && self.phase == Phase::Active
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
        } else if due(self.close_at()) {
            self.close_as_ordered(now);
        } else if due(self.overrule_at()) {
            self.interrupt(StopReason::Interrupted);
        } else if due(self.hush_at()) {
            self.hush();
        } else if due(self.probe_at()) {
            self.probe(now);
        } else if due(self.judge_at()) {
            self.judge();
        } else if due(self.resume_at()) {
            self.go_on_speaking();
        } else if due(self.utterance_full_at()) {
            self.cut_utterance(now);
        } else if due(self.early_transcript_at()) {
            self.ask_early_transcript(now);
        } else if due(self.judge_pause_at()) {
            self.ask_judgement();
        } else if due(self.transcript_late_at()) {
            self.give_up_transcript();
        } else if due(self.agent_late_at()) {
            self.give_up_reply(now);
        } else if due(self.endpoint_at()) {
            self.commit_turn(now);
        } else if due(self.filler_at()) {
            self.say_filler();
        } else if due(self.thinking_sound_at()) {
            self.start_thinking_sound();
        } else if due(self.line_at()) {
            self.say_ordered(now);
        } else if due(self.silence_at()) {
            self.break_silence(now);
        }
    }
}

impl OpenTurn {
    const fn new(from: CallTime, paused_at: Option<CallTime>) -> Self {
        Self {
            began: from,
            from,
            paused_at,
            parts: Vec::new(),
            judgement: pause::Judgement::new(),
            full: false,
            dropped: 0,
            unprepared: false,
            judged: false,
            older_than_reply: false,
            probed: false,
        }
    }

    /// The caller is silent, and all that was said is there in words.
    fn is_transcribed(&self) -> bool {
        self.paused_at.is_some_and(|paused_at| self.from >= paused_at)
            && self.parts.iter().all(|p| p.outcome.is_some())
    }

    /// What was said, as far as it is transcribed.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| part.outcome.as_ref()?.text())
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
