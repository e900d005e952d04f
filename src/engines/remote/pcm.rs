//! Raw PCM from a service, in pieces of any size, as samples at the rate that was asked for. Both
//! services send 24 kHz, 16 bits, little-endian, mono, without a header; whatever is plainly
//! something else is refused before a caller hears it as noise.

use crate::audio::{ResampleError, StreamResampler, from_bytes};

/// Rate of `pcm` at OpenAI and of `pcm_24000` at ElevenLabs.
pub(crate) const SERVICE_RATE_HZ: u32 = 24_000;

/// How other formats begin: WAV, Ogg, FLAC, MP3 with and without a tag, JSON, HTML.
const NOT_PCM: [&[u8]; 9] =
    [b"RIFF", b"OggS", b"fLaC", b"ID3", b"\xff\xfb\x90", b"{\"", b"<!doc", b"<!DOC", b"<html"];

/// Why this is no speech.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PcmError {
    /// Another format.
    #[error("it answered something else than raw PCM")]
    Format,
    /// The rates are none.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// Takes bytes, gives samples.
pub(crate) struct PcmStream {
    resampler: StreamResampler,
    /// The first half of a sample whose second half has not come.
    odd: Option<u8>,
    begun: bool,
}

impl PcmStream {
    pub(crate) fn new(rate_hz: u32) -> Result<Self, PcmError> {
        let resampler = StreamResampler::new(SERVICE_RATE_HZ, rate_hz)?;
        Ok(Self { resampler, odd: None, begun: false })
    }

    /// Samples of these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, PcmError> {
        if !self.begun && !bytes.is_empty() {
            self.begun = true;
            if NOT_PCM.iter().any(|start| bytes.starts_with(start)) {
                return Err(PcmError::Format);
            }
        }
        let mut all = Vec::with_capacity(bytes.len() + 1);
        all.extend(self.odd.take());
        all.extend_from_slice(bytes);
        if all.len() % 2 == 1 {
            self.odd = all.pop();
        }
        Ok(self.resampler.push(&from_bytes(&all))?)
    }

    /// The last samples. Half a sample that is left over is dropped: it is no sound.
    pub(crate) fn finish(&mut self) -> Result<Vec<i16>, PcmError> {
        if self.odd.take().is_some() {
            tracing::debug!("The remote's audio ended in the middle of a sample.");
        }
        Ok(self.resampler.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::to_bytes;

    #[test]
    fn samples_that_are_cut_in_two_are_joined_and_half_a_sample_is_no_sound() {
        let pcm: Vec<i16> = (0..500).map(|n| n * 60).collect();
        for size in [1, 3, 7, 64, 999] {
            let mut stream = PcmStream::new(SERVICE_RATE_HZ).unwrap();
            let mut out = Vec::new();
            let mut bytes = to_bytes(&pcm);
            bytes.push(9);
            for piece in bytes.chunks(size) {
                out.extend(stream.push(piece).unwrap());
            }
            out.extend(stream.finish().unwrap());
            assert_eq!(out, pcm, "pieces of {size}");
        }
    }

    #[test]
    fn other_formats_are_refused() {
        for start in NOT_PCM {
            let mut stream = PcmStream::new(16_000).unwrap();
            let bytes = [start, &[0; 100]].concat();
            assert!(matches!(stream.push(&bytes), Err(PcmError::Format)), "{start:?}");
        }
    }

    #[test]
    fn time_is_kept_at_another_rate() {
        let mut stream = PcmStream::new(16_000).unwrap();
        let pcm = vec![1_000; 24_000];
        let mut out = Vec::new();
        for piece in to_bytes(&pcm).chunks(777) {
            out.extend(stream.push(piece).unwrap());
        }
        out.extend(stream.finish().unwrap());
        assert_eq!(out.len(), 16_000);
    }
}
