//! A call with the person in front of this machine: its microphone and its speaker.
//!
//! The streams live on a thread of their own, because some sound systems want them to stay where
//! they were made. Without a headset the agent would hear itself, so the microphone is deaf while
//! the agent speaks unless told otherwise.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{FromSample, SampleFormat, SizedSample, StreamConfig};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{AgentState, CallTransport, Caller, Caption, CloseReason, TransportEvent};
use crate::audio::{CALLER_RATE_HZ, FRAME_MS};
use crate::turn::CallTime;

/// Blocks from the microphone that may wait: about a second. Full: the newest are dropped.
const BLOCKS_MAX: usize = 128;

/// How far ahead of the ear audio is pushed: sound systems take it in blocks of 10 to 50 ms.
const LEAD_MS: u32 = 100;

/// The room still rings for a moment after the speaker is silent.
const ECHO_TAIL: Duration = Duration::from_millis(250);

/// Why there is no microphone call.
#[derive(Debug, thiserror::Error)]
pub enum MicrophoneError {
    /// No such device.
    #[error(
        "this machine has no {0}; plug one in, or use `sawt console --wav FILE` or `sawt call`"
    )]
    NoDevice(&'static str),
    /// It does not work.
    #[error("the {which} can not be used: {detail}; check that no other program holds it")]
    Device {
        /// microphone or speaker
        which: &'static str,
        /// what the system says
        detail: String,
    },
    /// Its rate is odd.
    #[error("the {which}'s rate of {rate_hz} Hz can not be converted: {detail}")]
    Rate {
        /// microphone or speaker
        which: &'static str,
        /// its rate
        rate_hz: u32,
        /// why
        detail: String,
    },
}

/// What the meter shows: how loud the last moment was, in thousandths of full scale.
#[derive(Debug, Default)]
pub struct Levels {
    caller: AtomicU32,
    agent: AtomicU32,
}

impl Levels {
    /// Caller and agent, 0..1.
    pub fn read(&self) -> (f32, f32) {
        let read = |level: &AtomicU32| level.load(Ordering::Relaxed) as f32 / 1000.0;
        (read(&self.caller), read(&self.agent))
    }

    fn set(level: &AtomicU32, pcm: &[i16]) {
        level.store((crate::audio::rms(pcm) * 1000.0) as u32, Ordering::Relaxed);
    }
}

/// The person in front of this machine.
pub struct MicrophoneTransport {
    started: Instant,
    agent_rate_hz: u32,
    headset: bool,
    ready_told: bool,
    blocks: mpsc::Receiver<Vec<f32>>,
    to_caller_rate: Rate,
    to_speaker_rate: Rate,
    speaker: Arc<Mutex<VecDeque<f32>>>,
    /// When the agent's pushed audio ends, for the deaf microphone.
    agent_until: Instant,
    levels: Arc<Levels>,
    _streams: Streams,
}

/// Ends the streams' thread when dropped.
struct Streams(#[allow(dead_code)] std::sync::mpsc::SyncSender<()>);

/// What the streams' thread tells when it has begun: the two devices' rates.
type Begun = Result<Rates, MicrophoneError>;

/// Microphone's and speaker's rate in Hz.
type Rates = (u32, u32);

/// Microphone's and speaker's stream: they run until dropped.
type Pair = (cpal::Stream, cpal::Stream);

impl MicrophoneTransport {
    /// Opens the default microphone and speaker. With a `headset` the caller may interrupt.
    ///
    /// # Errors
    /// When one of them is missing or held by another program.
    pub async fn open(agent_rate_hz: u32, headset: bool) -> Result<Self, MicrophoneError> {
        let (blocks_in, blocks) = mpsc::channel(BLOCKS_MAX);
        let speaker = Arc::new(Mutex::new(VecDeque::new()));
        let (begun_in, begun) = oneshot::channel();
        let (stop_in, stop) = std::sync::mpsc::sync_channel::<()>(0);
        let for_thread = Arc::clone(&speaker);
        let failed = |detail: String| MicrophoneError::Device { which: "sound system", detail };
        std::thread::Builder::new()
            .name("sawt-audio".into())
            .spawn(move || match begin(blocks_in, for_thread) {
                Ok((streams, rates)) => {
                    let _ = begun_in.send(Ok(rates));
                    // Fails when the transport is dropped, which is what it waits for.
                    let _ = stop.recv();
                    drop(streams);
                }
                Err(error) => drop(begun_in.send(Err(error))),
            })
            .map_err(|e| failed(e.to_string()))?;
        let begun: Begun = begun.await.map_err(|_| failed("it ended at once".into()))?;
        let (microphone_hz, speaker_hz) = begun?;
        let now = Instant::now();
        Ok(Self {
            started: now,
            agent_rate_hz,
            headset,
            ready_told: false,
            blocks,
            to_caller_rate: Rate::new("microphone", microphone_hz, microphone_hz, CALLER_RATE_HZ)?,
            to_speaker_rate: Rate::new("speaker", speaker_hz, agent_rate_hz, speaker_hz)?,
            speaker,
            agent_until: now,
            levels: Arc::default(),
            _streams: Streams(stop_in),
        })
    }

    /// For the meter.
    pub fn levels(&self) -> Arc<Levels> {
        Arc::clone(&self.levels)
    }

    fn speaker(&self) -> std::sync::MutexGuard<'_, VecDeque<f32>> {
        self.speaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&mut self, block: &[f32]) -> Vec<i16> {
        let mut pcm = self.to_caller_rate.convert(block);
        let deaf = !self.headset && Instant::now() < self.agent_until + ECHO_TAIL;
        if deaf {
            pcm.fill(0);
        }
        Levels::set(&self.levels.caller, &pcm);
        pcm
    }
}

#[async_trait]
impl CallTransport for MicrophoneTransport {
    fn now(&self) -> CallTime {
        let micros = self.started.elapsed().as_micros();
        CallTime::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    async fn next_event(&mut self) -> TransportEvent {
        if !std::mem::replace(&mut self.ready_told, true) {
            let caller = Caller { identity: "console".into(), name: String::new() };
            return TransportEvent::CallerReady(caller);
        }
        let patience = Duration::from_millis(u64::from(FRAME_MS));
        match tokio::time::timeout(patience, self.blocks.recv()).await {
            Err(_) => TransportEvent::Tick,
            Ok(Some(block)) => match self.heard(&block) {
                pcm if pcm.is_empty() => TransportEvent::Tick,
                pcm => TransportEvent::CallerAudio(pcm),
            },
            Ok(None) => TransportEvent::Closed(CloseReason::InputEnded),
        }
    }

    fn agent_rate_hz(&self) -> u32 {
        self.agent_rate_hz
    }

    fn lead_ms(&self) -> u32 {
        LEAD_MS
    }

    fn push_audio(&mut self, pcm: &[i16]) {
        Levels::set(&self.levels.agent, pcm);
        let length = crate::audio::duration_of(pcm.len() as u64, self.agent_rate_hz);
        self.agent_until = self.agent_until.max(Instant::now()) + length;
        let block: Vec<f32> = pcm.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        let converted = self.to_speaker_rate.convert(&block);
        self.speaker().extend(converted.into_iter().map(|s| f32::from(s) / 32_768.0));
    }

    fn clear_audio(&mut self) {
        self.speaker().clear();
        self.agent_until = Instant::now();
        Levels::set(&self.levels.agent, &[]);
    }

    fn send_caption(&mut self, _: Caption) {}

    fn set_agent_state(&mut self, _: AgentState) {}

    async fn close(&mut self, _: &str) {
        self.clear_audio();
    }
}

/// A stream of audio from one rate to another, in blocks of 20 ms.
struct Rate {
    inner: Option<Fft<f32>>,
    waiting: Vec<f32>,
}

impl Rate {
    fn new(
        which: &'static str,
        device_hz: u32,
        from_hz: u32,
        to_hz: u32,
    ) -> Result<Self, MicrophoneError> {
        let block = (from_hz * FRAME_MS / 1000) as usize;
        let inner = (from_hz != to_hz)
            .then(|| Fft::new(from_hz as usize, to_hz as usize, block, 1, FixedSync::Input))
            .transpose()
            .map_err(|e| MicrophoneError::Rate {
                which,
                rate_hz: device_hz,
                detail: e.to_string(),
            })?;
        Ok(Self { inner, waiting: Vec::new() })
    }

    fn convert(&mut self, block: &[f32]) -> Vec<i16> {
        let to_pcm = |s: &f32| (s * 32_768.0).clamp(-32_768.0, 32_767.0) as i16;
        let Some(fft) = &mut self.inner else { return block.iter().map(to_pcm).collect() };
        self.waiting.extend(block);
        let mut pcm = Vec::new();
        loop {
            let wanted = fft.input_frames_next();
            if self.waiting.len() < wanted {
                return pcm;
            }
            let block: Vec<f32> = self.waiting.drain(..wanted).collect();
            let converted = InterleavedSlice::new(&block, 1, wanted)
                .ok()
                .and_then(|input| fft.process(&input, None).ok());
            // The sizes are the resampler's own, so this does not fail; silence if it did.
            pcm.extend(converted.map(|c| c.take_data()).unwrap_or_default().iter().map(to_pcm));
        }
    }
}

fn begin(
    blocks: mpsc::Sender<Vec<f32>>,
    speaker: Arc<Mutex<VecDeque<f32>>>,
) -> Result<(Pair, Rates), MicrophoneError> {
    let host = cpal::default_host();
    let microphone = host.default_input_device().ok_or(MicrophoneError::NoDevice("microphone"))?;
    let loudspeaker = host.default_output_device().ok_or(MicrophoneError::NoDevice("speaker"))?;
    let bad =
        |which| move |e: cpal::Error| MicrophoneError::Device { which, detail: e.to_string() };
    let input = microphone.default_input_config().map_err(bad("microphone"))?;
    let output = loudspeaker.default_output_config().map_err(bad("speaker"))?;
    let (input_format, output_format) = (input.sample_format(), output.sample_format());
    let (input, output): (StreamConfig, StreamConfig) = (input.into(), output.into());
    let rates = (input.sample_rate, output.sample_rate);
    let hears = match input_format {
        SampleFormat::F32 => record::<f32>(&microphone, input, blocks),
        SampleFormat::I16 => record::<i16>(&microphone, input, blocks),
        SampleFormat::I32 => record::<i32>(&microphone, input, blocks),
        SampleFormat::U8 => record::<u8>(&microphone, input, blocks),
        other => return Err(odd("microphone", other)),
    }
    .map_err(bad("microphone"))?;
    let speaks = match output_format {
        SampleFormat::F32 => play::<f32>(&loudspeaker, output, speaker),
        SampleFormat::I16 => play::<i16>(&loudspeaker, output, speaker),
        SampleFormat::I32 => play::<i32>(&loudspeaker, output, speaker),
        SampleFormat::U8 => play::<u8>(&loudspeaker, output, speaker),
        other => return Err(odd("speaker", other)),
    }
    .map_err(bad("speaker"))?;
    hears.play().map_err(bad("microphone"))?;
    speaks.play().map_err(bad("speaker"))?;
    Ok(((hears, speaks), rates))
}

fn odd(which: &'static str, format: SampleFormat) -> MicrophoneError {
    MicrophoneError::Device { which, detail: format!("its sample format {format} is not known") }
}

fn record<T>(
    device: &cpal::Device,
    config: StreamConfig,
    blocks: mpsc::Sender<Vec<f32>>,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels.max(1));
    let heard = move |data: &[T], _: &cpal::InputCallbackInfo| {
        let mono = data
            .chunks(channels)
            .map(|frame| {
                let sum: f32 = frame.iter().map(|s| f32::from_sample_(*s)).sum();
                sum / frame.len() as f32
            })
            .collect();
        // Full: the call is late; the newest block is the one to lose.
        let _ = blocks.try_send(mono);
    };
    device.build_input_stream(config, heard, stream_error, None)
}

fn play<T>(
    device: &cpal::Device,
    config: StreamConfig,
    speaker: Arc<Mutex<VecDeque<f32>>>,
) -> Result<cpal::Stream, cpal::Error>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels.max(1));
    let wanted = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        let mut queue = speaker.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in data.chunks_mut(channels) {
            let sample = T::from_sample_(queue.pop_front().unwrap_or(0.0));
            frame.fill(sample);
        }
    };
    device.build_output_stream(config, wanted, stream_error, None)
}

fn stream_error(error: cpal::Error) {
    tracing::debug!(%error, "Sound system.");
}
