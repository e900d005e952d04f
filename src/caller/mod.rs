//! A synthetic caller: joins a real room, speaks WAV files at the pace of life, and times the
//! answers from what it hears. Knows nothing of the agent but what any caller gets.

pub mod measure;
mod presence;
mod script;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::audio::wav::{self, WavError};
use crate::livekit_api::{LiveKitApi, LiveKitApiError};
use crate::transport::livekit::{RoomError, SdkError};

pub use script::call;

/// Rate at which the caller speaks, hears and records.
pub const RATE_HZ: u32 = 24_000;

/// Silence after which an answer of ours is over.
pub const ANSWER_GAP: Duration = Duration::from_secs(1);

/// How a call is made.
#[derive(Debug)]
pub struct CallPlan {
    /// The server and our key to it.
    pub api: LiveKitApi,
    /// The SDK library's file.
    pub library: PathBuf,
    /// Room to meet in.
    pub room: String,
    /// Name in the room.
    pub identity: String,
    /// Agent to ask for; empty: it comes by itself.
    pub agent_name: String,
    /// What to say, in order.
    pub turns: Vec<Turn>,
    /// How long an answer may take to begin.
    pub answer_max: Duration,
    /// Silence after which an answer is over: [`ANSWER_GAP`], or longer for agents that pause
    /// between their sentences and do not say that they are still busy.
    pub answer_gap: Duration,
    /// Speak again this long after an answer began, instead of hearing it out.
    pub barge_in_after: Option<Duration>,
    /// Keep what was said and heard.
    pub record: bool,
}

/// One turn of the caller.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Spoken.
    Speech(Utterance),
    /// Written into the chat.
    Text(String),
}

/// Something to say.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// For the report.
    pub name: String,
    /// Mono PCM at [`RATE_HZ`].
    pub pcm: Vec<i16>,
    /// Where its speech ends, in milliseconds.
    pub speech_end_ms: f64,
}

/// What is known beside a WAV file, in a `.json` of the same name.
#[derive(Debug, serde::Deserialize)]
struct Annotation {
    speech_end_ms: f64,
}

impl Utterance {
    /// Reads a WAV file of any rate and channels. A `.json` beside it may tell where speech ends.
    ///
    /// # Errors
    /// When one of them can not be used.
    pub fn read(path: &Path) -> Result<Self, CallError> {
        let pcm = wav::read(path, RATE_HZ)?;
        let sidecar = path.with_extension("json");
        let speech_end_ms = match std::fs::read_to_string(&sidecar) {
            Ok(text) => {
                serde_json::from_str::<Annotation>(&text)
                    .map_err(|e| CallError::Annotation { path: sidecar, detail: e.to_string() })?
                    .speech_end_ms
            }
            Err(_) => measure::speech_end_ms(&pcm, RATE_HZ),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, pcm, speech_end_ms })
    }
}

/// Why a call did not work out.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The file to say can not be read.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// The file beside it can not be read.
    #[error("{path}: {detail}; write it like {{\"speech_end_ms\": 1234}} or remove it")]
    Annotation {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The server's API said no.
    #[error(transparent)]
    Api(#[from] LiveKitApiError),
    /// The room could not be joined.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// Something in the room failed.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// Nobody answers the phone.
    #[error(
        "no agent came within {seconds} s: {dispatch}. Start one with `sawt serve` (same LiveKit \
         address and key), and compare its livekit.agent_name"
    )]
    NoAgent {
        /// How long we waited.
        seconds: u64,
        /// What became of the dispatch.
        dispatch: String,
    },
    /// The agent came and is silent.
    #[error("the agent joined but published no audio within {seconds} s; its log says why")]
    NoTrack {
        /// How long we waited.
        seconds: u64,
    },
    /// The agent went away.
    #[error("the agent left the room after {turns} answered turns; its log says why")]
    AgentLeft {
        /// Turns answered before.
        turns: usize,
    },
}

/// What a call was like.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// Room it took place in.
    pub room: String,
    /// From joining to the agent's track.
    pub agent_joined_ms: f64,
    /// The agent's words before the first turn.
    pub welcome: String,
    /// The turns, in order.
    pub turns: Vec<TurnReport>,
    /// Median of voice to voice.
    pub v2v_p50_ms: Option<f64>,
    /// 95th percentile of voice to voice.
    pub v2v_p95_ms: Option<f64>,
    /// Both sides at [`RATE_HZ`], if recorded.
    #[serde(skip)]
    pub recording: Option<Recording>,
}

/// Both sides of a call on one clock.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// What we said.
    pub caller: Vec<i16>,
    /// What we heard.
    pub agent: Vec<i16>,
}

/// One turn and its answer.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TurnReport {
    /// File name, or the text that was typed.
    pub said: String,
    /// What the agent's captions say that we said.
    pub heard: String,
    /// What its captions say that it said.
    pub answer: String,
    /// End of our speech (or sending of our text) to the first sound of the answer; negative if
    /// the agent did not wait for the end.
    pub v2v_ms: Option<f64>,
    /// First to last sound of the answer.
    pub answer_ms: f64,
    /// When we interrupted: from the start of our next utterance to the agent's last sound.
    pub stopped_ms: Option<f64>,
    /// When the answer began, since the call began.
    pub answer_from_ms: f64,
    /// The answer's audio at [`RATE_HZ`].
    #[serde(skip)]
    pub answer_pcm: Vec<i16>,
}

impl CallReport {
    /// Turns that got no spoken answer.
    pub fn unanswered(&self) -> usize {
        self.turns.iter().filter(|t| t.v2v_ms.is_none()).count()
    }
}
