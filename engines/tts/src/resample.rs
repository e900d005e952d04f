//! From a voice's rate to the rate asked for, as a stream, without losing or adding time.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

/// Input samples per step at least; short enough that the delay stays near 10 ms.
const BLOCK_SAMPLES: usize = 512;

/// Why audio could not be resampled. Never seen with the rates we offer.
#[derive(Debug, thiserror::Error)]
#[error("can not resample from {from_hz} to {to_hz} Hz: {detail}")]
pub(crate) struct ResampleError {
    from_hz: u32,
    to_hz: u32,
    detail: String,
}

/// Resamples one stream of audio.
pub(crate) struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// None when the rates are equal: samples pass untouched.
    inner: Option<Inner>,
    samples_in: u64,
    samples_out: u64,
}

struct Inner {
    fft: Fft<f32>,
    waiting: Vec<f32>,
    scratch: Vec<f32>,
    /// Samples of the resampler's own delay still to be dropped from the start.
    delay_left: usize,
}

impl Resampler {
    pub(crate) fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        let inner = (from_hz != to_hz)
            .then(|| {
                let (from, to) = (from_hz as usize, to_hz as usize);
                let fft = Fft::<f32>::new(from, to, BLOCK_SAMPLES, 1, FixedSync::Both)
                    .map_err(|error| ResampleError { from_hz, to_hz, detail: error.to_string() })?;
                let delay_left = fft.output_delay();
                let scratch = vec![0.0; fft.output_frames_max()];
                Ok(Inner { fft, waiting: Vec::new(), scratch, delay_left })
            })
            .transpose()?;
        Ok(Self { from_hz, to_hz, inner, samples_in: 0, samples_out: 0 })
    }

    /// Takes `pcm`, appends what is ready to `out`.
    pub(crate) fn push(&mut self, pcm: &[f32], out: &mut Vec<f32>) -> Result<(), ResampleError> {
        self.samples_in += pcm.len() as u64;
        let before = out.len();
        match &mut self.inner {
            None => out.extend_from_slice(pcm),
            Some(inner) => {
                inner.waiting.extend_from_slice(pcm);
                inner.step_all(out).map_err(|detail| self.error(detail))?;
            }
        }
        self.samples_out += (out.len() - before) as u64;
        Ok(())
    }

    /// Flushes the tail: afterwards exactly as much time went out as came in.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), ResampleError> {
        let due = self.convert(self.samples_in);
        let Some(inner) = &mut self.inner else { return Ok(()) };
        let before = out.len();
        // Silence pushes the rest through; two blocks more than needed at most.
        while self.samples_out + ((out.len() - before) as u64) < due {
            let short = inner.fft.input_frames_next();
            inner.waiting.resize(inner.waiting.len().max(1).next_multiple_of(short), 0.0);
            if let Err(detail) = inner.step_all(out) {
                return Err(self.error(detail));
            }
        }
        out.truncate(before + (due - self.samples_out) as usize);
        self.samples_out = due;
        Ok(())
    }

    /// A position in the voice's samples as one in the samples that go out.
    pub(crate) fn convert(&self, samples: u64) -> u64 {
        let (from, to) = (u64::from(self.from_hz), u64::from(self.to_hz));
        (samples * to + from / 2) / from
    }

    /// Samples that came in so far.
    pub(crate) const fn samples_in(&self) -> u64 {
        self.samples_in
    }

    fn error(&self, detail: String) -> ResampleError {
        ResampleError { from_hz: self.from_hz, to_hz: self.to_hz, detail }
    }
}

impl Inner {
    fn step_all(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        let mut used = 0;
        loop {
            let need = self.fft.input_frames_next();
            let Some(block) = self.waiting.get(used..used + need) else { break };
            let input = InterleavedSlice::new(block, 1, need).map_err(|e| e.to_string())?;
            let room = self.scratch.len();
            let mut output =
                InterleavedSlice::new_mut(&mut self.scratch, 1, room).map_err(|e| e.to_string())?;
            let (taken, made) = self
                .fft
                .process_into_buffer(&input, &mut output, None::<&Indexing>)
                .map_err(|e| e.to_string())?;
            used += taken;
            let skip = self.delay_left.min(made);
            self.delay_left -= skip;
            out.extend_from_slice(&self.scratch[skip..made]);
        }
        self.waiting.drain(..used);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 5] = [8_000, 16_000, 22_050, 24_000, 48_000];

    fn tone(rate_hz: u32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|i| 0.5 * (std::f32::consts::TAU * 440.0 * i as f32 / rate_hz as f32).sin())
            .collect()
    }

    fn resample(from: u32, to: u32, pcm: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut out = Vec::new();
        for part in pcm.chunks(piece) {
            resampler.push(part, &mut out).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn time_is_kept_for_every_pair_of_rates_and_any_length() {
        for from in RATES {
            for to in RATES {
                for samples in [0, 1, 100, 511, 22_050, 30_001] {
                    let out = resample(from, to, &tone(from, samples), 1000);
                    let due = samples as f64 * f64::from(to) / f64::from(from);
                    assert!((out.len() as f64 - due).abs() <= 1.0, "{from}->{to} {samples}");
                }
            }
        }
    }

    #[test]
    fn equal_rates_pass_untouched() {
        let pcm = tone(22_050, 5000);
        assert_eq!(resample(22_050, 22_050, &pcm, 777), pcm);
    }

    #[test]
    fn a_tone_stays_where_and_as_loud_as_it_was() {
        let out = resample(22_050, 24_000, &tone(22_050, 22_050), 400);
        let ideal = tone(24_000, 24_000);
        // The very edges ring; everything between must match, so nothing was shifted.
        let worst = out[500..23_500]
            .iter()
            .zip(&ideal[500..23_500])
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(worst < 0.01, "{worst}");
    }
}
