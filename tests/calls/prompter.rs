//! Ears that a test speaks into: for languages that the starter's voices and ears do not hold a conversation in.

use std::sync::Mutex;

use async_trait::async_trait;
use sawt::engines::EngineError;
use sawt::engines::stt::{SpeechToText, Transcript, Utterance};

/// Hears what the test says that is being said, however often it is asked.
#[derive(Debug, Default)]
pub(super) struct Prompter(Mutex<(&'static str, &'static str)>);

impl Prompter {
    /// From here on it hears `words`, which are in `language`.
    pub(super) fn hears(&self, words: &'static str, language: &'static str) {
        *self.0.lock().unwrap() = (words, language);
    }
}

#[async_trait]
impl SpeechToText for Prompter {
    async fn transcribe(&self, _: Utterance) -> Result<Transcript, EngineError> {
        let (text, language) = *self.0.lock().unwrap();
        Ok(Transcript {
            text: text.into(),
            language: language.into(),
            language_probability: 0.95,
            confidence: 0.9,
            no_speech_probability: 0.0,
            inference_ms: 1,
        })
    }
}
