//! One pass over one utterance: spectrogram, encoder over as much of the window as the audio
//! fills, the language if it is not given, then the most probable tokens until the end. The only
//! file that touches CTranslate2, through the safe half of `ct2rs`.

use std::sync::Arc;
use std::time::Instant;

use ct2rs::sys::{
    ComputeType, Config, LogLevel, StorageView, Whisper, WhisperOptions, set_log_level,
};
use sawt_stt_common::bounds::{SAMPLE_RATE_HZ, loop_start, says_itself_again, tokens_max};
use sawt_stt_common::decode::{self, DecodeError, Heard, Pass, Request};

use crate::mel::{FRAMES_PER_POSITION, Mel};
use crate::model::Model;
use crate::vocabulary::Token;

/// For `Info`.
pub const BACKEND: &str = "ctranslate2 4.8.4";

/// What CTranslate2 refused to do.
#[derive(Debug, thiserror::Error)]
pub enum Ct2Error {
    #[error("CTranslate2 can not load the model: {0}; run `sawt models verify`")]
    Load(String),
    #[error("CTranslate2 failed in {step}: {why}; run with SAWT_LOG=debug to see more")]
    Step { step: &'static str, why: String },
}

/// The library writes warnings to standard error by itself: only what fails, which we report too.
pub fn quiet_log() {
    set_log_level(LogLevel::Critical);
}

/// Owns one copy of the weights and its threads; belongs to one thread.
pub struct Decoder {
    whisper: Whisper,
    mel: Mel,
    model: Arc<Model>,
}

impl Decoder {
    /// Loads the weights as 8-bit numbers, whatever they are in the file. The folder must have passed
    /// `model::inspect`.
    ///
    /// # Errors
    /// When CTranslate2 can not load them.
    pub fn new(model: &Arc<Model>, threads: u32) -> Result<Self, Ct2Error> {
        let config = Config {
            compute_type: ComputeType::INT8,
            num_threads_per_replica: threads as usize,
            ..Config::default()
        };
        let whisper = Whisper::new(&model.folder, config)
            .map_err(|error| Ct2Error::Load(error.to_string()))?;
        Ok(Self { whisper, mel: Mel::new(model.mels), model: Arc::clone(model) })
    }

    fn encode(
        &mut self,
        samples: &[f32],
        positions: usize,
    ) -> Result<StorageView<'static>, DecodeError> {
        let frames = positions * FRAMES_PER_POSITION;
        let mut bands = self.mel.of(samples, frames);
        let shape = [1, self.model.mels, frames];
        StorageView::new(&shape, &mut bands, ct2rs::Device::CPU)
            .and_then(|features| self.whisper.encode(&features, false))
            .map_err(|error| failed("the encoder", &error))
    }

    /// The language asked for, or the most probable of those asked for, with its probability among
    /// all languages of the model.
    fn language(
        &self,
        request: &Request,
        encoded: &StorageView<'_>,
    ) -> Result<(String, f32), DecodeError> {
        match request.languages.as_slice() {
            [only] => return Ok((only.clone(), 1.0)),
            _ if !self.model.vocabulary.is_multilingual() => return Ok(("en".to_owned(), 1.0)),
            _ => {}
        }
        let detected = self.whisper.detect_language(encoded);
        let detected = detected.map_err(|error| failed("language detection", &error))?;
        // Most probable first.
        let best = detected.into_iter().flatten().find_map(|found| {
            let code = found.language.trim_matches(['<', '|', '>']);
            let wanted =
                request.languages.is_empty() || request.languages.iter().any(|l| l == code);
            wanted.then(|| (code.to_owned(), found.probability))
        });
        Ok(best.unwrap_or_default())
    }

    /// Decodes at most `tokens_max` tokens; returns them, whether the text ended by itself, and the
    /// mean natural logarithm of their probabilities.
    fn generate(
        &self,
        encoded: &StorageView<'_>,
        opening: &[&str],
        tokens_max: usize,
    ) -> Result<Generated, DecodeError> {
        let options = WhisperOptions {
            beam_size: 1,
            // The library halves this and takes what the opening uses off it.
            max_length: tokens_max + opening.len().max(tokens_max),
            return_scores: true,
            return_no_speech_prob: true,
            suppress_tokens: self.model.vocabulary.never_written().to_vec(),
            ..WhisperOptions::default()
        };
        let results = self.whisper.generate(encoded, &[opening.to_vec()], &options);
        let results = results.map_err(|error| failed("the decoder", &error))?;
        let result = results.into_iter().next();
        let result = result.ok_or_else(|| failed("the decoder", &"no result"))?;
        let ids = result.sequences_ids.into_iter().next().unwrap_or_default();
        let tokens: Vec<Token> = ids.into_iter().map(|id| id as Token).collect();
        Ok(Generated {
            ended: tokens.len() < tokens_max,
            mean_ln: result.scores.first().copied().unwrap_or(f32::NEG_INFINITY),
            no_speech: result.no_speech_prob,
            tokens,
        })
    }
}

struct Generated {
    tokens: Vec<Token>,
    ended: bool,
    mean_ln: f32,
    no_speech: f32,
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
        #[allow(clippy::disallowed_methods)] // the owner thread times its own work
        let encoding = Instant::now();
        let encoded = self.encode(&request.samples, positions)?;
        let encoder_time = encoding.elapsed();
        stop()?;

        let (language, language_probability) = self.language(request, &encoded)?;
        let model = Arc::clone(&self.model);
        let opening = model.vocabulary.opening(&language, &request.prompt, model.text_context);
        let most = tokens_max(request.samples.len(), model.text_context);
        // The library can not be stopped while it decodes. Speech rarely reaches the first bound; a
        // decoder that has lost its way does, and is then asked about before it goes on.
        let first = tokens_usual(request.samples.len(), &language).min(most);
        let mut generated = self.generate(&encoded, &opening, first)?;
        stop()?;
        if !generated.ended && first < most && loop_start(&generated.tokens).is_none() {
            generated = self.generate(&encoded, &opening, most)?;
            stop()?;
        }
        let again = says_itself_again(&generated.tokens);
        let loop_at = loop_start(&generated.tokens);
        generated.tokens.truncate(loop_at.unwrap_or(usize::MAX));
        let confidence =
            if generated.tokens.is_empty() { 0.0 } else { generated.mean_ln.exp().min(1.0) };
        let heard = Heard {
            text: model.vocabulary.text(&generated.tokens),
            language,
            language_probability,
            confidence,
            no_speech_probability: generated.no_speech,
        };
        Ok(Pass { heard, looped: loop_at.is_some() || again, encoder_time })
    }
}

/// Tokens that so much audio seldom exceeds: fast English is 5 a second, fast Arabic 12.
fn tokens_usual(samples: usize, language: &str) -> usize {
    let per_s = if language == "en" { 7 } else { 14 };
    12 + samples * per_s / SAMPLE_RATE_HZ as usize
}

fn failed(step: &'static str, why: &dyn std::fmt::Display) -> DecodeError {
    DecodeError::Engine(Ct2Error::Step { step, why: why.to_string() }.into())
}
