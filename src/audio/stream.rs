//! From one rate to another, as a stream: audio that comes in pieces, without losing or adding time.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

use super::resample::ResampleError;

/// Input samples per step at least; short enough that the delay stays near 20 ms.
const BLOCK_SAMPLES: usize = 512;

/// Resamples one stream of mono PCM.
pub struct StreamResampler {
    from_hz: u32,
    to_hz: u32,
    /// None when the rates are equal: samples pass untouched.
    fft: Option<Fft<f32>>,
    waiting: Vec<f32>,
    /// Samples of the resampler's own delay still to be dropped from the start.
    delay_left: usize,
    samples_in: u64,
    samples_out: u64,
}

impl StreamResampler {
    /// From one rate to the other.
    ///
    /// # Errors
    /// When one of the rates is beyond what audio has.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        let error = |detail: String| ResampleError::new(from_hz, to_hz, detail);
        if !(1_000..=384_000).contains(&from_hz) || !(1_000..=384_000).contains(&to_hz) {
            return Err(error("rates must be between 1,000 and 384,000 Hz".into()));
        }
        let (from, to) = (from_hz as usize, to_hz as usize);
        let fft = (from_hz != to_hz)
            .then(|| Fft::<f32>::new(from, to, BLOCK_SAMPLES, 1, FixedSync::Both))
            .transpose()
            .map_err(|e| error(e.to_string()))?;
        let delay_left = fft.as_ref().map_or(0, Fft::output_delay);
        let waiting = Vec::new();
        Ok(Self { from_hz, to_hz, fft, waiting, delay_left, samples_in: 0, samples_out: 0 })
    }

    /// What of `pcm` and of what came before is ready.
    ///
    /// # Errors
    /// Never seen with rates that [`Self::new`] took.
    pub fn push(&mut self, pcm: &[i16]) -> Result<Vec<i16>, ResampleError> {
        self.samples_in += pcm.len() as u64;
        if self.fft.is_none() {
            self.samples_out += pcm.len() as u64;
            return Ok(pcm.to_vec());
        }
        self.waiting.extend(pcm.iter().map(|s| f32::from(*s) / 32_768.0));
        let out = self.step_all()?;
        self.samples_out += out.len() as u64;
        Ok(out)
    }

    /// The tail: afterwards as much time went out as came in.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self) -> Result<Vec<i16>, ResampleError> {
        let (from, to) = (u64::from(self.from_hz), u64::from(self.to_hz));
        let due = (self.samples_in * to + from / 2) / from;
        let left = usize::try_from(due.saturating_sub(self.samples_out)).unwrap_or(usize::MAX);
        let mut out = Vec::new();
        while let Some(fft) = &self.fft
            && out.len() < left
        {
            // Silence pushes the rest through.
            let block = fft.input_frames_next();
            self.waiting.resize(self.waiting.len().max(1).next_multiple_of(block), 0.0);
            out.extend(self.step_all()?);
        }
        out.truncate(left);
        self.samples_out = due;
        Ok(out)
    }

    fn step_all(&mut self) -> Result<Vec<i16>, ResampleError> {
        let (from_hz, to_hz) = (self.from_hz, self.to_hz);
        let error = |detail: String| ResampleError::new(from_hz, to_hz, detail);
        let Some(fft) = &mut self.fft else { return Ok(Vec::new()) };
        let mut scratch = vec![0.0; fft.output_frames_max()];
        let room = scratch.len();
        let (mut out, mut used) = (Vec::new(), 0);
        loop {
            let need = fft.input_frames_next();
            let Some(block) = self.waiting.get(used..used + need) else { break };
            let input = InterleavedSlice::new(block, 1, need).map_err(|e| error(e.to_string()))?;
            let mut output = InterleavedSlice::new_mut(&mut scratch, 1, room)
                .map_err(|e| error(e.to_string()))?;
            let (taken, made) = fft
                .process_into_buffer(&input, &mut output, None::<&Indexing>)
                .map_err(|e| error(e.to_string()))?;
            used += taken;
            let skip = self.delay_left.min(made);
            self.delay_left -= skip;
            let samples = scratch[skip..made].iter();
            out.extend(samples.map(|s| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16));
        }
        self.waiting.drain(..used);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 4] = [8_000, 16_000, 24_000, 48_000];

    #[test]
    fn time_is_kept_for_every_pair_of_rates_however_the_audio_is_cut() {
        for from in RATES {
            for to in RATES {
                for samples in [0, 1, 511, 30_001] {
                    let mut stream = StreamResampler::new(from, to).unwrap();
                    let pcm = vec![1_000; samples];
                    let mut out: Vec<i16> =
                        pcm.chunks(777).flat_map(|piece| stream.push(piece).unwrap()).collect();
                    out.extend(stream.finish().unwrap());
                    let due = samples as f64 * f64::from(to) / f64::from(from);
                    assert!((out.len() as f64 - due).abs() <= 1.0, "{from}→{to} {samples}");
                }
            }
        }
    }
}
