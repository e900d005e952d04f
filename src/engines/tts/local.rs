//! A voice in an engine process of this machine.

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use sawt_engine_protocol::v1;
use sawt_engine_protocol::v1::synthesize_event::Event;
use sawt_engine_protocol::v1::text_to_speech_client::TextToSpeechClient;
use tonic::Streaming;

use super::{Synthesis, SynthesisStats, Synthesized, TextToSpeech, Vocalised};
use crate::audio::from_bytes;
use crate::engines::EngineError;
use crate::engines::rpc::{RESTART_PATIENCE, error_of};
use crate::supervisor::EngineHandle;

/// Client of `sawt-tts`. A clause that the engine dies over is spoken again after its restart, from
/// where it stopped.
#[derive(Debug, Clone)]
pub struct LocalTts {
    engine: EngineHandle,
}

impl LocalTts {
    /// A client of `engine`.
    pub fn new(engine: EngineHandle) -> Self {
        Self { engine }
    }
}

/// A clause being spoken.
struct Speaking {
    engine: EngineHandle,
    request: v1::SynthesizeRequest,
    events: Option<Streaming<v1::SynthesizeEvent>>,
    /// Words told so far.
    words: Vec<(String, u64)>,
    given_samples: usize,
    /// After a restart: samples that were given before.
    skip_samples: usize,
    retried: bool,
    over: bool,
}

impl TextToSpeech for LocalTts {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let speaking = Speaking {
            engine: self.engine.clone(),
            request: v1::SynthesizeRequest {
                text: request.text,
                voice: request.voice,
                language: request.language,
                speed: request.speed,
                sample_rate_hz: request.sample_rate_hz,
                as_given: request.as_given,
            },
            events: None,
            words: Vec::new(),
            given_samples: 0,
            skip_samples: 0,
            retried: false,
            over: false,
        };
        stream::unfold(speaking, |mut speaking| async move {
            let next = speaking.next().await?;
            Some((next, speaking))
        })
        .boxed()
    }
}

impl Speaking {
    async fn next(&mut self) -> Option<Result<Synthesized, EngineError>> {
        if self.over {
            return None;
        }
        loop {
            match self.event().await {
                Ok(Some(Event::PcmS16le(bytes))) => {
                    let mut pcm = from_bytes(&bytes);
                    let skipped = self.skip_samples.min(pcm.len());
                    self.skip_samples -= skipped;
                    pcm.drain(..skipped);
                    if !pcm.is_empty() {
                        self.given_samples += pcm.len();
                        return Some(Ok(Synthesized::Audio(pcm)));
                    }
                }
                Ok(Some(Event::Words(told))) => {
                    self.words.extend(marks_of(told.words));
                    return Some(Ok(Synthesized::Words(self.words.clone())));
                }
                Ok(Some(Event::Done(done))) => {
                    self.over = true;
                    return Some(Ok(Synthesized::Done(stats_of(done))));
                }
                Ok(None) => {}
                Err(error) if matches!(error, EngineError::Unavailable { .. }) && !self.retried => {
                    tracing::warn!(%error, "Speaking the clause once more.");
                    self.engine.notice_loss().await;
                    self.retried = true;
                    self.events = None;
                    self.words.clear();
                    self.skip_samples = self.given_samples;
                }
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn event(&mut self) -> Result<Option<Event>, EngineError> {
        let engine = self.engine.clone();
        let error = |status: tonic::Status| error_of(&engine, &status);
        let events = match &mut self.events {
            Some(events) => events,
            None => {
                let channel = self.engine.ready(RESTART_PATIENCE).await?;
                let mut client = TextToSpeechClient::new(channel);
                let request = self.request.clone();
                let events = client.synthesize(request).await.map_err(error)?.into_inner();
                self.events.insert(events)
            }
        };
        match events.message().await.map_err(error)? {
            Some(event) => Ok(event.event),
            None => {
                let detail = "it ended in mid-clause".to_owned();
                Err(EngineError::Unavailable { engine: "tts", detail })
            }
        }
    }
}

fn stats_of(done: v1::SynthesizeDone) -> SynthesisStats {
    SynthesisStats {
        voice: done.voice,
        samples: done.samples,
        first_audio_ms: done.first_audio_ms,
        words: marks_of(done.words).collect(),
        phonemes: done.phonemes,
        vocalised: done.vocalised.map(|vocalised| Vocalised {
            text: vocalised.text,
            words: vocalised.words,
            words_refused: vocalised.words_refused,
            sentences_failed: vocalised.sentences_failed,
            took_us: vocalised.took_us,
        }),
    }
}

fn marks_of(words: Vec<v1::WordMark>) -> impl Iterator<Item = (String, u64)> {
    words.into_iter().map(|mark| (mark.word, mark.start_sample))
}
