//! Turn detection: whether what the caller said until a pause sounds complete. Acoustic evidence
//! only; [`crate::turn`] weighs it against silence and words, and never waits for it.

pub mod mel;
mod scripted;
mod smart_turn;

use async_trait::async_trait;

pub use scripted::ScriptedTurnDetector;
pub use smart_turn::{DetectorError, SmartTurn};

use super::EngineError;

/// Judges a pause.
#[async_trait]
pub trait TurnDetector: Send + Sync {
    /// Probability, 0..1, that the caller's turn is complete. `pcm` is mono at
    /// [`crate::audio::CALLER_RATE_HZ`] and ends in the pause; its last [`mel::SAMPLES`] count.
    /// Dropping the future takes the request back.
    ///
    /// # Errors
    /// When the model fails, or more pauses wait than it can judge in time: silence decides then.
    async fn judge(&self, pcm: Vec<i16>) -> Result<f32, EngineError>;
}

#[cfg(test)]
mod tests;
