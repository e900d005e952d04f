//! How a call is carried: the caller's audio and text in, the agent's audio, captions and state
//! out. One trait, three transports: LiveKit, the machine's own microphone, WAV files.
//!
//! The transport also owns the call's clock, because a WAV call counts time in samples.

pub mod livekit;
#[cfg(feature = "microphone")]
pub mod microphone;
pub mod wav;

use async_trait::async_trait;

use crate::turn::CallTime;

/// Carries one call. Owned by the call's task; every method but the two async ones returns at once.
#[async_trait]
pub trait CallTransport: Send {
    /// Time since this transport was opened, by this transport's own clock.
    fn now(&self) -> CallTime;

    /// The next thing that happened. Cancel-safe. Yields at least one event every 20 ms
    /// ([`TransportEvent::Tick`] when there is nothing else), so the call needs no other timer.
    /// After [`TransportEvent::Closed`] it is not called again.
    async fn next_event(&mut self) -> TransportEvent;

    /// Whether time stands still until `next_event` is called (WAV files as fast as possible):
    /// the call then lets its engines finish before it asks for the next event.
    fn time_waits(&self) -> bool {
        false
    }

    /// Rate of the audio for [`Self::push_audio`].
    fn agent_rate_hz(&self) -> u32;

    /// How far ahead of the caller's ear the call may push audio, in milliseconds: enough that a
    /// late wake-up is not heard, little enough that an interruption is obeyed at once.
    fn lead_ms(&self) -> u32;

    /// Queues agent audio, mono PCM at [`Self::agent_rate_hz`], to be heard after what was pushed
    /// before.
    fn push_audio(&mut self, pcm: &[i16]);

    /// Drops agent audio that was pushed and not heard yet.
    fn clear_audio(&mut self);

    /// Shows who said what, where the transport can.
    fn send_caption(&mut self, caption: Caption);

    /// Tells the caller's side what the agent is doing, where the transport can.
    fn set_agent_state(&mut self, state: AgentState);

    /// Shows a value beside the agent's name for those who watch the call, where the transport can.
    fn show(&mut self, _key: &'static str, _value: &str) {}

    /// Presses keys of the telephone, where the transport has any; false where it has none.
    fn send_dtmf(&mut self, _digits: &str) -> bool {
        false
    }

    /// Leaves. The reason is for the other side and the log.
    async fn close(&mut self, reason: &str);
}

/// What a transport reports.
#[derive(Debug, Clone, PartialEq)]
pub enum TransportEvent {
    /// Time has passed; nothing else did.
    Tick,
    /// The agent's audio can be heard: the caller is there and subscribed (or needs no subscription).
    CallerReady(Caller),
    /// Mono PCM at [`crate::audio::CALLER_RATE_HZ`], in order, about 20 ms.
    CallerAudio(Vec<i16>),
    /// The caller wrote instead of speaking.
    CallerText(String),
    /// Connection lost; the transport is trying to get it back.
    Reconnecting,
    /// Connection is back.
    Reconnected,
    /// The call is over.
    Closed(CloseReason),
}

/// Who the agent is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Unique in its room.
    pub identity: String,
    /// For people; may be empty.
    pub name: String,
}

/// Why a transport ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The caller hung up or left.
    CallerLeft,
    /// No caller came in time.
    NoCaller,
    /// The room was deleted or we were removed from it.
    RoomClosed,
    /// The network or the server failed for longer than reconnecting lasts; says what.
    Lost(String),
    /// The input ended (WAV file, console closed).
    InputEnded,
}

/// One caption. What belongs to a `segment` is one line; its last caption sticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// Who said it.
    pub speaker: Speaker,
    /// Which line on the screen.
    pub segment: u64,
    /// The whole line, or words to add.
    pub text: String,
    /// It is the whole line. The agent's is sent whole only to take back a word that was cut.
    pub whole: bool,
    /// Nothing more comes for this segment.
    pub last: bool,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The human.
    Caller,
    /// Us.
    Agent,
}

/// What the agent is doing, by LiveKit's words for it (`lk.agent.state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentState {
    /// Joined, not ready yet.
    Initializing,
    /// Waits for the caller to speak.
    Listening,
    /// Works on a reply.
    Thinking,
    /// Is heard.
    Speaking,
}

impl AgentState {
    /// The value of LiveKit's `lk.agent.state` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initializing => "initializing",
            Self::Listening => "listening",
            Self::Thinking => "thinking",
            Self::Speaking => "speaking",
        }
    }
}
