//! Log-mel features as Whisper's encoder and Smart Turn want them. Pure arithmetic, no model.
//!
//! 8 s at 16 kHz become 80 mel bands by 800 frames of 10 ms. Shorter audio is padded with zeros at
//! the *front*, so that the pause that is judged always stands at the same place. The waveform is
//! brought to zero mean and unit variance first, padding included, as the model's training did.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::audio::CALLER_RATE_HZ;

/// Samples that are looked at: 8 s.
pub const SAMPLES: usize = 8 * CALLER_RATE_HZ as usize;
/// Mel bands.
pub const BANDS: usize = 80;
/// Frames of 10 ms.
pub const FRAMES: usize = SAMPLES / HOP;

const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
/// Power below this is silence.
const POWER_MIN: f32 = 1e-10;
/// Decades below the loudest that are told apart.
const DECADES: f32 = 8.0;
/// Keeps digital silence from being divided by nothing.
const VARIANCE_EPSILON: f32 = 1e-7;

/// What is computed once for all runs.
pub struct LogMel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW],
    bands: Vec<Band>,
}

/// A triangle over neighbouring bins: the rest of its row would be zeros.
struct Band {
    first_bin: usize,
    weights: Vec<f32>,
}

impl Default for LogMel {
    fn default() -> Self {
        Self::new()
    }
}

impl LogMel {
    /// Plans the transform and builds the bands.
    pub fn new() -> Self {
        let turn = std::f64::consts::TAU / WINDOW as f64;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(WINDOW),
            window: std::array::from_fn(|n| (0.5 - 0.5 * (turn * n as f64).cos()) as f32),
            bands: bands(),
        }
    }

    /// Features of the last 8 s of `pcm`, [`BANDS`] rows of [`FRAMES`].
    pub fn features(&self, pcm: &[i16]) -> Vec<f32> {
        let wave = normalised(pcm);
        // Frames are centred on their hop: half a window is mirrored at both ends.
        let half = WINDOW / 2;
        let mut padded = Vec::with_capacity(SAMPLES + WINDOW);
        padded.extend(wave[1..=half].iter().rev());
        padded.extend_from_slice(&wave);
        padded.extend(wave[SAMPLES - half - 1..SAMPLES - 1].iter().rev());

        let mut out = vec![0.0; BANDS * FRAMES];
        let mut frame = [0.0; WINDOW];
        let mut spectrum = [Complex::new(0.0, 0.0); BINS];
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = [0.0_f32; BINS];
        let mut loudest = f32::MIN;
        for (at, heard) in padded.windows(WINDOW).step_by(HOP).take(FRAMES).enumerate() {
            for ((to, sample), weight) in frame.iter_mut().zip(heard).zip(&self.window) {
                *to = sample * weight;
            }
            // The buffers have the plan's lengths, and nothing else can make it fail.
            let done = self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            debug_assert!(done.is_ok(), "{done:?}");
            for (to, bin) in power.iter_mut().zip(&spectrum) {
                *to = bin.norm_sqr();
            }
            for (row, band) in self.bands.iter().enumerate() {
                let bins = &power[band.first_bin..];
                let energy: f32 = band.weights.iter().zip(bins).map(|(w, p)| w * p).sum();
                let value = energy.max(POWER_MIN).log10();
                loudest = loudest.max(value);
                out[row * FRAMES + at] = value;
            }
        }
        let floor = loudest - DECADES;
        for value in &mut out {
            *value = (value.max(floor) + 4.0) / 4.0;
        }
        out
    }
}

/// The last 8 s, zeros in front where there are less, at zero mean and unit variance.
fn normalised(pcm: &[i16]) -> Vec<f32> {
    let heard = &pcm[pcm.len().saturating_sub(SAMPLES)..];
    let mut wave = vec![0.0_f32; SAMPLES - heard.len()];
    wave.extend(heard.iter().map(|&sample| f32::from(sample) / 32768.0));
    let count = SAMPLES as f64;
    let mean = wave.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = wave.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let scale = 1.0 / (variance as f32 + VARIANCE_EPSILON).sqrt();
    let mean = mean as f32;
    for x in &mut wave {
        *x = (*x - mean) * scale;
    }
    wave
}

/// Slaney's mel scale: even steps below 1 kHz, even ratios above.
fn hertz_to_mel(hertz: f64) -> f64 {
    if hertz < 1000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1000.0).ln() / log_step() }
}

fn mel_to_hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * (log_step() * (mel - 15.0)).exp() }
}

/// 27 steps lie between 1 and 6.4 kHz.
fn log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

/// Triangles of equal area between neighbours on the mel scale, from 0 to half the rate.
fn bands() -> Vec<Band> {
    let nyquist = f64::from(CALLER_RATE_HZ) / 2.0;
    let top = hertz_to_mel(nyquist);
    let corner = |n: usize| mel_to_hertz(top * n as f64 / (BANDS + 1) as f64);
    let hertz_of = |bin: usize| nyquist * bin as f64 / (BINS - 1) as f64;
    (0..BANDS)
        .map(|band| {
            let (low, peak, high) = (corner(band), corner(band + 1), corner(band + 2));
            let weight = |bin: usize| {
                let hertz = hertz_of(bin);
                let slope = ((hertz - low) / (peak - low)).min((high - hertz) / (high - peak));
                (slope.max(0.0) * 2.0 / (high - low)) as f32
            };
            let inside = |bin: &usize| weight(*bin) > 0.0;
            let first_bin = (0..BINS).find(inside).unwrap_or(0);
            let weights = (first_bin..BINS).map(weight).take_while(|w| *w > 0.0).collect();
            Band { first_bin, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the reference in Smart Turn's package, on the signal that [`signal`] makes:
    /// `tests/data/log_mel_golden.py`.
    const GOLDEN: &str = include_str!("../../../tests/data/log-mel-golden.txt");

    /// Sines with a rising pitch, a gap, a click and a wobble: integers, so that every language
    /// builds the same.
    fn signal(samples: usize) -> Vec<i16> {
        let mut seed = 1_u32;
        (0..samples)
            .map(|n| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 24) as i64 - 128;
                let phase = (n as i64 * n as i64 / 40) % 32_768;
                let saw = (phase - 16_384) / 2;
                let loud = i64::from(n % 24_000 < 16_000);
                (loud * saw + noise) as i16
            })
            .collect()
    }

    fn worst(samples: usize) -> f32 {
        let features = LogMel::new().features(&signal(samples));
        let mut compared = 0;
        let mut worst = 0.0_f32;
        for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(' ').collect();
            let [of, row, frame, value] = fields[..] else { panic!("{line:?}") };
            if of.parse() != Ok(samples) {
                continue;
            }
            let at = row.parse::<usize>().unwrap() * FRAMES + frame.parse::<usize>().unwrap();
            worst = worst.max((features[at] - value.parse::<f32>().unwrap()).abs());
            compared += 1;
        }
        assert!(compared >= 100, "{compared} values of {samples} samples");
        worst
    }

    #[test]
    fn features_are_the_references() {
        for samples in [SAMPLES, 30_000, 200_000] {
            let worst = worst(samples);
            assert!(worst < 1e-4, "{samples} samples: off by {worst}");
        }
    }

    #[test]
    fn silence_nothing_and_clipping_give_numbers() {
        let mel = LogMel::new();
        for pcm in [vec![], vec![0; SAMPLES], vec![i16::MIN; 50_000], vec![i16::MAX; 1]] {
            let features = mel.features(&pcm);
            assert_eq!(features.len(), BANDS * FRAMES);
            assert!(features.iter().all(|value| value.is_finite()));
        }
    }
}
