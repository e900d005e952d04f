//! Silero VAD v5/v6 at 16 kHz. Weights once, state per caller.
//!
//! Version 6 is run by [`sawt_vad`], which is several times faster than ONNX Runtime, if at load the two agree on a sound;
//! whatever else the file holds is run by ONNX Runtime.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use ort::session::Session;
use ort::value::Tensor;
use sawt_vad::{INPUT_SAMPLES, Network, STATE_VALUES, Scratch};

use super::{VoiceActivity, WINDOW_SAMPLES};
use crate::audio::CALLER_RATE_HZ;
use crate::engines::EngineError;
use crate::engines::ort_env::{OrtError, environment, small_session};

/// Samples of the window before that the model wants in front of each window. Without them, or
/// with another number of them, it gives no error and never finds speech.
const CONTEXT_SAMPLES: usize = 64;
const _: () = assert!(INPUT_SAMPLES == CONTEXT_SAMPLES + WINDOW_SAMPLES);
/// Without [`sawt_vad`] one window takes about 0.1 ms, so two sessions serve hundreds of callers (31 windows a second
/// each) with hardly a wait.
const SESSIONS: usize = 2;
/// Windows of sound that both ways are tried on at load, and how far they may be apart: in a
/// probability, and in what they remember, whose values are larger.
const TRIAL_WINDOWS: usize = 32;
const APART_MAX: f32 = 1e-4;
const STATE_APART_MAX: f32 = 1e-3;

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
#[derive(Debug)]
pub struct SileroModel {
    way: Way,
}

/// How they are run.
#[derive(Debug)]
enum Way {
    Network(Box<Network>),
    Library(Sessions),
}

impl SileroModel {
    /// Loads `model`, checks that it is Silero and warms it up.
    ///
    /// # Errors
    /// When ONNX Runtime or the model can not be used.
    pub fn load(onnxruntime_lib: &Path, model: &Path) -> Result<Arc<Self>, VadError> {
        let sessions = Sessions::open(onnxruntime_lib, model)?;
        let way = match network(model, &sessions) {
            Ok(network) => Way::Network(Box::new(network)),
            Err(why) => {
                tracing::warn!(why, "Voice detection runs in ONNX Runtime: slower, not worse.");
                Way::Library(sessions)
            }
        };
        Ok(Arc::new(Self { way }))
    }

    /// The same, by ONNX Runtime in any case: what [`Self::load`] is measured by.
    ///
    /// # Errors
    /// When ONNX Runtime or the model can not be used.
    pub fn load_in_library(onnxruntime_lib: &Path, model: &Path) -> Result<Arc<Self>, VadError> {
        let way = Way::Library(Sessions::open(onnxruntime_lib, model)?);
        Ok(Arc::new(Self { way }))
    }

    /// Whether ONNX Runtime runs it.
    pub const fn is_in_library(&self) -> bool {
        matches!(self.way, Way::Library(_))
    }
}

/// The network in `model`, if it hears what `sessions` hear; or why not.
fn network(model: &Path, sessions: &Sessions) -> Result<Network, String> {
    let bytes = std::fs::read(model).map_err(|error| error.to_string())?;
    let network = Network::read(&bytes).map_err(|error| error.to_string())?;
    let mut scratch = network.scratch();
    let mut states = [[0.0; STATE_VALUES]; 2];
    let sound = trial_sound();
    for start in (0..TRIAL_WINDOWS).map(|window| window * WINDOW_SAMPLES) {
        let input = sound[start..].first_chunk().expect("the sound is as long. This is a bug.");
        let [ours, theirs] = &mut states;
        let heard = network.score(&mut scratch, input, ours);
        let wanted = sessions.score(input, theirs).map_err(|error| error.to_string())?;
        let apart = ours.iter().zip(theirs).map(|(a, b)| (a - *b).abs());
        let agree = (heard - wanted).abs() <= APART_MAX
            // Not the largest of them, which would forget those that are no number.
            && apart.into_iter().all(|apart| apart <= STATE_APART_MAX);
        if !agree {
            return Err(format!("after {start} samples {heard} is heard instead of {wanted}"));
        }
    }
    Ok(network)
}

/// Silence, then a voice of a kind: a gliding tone with its harmonics that swells four times a
/// second, with some noise.
fn trial_sound() -> Vec<f32> {
    let mut noise = 1_u32;
    let mut phase = 0.0_f32;
    let sample = |n: usize| {
        let t = n as f32 / CALLER_RATE_HZ as f32;
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = (noise >> 16) as f32 / 65_536.0 - 0.5;
        phase = (phase + (140.0 + 30.0 * (9.0 * t).sin()) / CALLER_RATE_HZ as f32).fract();
        let harmonics = (1_u8..20).map(|harmonic| {
            let harmonic = f32::from(harmonic);
            (std::f32::consts::TAU * phase * harmonic).sin() / harmonic
        });
        let swell = (std::f32::consts::TAU * 2.0 * t).sin().abs();
        if t < 0.1 { 0.0 } else { 0.2 * swell * harmonics.sum::<f32>() + 0.02 * hiss }
    };
    (0..TRIAL_WINDOWS * WINDOW_SAMPLES + CONTEXT_SAMPLES).map(sample).collect()
}

/// The file in ONNX Runtime.
struct Sessions {
    sessions: [Mutex<Session>; SESSIONS],
    next: AtomicUsize,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    fn open(onnxruntime_lib: &Path, model: &Path) -> Result<Self, VadError> {
        let environment = environment(onnxruntime_lib)?;
        let open = || small_session(&environment, model).map(Mutex::new);
        let opened = Self { sessions: [open()?, open()?], next: AtomicUsize::new(0) };
        let refused = |detail: String| VadError::NotSilero { path: model.to_owned(), detail };
        for session in &opened.sessions {
            let session = session.lock().unwrap_or_else(PoisonError::into_inner);
            let inputs: Vec<&str> = session.inputs().iter().map(|i| i.name()).collect();
            let outputs: Vec<&str> = session.outputs().iter().map(|o| o.name()).collect();
            if inputs != ["input", "state", "sr"] || outputs != ["output", "stateN"] {
                return Err(refused(format!("inputs {inputs:?}, outputs {outputs:?}")));
            }
        }
        // Once per session.
        for _ in 0..SESSIONS {
            let silence = opened.score(&[0.0; INPUT_SAMPLES], &mut [0.0; STATE_VALUES]);
            silence.map_err(|error| refused(error.to_string()))?;
        }
        Ok(opened)
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

    fn score(&self, input: &[f32], state: &mut [f32; STATE_VALUES]) -> Result<f32, ort::Error> {
        let input = Tensor::from_array(([1, input.len()], input.to_vec()))?;
        let remembered = Tensor::from_array(([2, 1, STATE_VALUES / 2], state.to_vec()))?;
        let no_dimensions: [usize; 0] = [];
        let rate = Tensor::from_array((no_dimensions, vec![i64::from(CALLER_RATE_HZ)]))?;
        let mut session = self.session();
        let outputs =
            session.run(ort::inputs!["input" => input, "state" => remembered, "sr" => rate])?;
        let (_, remembered) = outputs["stateN"].try_extract_tensor::<f32>()?;
        let (_, output) = outputs["output"].try_extract_tensor::<f32>()?;
        let probability = match output {
            [probability] if remembered.len() == STATE_VALUES => *probability,
            _ => return Err(ort::Error::new("output has another shape than Silero's")),
        };
        state.copy_from_slice(remembered);
        Ok(probability)
    }
}

/// One caller's VAD: the model's memory of what that caller said.
#[derive(Debug)]
pub struct SileroVad {
    model: Arc<SileroModel>,
    state: [f32; STATE_VALUES],
    context: [f32; CONTEXT_SAMPLES],
    /// Of the network, where that is how the model is run.
    scratch: Option<Scratch>,
}

impl SileroVad {
    /// For a new caller.
    pub fn new(model: Arc<SileroModel>) -> Self {
        let scratch = match &model.way {
            Way::Network(network) => Some(network.scratch()),
            Way::Library(_) => None,
        };
        Self { model, state: [0.0; STATE_VALUES], context: [0.0; CONTEXT_SAMPLES], scratch }
    }

    /// Forgets what was heard, as after a gap in the audio.
    pub fn reset(&mut self) {
        self.state.fill(0.0);
        self.context.fill(0.0);
    }

    /// What goes wrong without the context, for the test that pins it.
    #[cfg(test)]
    pub(super) fn score_without_context(&mut self, window: &[i16]) -> f32 {
        let Way::Library(sessions) = &self.model.way else { panic!("only there that is possible") };
        let input: Vec<f32> = window.iter().map(|&s| f32::from(s) / 32768.0).collect();
        sessions.score(&input, &mut self.state).unwrap()
    }

    fn infer(&mut self, input: &[f32; INPUT_SAMPLES]) -> Result<f32, ort::Error> {
        match &self.model.way {
            Way::Network(network) => {
                let scratch = self.scratch.get_or_insert_with(|| network.scratch());
                Ok(network.score(scratch, input, &mut self.state))
            }
            Way::Library(sessions) => sessions.score(input, &mut self.state),
        }
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
        let mut input = [0.0; INPUT_SAMPLES];
        let (context, samples) = input.split_at_mut(CONTEXT_SAMPLES);
        context.copy_from_slice(&self.context);
        samples.iter_mut().zip(window).for_each(|(to, &from)| *to = f32::from(from) / 32768.0);
        self.context.copy_from_slice(&input[WINDOW_SAMPLES..]);
        let probability = self.infer(&input).map_err(|error| failed(error.to_string()))?;
        if !probability.is_finite() {
            self.reset();
            return Err(failed("the model's answer is no number".into()));
        }
        Ok(probability.clamp(0.0, 1.0))
    }
}
