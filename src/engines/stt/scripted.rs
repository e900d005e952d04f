//! Ears for tests and load: hear what they were told to, after a stated delay.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use super::{SpeechToText, Transcript, Utterance};
use crate::engines::EngineError;

/// Answers with the next line of its script, then with the last one for ever.
#[derive(Debug)]
pub struct ScriptedStt {
    script: Mutex<VecDeque<Result<String, EngineError>>>,
    delay: Duration,
}

impl ScriptedStt {
    /// Hears `lines` one after another, each after `delay`.
    pub fn new(lines: impl IntoIterator<Item = &'static str>, delay: Duration) -> Self {
        Self::with_results(lines.into_iter().map(|l| Ok(l.to_owned())), delay)
    }

    /// Hears or fails as told.
    pub fn with_results(
        results: impl IntoIterator<Item = Result<String, EngineError>>,
        delay: Duration,
    ) -> Self {
        Self { script: Mutex::new(results.into_iter().collect()), delay }
    }
}

#[async_trait]
impl SpeechToText for ScriptedStt {
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
        tokio::time::sleep(self.delay).await;
        let next = {
            let mut script = self.script.lock().unwrap_or_else(|e| e.into_inner());
            if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
        };
        let text = next.unwrap_or(Ok(String::new()))?;
        let languages = &request.languages;
        Ok(Transcript {
            language: crate::speech::language_of(&text, languages).to_owned(),
            text,
            language_probability: if languages.len() == 1 { 1.0 } else { 0.95 },
            confidence: 0.9,
            no_speech_probability: 0.0,
            inference_ms: u32::try_from(self.delay.as_millis()).unwrap_or(u32::MAX),
        })
    }
}
