//! How the words were said: louder and faster than the caller usually is, over the agent. It shades
//! what the words say and decides nothing alone: people shout in traffic, and talk fast by nature.

/// Of the speech of one turn; `None` where nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Prosody {
    /// Above the caller's usual level, in decibels.
    pub louder_db: Option<f32>,
    /// Words per second against the caller's usual; 1 is as usual.
    pub faster: Option<f32>,
    /// They began while the agent spoke, and it fell silent.
    pub talked_over: bool,
}

/// Less than this is breath and distance to the telephone.
const LOUDER_DB_MIN: f32 = 4.0;
const LOUDER_DB_FULL: f32 = 12.0;
const FASTER_MIN: f32 = 1.25;
const FASTER_FULL: f32 = 2.0;

/// What talking over the agent adds.
const TALK_OVER: f32 = 0.4;

/// At most so much does arousal take from words that are bad, or say nothing. The second keeps a
/// loud neutral turn neutral.
const FROM_BAD: f32 = 0.3;
const FROM_NEUTRAL: f32 = 0.2;

/// Words this bad are bad.
const BAD: f32 = -0.1;
const GOOD: f32 = 0.25;

impl Prosody {
    /// How stirred the caller is, 0 to 1.
    pub fn arousal(&self) -> f32 {
        let share = |value: Option<f32>, min: f32, full: f32| {
            let value = value.filter(|value| value.is_finite()).unwrap_or(min);
            ((value - min) / (full - min)).clamp(0.0, 1.0)
        };
        let loud = share(self.louder_db, LOUDER_DB_MIN, LOUDER_DB_FULL);
        let fast = share(self.faster, FASTER_MIN, FASTER_FULL);
        let over = if self.talked_over { TALK_OVER } else { 0.0 };
        (0.7 * loud + 0.3 * fast + over).min(1.0)
    }

    /// What becomes of `words`, the mood in the words themselves. Joy is loud as well: it stays.
    pub fn shade(&self, words: f32) -> f32 {
        let most = if words <= BAD {
            FROM_BAD
        } else if words < GOOD {
            FROM_NEUTRAL
        } else {
            0.0
        };
        (words - most * self.arousal()).clamp(-1.0, 1.0)
    }

    /// Why, for people; empty when the voice was as usual.
    pub fn why(&self) -> Vec<String> {
        let mut why = Vec::new();
        if let Some(db) = self.louder_db.filter(|db| *db > LOUDER_DB_MIN) {
            why.push(format!("{db:.0} dB louder"));
        }
        if let Some(faster) = self.faster.filter(|faster| *faster > FASTER_MIN) {
            why.push(format!("{faster:.1} times as fast"));
        }
        if self.talked_over {
            why.push("over the agent".to_owned());
        }
        why
    }
}

/// How fast the caller usually speaks: a slow average, in words per second of speech.
#[derive(Debug, Clone, Copy, Default)]
pub struct UsualRate(Option<f32>);

impl UsualRate {
    /// One turn in five is forgotten.
    const WEIGHT: f32 = 0.2;

    /// Shorter speech has no rate.
    const SPEECH_MS_MIN: u32 = 700;

    /// `words` in `speech_ms` against what was usual before; `None` where too little is known.
    pub fn compare(&mut self, words: usize, speech_ms: u32) -> Option<f32> {
        if speech_ms < Self::SPEECH_MS_MIN || words < 2 {
            return None;
        }
        let rate = words as f32 * 1_000.0 / speech_ms as f32;
        let usual = self.0;
        self.0 = Some(usual.map_or(rate, |usual| usual + (rate - usual) * Self::WEIGHT));
        usual.filter(|usual| *usual > 0.0).map(|usual| rate / usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentiment::Feeling;

    #[test]
    fn a_loud_voice_shades_words_and_decides_nothing_alone() {
        let loud = Prosody { louder_db: Some(20.0), faster: Some(3.0), talked_over: true };
        assert!((loud.arousal() - 1.0).abs() < 1e-6);
        assert_eq!(Feeling::of(loud.shade(0.0)), Feeling::Neutral);
        assert_eq!(Feeling::of(loud.shade(-0.2)), Feeling::Angry);
        assert!((loud.shade(0.6) - 0.6).abs() < 1e-6, "joy is loud as well");
        assert!(loud.shade(-0.95) >= -1.0);
        let usual = Prosody::default();
        assert!((usual.shade(-0.5) + 0.5).abs() < 1e-6 && usual.why().is_empty());
        assert_eq!(loud.why(), ["20 dB louder", "3.0 times as fast", "over the agent"]);
        let broken = Prosody { louder_db: Some(f32::NAN), ..Prosody::default() };
        assert!(broken.shade(0.1).is_finite());
    }

    #[test]
    fn a_rate_is_compared_with_what_was_usual_before() {
        let mut usual = UsualRate::default();
        assert_eq!(usual.compare(6, 2_000), None);
        assert_eq!(usual.compare(1, 300), None, "a short word has no rate");
        let faster = usual.compare(12, 2_000).unwrap();
        assert!((faster - 2.0).abs() < 1e-4, "{faster}");
        assert!(usual.compare(6, 2_000).unwrap() < 1.0);
    }
}
