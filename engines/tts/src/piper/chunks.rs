//! Which frames of a sentence become audio together: short first, longer later. Pure.

use std::ops::Range;

/// Frames of the first chunk: 279 ms of audio at 22,050 Hz, for about 40 ms of work.
const FIRST_FRAMES: usize = 24;

/// Longest chunk, about 2.2 s: how long one step may keep others waiting, and how much is made in
/// vain when the caller interrupts.
const FRAMES_MAX: usize = 192;

/// Neighbours that a frame needs on each side in the two steps from latent to audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) flow: usize,
    pub(crate) generator: usize,
}

/// Frames to work on in each step, and those of them that become audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// What the flow reads.
    pub(crate) latent: Range<usize>,
    /// What the generator reads of what the flow made.
    pub(crate) features: Range<usize>,
    pub(crate) spoken: Range<usize>,
}

impl Chunk {
    /// The chunk that starts at frame `from` of `frames`.
    /// Each is longer than all before it together: few, and still made before those have played.
    pub(crate) fn at(from: usize, frames: usize, context: Context) -> Self {
        let length = (from + FIRST_FRAMES).min(FRAMES_MAX);
        let mut to = (from + length).min(frames);
        // A rest shorter than its own context costs less here than as a chunk of its own.
        if frames - to < FIRST_FRAMES {
            to = frames;
        }
        let spoken = from..to;
        let features = widened(&spoken, context.generator, frames);
        Self { latent: widened(&features, context.flow, frames), features, spoken }
    }

    /// All of a sentence in one go.
    pub(crate) const fn whole(frames: usize) -> Self {
        Self { latent: 0..frames, features: 0..frames, spoken: 0..frames }
    }
}

fn widened(range: &Range<usize>, by: usize, frames: usize) -> Range<usize> {
    range.start.saturating_sub(by)..(range.end + by).min(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: Context = Context { flow: 20, generator: 8 };

    fn all(frames: usize) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        while chunks.last().map_or(0, |chunk| chunk.spoken.end) < frames {
            let from = chunks.last().map_or(0, |chunk| chunk.spoken.end);
            chunks.push(Chunk::at(from, frames, CONTEXT));
        }
        chunks
    }

    #[test]
    fn chunks_grow_to_a_bound_and_cover_every_frame_once() {
        let lengths = |frames| all(frames).iter().map(|c| c.spoken.len()).collect::<Vec<_>>();
        assert_eq!(lengths(700), [24, 48, 96, 192, 192, 148]);
        assert_eq!(lengths(380), [24, 48, 96, 212]);
        assert_eq!(lengths(40), [40]);
        assert_eq!(lengths(1), [1]);
        assert!(lengths(0).is_empty());
    }

    #[test]
    fn every_frame_has_its_neighbours_where_there_are_any() {
        for frames in 1..400 {
            for Chunk { latent, features, spoken } in all(frames) {
                assert_eq!(features.start, spoken.start.saturating_sub(8));
                assert_eq!(features.end, (spoken.end + 8).min(frames));
                assert_eq!(latent.start, spoken.start.saturating_sub(28));
                assert_eq!(latent.end, (spoken.end + 28).min(frames));
            }
        }
    }
}
