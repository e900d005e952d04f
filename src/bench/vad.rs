//! The voice detector: what one caller's listening costs, and how many one core can hear.

use std::path::Path;
use std::sync::Arc;

use super::{Report, clock};
use crate::audio::{CALLER_RATE_HZ, duration_of, wav};
use crate::config::Config;
use crate::engines::vad::silero::{SileroModel, SileroVad};
use crate::engines::vad::{VoiceActivity as _, WINDOW_SAMPLES};
use crate::models::Store;

/// Windows of one measurement: about half a minute of a caller.
const WINDOWS: usize = 1_000;

/// Hears `file`, or half a minute of a tone, `passes` times. Of a file it reports what each window
/// was taken for as well, so that others can be compared with it.
///
/// # Errors
/// When the detector does not load or fails, or the file can not be read.
pub fn run(config: &Config, file: Option<&Path>, passes: usize) -> anyhow::Result<Report> {
    let store = Store::from_config(&config.models);
    let library = store.resolve("onnxruntime")?;
    let weights = store.resolve("silero-vad")?;
    let model = SileroModel::load(library.main_file(), weights.main_file())?;
    let pcm = match file {
        Some(path) => wav::read(path, CALLER_RATE_HZ)?,
        None => tone(),
    };
    let windows: Vec<&[i16]> = pcm.chunks_exact(WINDOW_SAMPLES).collect();
    anyhow::ensure!(
        !windows.is_empty(),
        "there is less than a window of 32 ms; give a longer file"
    );
    let mut report = Report::new("vad");
    report.setup.insert("model", "silero-vad".into());
    let runs_in = if model.is_in_library() { "ONNX Runtime" } else { "sawt-vad" };
    report.setup.insert("runs in", runs_in.into());
    report.setup.insert("windows", windows.len().to_string());
    let window_s = duration_of(WINDOW_SAMPLES as u64, CALLER_RATE_HZ).as_secs_f64();
    for pass in 0..passes {
        let mut vad = SileroVad::new(Arc::clone(&model));
        let mut scores = Vec::with_capacity(windows.len());
        let start = clock();
        for window in &windows {
            scores.push(vad.score(window)?);
        }
        let per_window_s = clock().duration_since(start).as_secs_f64() / windows.len() as f64;
        report.add("one window of 32 ms", "µs", per_window_s * 1e6);
        report.add("callers per core", "callers", window_s / per_window_s);
        if pass == 0 && file.is_some() {
            for score in scores {
                report.add("speech in a window", "0..1", f64::from(score));
            }
        }
    }
    Ok(report)
}

/// A sweeping tone: what the model makes of it does not change what it costs.
fn tone() -> Vec<i16> {
    let sample = |i: usize| {
        let t = i as f32 / CALLER_RATE_HZ as f32;
        ((t * (200.0 + 40.0 * t.sin()) * std::f32::consts::TAU).sin() * 8_000.0) as i16
    };
    (0..WINDOWS * WINDOW_SAMPLES).map(sample).collect()
}
