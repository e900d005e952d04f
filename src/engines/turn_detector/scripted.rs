//! Judgements that a test wrote down.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::TurnDetector;
use crate::engines::EngineError;

/// Gives its judgements one after another, each after `delay`; fails after the last.
#[derive(Debug)]
pub struct ScriptedTurnDetector {
    judgements: Mutex<VecDeque<f32>>,
    delay: Duration,
}

impl ScriptedTurnDetector {
    /// Gives `judgements`, each after `delay`.
    pub fn new(judgements: impl IntoIterator<Item = f32>, delay: Duration) -> Self {
        Self { judgements: Mutex::new(judgements.into_iter().collect()), delay }
    }
}

#[async_trait]
impl TurnDetector for ScriptedTurnDetector {
    async fn judge(&self, _pcm: Vec<i16>) -> Result<f32, EngineError> {
        tokio::time::sleep(self.delay).await;
        let next = self.judgements.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let over = || EngineError::Failed { engine: "turn", detail: "the script is over".into() };
        next.ok_or_else(over)
    }
}
