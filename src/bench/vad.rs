//! The voice detector: what one caller's listening costs, and how many one core can hear.

use std::sync::Arc;

use super::{Report, clock};
use crate::audio::{CALLER_RATE_HZ, duration_of};
use crate::config::Config;
use crate::engines::vad::silero::{SileroModel, SileroVad};
use crate::engines::vad::{VoiceActivity as _, WINDOW_SAMPLES};
use crate::models::Store;

/// Windows of one measurement: about half a minute of a caller.
const WINDOWS: usize = 1_000;

/// Hears half a minute `passes` times.
///
/// # Errors
/// When the detector does not load or fails.
pub fn run(config: &Config, passes: usize) -> anyhow::Result<Report> {
    let store = Store::from_config(&config.models);
    let library = store.resolve("onnxruntime")?;
    let weights = store.resolve("silero-vad")?;
    let model = SileroModel::load(library.main_file(), weights.main_file())?;
    let mut report = Report::new("vad");
    report.setup.insert("model", "silero-vad".into());
    report.setup.insert("windows", WINDOWS.to_string());
    // A sweeping tone: what the model makes of it does not change what it costs.
    let window_at = |n: usize| -> Vec<i16> {
        let sample = |i: usize| {
            let t = (n * WINDOW_SAMPLES + i) as f32 / CALLER_RATE_HZ as f32;
            ((t * (200.0 + 40.0 * t.sin()) * std::f32::consts::TAU).sin() * 8_000.0) as i16
        };
        (0..WINDOW_SAMPLES).map(sample).collect()
    };
    let windows: Vec<Vec<i16>> = (0..WINDOWS).map(window_at).collect();
    let window_s = duration_of(WINDOW_SAMPLES as u64, CALLER_RATE_HZ).as_secs_f64();
    for _ in 0..passes {
        let mut vad = SileroVad::new(Arc::clone(&model));
        let start = clock();
        for window in &windows {
            vad.score(window)?;
        }
        let per_window_s = clock().duration_since(start).as_secs_f64() / WINDOWS as f64;
        report.add("one window of 32 ms", "µs", per_window_s * 1e6);
        report.add("callers per core", "callers", window_s / per_window_s);
    }
    Ok(report)
}
