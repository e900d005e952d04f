//! Text to speech.

#[cfg(feature = "remote")]
pub(crate) mod elevenlabs;
mod kept;
mod local;
#[cfg(feature = "remote")]
pub(crate) mod openai;
#[cfg(feature = "remote")]
mod remote_voice;
mod scripted;

use futures::stream::BoxStream;

#[cfg(feature = "remote")]
pub use elevenlabs::ElevenLabsTts;
pub use kept::KeptLines;
pub use local::LocalTts;
#[cfg(feature = "remote")]
pub use openai::OpenAiTts;
#[cfg(feature = "remote")]
pub(crate) use remote_voice::Voices as RemoteVoices;
pub use scripted::ScriptedTts;

use super::EngineError;

/// Speaks text.
pub trait TextToSpeech: Send + Sync {
    /// Audio of `request.text` in chunks as it is made, ending with [`Synthesized::Done`].
    /// Dropping the stream cancels the work.
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>>;

    /// The same for words that are said again and again: the audio may be kept.
    fn synthesize_line(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        self.synthesize(request)
    }
}

/// A clause to speak.
#[derive(Debug, Clone, Default)]
pub struct Synthesis {
    /// At most 2,000 characters.
    pub text: String,
    /// Empty: the first voice of `language`.
    pub voice: String,
    /// BCP 47 primary tag; may be empty when `voice` is given.
    pub language: String,
    /// 1 is the voice's own pace; 0 means 1.
    pub speed: f32,
    /// Rate of the audio wanted.
    pub sample_rate_hz: u32,
    /// Words of the text that no vowels are added to: the operator's own forms, and names.
    pub as_given: Vec<String>,
}

/// A piece of spoken text.
#[derive(Debug, Clone, PartialEq)]
pub enum Synthesized {
    /// All words known so far and when each starts, in samples from the start of this audio; comes
    /// before their audio, where the voice can tell.
    Words(Vec<(String, u64)>),
    /// Mono PCM at the rate asked for.
    Audio(Vec<i16>),
    /// The end.
    Done(SynthesisStats),
}

/// What a synthesis took and gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SynthesisStats {
    /// Voice that spoke.
    pub voice: String,
    /// Samples in all.
    pub samples: u64,
    /// Wall time to the first audio.
    pub first_audio_ms: u32,
    /// When each word starts, in samples from the start of this audio; empty if unknown.
    pub words: Vec<(String, u64)>,
    /// What the voice read, as sounds.
    pub phonemes: String,
    /// Arabic with the vowels that were added to it; `None` where nothing adds them.
    pub vocalised: Option<Vocalised>,
}

/// Arabic as the voice was given it. Never shown, kept, or sent to a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocalised {
    /// With vowels.
    pub text: String,
    /// Words in it.
    pub words: u32,
    /// Words whose reading was not believed: they stayed plain.
    pub words_refused: u32,
    /// Sentences over which the diacritizer failed: they stayed plain.
    pub sentences_failed: u32,
    /// Microseconds it took.
    pub took_us: u32,
}
