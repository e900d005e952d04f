//! One Piper voice in one worker: sentences in, audio and word marks out, step by step.

use std::sync::Arc;

use ort::environment::Environment;

use super::chunks::{Chunk, Context};
use super::config::VoiceConfig;
use super::file::Graphs;
use super::ids::{Encoded, Run, encode};
use super::latents::Latents;
use super::phonemes::{self, Clause};
use super::sessions::{Sessions, decode, prepare, speak};
use crate::espeak::Espeak;
use crate::render::{Opening, RenderError, Rendered, Sentence, Task};
use crate::words;

/// Samples of one frame in every Piper voice known.
const HOP_SAMPLES: usize = 256;

/// Neighbours that may do; the first with which the audio stays the same is taken, because each
/// more costs work in every chunk. The starter voice needs the first: 8 give its generator 62 to
/// 70 dB and 12 give 125; 16 give its flow 48 to 70 dB and 20 give 84.
const CONTEXTS: [Context; 4] = [
    Context { flow: 20, generator: 8 },
    Context { flow: 24, generator: 12 },
    Context { flow: 32, generator: 16 },
    Context { flow: 40, generator: 24 },
];

/// Least distance of streamed audio from that of a whole run. The ear needs 40 dB; other sentences
/// differ from the one that is tried.
const SNR_DB_MIN: f64 = 50.0;

/// A loaded voice. A session runs for one at a time, so each worker has its own.
pub(crate) struct PiperVoice {
    sessions: Sessions,
    config: Arc<VoiceConfig>,
    espeak: Arc<Espeak>,
    context: Context,
}

impl PiperVoice {
    /// Loads `graphs` with `threads` compute threads.
    pub(crate) fn load(
        environment: &Environment,
        espeak: &Arc<Espeak>,
        graphs: &Graphs,
        config: Arc<VoiceConfig>,
        threads: usize,
    ) -> Result<Self, String> {
        let sessions = Sessions::open(environment, graphs, &config, threads)?;
        Ok(Self { sessions, config, espeak: Arc::clone(espeak), context: CONTEXTS[0] })
    }

    /// Neighbours worked on with each chunk; none if the voice speaks whole sentences.
    pub(crate) const fn context(&self) -> Option<Context> {
        match self.sessions {
            Sessions::Whole { .. } => None,
            Sessions::Cut { .. } => Some(self.context),
        }
    }

    /// As another worker's sessions of the same voice found it.
    pub(crate) const fn set_context(&mut self, context: Context) {
        self.context = context;
    }

    /// Whether the parts give the audio of the whole: tries `sentence` both ways, settles how
    /// many neighbours that takes, and gives the audio. A reason if no number will do.
    pub(crate) fn settle(&mut self, sentence: &Sentence) -> Result<Vec<f32>, String> {
        let (_, encoded) = self.encode(sentence).map_err(|error| error.to_string())?;
        let scales = self.scales(sentence.speed);
        let Sessions::Cut { front, decoder, seam } = &mut self.sessions else {
            return Err("it is not cut".into());
        };
        let run = encoded.runs.first().ok_or("it knows none of the phonemes")?;
        let latent = prepare(front, seam, &run.ids, scales)?.made;
        let mut whole = Vec::new();
        decode(decoder, seam, &latent, &Chunk::whole(latent.frames()), &mut whole)?;
        if whole.len() != latent.frames() * HOP_SAMPLES {
            return Err(format!("{} frames are {} samples", latent.frames(), whole.len()));
        }
        let mut best = f64::NEG_INFINITY;
        for context in CONTEXTS {
            let (mut rest, mut streamed) = (Latents::new([latent.clone()]), Vec::new());
            while let Some((latent, chunk)) = rest.chunk(context) {
                decode(decoder, seam, latent, &chunk, &mut streamed)?;
                rest.advance(&chunk);
            }
            let snr_db = snr_db(&whole, &streamed);
            if snr_db >= SNR_DB_MIN {
                tracing::debug!(?context, snr_db, "Voice streams.");
                self.context = context;
                return Ok(whole);
            }
            best = best.max(snr_db);
        }
        Err(format!("in chunks it differs from the whole: {best:.0} dB"))
    }

    /// Does one step; asks `cancelled` between runs.
    pub(crate) fn render(
        &mut self,
        task: Task,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Rendered, RenderError> {
        let rendered = match task {
            Task::Rest(latents) => self.decode_next(*latents),
            Task::Sentence(sentence) => self.begin(&sentence, cancelled),
        }?;
        if rendered.pcm.iter().any(|sample| !sample.is_finite()) {
            return Err(RenderError::Failed("the voice made samples that are no numbers".into()));
        }
        Ok(rendered)
    }

    fn begin(
        &mut self,
        sentence: &Sentence,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Rendered, RenderError> {
        let (clauses, encoded) = self.encode(sentence)?;
        if encoded.unknown > 0 {
            tracing::debug!(unknown = encoded.unknown, "Voice lacks some phonemes.");
        }
        let scales = self.scales(sentence.speed);
        let (mut pcm, mut latents) = (Vec::new(), Vec::new());
        let (mut samples, mut starts) = (0, Some(Vec::new()));
        // All runs before the first audio: only then is it known when each word starts. More than
        // one run takes a sentence of 12 s.
        for run in &encoded.runs {
            if cancelled() {
                return Err(RenderError::Cancelled);
            }
            let (frames, length) = match &mut self.sessions {
                Sessions::Whole { session, durations } => {
                    let front = speak(session, durations.as_deref(), &run.ids, scales)
                        .map_err(|error| RenderError::Failed(error.to_string()))?;
                    pcm.extend_from_slice(&front.made);
                    (front.frames, front.made.len())
                }
                Sessions::Cut { front, seam, .. } => {
                    let front =
                        prepare(front, seam, &run.ids, scales).map_err(RenderError::Failed)?;
                    let length = front.made.frames() * HOP_SAMPLES;
                    latents.push(front.made);
                    (front.frames, length)
                }
            };
            let run_starts = frames.and_then(|frames| word_starts(run, &frames, length as u64));
            starts = starts.zip(run_starts).map(|(mut all, new)| {
                all.extend(new.into_iter().map(|at| samples + at));
                all
            });
            samples += length as u64;
        }
        let opening = Some(Opening {
            phonemes: clauses.iter().map(|clause| clause.phonemes.as_str()).collect(),
            words: marks(&sentence.text, &clauses, &encoded, starts, samples),
            samples,
            vocalised: None,
        });
        if latents.is_empty() {
            return Ok(Rendered { pcm, opening, rest: None });
        }
        Ok(Rendered { opening, ..self.decode_next(Latents::new(latents))? })
    }

    /// The next chunk of `latents` as audio.
    fn decode_next(&mut self, mut latents: Latents) -> Result<Rendered, RenderError> {
        let Sessions::Cut { decoder, seam, .. } = &mut self.sessions else {
            return Err(RenderError::Failed(
                "half a sentence for a whole voice. This is a bug.".into(),
            ));
        };
        let mut pcm = Vec::new();
        if let Some((latent, chunk)) = latents.chunk(self.context) {
            decode(decoder, seam, latent, &chunk, &mut pcm).map_err(RenderError::Failed)?;
            latents.advance(&chunk);
        }
        let rest = (!latents.is_empty()).then(|| Box::new(latents));
        Ok(Rendered { pcm, opening: None, rest })
    }

    fn encode(&self, sentence: &Sentence) -> Result<(Vec<Clause>, Encoded), RenderError> {
        let text = sentence.text.as_str();
        let raw = self
            .espeak
            .phonemes(&self.config.espeak_voice, text)
            .map_err(|error| RenderError::Failed(error.to_string()))?;
        let clauses = phonemes::clauses(text, &raw);
        let encoded = encode(&self.config.ids, &clauses);
        Ok((clauses, encoded))
    }

    fn scales(&self, speed: f32) -> [f32; 3] {
        let config = &self.config;
        [config.noise_scale, config.length_scale * stretch(speed), config.noise_w]
    }
}

/// The words of `text` with their starts; none if the voice does not tell them.
fn marks(
    text: &str,
    clauses: &[Clause],
    encoded: &Encoded,
    starts: Option<Vec<u64>>,
    samples: u64,
) -> Vec<(String, u64)> {
    let Some(starts) = starts else { return Vec::new() };
    let clauses: Vec<_> = clauses
        .iter()
        .zip(&encoded.words_per_clause)
        .map(|(clause, &count)| words::ClauseWords { text: clause.text.clone(), count })
        .collect();
    words::align(text, &clauses, &starts, samples)
}

/// Part of the audio at speed 1 that the length scale does not reach: a voice rounds each
/// phoneme up to a whole frame. Measured on the starter voice: 17 to 26 % by sentence.
const ROUNDED_UP: f32 = 0.24;

/// The length scale, relative to the voice's own, at which speech takes 1/`speed` of its time.
/// With 1/`speed` itself, double speed came out as 1.5 and half speed as 0.57.
fn stretch(speed: f32) -> f32 {
    (1.0 / speed - ROUNDED_UP) / (1.0 - ROUNDED_UP)
}

/// Samples at which the words of `run` start; none if the durations do not add up to the audio.
fn word_starts(run: &Run, frames: &[f32], samples: u64) -> Option<Vec<u64>> {
    if frames.len() != run.ids.len() {
        return None;
    }
    let mut at = Vec::with_capacity(frames.len());
    let mut total = 0;
    for &count in frames {
        at.push(total);
        // The cast saturates: a hostile voice's durations do not add up, and that is all.
        total = (count.max(0.0) as u64).saturating_mul(HOP_SAMPLES as u64).saturating_add(total);
    }
    if total != samples {
        return None;
    }
    run.word_starts.iter().map(|&index| at.get(index).copied()).collect()
}

/// How far `other` is from `reference`, as a ratio of powers; infinite when they are the same.
fn snr_db(reference: &[f32], other: &[f32]) -> f64 {
    if reference.len() != other.len() {
        return f64::NEG_INFINITY;
    }
    let power = |value: f32| f64::from(value).powi(2);
    let signal: f64 = reference.iter().map(|&value| power(value)).sum();
    let noise: f64 = reference.iter().zip(other).map(|(a, b)| power(a - b)).sum();
    10.0 * (signal / noise).log10()
}

#[cfg(test)]
mod tests;
