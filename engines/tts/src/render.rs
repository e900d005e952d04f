//! What every voice does, whatever is behind it: a sentence in, audio out, in one step or several.

use std::sync::Arc;

use sawt_engine_protocol::v1::Vocalised;

use crate::piper::latents::Latents;

/// What a rendering thread is asked for: one step.
#[derive(Debug)]
pub(crate) enum Task {
    /// The first audio of a sentence.
    Sentence(Sentence),
    /// The next audio of a sentence that was begun.
    Rest(Box<Latents>),
}

/// A sentence to render.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub(crate) text: String,
    /// 1 is the voice's own pace.
    pub(crate) speed: f32,
    /// Words that get no vowels added.
    pub(crate) as_given: Arc<[String]>,
}

/// What a step made, at the voice's own rate.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) pcm: Vec<f32>,
    /// Told with the first step of a sentence.
    pub(crate) opening: Option<Opening>,
    /// More is to be made; whoever drops it cancels the sentence.
    pub(crate) rest: Option<Box<Latents>>,
}

/// What is known of a whole sentence when its first audio is made.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Opening {
    pub(crate) phonemes: String,
    /// When each word starts, in samples; empty if the voice can not tell.
    pub(crate) words: Vec<(String, u64)>,
    /// Samples of the whole sentence.
    pub(crate) samples: u64,
    /// The text with vowels, where a diacritizer read it.
    pub(crate) vocalised: Option<Vocalised>,
}

/// Why a sentence could not be rendered.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RenderError {
    #[error("the caller no longer waits")]
    Cancelled,
    #[error("{0}")]
    Failed(String),
}
