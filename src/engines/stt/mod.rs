//! Speech to text.

mod local;
#[cfg(feature = "remote")]
pub(crate) mod openai;
mod scripted;

use async_trait::async_trait;

pub use local::LocalStt;
#[cfg(feature = "remote")]
pub use openai::OpenAiStt;
pub use scripted::ScriptedStt;

use super::EngineError;

/// Hears words in an utterance.
#[async_trait]
pub trait SpeechToText: Send + Sync {
    /// The words in `request`. Dropping the future cancels the work.
    ///
    /// # Errors
    /// When the engine is away, overloaded, or fails on this audio.
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError>;
}

/// Audio to transcribe.
#[derive(Debug, Clone)]
pub struct Utterance {
    /// Mono PCM at [`crate::audio::CALLER_RATE_HZ`], at most 30 s.
    pub pcm: Vec<i16>,
    /// Languages the caller may speak, BCP 47 primary tags; one locks it.
    pub languages: Vec<String>,
    /// Names and terms to expect.
    pub prompt: String,
    /// Captions and speculation: shed first under load.
    pub partial: bool,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcript {
    /// Trimmed; empty when no words were heard.
    pub text: String,
    /// BCP 47 primary tag.
    pub language: String,
    /// How probable that language is among all that the model knows, 0..1; 1 where it was locked.
    pub language_probability: f32,
    /// Geometric mean of token probabilities, 0..1.
    pub confidence: f32,
    /// The model's own probability that nobody spoke, 0..1; weak by itself.
    pub no_speech_probability: f32,
    /// Wall time the engine worked.
    pub inference_ms: u32,
}
