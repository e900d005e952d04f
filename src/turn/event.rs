//! What goes into the turn machine and what comes out: one closed enum each.

use super::CallTime;

/// Names one request to transcribe. Unique within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtteranceId(pub u32);

impl std::fmt::Display for UtteranceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "u{}", self.0)
    }
}

/// Names one thing the agent says. Unique within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(pub u32);

impl std::fmt::Display for ReplyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Names a line that somebody else wants said; whoever ordered it knows its words. Unique within a
/// call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderedLine(pub u32);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnInput {
    /// The caller can hear the agent.
    CallerReady,
    /// Perhaps the caller begins to speak: it will be known in a moment.
    SpeechLikely,
    /// The caller did not.
    SpeechUnlikely,
    /// The voice detector is sure that speech began at `at`, a little while ago.
    SpeechStarted {
        /// where in the call the speech began
        at: CallTime,
    },
    /// The caller's voice paused at `at`, a moment ago: a breath, a consonant, or the end.
    SpeechPaused {
        /// where in the call the voice paused
        at: CallTime,
    },
    /// It was a breath: the voice went on at `at`.
    SpeechResumed {
        /// where in the call the voice went on
        at: CallTime,
    },
    /// The voice detector is sure that speech ended at `at`, a little while ago.
    SpeechEnded {
        /// where in the call the speech ended
        at: CallTime,
    },
    /// The answer to [`TurnOutput::JudgePause`]; it may come late or never.
    PauseJudged {
        /// where in the call the pause began
        at: CallTime,
        /// probability, 0..1, that the turn is complete
        complete: f32,
    },
    /// The answer to [`TurnOutput::Transcribe`].
    Transcript {
        /// of which request
        utterance: UtteranceId,
        /// what was heard
        outcome: TranscriptOutcome,
    },
    /// The caller wrote.
    CallerText(String),
    /// The first sample of a reply has been handed to the caller's ear.
    ReplyAudible {
        /// of which reply
        reply: ReplyId,
    },
    /// A reply that was not stopped is over.
    ReplyEnded {
        /// which
        reply: ReplyId,
        /// how
        outcome: ReplyOutcome,
    },
    /// Say this line when nothing else is being said and the caller waits for nothing: answered by
    /// [`TurnOutput::Say`]. Another one takes its place.
    SayLine(OrderedLine),
    /// End the call when what is being said is over: with this line, or else with the goodbye.
    Close {
        /// why
        reason: EndReason,
        /// what is said in place of the goodbye
        line: Option<OrderedLine>,
    },
    /// The caller left, or the call is being ended from outside.
    HangUp(EndReason),
}

/// What became of a transcription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscriptOutcome {
    /// These words; empty when there were none.
    Words(String),
    /// One or two words that were hardly understood: a hum is written "them". Not enough to stop a reply, unless
    /// they are a command; words as any where the caller has the floor.
    Murmur(String),
    /// The engine could not do it, retries included.
    Failed,
}

impl TranscriptOutcome {
    /// The words, where there are any.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Words(text) | Self::Murmur(text) => Some(text.as_str()).filter(|t| !t.is_empty()),
            Self::Failed => None,
        }
    }
}

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyOutcome {
    /// All of it was heard.
    Finished,
    /// The engines could not do it, retries included; some of it may have been heard.
    Failed,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnOutput {
    /// Transcribe the caller's audio between these times; answer with
    /// [`TurnInput::Transcript`], always.
    Transcribe {
        /// name of the request
        utterance: UtteranceId,
        /// start of the audio
        from: CallTime,
        /// end of the audio
        until: CallTime,
        /// the caller speaks on: words so far, for a quick decision
        partial: bool,
    },
    /// Judge by its sound whether the turn is complete that began at `from` and paused at `at`.
    /// Answer with [`TurnInput::PauseJudged`], or not at all: nothing waits for it.
    JudgePause {
        /// start of the turn
        from: CallTime,
        /// start of the pause, which also names it
        at: CallTime,
    },
    /// Nobody waits for this transcript any more.
    DropTranscript {
        /// name of the request
        utterance: UtteranceId,
    },
    /// Let the language model answer these words and speak the answer. Answer with
    /// [`TurnInput::ReplyAudible`] and [`TurnInput::ReplyEnded`].
    Reply {
        /// name of the reply
        reply: ReplyId,
        /// the caller's words
        to: String,
        /// when the caller's last word ended, for the stopwatch
        speech_ended: Option<CallTime>,
    },
    /// Make this reply ahead, for the turn is probably over: the answer's start and the audio of
    /// its first clause. Nothing of it is heard, shown or remembered before
    /// [`TurnOutput::Commit`]. Answered only when it fails, by [`TurnInput::ReplyEnded`].
    Prepare {
        /// name of the reply
        reply: ReplyId,
        /// the caller's words
        to: String,
    },
    /// The turn is over, and the prepared reply answers it: from here on it is a
    /// [`TurnOutput::Reply`] like any other.
    Commit {
        /// which
        reply: ReplyId,
        /// when the caller's last word ended, for the stopwatch
        speech_ended: Option<CallTime>,
    },
    /// The prepared reply answers what is no longer all: throw it away. Not answered.
    Discard {
        /// which
        reply: ReplyId,
    },
    /// Speak a fixed line. Answered like a reply.
    Say {
        /// name of the reply
        reply: ReplyId,
        /// which line
        line: Line,
    },
    /// Fall silent in this reply, heard or not: it may go on.
    Pause {
        /// which
        reply: ReplyId,
    },
    /// Go on with this reply where it was paused.
    Resume {
        /// which
        reply: ReplyId,
    },
    /// Stop this reply at once: nothing more of it is heard. Not answered.
    Stop {
        /// which
        reply: ReplyId,
        /// why
        why: StopReason,
    },
    /// The answer is late: say something short meanwhile. The answer is heard after it and never
    /// before its end; nothing waits for it, and it is not answered.
    SayFiller {
        /// its name, for it is a thing of its own that the agent says
        reply: ReplyId,
    },
    /// Stop this filler at once, if it is still heard. Not answered.
    StopFiller {
        /// which
        reply: ReplyId,
    },
    /// The caller waits for long: let them hear that somebody is there.
    StartThinkingSound,
    /// End that sound at once.
    StopThinkingSound,
    /// Words of the caller that get no reply, and why.
    Unanswered {
        /// which request, where there was one
        utterance: Option<UtteranceId>,
        /// why
        why: UnansweredReason,
    },
    /// Show what the agent is doing.
    State(crate::transport::AgentState),
    /// The call is over. Nothing comes after this.
    End(EndReason),
}

/// Lines that the agent says without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// At the start.
    Welcome,
    /// The caller has been silent; the how-manieth time, from 0.
    SilencePrompt(usize),
    /// A turn could not be answered.
    Apology,
    /// Before ending the call. Can not be interrupted.
    Goodbye,
    /// As [`TurnInput::SayLine`] ordered.
    Ordered(OrderedLine),
    /// As [`TurnInput::Close`] ordered, before ending the call. Can not be interrupted.
    Parting(OrderedLine),
}

impl Line {
    /// What an interruption may drop is a property of the line, not a flag somewhere else.
    pub const fn interruptible(self) -> bool {
        !matches!(self, Self::Goodbye | Self::Parting(_))
    }
}

/// Why a reply was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The caller spoke or wrote over it.
    Interrupted,
    /// The caller went on before anything was heard: the words it answered come again, longer.
    CallerWentOn,
    /// It took too long.
    TimedOut,
    /// The call ends.
    Ending,
}

/// Why words of the caller got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnansweredReason {
    /// No words were heard in it.
    NoWords,
    /// A listener's noise while the agent spoke.
    OverAgent,
    /// The engine could not transcribe it.
    TranscriptFailed,
    /// The engines could not answer it.
    ReplyFailed,
    /// More waits for an answer than one answer takes.
    TooMuch,
    /// The call ended first.
    CallEnded,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up or left.
    CallerLeft,
    /// Nobody came.
    NoCaller,
    /// The caller said nothing for too long.
    Silence,
    /// The agent had reason to end it: a rule or a tool said so.
    AgentEnded,
    /// Somebody else took the caller over.
    Transferred,
    /// The call reached its longest length.
    TooLong,
    /// The room was closed.
    RoomClosed,
    /// The network or the server was lost.
    Lost,
    /// The operator or LiveKit ended it.
    Stopped,
    /// The input ended (files).
    InputEnded,
}

impl EndReason {
    /// For logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallerLeft => "caller_left",
            Self::NoCaller => "no_caller",
            Self::Silence => "silence",
            Self::AgentEnded => "agent_ended",
            Self::Transferred => "transferred",
            Self::TooLong => "too_long",
            Self::RoomClosed => "room_closed",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
            Self::InputEnded => "input_ended",
        }
    }
}
