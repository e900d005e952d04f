//! The caller's audio out to the ears, as a task beside the call.

use std::sync::Arc;
use std::time::Duration;

use super::{Call, Outcome, Transcription};
use crate::call::hearing::{Ears, Heard};
use crate::engines::EngineError;
use crate::engines::stt::Utterance;
use crate::turn::{CallTime, UtteranceId};

impl Call {
    pub(super) fn transcribe(
        &mut self,
        utterance: UtteranceId,
        from: CallTime,
        until: CallTime,
        partial: bool,
    ) {
        let hearing = self.hear(from, until, partial);
        let outcomes = self.outcomes.clone();
        let task = tokio::spawn(async move {
            let result = hearing.await;
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::Transcript(utterance, result)).await;
        });
        let sound = self.listening.sound(from, until);
        let asked = Transcription { from, until, sound, task: task.abort_handle() };
        self.transcriptions.insert(utterance, asked);
    }

    /// The words in the caller's audio between these times, within the ears' patience.
    pub(super) fn hear(
        &self,
        from: CallTime,
        until: CallTime,
        partial: bool,
    ) -> impl Future<Output = Result<Heard, EngineError>> + Send + use<> {
        let request = Utterance {
            pcm: self.listening.cut(from, until),
            languages: self.languages.expected(),
            prompt: self.config.stt.prompt.clone(),
            partial,
        };
        let patience = Duration::from_millis(u64::from(self.config.stt.timeout_ms));
        let ears = Ears {
            stt: Arc::clone(&self.engines.stt),
            lock: self.languages.clone(),
            guard: self.guard.clone(),
            from,
            sound: self.listening.sound(from, until),
            usual_dbfs: self.usual_level.dbfs(),
        };
        async move {
            let heard = tokio::time::timeout(patience, ears.hear(request)).await;
            heard.unwrap_or(Err(EngineError::TimedOut { engine: "stt", after: patience }))
        }
    }
}
