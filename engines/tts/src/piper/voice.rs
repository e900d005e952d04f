//! One Piper voice in one ONNX session: sentences in, audio and word marks out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::AutoDevicePolicy;
use ort::value::Tensor;

use super::config::VoiceConfig;
use super::graph::{DURATIONS, HOP_SAMPLES, expose_durations};
use super::ids::{Run, encode};
use super::{VoiceError, phonemes};
use crate::espeak::Espeak;
use crate::render::{RenderError, Rendered, Sentence};
use crate::words;

/// Larger than any Piper voice; keeps a wrong file from filling the memory.
const MODEL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A loaded voice. `run` needs `&mut`, so each worker has its own.
pub(crate) struct PiperVoice {
    session: Session,
    config: Arc<VoiceConfig>,
    espeak: Arc<Espeak>,
    has_durations: bool,
}

/// The configuration that belongs to `model`: the same path with `.json` appended.
pub(crate) fn config_path(model: &Path) -> PathBuf {
    let mut path = model.as_os_str().to_owned();
    path.push(".json");
    path.into()
}

impl PiperVoice {
    /// Loads `model` with `threads` compute threads.
    pub(crate) fn load(
        environment: &Environment,
        espeak: &Arc<Espeak>,
        model: &Path,
        config: Arc<VoiceConfig>,
        threads: usize,
    ) -> Result<Self, VoiceError> {
        let unreadable = |error: std::io::Error| VoiceError::Unreadable {
            path: model.to_owned(),
            detail: error.to_string(),
        };
        let refused = |detail: String| VoiceError::Model { path: model.to_owned(), detail };
        let bytes = std::fs::metadata(model).map_err(unreadable)?.len();
        if bytes == 0 || bytes > MODEL_BYTES_MAX {
            return Err(refused(format!("{bytes} bytes is no voice")));
        }
        let mut graph = std::fs::read(model).map_err(unreadable)?;
        let length = graph.len();
        expose_durations(&mut graph);
        let session = match open(environment, &graph, threads) {
            Ok(session) => session,
            Err(_) => {
                graph.truncate(length);
                open(environment, &graph, threads).map_err(|error| refused(error.to_string()))?
            }
        };
        let mut wanted = vec!["input", "input_lengths", "scales"];
        if config.speakers > 1 {
            wanted.push("sid");
        }
        let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
        if inputs != wanted || outputs.first() != Some(&"output") {
            return Err(refused(format!("its inputs are {inputs:?} and its outputs {outputs:?}")));
        }
        let has_durations = outputs.contains(&DURATIONS);
        Ok(Self { session, config, espeak: Arc::clone(espeak), has_durations })
    }

    /// Speaks `sentence`; asks `cancelled` between runs.
    pub(crate) fn render(
        &mut self,
        sentence: &Sentence,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Rendered, RenderError> {
        let text = sentence.text.as_str();
        let raw = self
            .espeak
            .phonemes(&self.config.espeak_voice, text)
            .map_err(|error| RenderError::Failed(error.to_string()))?;
        let clauses = phonemes::clauses(text, &raw);
        let encoded = encode(&self.config.ids, &clauses);
        if encoded.unknown > 0 {
            tracing::debug!(unknown = encoded.unknown, "Voice lacks some phonemes.");
        }
        let mut out = Rendered {
            phonemes: clauses.iter().map(|clause| clause.phonemes.as_str()).collect(),
            ..Rendered::default()
        };
        let mut starts = Some(Vec::new());
        for run in &encoded.runs {
            if cancelled() {
                return Err(RenderError::Cancelled);
            }
            let before = out.pcm.len() as u64;
            let run_starts = self
                .infer(run, sentence.speed, &mut out.pcm)
                .map_err(|error| RenderError::Failed(error.to_string()))?;
            starts = starts.zip(run_starts).map(|(mut all, new)| {
                all.extend(new.into_iter().map(|at| before + at));
                all
            });
        }
        if out.pcm.iter().any(|sample| !sample.is_finite()) {
            return Err(RenderError::Failed("the voice made samples that are no numbers".into()));
        }
        if let Some(starts) = starts {
            let clauses: Vec<_> = clauses
                .iter()
                .zip(&encoded.words_per_clause)
                .map(|(clause, &count)| words::ClauseWords { text: clause.text.clone(), count })
                .collect();
            out.words = words::align(text, &clauses, &starts, out.pcm.len() as u64);
        }
        Ok(out)
    }

    /// Appends the audio of `run` to `pcm`; the start of each phoneme word if the voice tells.
    fn infer(
        &mut self,
        run: &Run,
        speed: f32,
        pcm: &mut Vec<f32>,
    ) -> Result<Option<Vec<u64>>, ort::Error> {
        let count = run.ids.len();
        let config = &self.config;
        let scales = vec![config.noise_scale, config.length_scale * stretch(speed), config.noise_w];
        let mut inputs = ort::inputs![
            "input" => Tensor::from_array(([1, count], run.ids.clone()))?,
            "input_lengths" => Tensor::from_array(([1], vec![count as i64]))?,
            "scales" => Tensor::from_array(([3], scales))?,
        ];
        if config.speakers > 1 {
            inputs.push(("sid".into(), Tensor::from_array(([1], vec![0_i64]))?.into()));
        }
        let outputs = self.session.run(inputs)?;
        let (_, audio) = outputs["output"].try_extract_tensor::<f32>()?;
        pcm.extend_from_slice(audio);
        if !self.has_durations {
            return Ok(None);
        }
        let (_, frames) = outputs[DURATIONS].try_extract_tensor::<f32>()?;
        Ok(word_starts(run, frames, audio.len() as u64))
    }
}

/// Part of the audio at speed 1 that the length scale does not reach: a voice rounds each
/// phoneme up to a whole frame. Measured on the starter voice: 17 to 26 % by sentence.
const ROUNDED_UP: f32 = 0.24;

/// The length scale, relative to the voice's own, at which speech takes 1/`speed` of its time.
/// With 1/`speed` itself, double speed came out as 1.5 and half speed as 0.57.
fn stretch(speed: f32) -> f32 {
    (1.0 / speed - ROUNDED_UP) / (1.0 - ROUNDED_UP)
}

/// Samples at which the words of `run` start; none if the durations do not add up to the audio.
fn word_starts(run: &Run, frames: &[f32], samples: u64) -> Option<Vec<u64>> {
    if frames.len() != run.ids.len() {
        return None;
    }
    let mut at = Vec::with_capacity(frames.len());
    let mut total = 0;
    for &count in frames {
        at.push(total);
        total += count.max(0.0) as u64 * HOP_SAMPLES;
    }
    if total != samples {
        return None;
    }
    run.word_starts.iter().map(|&index| at.get(index).copied()).collect()
}

fn open(environment: &Environment, graph: &[u8], threads: usize) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        // Small models must stay on the CPU even where a GPU is seen.
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_intra_threads(threads)?
        .with_inter_threads(1)?
        // Spinning threads would take the cores from the other engines.
        .with_intra_op_spinning(false)?
        .commit_from_memory(graph)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_pace_is_untouched_and_all_allowed_speeds_stay_positive() {
        assert!((stretch(1.0) - 1.0).abs() < 1e-6);
        assert!(stretch(2.0) > 0.3 && stretch(0.5) < 2.4);
    }

    #[test]
    fn word_starts_follow_the_durations_or_are_withheld() {
        let run = Run { ids: vec![1, 0, 4, 0, 2], word_starts: vec![2] };
        let frames = [1.0, 2.0, 3.0, 0.0, 1.0];
        assert_eq!(word_starts(&run, &frames, 7 * 256), Some(vec![3 * 256]));
        assert_eq!(word_starts(&run, &frames, 8 * 256), None);
        assert_eq!(word_starts(&run, &frames[1..], 6 * 256), None);
    }
}
