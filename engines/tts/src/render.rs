//! What every voice does, whatever is behind it: a sentence in, audio out.

/// A rendered sentence, at the voice's own rate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rendered {
    pub(crate) pcm: Vec<f32>,
    pub(crate) phonemes: String,
    /// When each word starts, in samples; empty if the voice can not tell.
    pub(crate) words: Vec<(String, u64)>,
}

/// Why a sentence could not be rendered.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum RenderError {
    #[error("the caller no longer waits")]
    Cancelled,
    #[error("{0}")]
    Failed(String),
}

/// A sentence to render.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub(crate) text: String,
    /// 1 is the voice's own pace.
    pub(crate) speed: f32,
}
