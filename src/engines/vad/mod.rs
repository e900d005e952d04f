//! Voice activity: how likely each 32 ms window is speech. Acoustic only; who may speak is
//! decided in [`crate::turn`]. Silero by default, loudness as its fallback, a script in tests.

pub mod energy;
pub mod scripted;
pub mod silero;

/// Samples of one window at [`crate::audio::CALLER_RATE_HZ`]: what Silero was trained on.
pub const WINDOW_SAMPLES: usize = 512;

/// Scores one caller's audio. Keeps state between windows, so one per caller.
pub trait VoiceActivity: Send {
    /// Probability that `window` ([`WINDOW_SAMPLES`] of PCM) is speech, 0..1.
    ///
    /// # Errors
    /// When the model fails; the call goes on with the energy fallback.
    fn score(&mut self, window: &[i16]) -> Result<f32, super::EngineError>;
}

#[cfg(test)]
mod tests;
