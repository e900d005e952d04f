//! From one rate to another, for whole clips.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{Fft, FixedSync, Resampler as _};

/// Why audio could not be resampled.
#[derive(Debug, thiserror::Error)]
#[error("can not resample from {from_hz} to {to_hz} Hz: {detail}")]
pub struct ResampleError {
    from_hz: u32,
    to_hz: u32,
    detail: String,
}

impl ResampleError {
    pub(super) fn new(from_hz: u32, to_hz: u32, detail: String) -> Self {
        Self { from_hz, to_hz, detail }
    }
}

/// `pcm` at `to_hz`: as long as before, without the resampler's delay.
///
/// # Errors
/// When one of the rates is zero or beyond what audio has.
pub fn resample(pcm: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, ResampleError> {
    if from_hz == to_hz || pcm.is_empty() {
        return Ok(pcm.to_vec());
    }
    let error = |detail: String| ResampleError { from_hz, to_hz, detail };
    if !(1_000..=384_000).contains(&from_hz) || !(1_000..=384_000).contains(&to_hz) {
        return Err(error("rates must be between 1,000 and 384,000 Hz".into()));
    }
    let input: Vec<f32> = pcm.iter().map(|s| f32::from(*s) / 32_768.0).collect();
    let (from, to) = (from_hz as usize, to_hz as usize);
    let mut fft =
        Fft::<f32>::new(from, to, 1_024, 1, FixedSync::Both).map_err(|e| error(e.to_string()))?;
    let adapter =
        InterleavedSlice::new(&input, 1, input.len()).map_err(|e| error(e.to_string()))?;
    let output: InterleavedOwned<f32> =
        fft.process_all(&adapter, input.len(), None).map_err(|e| error(e.to_string()))?;
    Ok(output
        .take_data()
        .into_iter()
        .map(|s| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate_hz: u32, seconds: f32) -> Vec<i16> {
        (0..(rate_hz as f32 * seconds) as usize)
            .map(|n| {
                let phase = n as f32 * 440.0 * std::f32::consts::TAU / rate_hz as f32;
                (phase.sin() * 10_000.0) as i16
            })
            .collect()
    }

    #[test]
    fn length_and_loudness_stay() {
        for (from, to) in [(22_050, 16_000), (48_000, 16_000), (8_000, 16_000), (16_000, 24_000)] {
            let out = resample(&tone(from, 1.3), from, to).unwrap();
            let expected = (to as f32 * 1.3) as usize;
            assert!(out.len().abs_diff(expected) <= 2, "{from}→{to}: {}", out.len());
            let loudness = super::super::rms(&out) / super::super::rms(&tone(from, 1.3));
            assert!((0.97..1.03).contains(&loudness), "{from}→{to}: {loudness}");
        }
    }

    #[test]
    fn nonsense_rates_are_refused() {
        assert!(resample(&[0; 100], 0, 16_000).is_err());
        assert!(resample(&[0; 100], 16_000, u32::MAX).is_err());
    }
}
