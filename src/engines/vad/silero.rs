//! Silero VAD v5/v6 at 16 kHz through ONNX Runtime. Weights once, state per caller.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use ort::session::Session;
use ort::value::Tensor;

use super::{VoiceActivity, WINDOW_SAMPLES};
use crate::audio::CALLER_RATE_HZ;
use crate::engines::EngineError;
use crate::engines::ort_env::{OrtError, environment, small_session};

/// Samples of the window before that the model wants in front of each window. Without them, or
/// with another number of them, it gives no error and never finds speech.
const CONTEXT_SAMPLES: usize = 64;
/// Recurrent state, `[2, 1, 128]`.
const STATE_VALUES: usize = 2 * 128;
/// One window takes about 0.1 ms, so two sessions serve hundreds of callers (31 windows a second
/// each) with hardly a wait.
const SESSIONS: usize = 2;

/// Why the VAD model can not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VadError {
    /// ONNX Runtime or the model can not be loaded.
    #[error(transparent)]
    Ort(#[from] OrtError),
    /// It loads, but is not Silero at 16 kHz, or fails on silence.
    #[error("{path} is not Silero VAD v5 or v6: {detail}; run `sawt models verify`")]
    NotSilero {
        /// the model's file
        path: std::path::PathBuf,
        /// what is wrong
        detail: String,
    },
}

/// The weights, shared by all callers.
pub struct SileroModel {
    sessions: [Mutex<Session>; SESSIONS],
    next: AtomicUsize,
}

impl std::fmt::Debug for SileroModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SileroModel").finish_non_exhaustive()
    }
}

impl SileroModel {
    /// Loads `model`, checks that it is Silero and warms it up.
    ///
    /// # Errors
    /// When ONNX Runtime or the model can not be used.
    pub fn load(onnxruntime_lib: &Path, model: &Path) -> Result<Arc<Self>, VadError> {
        let environment = environment(onnxruntime_lib)?;
        let open = || small_session(&environment, model).map(Mutex::new);
        let loaded = Arc::new(Self { sessions: [open()?, open()?], next: AtomicUsize::new(0) });
        let refused = |detail: String| VadError::NotSilero { path: model.to_owned(), detail };
        for session in &loaded.sessions {
            let session = session.lock().unwrap_or_else(PoisonError::into_inner);
            let inputs: Vec<&str> = session.inputs().iter().map(|i| i.name()).collect();
            let outputs: Vec<&str> = session.outputs().iter().map(|o| o.name()).collect();
            if inputs != ["input", "state", "sr"] || outputs != ["output", "stateN"] {
                return Err(refused(format!("inputs {inputs:?}, outputs {outputs:?}")));
            }
        }
        // Twice: once per session.
        let mut vad = SileroVad::new(Arc::clone(&loaded));
        for _ in 0..SESSIONS {
            vad.score(&[0; WINDOW_SAMPLES]).map_err(|error| refused(error.to_string()))?;
        }
        Ok(loaded)
    }

    /// A session that is free, or the wait for one.
    fn session(&self) -> MutexGuard<'_, Session> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % SESSIONS;
        for offset in 0..SESSIONS {
            match self.sessions[(first + offset) % SESSIONS].try_lock() {
                Ok(session) => return session,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.sessions[first].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One caller's VAD: the model's memory of what that caller said.
#[derive(Debug)]
pub struct SileroVad {
    model: Arc<SileroModel>,
    state: Vec<f32>,
    context: [f32; CONTEXT_SAMPLES],
}

impl SileroVad {
    /// For a new caller.
    pub fn new(model: Arc<SileroModel>) -> Self {
        Self { model, state: vec![0.0; STATE_VALUES], context: [0.0; CONTEXT_SAMPLES] }
    }

    /// Forgets what was heard, as after a gap in the audio.
    pub fn reset(&mut self) {
        self.state.fill(0.0);
        self.context.fill(0.0);
    }

    fn infer(&mut self, input: Vec<f32>) -> Result<f32, ort::Error> {
        let input = Tensor::from_array(([1, input.len()], input))?;
        let state = Tensor::from_array(([2, 1, STATE_VALUES / 2], self.state.clone()))?;
        let no_dimensions: [usize; 0] = [];
        let rate = Tensor::from_array((no_dimensions, vec![i64::from(CALLER_RATE_HZ)]))?;
        let mut session = self.model.session();
        let outputs =
            session.run(ort::inputs!["input" => input, "state" => state, "sr" => rate])?;
        let (_, state) = outputs["stateN"].try_extract_tensor::<f32>()?;
        let (_, output) = outputs["output"].try_extract_tensor::<f32>()?;
        let probability = match output {
            [probability] if state.len() == STATE_VALUES => *probability,
            _ => return Err(ort::Error::new("output has another shape than Silero's")),
        };
        self.state.copy_from_slice(state);
        Ok(probability)
    }
}

impl VoiceActivity for SileroVad {
    fn score(&mut self, window: &[i16]) -> Result<f32, EngineError> {
        let failed = |detail: String| EngineError::Failed { engine: "vad", detail };
        if window.len() != WINDOW_SAMPLES {
            return Err(failed(format!(
                "a window has {WINDOW_SAMPLES} samples, not {}",
                window.len()
            )));
        }
        let mut input = Vec::with_capacity(CONTEXT_SAMPLES + WINDOW_SAMPLES);
        input.extend_from_slice(&self.context);
        input.extend(window.iter().map(|&sample| f32::from(sample) / 32768.0));
        self.context.copy_from_slice(&input[WINDOW_SAMPLES..]);
        let probability = self.infer(input).map_err(|error| failed(error.to_string()))?;
        if !probability.is_finite() {
            self.reset();
            return Err(failed("the model's answer is no number".into()));
        }
        Ok(probability.clamp(0.0, 1.0))
    }
}
