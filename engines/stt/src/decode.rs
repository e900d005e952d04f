//! One utterance to text: a spectrogram, one encoder pass over as much of the window as the audio
//! fills, the language from the decoder's first step, then the most probable token until the end.
//! Temperature zero, no fallback to sampling, never translates. Writes no timestamps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::bounds::{
    POSITIONS_FULL, SAMPLE_RATE_HZ, is_silent, loop_start, positions_for, second_look_pays,
    tokens_max,
};
use crate::ffi::{Context, State, Token, WhisperError};
use crate::vocabulary::Vocabulary;

/// What to listen for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// 16 kHz, -1..1, at most 30 s.
    pub samples: Vec<f32>,
    /// Codes the model knows; one locks it, none leaves it free.
    pub languages: Vec<String>,
    /// Names and terms to expect.
    pub prompt: String,
    /// Whether an unsure result may cost a second look.
    pub second_look: bool,
    /// Encoder positions, where the usual number is not wanted; for measuring.
    pub positions: Option<usize>,
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Heard {
    pub text: String,
    pub language: String,
    pub language_probability: f32,
    pub confidence: f32,
    pub no_speech_probability: f32,
}

/// Why nothing was heard.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Nobody waits for the result any more.
    #[error("cancelled")]
    Cancelled,
    #[error(transparent)]
    Whisper(#[from] WhisperError),
}

/// Owns one state; belongs to one thread.
pub struct Decoder {
    state: State,
    vocabulary: Arc<Vocabulary>,
    context: Arc<Context>,
}

/// One pass over the audio.
struct Pass {
    tokens: Vec<Token>,
    looped: bool,
    heard: Heard,
    encoder_time: Duration,
}

impl Decoder {
    pub fn new(
        context: &Arc<Context>,
        vocabulary: &Arc<Vocabulary>,
        threads: u32,
    ) -> Result<Self, WhisperError> {
        Ok(Self {
            state: State::new(context, threads)?,
            vocabulary: Arc::clone(vocabulary),
            context: Arc::clone(context),
        })
    }

    /// Transcribes. `cancelled` is asked between steps: after the encoder and at every token.
    pub fn transcribe(
        &mut self,
        request: &Request,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Heard, DecodeError> {
        if is_silent(&request.samples) {
            let language = request.languages.first().cloned().unwrap_or_default();
            return Ok(Heard { language, no_speech_probability: 1.0, ..Heard::default() });
        }
        let positions = request.positions.unwrap_or_else(|| positions_for(request.samples.len()));
        let first = self.pass(request, positions, cancelled)?;
        let sure = first.heard.confidence;
        let again = request.second_look
            && second_look_pays(positions, first.looped, sure, first.encoder_time);
        if !again {
            return Ok(self.written(first));
        }
        tracing::debug!(positions, looped = first.looped, confidence = sure, "Second look.");
        let second = self.pass(request, POSITIONS_FULL, cancelled)?;
        // A loop is sure of itself, so confidence decides only between two that end.
        let second_wins = match (first.looped, second.looped) {
            (true, false) => true,
            (false, true) => false,
            (true, true) | (false, false) => second.heard.confidence >= sure,
        };
        Ok(self.written(if second_wins { second } else { first }))
    }

    /// An inference over a synthetic sound, for warm-up and probes: the encoder and a few decoder
    /// steps, whatever they say.
    pub fn probe(&mut self) -> Result<(), DecodeError> {
        let samples = (0..SAMPLE_RATE_HZ).map(|i| (i as f32 * 0.05).sin() * 0.2).collect();
        let languages = vec!["en".to_owned()];
        let request = Request { samples, languages, ..Request::default() };
        self.pass(&request, positions_for(request.samples.len()), &|| false).map(drop)
    }

    fn pass(
        &mut self,
        request: &Request,
        positions: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Pass, DecodeError> {
        let stop = || if cancelled() { Err(DecodeError::Cancelled) } else { Ok(()) };
        stop()?;
        let padded = padded(&request.samples);
        self.state.set_audio(padded.as_deref().unwrap_or(&request.samples), positions)?;
        #[allow(clippy::disallowed_methods)] // the owner thread times its own work
        let encoding = Instant::now();
        self.state.encode()?;
        let encoder_time = encoding.elapsed();
        stop()?;

        let mut heard = Heard::default();
        self.listen_for_language(request, &mut heard)?;

        let opening = self.vocabulary.opening(
            &heard.language,
            &request.prompt,
            // Whisper was trained with at most half of its positions as prompt.
            self.context.text_context / 2 - 8,
        );
        let tokens_max = tokens_max(request.samples.len(), self.context.text_context);
        let mut tokens = Vec::with_capacity(tokens_max);
        let mut log_probability = 0.0_f64;
        let mut decoded = 0_u32;
        let mut looped = false;
        let mut next = opening.clone();
        let mut past = 0;
        while tokens.len() < tokens_max {
            stop()?;
            let logits = self.state.decode(&next, past)?;
            past += next.len();
            let (token, ln) = self.vocabulary.pick(logits, tokens.is_empty());
            if token == self.context.token_end_of_text() {
                break;
            }
            tokens.push(token);
            log_probability += f64::from(ln);
            decoded += 1;
            if let Some(start) = loop_start(&tokens) {
                tokens.truncate(start);
                looped = true;
                break;
            }
            next.clear();
            next.push(token);
        }
        if decoded > 0 {
            heard.confidence = (log_probability / f64::from(decoded)).exp().min(1.0) as f32;
        }
        Ok(Pass { tokens, looped, heard, encoder_time })
    }

    /// One decoder step behind the encoder pass just made: which language, and whether speech.
    fn listen_for_language(
        &mut self,
        request: &Request,
        heard: &mut Heard,
    ) -> Result<(), WhisperError> {
        let logits = self.state.decode(&[self.context.token_start()], 0)?;
        heard.no_speech_probability = probability(logits, self.context.token_no_speech() as usize);
        (heard.language, heard.language_probability) = match request.languages.as_slice() {
            [only] => (only.clone(), 1.0),
            _ if !self.context.multilingual => ("en".to_owned(), 1.0),
            several => self.vocabulary.most_probable_language(logits, several),
        };
        Ok(())
    }

    fn written(&self, pass: Pass) -> Heard {
        Heard { text: self.vocabulary.text(&pass.tokens), ..pass.heard }
    }
}

/// Audio shorter than a second, with silence up to it: whisper.cpp 1.8.3 reads past the end of
/// very short audio.
fn padded(samples: &[f32]) -> Option<Vec<f32>> {
    let second = SAMPLE_RATE_HZ as usize;
    (samples.len() < second).then(|| {
        let mut padded = samples.to_vec();
        padded.resize(second, 0.0);
        padded
    })
}

/// Softmax of one entry.
fn probability(logits: &[f32], index: usize) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - top).exp()).sum();
    logits.get(index).map_or(0.0, |logit| (logit - top).exp() / sum)
}
