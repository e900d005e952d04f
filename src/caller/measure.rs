//! Times from audio: where speech begins and ends. Pure functions on samples and frame times.

use crate::audio::{duration_of, rms};

/// Quieter than this is silence, whatever the noise: -46 dBFS.
const LOUD_MIN: f32 = 0.005;

/// Louder than the noise floor by this factor is speech.
const OVER_FLOOR: f32 = 4.0;

/// Loud frames in a row that make an onset; fewer are a click.
const ONSET_FRAMES: u32 = 3;

/// Silence that ends a span of speech: longer than the pauses within words.
const SPAN_GAP_MS: f64 = 200.0;

/// The end of an utterance is its last sample within 40 dB of its loudest.
const END_BELOW_PEAK: f32 = 0.01;

/// A stretch of speech, in milliseconds on the listener's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Start of its first loud frame.
    pub start_ms: f64,
    /// End of its last loud frame so far.
    pub end_ms: f64,
}

/// Finds speech in frames as they come.
#[derive(Debug, Default)]
pub struct Meter {
    spans: Vec<Span>,
    floor: f32,
    /// Loud frames in a row that are no onset yet, and when the first began.
    run: u32,
    run_start_ms: f64,
    speaking: bool,
}

impl Meter {
    /// Takes a frame that lasted from `start_ms` to `end_ms`.
    pub fn push(&mut self, pcm: &[i16], start_ms: f64, end_ms: f64) {
        let level = rms(pcm);
        let loud = level > (self.floor * OVER_FLOOR).max(LOUD_MIN);
        if !loud {
            // Follows the noise between words slowly, so that speech does not raise it.
            self.floor += (level - self.floor) * 0.05;
            self.run = 0;
            if self.spans.last().is_some_and(|s| end_ms - s.end_ms >= SPAN_GAP_MS) {
                self.speaking = false;
            }
            return;
        }
        if self.speaking {
            if let Some(span) = self.spans.last_mut() {
                span.end_ms = end_ms;
            }
            return;
        }
        if self.run == 0 {
            self.run_start_ms = start_ms;
        }
        self.run += 1;
        if self.run >= ONSET_FRAMES {
            self.run = 0;
            self.speaking = true;
            self.spans.push(Span { start_ms: self.run_start_ms, end_ms });
        }
    }

    /// All speech so far.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// Where the speech in a whole utterance ends, in milliseconds from its start.
pub fn speech_end_ms(pcm: &[i16], rate_hz: u32) -> f64 {
    let peak = pcm.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    let threshold = (f32::from(peak) * END_BELOW_PEAK).max(1.0);
    let end = pcm.iter().rposition(|s| f32::from(s.unsigned_abs()) >= threshold);
    let samples = end.map_or(0, |last| last as u64 + 1);
    duration_of(samples, rate_hz).as_secs_f64() * 1000.0
}

/// The value that `fraction` of `values` do not exceed; nothing for no values.
pub fn percentile(values: &[f64], fraction: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (fraction.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(level: i16) -> Vec<i16> {
        (0..320).map(|n| if n % 2 == 0 { level } else { -level }).collect()
    }

    fn spans(levels: &[(i16, u32)]) -> Vec<Span> {
        let mut meter = Meter::default();
        let mut at_ms = 0.0;
        for (level, frames) in levels {
            for _ in 0..*frames {
                meter.push(&frame(*level), at_ms, at_ms + 20.0);
                at_ms += 20.0;
            }
        }
        meter.spans().to_vec()
    }

    #[test]
    fn speech_begins_at_its_first_loud_frame_and_ends_with_its_last() {
        let found = spans(&[(0, 10), (4000, 20), (0, 30)]);
        assert_eq!(found, [Span { start_ms: 200.0, end_ms: 600.0 }]);
    }

    #[test]
    fn a_click_is_not_speech_and_a_short_pause_does_not_end_it() {
        let found = spans(&[(4000, 2), (0, 10), (4000, 5), (0, 5), (4000, 5), (0, 20), (4000, 5)]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], Span { start_ms: 240.0, end_ms: 540.0 });
    }

    #[test]
    fn steady_noise_becomes_the_floor() {
        let mut meter = Meter::default();
        for n in 0..200 {
            let at = f64::from(n) * 20.0;
            meter.push(&frame(100), at, at + 20.0);
        }
        assert_eq!(meter.spans(), []);
        for n in 200..210 {
            let at = f64::from(n) * 20.0;
            meter.push(&frame(2000), at, at + 20.0);
        }
        assert_eq!(meter.spans().len(), 1);
        assert_eq!(meter.spans()[0].start_ms, 4000.0);
    }

    #[test]
    fn trailing_silence_and_faint_noise_are_not_part_of_an_utterance() {
        let mut pcm = vec![0; 1600];
        pcm.extend(vec![8000; 16_000]);
        pcm.extend(vec![20; 8000]);
        assert_eq!(speech_end_ms(&pcm, 16_000), 1100.0);
        assert_eq!(speech_end_ms(&[], 16_000), 0.0);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = [30.0, 10.0, 20.0, 40.0];
        assert_eq!(percentile(&values, 0.5), Some(20.0));
        assert_eq!(percentile(&values, 0.95), Some(40.0));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
