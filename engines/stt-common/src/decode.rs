//! One utterance to text, as far as no model library is concerned: silence costs nothing, the
//! window follows the audio, and an unsure result may cost a second look at a longer window.
//! What a pass over the audio is, each engine's [`Decoder`] knows.

use std::time::Duration;

use crate::bounds::{
    SAMPLE_RATE_HZ, is_silent, positions_for, second_look_pays, second_look_positions,
};

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

/// What a model library refused to do, in its own words.
pub type EngineError = Box<dyn std::error::Error + Send + Sync>;

/// Why nothing was heard.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Nobody waits for the result any more.
    #[error("cancelled")]
    Cancelled,
    #[error("{0}")]
    Engine(EngineError),
}

/// One pass over the audio.
#[derive(Debug, Default)]
pub struct Pass {
    pub heard: Heard,
    /// Whether the decoder repeated itself; the text of a certain loop ends with its first round, that
    /// of a doubtful one holds all.
    pub looped: bool,
    pub encoder_time: Duration,
}

/// A model's working state. Owned by one thread.
pub trait Decoder {
    /// Transcribes `request` with an encoder window of `positions` (20 ms each): most probable
    /// tokens, no timestamps, never translated. Asks `cancelled` between steps.
    ///
    /// # Errors
    /// When nobody waits any more, or the library fails.
    fn pass(
        &mut self,
        request: &Request,
        positions: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Pass, DecodeError>;
}

/// Transcribes with as small a window as the audio allows.
///
/// # Errors
/// As [`Decoder::pass`].
pub fn transcribe(
    decoder: &mut dyn Decoder,
    request: &Request,
    cancelled: &dyn Fn() -> bool,
) -> Result<Heard, DecodeError> {
    if is_silent(&request.samples) {
        let language = request.languages.first().cloned().unwrap_or_default();
        return Ok(Heard { language, no_speech_probability: 1.0, ..Heard::default() });
    }
    let positions = request.positions.unwrap_or_else(|| positions_for(request.samples.len()));
    let first = decoder.pass(request, positions, cancelled)?;
    let sure = first.heard.confidence;
    let again =
        request.second_look && second_look_pays(positions, first.looped, sure, first.encoder_time);
    if !again {
        return Ok(first.heard);
    }
    tracing::debug!(positions, looped = first.looped, confidence = sure, "Second look.");
    let second = decoder.pass(request, second_look_positions(positions), cancelled)?;
    // A loop is sure of itself, so confidence decides only between two that end.
    let second_wins = match (first.looped, second.looped) {
        (true, false) => true,
        (false, true) => false,
        (true, true) | (false, false) => second.heard.confidence >= sure,
    };
    Ok(if second_wins { second.heard } else { first.heard })
}

/// An inference over a synthetic sound, for warm-up and probes: the encoder and a few decoder
/// steps, whatever they say.
///
/// # Errors
/// As [`Decoder::pass`].
pub fn probe(decoder: &mut dyn Decoder) -> Result<(), DecodeError> {
    let samples = (0..SAMPLE_RATE_HZ).map(|i| (i as f32 * 0.05).sin() * 0.2).collect();
    let languages = vec!["en".to_owned()];
    let request = Request { samples, languages, ..Request::default() };
    decoder.pass(&request, positions_for(request.samples.len()), &|| false).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers the short window and the full one with what the test says.
    struct Scripted {
        passes: Vec<(f32, bool)>,
        windows: Vec<usize>,
    }

    impl Decoder for Scripted {
        fn pass(
            &mut self,
            _: &Request,
            positions: usize,
            _: &dyn Fn() -> bool,
        ) -> Result<Pass, DecodeError> {
            let (confidence, looped) = self.passes[self.windows.len()];
            self.windows.push(positions);
            let heard =
                Heard { text: self.windows.len().to_string(), confidence, ..Heard::default() };
            Ok(Pass { heard, looped, encoder_time: Duration::from_millis(10) })
        }
    }

    #[track_caller]
    fn check(passes: &[(f32, bool)], second_look: bool, text: &str, windows: &[usize]) {
        let mut decoder = Scripted { passes: passes.to_vec(), windows: Vec::new() };
        let request =
            Request { samples: [0.5, -0.5].repeat(16_000), second_look, ..Request::default() };
        let heard = transcribe(&mut decoder, &request, &|| false).unwrap();
        assert_eq!((heard.text.as_str(), decoder.windows.as_slice()), (text, windows));
    }

    #[test]
    fn a_sure_result_takes_one_pass_over_a_short_window() {
        check(&[(0.9, false)], true, "1", &[384]);
    }

    #[test]
    fn an_unsure_or_looping_result_is_looked_at_again_and_the_better_one_wins() {
        check(&[(0.3, false), (0.8, false)], true, "2", &[384, 768]);
        check(&[(0.3, false), (0.2, false)], true, "1", &[384, 768]);
        check(&[(0.9, true), (0.4, false)], true, "2", &[384, 768]);
        check(&[(0.3, false), (0.9, true)], true, "1", &[384, 768]);
    }

    #[test]
    fn a_partial_gets_no_second_look() {
        check(&[(0.3, true)], false, "1", &[384]);
    }

    #[test]
    fn silence_reaches_no_decoder() {
        let mut decoder = Scripted { passes: Vec::new(), windows: Vec::new() };
        let request = Request { samples: vec![0.0; 16_000], ..Request::default() };
        assert_eq!(transcribe(&mut decoder, &request, &|| false).unwrap().text, "");
    }
}
