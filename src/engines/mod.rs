//! Ears, wits and voices of the agent, as traits. The call plane sees these and nothing behind
//! them: `local` is a gRPC client of an engine process, `scripted` a fake for fast tests; with the
//! feature `remote`, `openai` and `elevenlabs` are engines elsewhere, and `fallback` decides for each
//! request of a call who serves it.

#[cfg(feature = "remote")]
mod fallback;
mod lending;
pub mod llm;
pub mod ort_env;
#[cfg(feature = "remote")]
mod remote;
mod rpc;
mod running;
pub mod stt;
pub mod tts;
pub mod turn_detector;
pub mod vad;

use std::sync::Arc;
use std::time::Duration;

pub use lending::{Lender, MayLeave, RemoteSetupError, what_may_leave};
#[cfg(all(test, feature = "remote"))]
pub(crate) use remote::tests::peer;
pub use running::{RunningEngines, StartError};

use llm::LanguageModel;
use stt::SpeechToText;
use tts::TextToSpeech;
use turn_detector::TurnDetector;
use vad::VoiceActivity;

/// Makes one voice detector per caller.
pub type VadFactory = Arc<dyn Fn() -> Box<dyn VoiceActivity> + Send + Sync>;

/// The engines that serve a call; shared by all calls.
#[derive(Clone)]
pub struct Engines {
    /// Ears.
    pub stt: Arc<dyn SpeechToText>,
    /// Wits.
    pub llm: Arc<dyn LanguageModel>,
    /// Voice.
    pub tts: Arc<dyn TextToSpeech>,
    /// Voice detector.
    pub vad: VadFactory,
    /// Takes over when `vad` fails.
    pub vad_fallback: VadFactory,
    /// Judges pauses; without it silence and words decide.
    pub turn_detector: Option<Arc<dyn TurnDetector>>,
}

/// Why an engine did not answer. Ends with what the operator can do where there is something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// Not running, starting, or died during the request: worth one retry.
    #[error("{engine} engine is not available: {detail}")]
    Unavailable {
        /// "stt", "llm" or "tts"
        engine: &'static str,
        /// what happened
        detail: String,
    },
    /// Its queue is full.
    #[error("{engine} engine is overloaded")]
    Overloaded {
        /// "stt", "llm" or "tts"
        engine: &'static str,
    },
    /// It answered nothing for too long.
    #[error("{engine} engine gave no answer within {} ms", .after.as_millis())]
    TimedOut {
        /// "stt", "llm" or "tts"
        engine: &'static str,
        /// how long we waited
        after: Duration,
    },
    /// The request can never succeed (unknown voice, too long).
    #[error("{engine} engine refused the request: {detail}")]
    Refused {
        /// "stt", "llm" or "tts"
        engine: &'static str,
        /// why
        detail: String,
    },
    /// The model failed on this request.
    #[error("{engine} engine failed: {detail}")]
    Failed {
        /// "stt", "llm" or "tts"
        engine: &'static str,
        /// how
        detail: String,
    },
}

impl EngineError {
    /// Whether the same request may succeed on a second try.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Overloaded { .. } | Self::TimedOut { .. })
    }
}
