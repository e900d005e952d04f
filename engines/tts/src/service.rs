//! The engine contract: requests are checked and admitted here, cut into sentences, and their
//! audio streamed in pieces of 100 ms as it is made, each sentence's words before its audio.
//!
//! One task per request asks for one step ahead of what it sends. A caller that reads slowly
//! holds up its own request only; one that has gone cancels it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sawt_engine_protocol::server::rss_bytes;
use sawt_engine_protocol::v1::engine_server::Engine;
use sawt_engine_protocol::v1::synthesize_event::Event;
use sawt_engine_protocol::v1::text_to_speech_server::TextToSpeech;
use sawt_engine_protocol::v1::{
    InfoRequest, InfoResponse, ProbeRequest, ProbeResponse, SynthesizeDone, SynthesizeEvent,
    SynthesizeRequest, SynthesizeWords, WordMark,
};
use sawt_engine_protocol::{SAMPLE_RATES_HZ, SYNTHESIS_CHARS_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::diacritics;
use crate::loudness;
use crate::render::{Opening, RenderError, Rendered, Sentence, Task};
use crate::resample::Resampler;
use crate::text;
use crate::voices::{Voice, Voices};

/// Pieces made ahead of a slow reader: 3.2 s of audio. When full, its request waits.
const PIECES_AHEAD_MAX: usize = 32;
/// A probe that takes longer than this has failed.
const PROBE_WAIT_MAX: Duration = Duration::from_secs(20);

/// What the service tells about itself.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) threads: u32,
    pub(crate) workers: u32,
    pub(crate) load_ms: u64,
}

/// Serves both halves of the contract.
#[derive(Clone)]
pub(crate) struct Service {
    voices: Arc<Voices>,
    admission: Arc<Semaphore>,
    about: About,
}

impl Service {
    /// At most `requests_max` requests at once; more are refused as RESOURCE_EXHAUSTED.
    pub(crate) fn new(voices: Arc<Voices>, requests_max: u32, about: About) -> Self {
        let admission = Arc::new(Semaphore::new(requests_max as usize));
        Self { voices, admission, about }
    }
}

#[tonic::async_trait]
impl Engine for Service {
    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        let mut languages: Vec<String> =
            self.voices.list().iter().map(|voice| voice.language.clone()).collect();
        languages.sort();
        languages.dedup();
        Ok(Response::new(InfoResponse {
            kind: "tts".into(),
            engine_version: env!("CARGO_PKG_VERSION").into(),
            backend: self.voices.backend.clone(),
            model: self.voices.list().first().map(|v| v.name.clone()).unwrap_or_default(),
            device: "cpu".into(),
            threads: self.about.threads,
            languages,
            voices: self.voices.list().iter().map(Voice::info).collect(),
            context_tokens: 0,
            slots: self.about.workers,
            load_ms: self.about.load_ms,
        }))
    }

    async fn probe(&self, _: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        let started = now();
        let queue_depth = self.voices.queue_depth();
        for voice in self.one_voice_per_backend() {
            let (pool, index) = self.voices.pool_of(voice);
            let sentence = Sentence { text: "1 2".into(), speed: 2.0, as_given: Arc::default() };
            let answer = pool.submit(0, index, Task::Sentence(sentence), Arc::default());
            let rendered = tokio::time::timeout(PROBE_WAIT_MAX, answer)
                .await
                .map_err(|_| Status::internal(format!("voice {} gives no audio", voice.name)))?;
            if unpack(rendered)?.pcm.is_empty() {
                return Err(Status::internal(format!("voice {} gives no audio", voice.name)));
            }
        }
        Ok(Response::new(ProbeResponse {
            inference_us: started.elapsed().as_micros() as u64,
            queue_depth: queue_depth as u32,
            rss_bytes: rss_bytes(),
        }))
    }
}

impl Service {
    /// The first Piper voice and the first espeak voice: one per set of threads.
    fn one_voice_per_backend(&self) -> Vec<&Voice> {
        let mut out: Vec<&Voice> = Vec::new();
        for voice in self.voices.list() {
            let pool = self.voices.pool_of(voice).0;
            if !out.iter().any(|other| std::ptr::eq(self.voices.pool_of(other).0, pool)) {
                out.push(voice);
            }
        }
        out
    }
}

#[tonic::async_trait]
impl TextToSpeech for Service {
    type SynthesizeStream = ReceiverStream<Result<SynthesizeEvent, Status>>;

    async fn synthesize(
        &self,
        request: Request<SynthesizeRequest>,
    ) -> Result<Response<Self::SynthesizeStream>, Status> {
        let started = now();
        let request = request.into_inner();
        let (speed, rate_hz) = checked(&request)?;
        let voice = self.voices.choose(&request).map_err(Status::failed_precondition)?.clone();
        let permit = Arc::clone(&self.admission)
            .try_acquire_owned()
            .map_err(|_| Status::resource_exhausted("too many syntheses at once; try later"))?;
        let rate_hz = if rate_hz == 0 { voice.sample_rate_hz } else { rate_hz };
        let resampler = Resampler::new(voice.sample_rate_hz, rate_hz)
            .map_err(|error| Status::internal(error.to_string()))?;
        let (events, stream) = mpsc::channel(PIECES_AHEAD_MAX);
        let synthesis = Synthesis {
            voices: Arc::clone(&self.voices),
            sentences: text::sentences(&text::clean(&request.text)),
            as_given: request.as_given.into(),
            voice,
            speed,
            rate_hz,
            resampler,
            events,
            started,
            cancelled: Arc::default(),
            _permit: permit,
        };
        tokio::spawn(synthesis.run());
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

fn checked(request: &SynthesizeRequest) -> Result<(f32, u32), Status> {
    let chars = request.text.chars().count();
    if chars > SYNTHESIS_CHARS_MAX {
        return Err(Status::invalid_argument(format!(
            "text has {chars} characters; at most {SYNTHESIS_CHARS_MAX} are spoken at once"
        )));
    }
    let speed = if request.speed == 0.0 { 1.0 } else { request.speed };
    if !(0.5..=2.0).contains(&speed) {
        return Err(Status::invalid_argument(format!("speed {speed}; 0.5 to 2 is possible")));
    }
    let rate_hz = request.sample_rate_hz;
    if rate_hz != 0 && !SAMPLE_RATES_HZ.contains(&rate_hz) {
        return Err(Status::invalid_argument(format!(
            "sample rate {rate_hz} Hz; possible are {SAMPLE_RATES_HZ:?}, or 0 for the voice's own"
        )));
    }
    let given = request.as_given.iter().map(|word| word.chars().count()).sum::<usize>();
    if given > SYNTHESIS_CHARS_MAX {
        return Err(Status::invalid_argument(format!(
            "as_given has {given} characters; at most {SYNTHESIS_CHARS_MAX} can be in a text"
        )));
    }
    Ok((speed, rate_hz))
}

/// One request on its way.
struct Synthesis {
    voices: Arc<Voices>,
    sentences: Vec<String>,
    as_given: Arc<[String]>,
    voice: Voice,
    speed: f32,
    rate_hz: u32,
    resampler: Resampler,
    events: mpsc::Sender<Result<SynthesizeEvent, Status>>,
    started: Instant,
    /// Told to the rendering thread when this task ends early.
    cancelled: Arc<AtomicBool>,
    _permit: OwnedSemaphorePermit,
}

type Answer = oneshot::Receiver<Result<Rendered, RenderError>>;

impl Synthesis {
    async fn run(mut self) {
        if let Err(Ended::Failed(status)) = self.speak().await {
            tracing::error!(voice = self.voice.name, error = status.message(), "Voice failed.");
            let _ = self.events.send(Err(status)).await;
        }
        self.cancelled.store(true, Ordering::Relaxed);
    }

    async fn speak(&mut self) -> Result<(), Ended> {
        let mut sentences = std::mem::take(&mut self.sentences).into_iter();
        let mut done = SynthesizeDone {
            sample_rate_hz: self.rate_hz,
            voice: self.voice.name.clone(),
            ..SynthesizeDone::default()
        };
        let mut waiting = sentences.next().map(|text| self.submit(self.sentence(text)));
        while let Some(answer) = waiting.take() {
            let rendered = self.wait(answer).await?;
            let from = self.resampler.samples_in();
            let mut pcm = rendered.pcm;
            loudness::apply(&mut pcm, self.voice.gain);
            let mut audio = Vec::new();
            self.resampler.push(&pcm, &mut audio)?;
            // The next step renders while this one is sent.
            let next = match rendered.rest {
                Some(rest) => Some(Task::Rest(rest)),
                None => sentences.next().map(|text| self.sentence(text)),
            };
            waiting = next.map(|task| self.submit(task));
            if waiting.is_none() {
                self.resampler.finish(&mut audio)?;
            }
            if let Some(opening) = rendered.opening {
                self.open(opening, from, &mut done).await?;
            }
            if done.samples == 0 && !audio.is_empty() {
                done.first_audio_ms = self.elapsed_ms();
            }
            done.samples += audio.len() as u64;
            self.send_audio(&audio).await?;
        }
        done.total_ms = self.elapsed_ms();
        self.send(Event::Done(done)).await
    }

    /// Tells what is known of a sentence that starts at sample `from` of the voice.
    async fn open(
        &self,
        opening: Opening,
        from: u64,
        done: &mut SynthesizeDone,
    ) -> Result<(), Ended> {
        if !done.phonemes.is_empty() {
            done.phonemes.push(' ');
        }
        done.phonemes.push_str(&opening.phonemes);
        diacritics::add(&mut done.vocalised, opening.vocalised);
        if opening.words.is_empty() {
            return Ok(());
        }
        let mark = |(word, at)| WordMark { word, start_sample: self.resampler.convert(from + at) };
        let words: Vec<WordMark> = opening.words.into_iter().map(mark).collect();
        done.words.extend(words.iter().cloned());
        let end_sample = self.resampler.convert(from + opening.samples);
        self.send(Event::Words(SynthesizeWords { words, end_sample })).await
    }

    fn sentence(&self, text: String) -> Task {
        let as_given = Arc::clone(&self.as_given);
        Task::Sentence(Sentence { text, speed: self.speed, as_given })
    }

    fn submit(&self, task: Task) -> Answer {
        let audio_ms = self.resampler.samples_in() * 1000 / u64::from(self.voice.sample_rate_hz);
        let (pool, index) = self.voices.pool_of(&self.voice);
        pool.submit(audio_ms, index, task, Arc::clone(&self.cancelled))
    }

    async fn wait(&self, answer: Answer) -> Result<Rendered, Ended> {
        tokio::select! {
            rendered = answer => Ok(unpack(rendered)?),
            () = self.events.closed() => Err(Ended::CallerGone),
        }
    }

    async fn send_audio(&self, audio: &[f32]) -> Result<(), Ended> {
        for piece in audio.chunks((self.rate_hz / 10) as usize) {
            let bytes = loudness::to_i16(piece).flat_map(i16::to_le_bytes).collect();
            self.send(Event::PcmS16le(bytes)).await?;
        }
        Ok(())
    }

    async fn send(&self, event: Event) -> Result<(), Ended> {
        let event = SynthesizeEvent { event: Some(event) };
        self.events.send(Ok(event)).await.map_err(|_| Ended::CallerGone)
    }

    fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX)
    }
}

/// Why a synthesis ended early.
enum Ended {
    CallerGone,
    Failed(Status),
}

impl From<Status> for Ended {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

impl From<crate::resample::ResampleError> for Ended {
    fn from(error: crate::resample::ResampleError) -> Self {
        Self::Failed(Status::internal(error.to_string()))
    }
}

fn unpack(
    answer: Result<Result<Rendered, RenderError>, oneshot::error::RecvError>,
) -> Result<Rendered, Status> {
    match answer {
        Ok(Ok(rendered)) => Ok(rendered),
        Ok(Err(RenderError::Cancelled)) => Err(Status::cancelled("the caller has gone")),
        Ok(Err(RenderError::Failed(detail))) => Err(Status::internal(detail)),
        Err(_) => Err(Status::unavailable("the engine is stopping")),
    }
}

#[allow(clippy::disallowed_methods)] // measures wall time of inferences, decides nothing
fn now() -> Instant {
    Instant::now()
}
