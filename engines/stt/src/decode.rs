//! One utterance to text: a spectrogram, one encoder pass over as much of the window as the audio
//! fills, the language from the decoder's first step, then the most probable token until the end.
//! Temperature zero, no fallback to sampling, never translates. Writes no timestamps.

use std::sync::Arc;
use std::time::Instant;

use sawt_stt_common::bounds::{SAMPLE_RATE_HZ, loop_start, says_itself_again, tokens_max};
use sawt_stt_common::decode::{self, DecodeError, Heard, Pass, Request};

use crate::ffi::{Context, State, WhisperError};
use crate::vocabulary::Vocabulary;

/// Owns one state; belongs to one thread.
pub struct Decoder {
    state: State,
    vocabulary: Arc<Vocabulary>,
    context: Arc<Context>,
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
}

impl decode::Decoder for Decoder {
    fn pass(
        &mut self,
        request: &Request,
        positions: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Pass, DecodeError> {
        let stop = || if cancelled() { Err(DecodeError::Cancelled) } else { Ok(()) };
        stop()?;
        let padded = padded(&request.samples);
        self.state
            .set_audio(padded.as_deref().unwrap_or(&request.samples), positions)
            .map_err(failed)?;
        #[allow(clippy::disallowed_methods)] // the owner thread times its own work
        let encoding = Instant::now();
        self.state.encode().map_err(failed)?;
        let encoder_time = encoding.elapsed();
        stop()?;

        let mut heard = Heard::default();
        self.listen_for_language(request, &mut heard).map_err(failed)?;

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
            let logits = self.state.decode(&next, past).map_err(failed)?;
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
        looped |= says_itself_again(&tokens);
        if decoded > 0 {
            heard.confidence = (log_probability / f64::from(decoded)).exp().min(1.0) as f32;
        }
        heard.text = self.vocabulary.text(&tokens);
        Ok(Pass { heard, looped, encoder_time })
    }
}

fn failed(error: WhisperError) -> DecodeError {
    DecodeError::Engine(error.into())
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
