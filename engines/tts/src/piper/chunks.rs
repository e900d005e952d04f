//! Which frames of a sentence are decoded together: short first, longer later. Pure.

use std::ops::Range;

/// Frames of the first chunk: 279 ms of audio at 22,050 Hz, for about 40 ms of work.
const FIRST_FRAMES: usize = 24;

/// Longest chunk, about 2.2 s: how long one step may keep others waiting, and how much is made in
/// vain when the caller interrupts.
const FRAMES_MAX: usize = 192;

/// Frames to decode, and those of them that become audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// With the neighbours that the outermost frames need.
    pub(crate) decoded: Range<usize>,
    pub(crate) spoken: Range<usize>,
}

impl Chunk {
    /// The chunk that starts at frame `from` of `frames`, with `context` neighbours on each side.
    /// Each is longer than all before it together: few, and still made before those have played.
    pub(crate) fn at(from: usize, frames: usize, context: usize) -> Self {
        let length = (from + FIRST_FRAMES).min(FRAMES_MAX);
        let mut to = (from + length).min(frames);
        // A rest shorter than its own context costs less here than as a chunk of its own.
        if frames - to < FIRST_FRAMES {
            to = frames;
        }
        Self { decoded: from.saturating_sub(context)..(to + context).min(frames), spoken: from..to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(frames: usize, context: usize) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        while chunks.last().map_or(0, |chunk| chunk.spoken.end) < frames {
            let from = chunks.last().map_or(0, |chunk| chunk.spoken.end);
            chunks.push(Chunk::at(from, frames, context));
        }
        chunks
    }

    #[test]
    fn chunks_grow_to_a_bound_and_cover_every_frame_once() {
        let lengths = |frames| all(frames, 24).iter().map(|c| c.spoken.len()).collect::<Vec<_>>();
        assert_eq!(lengths(700), [24, 48, 96, 192, 192, 148]);
        assert_eq!(lengths(380), [24, 48, 96, 212]);
        assert_eq!(lengths(40), [40]);
        assert_eq!(lengths(1), [1]);
        assert!(lengths(0).is_empty());
    }

    #[test]
    fn every_frame_has_its_neighbours_where_there_are_any() {
        for frames in 1..400 {
            for chunk in all(frames, 28) {
                let (spoken, decoded) = (chunk.spoken, chunk.decoded);
                assert_eq!(decoded.start, spoken.start.saturating_sub(28));
                assert_eq!(decoded.end, (spoken.end + 28).min(frames));
            }
        }
    }
}
