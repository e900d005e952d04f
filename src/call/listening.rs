//! The caller's audio: scored window by window, kept long enough to be transcribed.
//!
//! The timeline is the call's own: sample n was heard at n / 16,000 s of call time. A muted or
//! lost track leaves a gap, which is filled with silence.

use std::collections::VecDeque;
use std::time::Duration;

use super::speech_gate::{SpeechEdge, SpeechGate};
use crate::audio::{CALLER_RATE_HZ, duration_of, samples_in};
use crate::config::VadConfig;
use crate::engines::EngineError;
use crate::engines::vad::{VoiceActivity, WINDOW_SAMPLES};
use crate::turn::CallTime;

/// Audio kept: the longest utterance, its lead-in, and slack.
const KEEP: Duration = Duration::from_secs(35);

/// Whisper hears the first word better with a little silence before it.
const LEAD_IN: Duration = Duration::from_millis(200);

/// And the voice detector is a little early at the end of a soft last consonant.
const LEAD_OUT: Duration = Duration::from_millis(120);

/// A gap shorter than this is network jitter.
const GAP_MIN: Duration = Duration::from_millis(100);

/// Audio that comes is at most this late: a transport holds the newest second, and drops what is older.
const LATE_MAX: Duration = Duration::from_secs(1);

/// A gap longer than this ends speech at its start, and is not listened to.
const GAP_FILL_MAX: Duration = Duration::from_secs(1);

/// Ears of one call.
pub(crate) struct Listening {
    vad: Box<dyn VoiceActivity>,
    fallback: Option<Box<dyn VoiceActivity>>,
    gate: SpeechGate,
    /// Samples since `kept_from`.
    kept: VecDeque<i16>,
    /// Index in the timeline of the first kept sample.
    kept_from: u64,
    /// Index of the first sample that was not scored yet.
    scored_until: u64,
    /// First samples of kept windows that are speech.
    voiced: VecDeque<u64>,
    /// Probability from which a window is speech.
    voiced_above: f32,
}

/// What a piece of audio sounds like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sound {
    /// Milliseconds of it that are speech.
    pub(crate) speech_ms: u32,
    /// Level of that speech; without speech, of everything. Silence is far below anything.
    pub(crate) dbfs: f32,
}

/// Level that silence has.
const SILENCE_DBFS: f32 = -100.0;

impl Listening {
    /// `fallback` takes over for the rest of the call when `vad` fails.
    pub(crate) fn new(
        config: &VadConfig,
        vad: Box<dyn VoiceActivity>,
        fallback: Box<dyn VoiceActivity>,
    ) -> Self {
        Self {
            vad,
            fallback: Some(fallback),
            gate: SpeechGate::new(config),
            kept: VecDeque::new(),
            kept_from: 0,
            scored_until: 0,
            voiced: VecDeque::new(),
            voiced_above: config.threshold,
        }
    }

    /// Takes audio whose last sample was heard at `now`.
    pub(crate) fn hear(&mut self, now: CallTime, pcm: &[i16]) -> Vec<SpeechEdge> {
        let first = now - duration_of(pcm.len() as u64, CALLER_RATE_HZ);
        // After a stall of ours the frames that waited come all at once: they are late, not lost, and this is the
        // first of them. What is missing before them is.
        self.forget();
        let mut edges = self.fill_gap(first - LATE_MAX, Duration::ZERO);
        // A sender whose clock runs fast gets ahead of ours by a frame every few minutes.
        if self.end() > self.index_of(now + GAP_MIN) {
            return edges;
        }
        self.kept.extend(pcm);
        edges.extend(self.score());
        edges
    }

    /// No audio came until `now`.
    pub(crate) fn hear_nothing(&mut self, now: CallTime) -> Vec<SpeechEdge> {
        self.forget();
        self.fill_gap(now, GAP_MIN)
    }

    /// The audio from `from` to `until`, with a little room on both sides.
    pub(crate) fn cut(&self, from: CallTime, until: CallTime) -> Vec<i16> {
        let first = self.index_of(from - LEAD_IN).max(self.kept_from) - self.kept_from;
        let last = self.index_of(until + LEAD_OUT).clamp(self.kept_from, self.end());
        let length = (last - self.kept_from).saturating_sub(first);
        self.kept.iter().skip(first as usize).take(length as usize).copied().collect()
    }

    /// Until when the caller was heard.
    pub(crate) fn heard_until(&self) -> CallTime {
        Self::time_of(self.end())
    }

    /// The audio from sample `first` of the timeline on, as far as it is kept, and the number of its first sample.
    pub(crate) fn since(&self, first: u64) -> (u64, Vec<i16>) {
        let first = first.clamp(self.kept_from, self.end());
        (first, self.kept.range((first - self.kept_from) as usize..).copied().collect())
    }

    /// What that same piece sounds like.
    pub(crate) fn sound(&self, from: CallTime, until: CallTime) -> Sound {
        let span = self.index_of(from - LEAD_IN)..self.index_of(until + LEAD_OUT);
        let voiced: Vec<u64> = self.voiced.iter().copied().filter(|at| span.contains(at)).collect();
        let samples: Vec<i16> = if voiced.is_empty() {
            self.cut(from, until)
        } else {
            let starts = voiced.iter().filter_map(|at| at.checked_sub(self.kept_from));
            starts
                .flat_map(|at| self.kept.iter().skip(at as usize).take(WINDOW_SAMPLES))
                .copied()
                .collect()
        };
        let level = crate::audio::rms(&samples);
        let speech = duration_of((voiced.len() * WINDOW_SAMPLES) as u64, CALLER_RATE_HZ);
        Sound {
            speech_ms: u32::try_from(speech.as_millis()).unwrap_or(u32::MAX),
            dbfs: (20.0 * level.log10()).max(SILENCE_DBFS),
        }
    }

    fn index_of(&self, time: CallTime) -> u64 {
        samples_in(time.since(CallTime::ZERO), CALLER_RATE_HZ)
    }

    fn time_of(index: u64) -> CallTime {
        CallTime::ZERO + duration_of(index, CALLER_RATE_HZ)
    }

    fn end(&self) -> u64 {
        self.kept_from + self.kept.len() as u64
    }

    fn fill_gap(&mut self, until: CallTime, gap_min: Duration) -> Vec<SpeechEdge> {
        let gap = until.since(Self::time_of(self.end()));
        if gap.is_zero() || gap < gap_min {
            return Vec::new();
        }
        let silence = samples_in(gap, CALLER_RATE_HZ);
        if gap <= GAP_FILL_MAX {
            self.kept.extend(std::iter::repeat_n(0, silence as usize));
            return self.score();
        }
        let edge = self.gate.cut_off(Self::time_of(self.end()));
        if gap <= KEEP {
            // What was said before is about to be transcribed, and belongs to what comes: it stays.
            self.kept.extend(std::iter::repeat_n(0, silence as usize));
        } else {
            // We stood still for longer than any turn lasts.
            self.kept.clear();
            self.voiced.clear();
            self.kept_from = self.index_of(until);
        }
        self.scored_until = self.end();
        edge.into_iter().collect()
    }

    fn score(&mut self) -> Vec<SpeechEdge> {
        let mut edges = Vec::new();
        let mut window = [0_i16; WINDOW_SAMPLES];
        while self.end() - self.scored_until >= WINDOW_SAMPLES as u64 {
            let skip = (self.scored_until - self.kept_from) as usize;
            for (to, from) in window.iter_mut().zip(self.kept.range(skip..)) {
                *to = *from;
            }
            let probability = self.score_window(&window);
            let from = Self::time_of(self.scored_until);
            if probability >= self.voiced_above {
                self.voiced.push_back(self.scored_until);
            }
            self.scored_until += WINDOW_SAMPLES as u64;
            edges.extend(self.gate.push(from, Self::time_of(self.scored_until), probability));
        }
        edges
    }

    fn score_window(&mut self, window: &[i16]) -> f32 {
        match self.vad.score(window) {
            Ok(probability) => probability,
            Err(error) => self.fall_back(&error, window),
        }
    }

    fn fall_back(&mut self, error: &EngineError, window: &[i16]) -> f32 {
        let Some(fallback) = self.fallback.take() else { return 0.0 };
        tracing::warn!(%error, "Voice detector failed; loudness decides for the rest of the call.");
        self.vad = fallback;
        self.vad.score(window).unwrap_or(0.0)
    }

    /// Comes before what is new: what ends now may be asked for until the next event.
    fn forget(&mut self) {
        let keep = samples_in(KEEP, CALLER_RATE_HZ) as usize;
        let excess = self.kept.len().saturating_sub(keep);
        self.kept.drain(..excess);
        self.kept_from += excess as u64;
        while self.voiced.front().is_some_and(|at| *at < self.kept_from) {
            self.voiced.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loud is speech.
    struct Loudness;

    impl VoiceActivity for Loudness {
        fn score(&mut self, window: &[i16]) -> Result<f32, EngineError> {
            Ok(if crate::audio::rms(window) > 0.05 { 0.9 } else { 0.0 })
        }
    }

    struct Broken;

    impl VoiceActivity for Broken {
        fn score(&mut self, _: &[i16]) -> Result<f32, EngineError> {
            Err(EngineError::Failed { engine: "vad", detail: "broken".into() })
        }
    }

    fn listening(vad: impl VoiceActivity + 'static) -> Listening {
        Listening::new(&VadConfig::default(), Box::new(vad), Box::new(Loudness))
    }

    /// 20 ms frames, one character each: `#` loud, `.` quiet, `x` no frame at all. Breaths are left
    /// out of what comes back.
    fn run(listening: &mut Listening, frames: &str) -> Vec<SpeechEdge> {
        let mut edges = Vec::new();
        for (n, c) in frames.chars().enumerate() {
            let now = CallTime::from_millis(20 * (n as u64 + 1));
            edges.extend(match c {
                '#' => listening.hear(now, &[8_000; 320]),
                'x' => listening.hear_nothing(now),
                _ => listening.hear(now, &[0; 320]),
            });
        }
        edges.retain(|e| matches!(e, SpeechEdge::Started { .. } | SpeechEdge::Ended { .. }));
        edges
    }

    #[test]
    fn speech_is_found_and_cut_out_with_room_around_it() {
        let mut listening = listening(Loudness);
        let edges =
            run(&mut listening, &format!("{}{}{}", ".".repeat(50), "#".repeat(50), ".".repeat(50)));
        let [SpeechEdge::Started { at: from }, SpeechEdge::Ended { at: until }] = edges[..] else {
            panic!("{edges:?}")
        };
        assert!((980..=1040).contains(&from.as_millis()), "{from}");
        assert!((1980..=2060).contains(&until.as_millis()), "{until}");
        let cut = listening.cut(from, until);
        let loud = cut.iter().filter(|s| **s != 0).count();
        assert_eq!(loud, 16_000, "all of the speech is there");
        assert!((20_000..23_000).contains(&cut.len()), "{}", cut.len());
    }

    #[test]
    fn what_a_piece_sounds_like_is_its_speech_and_not_the_room_around_it() {
        let mut listening = listening(Loudness);
        run(&mut listening, &format!("{}{}{}", ".".repeat(50), "#".repeat(50), ".".repeat(50)));
        let ms = CallTime::from_millis;
        let sound = listening.sound(ms(1_000), ms(2_000));
        assert!((960..=1_060).contains(&sound.speech_ms), "{sound:?}");
        assert!((-13.0..=-12.0).contains(&sound.dbfs), "{sound:?}");
        let silence = listening.sound(ms(2_300), ms(2_600));
        assert_eq!(silence, Sound { speech_ms: 0, dbfs: SILENCE_DBFS });
        let nothing = listening.sound(ms(90_000), ms(91_000));
        assert_eq!(nothing, Sound { speech_ms: 0, dbfs: SILENCE_DBFS });
    }

    #[test]
    fn a_track_that_is_muted_in_mid_speech_ends_the_speech() {
        let mut listening = listening(Loudness);
        let edges = run(&mut listening, &format!("{}{}", "#".repeat(50), "x".repeat(100)));
        assert!(
            matches!(edges[..], [SpeechEdge::Started { .. }, SpeechEdge::Ended { .. }]),
            "{edges:?}"
        );
    }

    #[test]
    fn jitter_does_not_tear_the_timeline() {
        let mut listening = listening(Loudness);
        let edges = run(
            &mut listening,
            &format!("{}xx#x{}{}", "#".repeat(20), "#".repeat(20), ".".repeat(30)),
        );
        assert_eq!(edges.len(), 2, "{edges:?}");
    }

    #[test]
    fn a_broken_voice_detector_is_replaced() {
        let mut listening = listening(Broken);
        let edges = run(&mut listening, &format!("{}{}", "#".repeat(20), ".".repeat(30)));
        assert_eq!(edges.len(), 2, "{edges:?}");
    }

    /// Loud samples in what is cut between each start and end of speech.
    fn loud_samples(listening: &Listening, edges: &[SpeechEdge]) -> usize {
        let times = edges.iter().filter_map(|edge| match edge {
            SpeechEdge::Started { at } | SpeechEdge::Ended { at } => Some(*at),
            _ => None,
        });
        let times: Vec<_> = times.collect();
        let cuts = times.chunks_exact(2).map(|pair| listening.cut(pair[0], pair[1]));
        cuts.map(|pcm| pcm.iter().filter(|s| **s != 0).count()).sum()
    }

    #[test]
    fn a_stall_in_mid_speech_loses_nothing_that_was_held_for_us() {
        for stall_ms in [300, 900, 1_100, 1_500, 3_000, 10_000] {
            let mut listening = listening(Loudness);
            let mut edges = run(&mut listening, &"#".repeat(100));
            let awake = CallTime::from_millis(2_000 + stall_ms);
            // The transport held the newest second of what came meanwhile, and we get it all at once.
            let held = (stall_ms / 20).min(50) as usize;
            for _ in 0..held {
                edges.extend(listening.hear(awake, &[8_000; 320]));
            }
            for n in 1..=40 {
                edges.extend(listening.hear(awake + Duration::from_millis(20 * n), &[0; 320]));
            }
            let heard = loud_samples(&listening, &edges);
            assert_eq!(heard, (100 + held) * 320, "after {stall_ms} ms: {edges:?}");
        }
    }

    #[test]
    fn words_before_a_long_stall_can_still_be_transcribed() {
        let mut listening = listening(Loudness);
        let mut edges = run(&mut listening, &"#".repeat(100));
        edges.extend(listening.hear_nothing(CallTime::from_millis(30_000)));
        assert_eq!(loud_samples(&listening, &edges), 32_000);
        listening.hear_nothing(CallTime::from_millis(3_600_000));
        assert!(listening.kept.len() <= 70 * 16_000, "an hour is not filled");
        let now = CallTime::from_millis(3_600_020);
        assert!(listening.hear(now, &[0; 320]).is_empty());
        assert!(!listening.cut(CallTime::from_millis(3_599_900), now).is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut listening = listening(Loudness);
        run(&mut listening, &"x.".repeat(3_000));
        assert!(listening.kept.len() <= 36 * 16_000);
        let mut listening = self::listening(Loudness);
        run(&mut listening, &"x".repeat(5_000));
        assert!(listening.kept.len() <= 36 * 16_000);
        let mut listening = self::listening(Loudness);
        run(&mut listening, &".".repeat(3_000));
        assert!(listening.kept.len() <= 36 * 16_000);
        assert!(listening.cut(CallTime::ZERO, CallTime::from_millis(1_000)).is_empty());
    }
}
