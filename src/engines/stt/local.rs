//! Ears in an engine process of this machine.

use async_trait::async_trait;
use sawt_engine_protocol::v1::speech_to_text_client::SpeechToTextClient;
use sawt_engine_protocol::v1::{self, transcribe_event::Event};

use super::{SpeechToText, Transcript, Utterance};
use crate::audio::{CALLER_RATE_HZ, to_bytes};
use crate::engines::EngineError;
use crate::engines::rpc::{RESTART_PATIENCE, error_of};
use crate::supervisor::EngineHandle;

/// Client of `sawt-stt`. A request that meets a dying engine is made once more after its restart:
/// transcribing is idempotent.
#[derive(Debug, Clone)]
pub struct LocalStt {
    engine: EngineHandle,
}

impl LocalStt {
    /// A client of `engine`.
    pub fn new(engine: EngineHandle) -> Self {
        Self { engine }
    }

    async fn once(&self, request: v1::TranscribeRequest) -> Result<Transcript, EngineError> {
        let error = |status: tonic::Status| error_of(&self.engine, &status);
        let channel = self.engine.ready(RESTART_PATIENCE).await?;
        let mut client = SpeechToTextClient::new(channel);
        let mut events = client.transcribe(request).await.map_err(error)?.into_inner();
        while let Some(event) = events.message().await.map_err(error)? {
            if let Some(Event::Final(heard)) = event.event {
                return Ok(Transcript {
                    text: heard.text,
                    language: heard.language,
                    language_probability: heard.language_probability,
                    no_speech_probability: heard.no_speech_probability,
                    confidence: heard.confidence,
                    inference_ms: heard.inference_ms,
                });
            }
        }
        let detail = "it ended without a transcript".to_owned();
        Err(EngineError::Unavailable { engine: "stt", detail })
    }
}

#[async_trait]
impl SpeechToText for LocalStt {
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
        let priority = if request.partial {
            v1::TranscribePriority::Partial
        } else {
            v1::TranscribePriority::Final
        };
        let request = v1::TranscribeRequest {
            pcm_s16le: to_bytes(&request.pcm),
            sample_rate_hz: CALLER_RATE_HZ,
            languages: request.languages,
            prompt: request.prompt,
            priority: priority.into(),
        };
        match self.once(request.clone()).await {
            Err(EngineError::Unavailable { detail, .. }) => {
                tracing::warn!(%detail, "Transcribing once more.");
                self.engine.notice_loss().await;
                self.once(request).await
            }
            other => other,
        }
    }
}
