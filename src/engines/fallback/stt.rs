//! Ears that may be elsewhere. Transcribing is idempotent: who takes over begins anew.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Lane, Permit, Route, Side};
use crate::engines::EngineError;
use crate::engines::stt::{SpeechToText, Transcript, Utterance};

/// The ears of one call.
pub(crate) struct FallbackStt {
    pub(crate) local: Arc<dyn SpeechToText>,
    pub(crate) lane: Arc<Lane<dyn SpeechToText>>,
    pub(crate) permit: Permit,
}

#[async_trait]
impl SpeechToText for FallbackStt {
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
        if request.partial {
            // What may be thrown away is not worth sending away.
            return self.local.transcribe(request).await;
        }
        let mut route = Route::new(&self.lane, &self.permit);
        let mut last = None;
        while let Some(mut step) = route.next_step() {
            let engine = match (step.side, &self.lane.remote) {
                (Side::Remote, Some(remote)) => remote,
                (Side::Remote | Side::Local, _) => &self.local,
            };
            let mut request = request.clone();
            if step.side == Side::Remote
                && !(self.lane.site.text_may_leave && self.permit.grant.text)
            {
                // The names to expect are text.
                request.prompt.clear();
            }
            let error = match step.wait(engine.transcribe(request)).await {
                Ok(Ok(heard)) => {
                    step.succeeded();
                    return Ok(heard);
                }
                Ok(Err(error)) | Err(error) => error,
            };
            step.failed(&error);
            let goes_on = route.goes_on_after(step.side, &error);
            last = Some(error);
            if !goes_on {
                break;
            }
        }
        let detail = "nobody was there to ask".to_owned();
        Err(last.unwrap_or(EngineError::Unavailable { engine: "stt", detail }))
    }
}
