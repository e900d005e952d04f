//! Smart Turn v3 through ONNX Runtime, on threads of its own: one run takes tens of milliseconds,
//! which no call's task may wait for.
//!
//! The weights are loaded once per thread (9 MB) and serve all calls. A pause whose caller has
//! gone on is skipped; when too many wait, the next is refused, and silence decides.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ort::session::Session;
use ort::value::Tensor;
use tokio::sync::oneshot;

use super::TurnDetector;
use super::mel::{BANDS, FRAMES, LogMel, SAMPLES};
use crate::engines::EngineError;
use crate::engines::ort_env::{OrtError, environment, small_session};

/// Pauses that may wait for a thread. At 50 ms each, the last of them would be judged after the
/// silence has decided anyway.
const QUEUE_MAX: usize = 8;

/// Why the turn detector can not be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DetectorError {
    /// ONNX Runtime or the model can not be loaded.
    #[error(transparent)]
    Ort(#[from] OrtError),
    /// It loads, but is not Smart Turn v3, or fails on silence.
    #[error("{path} is not Smart Turn v3: {detail}; run `sawt models verify`")]
    NotSmartTurn {
        /// the model's file
        path: PathBuf,
        /// what is wrong
        detail: String,
    },
    /// No thread for it.
    #[error("can not start a thread for the turn detector: {0}; raise the limit on threads")]
    Thread(String),
}

/// A pause to be judged.
struct Pause {
    pcm: Vec<i16>,
    /// Closed when nobody waits any more.
    answer: oneshot::Sender<Result<f32, EngineError>>,
}

/// The model and its threads, shared by all calls. The threads end with it.
pub struct SmartTurn {
    pauses: SyncSender<Pause>,
}

impl std::fmt::Debug for SmartTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmartTurn").finish_non_exhaustive()
    }
}

impl SmartTurn {
    /// Loads `model` once for each of `threads` threads, checks that it is Smart Turn and warms
    /// it up.
    ///
    /// # Errors
    /// When ONNX Runtime or the model can not be used.
    pub fn load(
        onnxruntime_lib: &Path,
        model: &Path,
        threads: usize,
    ) -> Result<Self, DetectorError> {
        let environment = environment(onnxruntime_lib)?;
        let mel = Arc::new(LogMel::new());
        let (pauses, waiting) = sync_channel(QUEUE_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads.max(1) {
            let session = small_session(&environment, model)?;
            let mut judge = Judge { session, mel: Arc::clone(&mel) };
            judge
                .check()
                .map_err(|detail| DetectorError::NotSmartTurn { path: model.to_owned(), detail })?;
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new()
                .name("turn-detector".into())
                .spawn(move || judge.work(&waiting))
                .map_err(|error| DetectorError::Thread(error.to_string()))?;
        }
        Ok(Self { pauses })
    }
}

#[async_trait]
impl TurnDetector for SmartTurn {
    async fn judge(&self, mut pcm: Vec<i16>) -> Result<f32, EngineError> {
        let early = pcm.len().saturating_sub(SAMPLES);
        pcm.drain(..early);
        let (answer, judged) = oneshot::channel();
        self.pauses
            .try_send(Pause { pcm, answer })
            .map_err(|_| EngineError::Overloaded { engine: "turn" })?;
        judged.await.unwrap_or_else(|_| Err(failed("its thread is gone".into())))
    }
}

/// One thread's own: a session and the front end.
struct Judge {
    session: Session,
    mel: Arc<LogMel>,
}

impl Judge {
    fn work(&mut self, waiting: &Mutex<Receiver<Pause>>) {
        loop {
            // Whoever holds the lock waits for the next pause; the others wait for the lock.
            let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(pause) = next else { return };
            if pause.answer.is_closed() {
                continue; // too late: its caller has gone on, or the silence has decided
            }
            // Fails only when nobody waits any more.
            let _ = pause.answer.send(self.probability(&pause.pcm));
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let inputs: Vec<&str> = self.session.inputs().iter().map(|i| i.name()).collect();
        let outputs: Vec<&str> = self.session.outputs().iter().map(|o| o.name()).collect();
        if inputs != ["input_features"] || outputs.len() != 1 {
            return Err(format!("inputs {inputs:?}, outputs {outputs:?}"));
        }
        self.probability(&[]).map(|_| ()).map_err(|error| error.to_string())
    }

    fn probability(&mut self, pcm: &[i16]) -> Result<f32, EngineError> {
        let features = self.mel.features(pcm);
        let probability = self.infer(features).map_err(|error| failed(error.to_string()))?;
        if !(0.0..=1.0).contains(&probability) {
            return Err(failed(format!("{probability} is no probability")));
        }
        Ok(probability)
    }

    /// The graph ends in a sigmoid, whatever its output is called.
    fn infer(&mut self, features: Vec<f32>) -> Result<f32, ort::Error> {
        let features = Tensor::from_array(([1, BANDS, FRAMES], features))?;
        let outputs = self.session.run(ort::inputs!["input_features" => features])?;
        let (_, output) = outputs[0].try_extract_tensor::<f32>()?;
        match output {
            [probability] => Ok(*probability),
            _ => Err(ort::Error::new("output has another shape than Smart Turn's")),
        }
    }
}

fn failed(detail: String) -> EngineError {
    EngineError::Failed { engine: "turn", detail }
}
