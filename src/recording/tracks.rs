//! Two sides on one timeline: what comes in pieces with their time goes out as stereo frames.
//!
//! Pure. What nobody said is silence; what comes twice is taken once.

use std::collections::VecDeque;

use super::{PACKET_SAMPLES, RATE_HZ};
use crate::audio::{CALLER_RATE_HZ, ResampleError, StreamResampler, samples_in};
use crate::turn::CallTime;

/// A start that is this few samples off is rounding of times, and no gap.
const ROUNDING_SAMPLES: u64 = 2;

/// Both sides, from a moment of the call on.
pub(super) struct Tracks {
    caller: Track,
    agent: Track,
    settled: CallTime,
}

impl Tracks {
    /// The first sample is heard at `from`; what was before is left out.
    pub(super) fn new(from: CallTime, agent_rate_hz: u32) -> Result<Self, ResampleError> {
        let caller = Track::new(from, CALLER_RATE_HZ)?;
        Ok(Self { caller, agent: Track::new(from, agent_rate_hz)?, settled: from })
    }

    /// The caller's audio; `at` counts samples from the start of the call.
    pub(super) fn caller(&mut self, at: u64, pcm: &[i16]) -> Result<(), ResampleError> {
        self.caller.place(at, pcm)
    }

    /// The agent's.
    pub(super) fn agent(&mut self, at: u64, pcm: &[i16]) -> Result<(), ResampleError> {
        self.agent.place(at, pcm)
    }

    /// Nothing more comes that was heard before `until`.
    pub(super) fn settle(&mut self, until: CallTime) -> Result<(), ResampleError> {
        self.settled = self.settled.max(until);
        self.caller.silence_to(samples_of(until, self.caller.rate_hz))?;
        self.agent.silence_to(samples_of(until, self.agent.rate_hz))
    }

    /// Until when everything is there.
    pub(super) fn settled(&self) -> CallTime {
        self.settled
    }

    /// The next 20 ms of both, left and right in turn.
    pub(super) fn next_frame(&mut self) -> Option<Vec<i16>> {
        let ready = self.caller.ready.len().min(self.agent.ready.len());
        (ready >= PACKET_SAMPLES).then(|| self.frame(PACKET_SAMPLES))
    }

    /// What is left at the end, at most one frame short of all.
    pub(super) fn finish(&mut self) -> Result<(), ResampleError> {
        self.caller.finish()?;
        self.agent.finish()
    }

    /// The last samples, fewer than a frame has.
    pub(super) fn rest(&mut self) -> Vec<i16> {
        let rest = self.caller.ready.len().min(self.agent.ready.len());
        self.frame(rest)
    }

    fn frame(&mut self, samples: usize) -> Vec<i16> {
        let both = self.caller.ready.drain(..samples).zip(self.agent.ready.drain(..samples));
        both.flat_map(|(left, right)| [left, right]).collect()
    }
}

struct Track {
    rate_hz: u32,
    resampler: StreamResampler,
    /// Samples of the call's time that are behind us.
    position: u64,
    ready: VecDeque<i16>,
}

impl Track {
    fn new(from: CallTime, rate_hz: u32) -> Result<Self, ResampleError> {
        let resampler = StreamResampler::new(rate_hz, RATE_HZ)?;
        Ok(Self { rate_hz, resampler, position: samples_of(from, rate_hz), ready: VecDeque::new() })
    }

    fn place(&mut self, at: u64, pcm: &[i16]) -> Result<(), ResampleError> {
        if at > self.position + ROUNDING_SAMPLES {
            self.silence_to(at)?;
        }
        let late = self.position.saturating_sub(at);
        let late = if late <= ROUNDING_SAMPLES { 0 } else { late };
        let new = pcm.get(usize::try_from(late).unwrap_or(usize::MAX)..).unwrap_or_default();
        self.push(new)
    }

    fn silence_to(&mut self, at: u64) -> Result<(), ResampleError> {
        let silence = at.saturating_sub(self.position);
        self.push(&vec![0; usize::try_from(silence).unwrap_or(usize::MAX)])
    }

    fn push(&mut self, pcm: &[i16]) -> Result<(), ResampleError> {
        self.position += pcm.len() as u64;
        self.ready.extend(self.resampler.push(pcm)?);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ResampleError> {
        self.ready.extend(self.resampler.finish()?);
        Ok(())
    }
}

fn samples_of(time: CallTime, rate_hz: u32) -> u64 {
    samples_in(time.since(CallTime::ZERO), rate_hz)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of a track: where it is loud.
    fn loud(stereo: &[i16], side: usize) -> Vec<usize> {
        let samples = stereo.iter().skip(side).step_by(2).enumerate();
        samples.filter(|(_, s)| s.abs() > 4_000).map(|(n, _)| n).collect()
    }

    fn all(tracks: &mut Tracks) -> Vec<i16> {
        tracks.finish().unwrap();
        let mut out: Vec<i16> = std::iter::from_fn(|| tracks.next_frame()).flatten().collect();
        out.extend(tracks.rest());
        out
    }

    #[test]
    fn a_sample_comes_out_at_its_time_whatever_came_before() {
        let mut tracks = Tracks::new(CallTime::from_millis(1_000), 24_000).unwrap();
        // Before the start, twice, and after a gap.
        tracks.caller(0, &[9_000; 16_000]).unwrap();
        tracks.caller(32_000, &[9_000; 160]).unwrap();
        tracks.caller(32_000, &[9_000; 160]).unwrap();
        tracks.agent(72_000, &[9_000; 240]).unwrap();
        tracks.settle(CallTime::from_millis(4_000)).unwrap();
        let out = all(&mut tracks);
        assert_eq!(out.len() / 2, 3 * 24_000);
        let (left, right) = (loud(&out, 0), loud(&out, 1));
        assert!(left[0].abs_diff(24_000) <= 2 && left[left.len() - 1].abs_diff(24_240) <= 2);
        assert_eq!((right[0], right.len()), (48_000, 240));
    }

    #[test]
    fn rounding_of_times_makes_no_gaps() {
        let mut tracks = Tracks::new(CallTime::ZERO, 24_000).unwrap();
        tracks.agent(0, &[9_000; 480]).unwrap();
        tracks.agent(479, &[9_000; 480]).unwrap();
        tracks.agent(961, &[9_000; 480]).unwrap();
        tracks.settle(CallTime::from_millis(60)).unwrap();
        assert_eq!(loud(&all(&mut tracks), 1).len(), 1_440);
    }
}
