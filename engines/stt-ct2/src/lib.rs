//! Sawt's STT engine on CTranslate2, behind the engine contract.
//!
//! `sawt-stt-common` takes requests and decides who is next; here `decode` makes one pass over one
//! utterance: `mel` (spectrogram) → CTranslate2 (encoder and decoder, 8-bit weights) → `vocabulary`
//! (tokens to text). `model` guards the folder. The library decodes a whole utterance in one call,
//! so cancellation is heard between encoder and decoder only, and before a long text is gone on with.
//! Keeps nothing of a request once it is answered.

pub mod decode;
pub mod mel;
pub mod model;
pub mod vocabulary;
