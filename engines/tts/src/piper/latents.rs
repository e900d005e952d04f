//! A sentence between the parts of a voice: frames that are not audio yet. Knows no session.

use std::collections::VecDeque;
use std::ops::Range;

use super::chunks::{Chunk, Context};

/// Channels of a frame in any voice; known ones have 192.
const CHANNELS_MAX: usize = 4096;

/// What the front end made of one run of ids, and how much of it has become audio.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Latent {
    channels: usize,
    frames: usize,
    /// `[channels, frames]`
    values: Vec<f32>,
    /// `[frames]`
    mask: Vec<f32>,
}

impl Latent {
    /// Checks what the front end gave: `[1, channels, frames]` and `[1, 1, frames]`.
    pub(crate) fn new(
        shape: &[i64],
        values: &[f32],
        mask_shape: &[i64],
        mask: &[f32],
    ) -> Result<Self, String> {
        let wrong = || format!("its latent is {shape:?} and its mask {mask_shape:?}");
        let [1, channels, frames] = *shape else { return Err(wrong()) };
        let channels = usize::try_from(channels).map_err(|_| wrong())?;
        let frames = usize::try_from(frames).map_err(|_| wrong())?;
        let counts = (values.len(), mask.len()) == (channels.saturating_mul(frames), frames);
        if !counts || !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(wrong());
        }
        Ok(Self { channels, frames, values: values.to_vec(), mask: mask.to_vec() })
    }

    pub(crate) const fn channels(&self) -> usize {
        self.channels
    }

    pub(crate) const fn frames(&self) -> usize {
        self.frames
    }

    /// The stretch `range` of every channel, and of the mask.
    pub(crate) fn stretch(&self, range: &Range<usize>) -> (Vec<f32>, Vec<f32>) {
        (stretch(&self.values, self.frames, range), self.mask[range.clone()].to_vec())
    }
}

/// The stretch `range` of every channel of `values`, `[channels, frames]`.
pub(crate) fn stretch(values: &[f32], frames: usize, range: &Range<usize>) -> Vec<f32> {
    let channels = values.chunks_exact(frames.max(1));
    let mut out = Vec::with_capacity(channels.len() * range.len());
    for channel in channels {
        out.extend_from_slice(&channel[range.clone()]);
    }
    out
}

/// What is left to decode of a sentence: a latent for each of its runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Latents {
    runs: VecDeque<Latent>,
    /// Frames of the first run that are audio already.
    done: usize,
}

impl Latents {
    pub(crate) fn new(runs: impl IntoIterator<Item = Latent>) -> Self {
        Self { runs: runs.into_iter().filter(|run| run.frames > 0).collect(), done: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The next chunk and the run that it is of; none when all is decoded.
    pub(crate) fn chunk(&self, context: Context) -> Option<(&Latent, Chunk)> {
        let run = self.runs.front()?;
        Some((run, Chunk::at(self.done, run.frames, context)))
    }

    /// `chunk` has become audio.
    pub(crate) fn advance(&mut self, chunk: &Chunk) {
        self.done = chunk.spoken.end;
        if self.runs.front().is_some_and(|run| self.done >= run.frames) {
            self.runs.pop_front();
            self.done = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latent(frames: usize) -> Latent {
        let values: Vec<f32> = (0..2 * frames).map(|i| i as f32).collect();
        let frames_i64 = frames as i64;
        Latent::new(&[1, 2, frames_i64], &values, &[1, 1, frames_i64], &vec![1.0; frames]).unwrap()
    }

    #[test]
    fn a_stretch_holds_its_frames_of_every_channel() {
        let (values, mask) = latent(5).stretch(&(1..3));
        assert_eq!(values, [1.0, 2.0, 6.0, 7.0]);
        assert_eq!(mask, [1.0, 1.0]);
    }

    #[test]
    fn runs_follow_each_other_until_nothing_is_left() {
        let mut latents = Latents::new([latent(60), latent(0), latent(10)]);
        let mut spoken = Vec::new();
        while let Some((run, chunk)) = latents.chunk(Context { flow: 20, generator: 8 }) {
            spoken.push((run.frames(), chunk.spoken.clone()));
            latents.advance(&chunk);
        }
        assert_eq!(spoken, [(60, 0..24), (60, 24..60), (10, 0..10)]);
        assert!(latents.is_empty());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (shape, values, mask) in [
            (&[1, 2, 3][..], 5, 3),
            (&[1, 2, 3], 6, 2),
            (&[2, 2, 3], 12, 3),
            (&[1, 6], 6, 6),
            (&[1, -1, -3], 3, 3),
            (&[1, 0, 3], 0, 3),
            (&[1, i64::MAX, i64::MAX], 1, 1),
        ] {
            let (values, mask) = (vec![0.0; values], vec![1.0; mask]);
            assert!(Latent::new(shape, &values, &[1, 1, 3], &mask).is_err(), "{shape:?}");
        }
    }
}
