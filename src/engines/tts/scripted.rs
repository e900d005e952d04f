//! A voice for tests and load: a tone as long as the text, after a stated delay.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::{Synthesis, SynthesisStats, Synthesized, TextToSpeech};
use crate::audio::samples_in;
use crate::engines::EngineError;

/// Hums `per_char` for every character of the text.
#[derive(Debug, Clone)]
pub struct ScriptedTts {
    /// Time before the first audio.
    pub first_audio: Duration,
    /// Length of the audio per character: 60 ms is the pace of people.
    pub per_char: Duration,
    /// Fails instead.
    pub fails: bool,
}

impl Default for ScriptedTts {
    fn default() -> Self {
        Self { first_audio: Duration::ZERO, per_char: Duration::from_millis(60), fails: false }
    }
}

impl TextToSpeech for ScriptedTts {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        if self.fails {
            let error = EngineError::Failed { engine: "tts", detail: "as scripted".into() };
            let after = self.first_audio;
            let fail = async move {
                tokio::time::sleep(after).await;
                Err(error)
            };
            return stream::once(fail).boxed();
        }
        let chars = u32::try_from(request.text.chars().count()).unwrap_or(u32::MAX);
        let rate = request.sample_rate_hz.max(8_000);
        let samples = samples_in(self.per_char.saturating_mul(chars), rate);
        let tone: Vec<i16> = (0..samples)
            .map(|n| {
                let phase = n as f32 * 220.0 * std::f32::consts::TAU / rate as f32;
                (phase.sin() * 6_000.0) as i16
            })
            .collect();
        let chunk = (rate / 10) as usize;
        let mut pieces: Vec<Result<Synthesized, EngineError>> =
            tone.chunks(chunk).map(|c| Ok(Synthesized::Audio(c.to_vec()))).collect();
        pieces.push(Ok(Synthesized::Done(SynthesisStats {
            voice: request.voice,
            samples,
            ..SynthesisStats::default()
        })));
        let first_audio = self.first_audio;
        stream::iter(pieces.into_iter().enumerate())
            .then(move |(n, piece)| async move {
                if n == 0 {
                    tokio::time::sleep(first_audio).await;
                }
                piece
            })
            .boxed()
    }
}
