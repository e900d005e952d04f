//! Whisper's spectrogram: 25 ms windows every 10 ms, mel bands on Slaney's scale, logarithm,
//! everything more than 80 dB below the loudest cut off. As long as the encoder's window asks, and
//! computed only as far as there is sound.

use std::f64::consts::PI;
use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use sawt_stt_common::bounds::SAMPLE_RATE_HZ;

const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
/// A window's centre is at its frame's time, so the first window reaches this far before the sound.
const BEFORE: usize = WINDOW / 2;

/// Frames of the spectrogram in one encoder position.
pub const FRAMES_PER_POSITION: usize = 2;

/// Energy of digital silence, and its logarithm.
const POWER_MIN: f32 = 1e-10;
const LOG_POWER_MIN: f32 = -10.0;

/// Tables made once, and working memory.
pub struct Mel {
    transform: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// By band, the bins it covers and their weights.
    bands: Vec<(Range<usize>, Vec<f32>)>,
    input: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Mel {
    pub fn new(bands: usize) -> Self {
        let transform = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let window = (0..WINDOW)
            .map(|i| (0.5 - 0.5 * (2.0 * PI * i as f64 / WINDOW as f64).cos()) as f32)
            .collect();
        Self {
            window,
            bands: filters(bands),
            input: transform.make_input_vec(),
            spectrum: transform.make_output_vec(),
            scratch: transform.make_scratch_vec(),
            transform,
        }
    }

    /// Bands as rows of `frames` values each. Sound beyond the frames is not looked at; where there
    /// is none, silence.
    pub fn of(&mut self, samples: &[f32], frames: usize) -> Vec<f32> {
        let samples = &samples[..samples.len().min(frames * HOP)];
        let padded = padded(samples, frames);
        // The first frame whose window begins behind the sound.
        let sounding = (samples.len() + BEFORE).div_ceil(HOP).min(frames);
        let mut rows = vec![LOG_POWER_MIN; self.bands.len() * frames];
        let mut power = [0.0_f32; BINS];
        for frame in 0..sounding {
            let from = frame * HOP;
            let piece = padded[from..from + WINDOW].iter().zip(&self.window);
            self.input.iter_mut().zip(piece).for_each(|(slot, (sample, w))| *slot = sample * w);
            self.transform
                .process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch)
                .expect("all buffers are the transform's own. This is a bug.");
            power.iter_mut().zip(&self.spectrum).for_each(|(p, bin)| *p = bin.norm_sqr());
            for (band, (bins, weights)) in self.bands.iter().enumerate() {
                let energy: f32 = power[bins.clone()].iter().zip(weights).map(|(p, w)| p * w).sum();
                rows[band * frames + frame] = energy.max(POWER_MIN).log10();
            }
        }
        let loudest = rows.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        rows.iter_mut().for_each(|value| *value = (value.max(loudest - 8.0) + 4.0) / 4.0);
        rows
    }
}

/// The sound with silence up to the end of the frames, and mirrored by half a window at both ends.
fn padded(samples: &[f32], frames: usize) -> Vec<f32> {
    let length = frames * HOP;
    let at = |index: usize| samples.get(index).copied().unwrap_or(0.0);
    let mut padded = Vec::with_capacity(length + WINDOW);
    padded.extend((1..=BEFORE).rev().map(at));
    padded.extend_from_slice(samples);
    padded.resize(BEFORE + length, 0.0);
    padded.extend((0..BEFORE).map(|i| at((length - 2).saturating_sub(i))));
    padded
}

/// Triangles on Slaney's mel scale, each of unit area.
fn filters(bands: usize) -> Vec<(Range<usize>, Vec<f32>)> {
    let nyquist = f64::from(SAMPLE_RATE_HZ) / 2.0;
    let top = hz_to_mel(nyquist);
    let corner = |i: usize| mel_to_hz(top * i as f64 / (bands + 1) as f64);
    (0..bands)
        .map(|band| {
            let (low, centre, high) = (corner(band), corner(band + 1), corner(band + 2));
            let weight = |bin: usize| {
                let hz = bin as f64 * nyquist / (BINS - 1) as f64;
                let rise = (hz - low) / (centre - low);
                let fall = (high - hz) / (high - centre);
                (rise.min(fall).max(0.0) * 2.0 / (high - low)) as f32
            };
            let from = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let to = (from..BINS).find(|&bin| weight(bin) <= 0.0).unwrap_or(BINS);
            (from..to, (from..to).map(weight).collect())
        })
        .collect()
}

/// The scale is linear up to 1 kHz and logarithmic above, 27 steps for a factor of 6.4.
const BREAK_HZ: f64 = 1000.0;
const BREAK_MEL: f64 = 15.0;

fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ {
        hz * BREAK_MEL / BREAK_HZ
    } else {
        BREAK_MEL + (hz / BREAK_HZ).ln() * 27.0 / 6.4_f64.ln()
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL {
        mel * BREAK_HZ / BREAK_MEL
    } else {
        BREAK_HZ * ((mel - BREAK_MEL) * 6.4_f64.ln() / 27.0).exp()
    }
}

#[cfg(test)]
mod tests;
