//! A VAD that hears what a test wrote down.

use std::ops::Range;

use super::VoiceActivity;
use crate::engines::EngineError;

/// Scores windows from a script and ignores the audio; silence after its end.
#[derive(Debug, Clone, Default)]
pub struct ScriptedVad {
    scores: Vec<Result<f32, String>>,
    at: usize,
}

impl ScriptedVad {
    /// One score per window.
    pub fn scores(scores: impl IntoIterator<Item = f32>) -> Self {
        Self { scores: scores.into_iter().map(Ok).collect(), at: 0 }
    }

    /// Speech in these windows (0.95), silence elsewhere (0.02).
    pub fn speech_in(windows: &[Range<usize>]) -> Self {
        let end = windows.iter().map(|range| range.end).max().unwrap_or(0);
        let heard = |at| windows.iter().any(|range| range.contains(&at));
        Self::scores((0..end).map(|at| if heard(at) { 0.95 } else { 0.02 }))
    }

    /// Makes the window at `at` fail with `detail`.
    #[must_use]
    pub fn failing_at(mut self, at: usize, detail: &str) -> Self {
        if self.scores.len() <= at {
            self.scores.resize(at + 1, Ok(0.02));
        }
        self.scores[at] = Err(detail.to_owned());
        self
    }
}

impl VoiceActivity for ScriptedVad {
    fn score(&mut self, _window: &[i16]) -> Result<f32, EngineError> {
        let score = self.scores.get(self.at).cloned().unwrap_or(Ok(0.02));
        self.at += 1;
        score.map_err(|detail| EngineError::Failed { engine: "vad", detail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_is_followed_and_ends_in_silence() {
        let mut vad = ScriptedVad::speech_in(&[1..2, 2..3]).failing_at(4, "provoked");
        let heard: Vec<Option<bool>> =
            (0..6).map(|_| vad.score(&[]).ok().map(|score| score > 0.5)).collect();
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(heard, [no, yes, yes, no, None, no]);
    }
}
