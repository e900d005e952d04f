//! Asks the turn detector about pauses, one at a time: a newer pause, or the caller going on, takes
//! the question back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::driver::Outcome;
use crate::engines::EngineError;
use crate::engines::turn_detector::TurnDetector;
use crate::turn::{CallTime, TurnInput};

/// A judgement that takes longer than this comes too late to matter.
const PATIENCE: Duration = Duration::from_millis(800);

/// The turn detector's client in one call.
pub(crate) struct Judging {
    detector: Option<Arc<dyn TurnDetector>>,
    outcomes: mpsc::Sender<Outcome>,
    asked: Option<(CallTime, AbortHandle)>,
}

impl Judging {
    pub(crate) fn new(
        detector: Option<Arc<dyn TurnDetector>>,
        outcomes: mpsc::Sender<Outcome>,
    ) -> Self {
        Self { detector, outcomes, asked: None }
    }

    /// Whether a judgement is on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.asked.is_some()
    }

    /// Asks about the pause that began at `at`; `pcm` ends now.
    pub(crate) fn ask(&mut self, at: CallTime, pcm: Vec<i16>) {
        self.stop();
        let Some(detector) = self.detector.clone() else { return };
        let outcomes = self.outcomes.clone();
        let task = tokio::spawn(async move {
            let judged = tokio::time::timeout(PATIENCE, detector.judge(pcm)).await;
            let late = EngineError::TimedOut { engine: "turn", after: PATIENCE };
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::Judged(at, judged.unwrap_or(Err(late)))).await;
        });
        self.asked = Some((at, task.abort_handle()));
    }

    /// What the turn machine is told; nothing where the question was taken back or failed.
    pub(crate) fn judged(
        &mut self,
        at: CallTime,
        judged: Result<f32, EngineError>,
    ) -> Option<TurnInput> {
        self.asked.take_if(|(asked, _)| *asked == at)?;
        match judged {
            Ok(complete) => {
                tracing::debug!(%at, complete, "Pause judged.");
                Some(TurnInput::PauseJudged { at, complete })
            }
            Err(error) => {
                // Silence decides; under load this happens often.
                tracing::debug!(%at, %error, "Pause not judged.");
                None
            }
        }
    }

    /// Takes the question back.
    pub(crate) fn stop(&mut self) {
        if let Some((_, task)) = self.asked.take() {
            task.abort();
        }
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.stop();
    }
}
