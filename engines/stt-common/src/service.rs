//! The engine's gRPC face: checks requests, hands them to the workers, words the answers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use sawt_engine_protocol::v1::{
    InfoRequest, InfoResponse, ProbeRequest, ProbeResponse, TranscribeEvent, TranscribePriority,
    TranscribeRequest, Transcript, engine_server::Engine, speech_to_text_server::SpeechToText,
    transcribe_event::Event,
};
use sawt_engine_protocol::{UTTERANCE_MS_MAX, server::rss_bytes};
use tonic::{Request, Response, Status};

use crate::bounds::{SAMPLE_RATE_HZ, samples_of};
use crate::decode;
use crate::queue::Priority;
use crate::worker::{Answer, Failure, Pending, Pool, Work};

/// Characters of a prompt, as the contract says.
const PROMPT_CHARS_MAX: usize = 200;
/// Languages one caller may speak; a longer list is a mistake.
const LANGUAGES_MAX: usize = 16;

/// Serves both services of the contract.
#[derive(Clone)]
pub struct Service {
    pub pool: Arc<Pool>,
    pub info: Arc<InfoResponse>,
}

#[tonic::async_trait]
impl Engine for Service {
    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        Ok(Response::new(InfoResponse::clone(&self.info)))
    }

    async fn probe(&self, _: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        let queue_depth = self.pool.depth() as u32;
        let answer = self.pool.submit(Priority::Probe, Work::Probe).await.map_err(status)?;
        Ok(Response::new(ProbeResponse {
            inference_us: answer.worked.as_micros() as u64,
            queue_depth,
            rss_bytes: rss_bytes(),
        }))
    }
}

#[tonic::async_trait]
impl SpeechToText for Service {
    type TranscribeStream = TranscribeStream;

    async fn transcribe(
        &self,
        request: Request<TranscribeRequest>,
    ) -> Result<Response<TranscribeStream>, Status> {
        let request = request.into_inner();
        let priority = match request.priority() {
            TranscribePriority::Final => Priority::Final,
            TranscribePriority::Partial => Priority::Partial,
        };
        let work = self.checked(request, priority)?;
        let audio_ms = (work.samples.len() as u64 * 1000 / u64::from(SAMPLE_RATE_HZ)) as u32;
        let pending = Some(self.pool.submit(priority, Work::Transcribe(work)));
        Ok(Response::new(TranscribeStream { pending, priority, audio_ms }))
    }
}

impl Service {
    /// The request as the decoder wants it.
    #[allow(clippy::result_large_err)] // tonic's Status, once per request
    fn checked(
        &self,
        request: TranscribeRequest,
        priority: Priority,
    ) -> Result<decode::Request, Status> {
        if request.sample_rate_hz != SAMPLE_RATE_HZ {
            return Err(Status::invalid_argument(format!(
                "audio must be at {SAMPLE_RATE_HZ} Hz, not {}; resample it",
                request.sample_rate_hz
            )));
        }
        if !request.pcm_s16le.len().is_multiple_of(2) {
            return Err(Status::invalid_argument(
                "audio has an odd number of bytes; send whole 16-bit samples",
            ));
        }
        let samples_max = UTTERANCE_MS_MAX as usize * SAMPLE_RATE_HZ as usize / 1000;
        if request.pcm_s16le.len() / 2 > samples_max {
            return Err(Status::invalid_argument(format!(
                "audio is longer than {UTTERANCE_MS_MAX} ms; split it"
            )));
        }
        if request.prompt.chars().count() > PROMPT_CHARS_MAX {
            return Err(Status::invalid_argument(format!(
                "the prompt is longer than {PROMPT_CHARS_MAX} characters; shorten it"
            )));
        }
        if request.languages.len() > LANGUAGES_MAX {
            return Err(Status::invalid_argument(format!(
                "more than {LANGUAGES_MAX} languages; name those the caller may speak"
            )));
        }
        let languages = request.languages.iter().map(|tag| primary(tag)).collect::<Vec<_>>();
        if let Some(unknown) = languages.iter().find(|code| !self.info.languages.contains(code)) {
            // At most what a language tag can be, so that a hostile one does not fill a log.
            let shown: String = unknown.chars().take(16).collect();
            return Err(Status::failed_precondition(format!(
                "model {} does not know language {shown:?}; use another model or language",
                self.info.model
            )));
        }
        Ok(decode::Request {
            samples: samples_of(&request.pcm_s16le),
            languages,
            prompt: request.prompt,
            // A caption is not worth seconds.
            second_look: priority == Priority::Final,
            positions: None,
        })
    }
}

/// `en-US` → `en`.
fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

/// One event, then the end. Dropping it cancels the work.
pub struct TranscribeStream {
    pending: Option<Pending>,
    priority: Priority,
    audio_ms: u32,
}

impl tokio_stream::Stream for TranscribeStream {
    type Item = Result<TranscribeEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(pending) = &mut self.pending else { return Poll::Ready(None) };
        let result = ready!(Pin::new(pending).poll(cx));
        self.pending = None;
        let (audio_ms, priority) = (self.audio_ms, self.priority);
        Poll::Ready(Some(result.map(|a| event(a, audio_ms, priority)).map_err(status)))
    }
}

fn event(answer: Answer, audio_ms: u32, priority: Priority) -> TranscribeEvent {
    let transcript = Transcript {
        text: answer.heard.text,
        language: answer.heard.language,
        language_probability: answer.heard.language_probability,
        confidence: answer.heard.confidence,
        no_speech_probability: answer.heard.no_speech_probability,
        audio_ms,
        inference_ms: answer.worked.as_millis() as u32,
        queue_ms: answer.queued.as_millis() as u32,
    };
    tracing::debug!(
        audio_ms,
        inference_ms = transcript.inference_ms,
        queue_ms = transcript.queue_ms,
        confidence = transcript.confidence,
        language = %transcript.language,
        "Transcribed."
    );
    let event = match priority {
        Priority::Partial => Event::Partial(transcript),
        Priority::Final | Priority::Probe => Event::Final(transcript),
    };
    TranscribeEvent { event: Some(event) }
}

fn status(failure: Failure) -> Status {
    let words = failure.to_string();
    match failure {
        Failure::Full | Failure::Shed => Status::resource_exhausted(words),
        Failure::Stopping => Status::unavailable(words),
        Failure::Engine(_) => Status::internal(words),
    }
}
