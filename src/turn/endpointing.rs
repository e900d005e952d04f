//! How long to wait after a caller's last word: silence, sound, words and habit in one delay.
//!
//! Pure: evidence in, a delay out. Silence alone always ends the turn in the end; what is known of
//! the pause only moves that moment, between two bounds. Sound may shorten the wait a little and
//! lengthen it much, because the turn detector takes far more pauses for ends than the reverse
//! (BENCHMARKS.md, "Is the turn over?").

use std::time::Duration;

use super::{Ending, Unfinished};

/// Bounds and words of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointingPolicy {
    /// Silence that ends the turn when nothing else is known.
    pub usual: Duration,
    /// Least silence, however complete the turn sounds.
    pub min: Duration,
    /// Least silence after a question that sounds complete: two witnesses of different kinds.
    pub min_question: Duration,
    /// Silence that ends the turn whatever else is known.
    pub max: Duration,
    /// Words after which more comes.
    pub unfinished: Unfinished,
}

/// What is known of a pause.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// Probability that the turn is complete, by its sound.
    pub complete: Option<f32>,
    /// What the caller has said last.
    pub words: Option<&'a str>,
}

/// Judged below this, a turn sounds incomplete, and the detector is asked again later.
pub const SOUNDS_INCOMPLETE: f32 = 0.5;

/// Weight of the newest pause in what is learned: three pauses tell most of a caller's habit.
const LEARNING: f32 = 0.3;

/// A pause of this many times the caller's usual one is an end.
const PAUSES_TO_WAIT: f32 = 1.5;

/// One caller's endpointing: what their pauses taught.
#[derive(Debug)]
pub struct Endpointing {
    policy: EndpointingPolicy,
    /// Moving average of the pauses in which this caller was not done.
    pause: Option<Duration>,
}

impl Endpointing {
    /// For a caller of whom nothing is known. Bounds that contradict `usual` give way to it.
    pub fn new(mut policy: EndpointingPolicy) -> Self {
        policy.min = policy.min.min(policy.usual);
        policy.min_question = policy.min_question.min(policy.min);
        policy.max = policy.max.max(policy.usual);
        Self { policy, pause: None }
    }

    /// Silence after which the turn is over, by what is known now.
    pub fn delay(&self, evidence: Evidence<'_>) -> Duration {
        let EndpointingPolicy { max, .. } = self.policy;
        let usual = self.usual();
        let ending = evidence.words.map(|words| self.policy.unfinished.ending(words));
        let min = match ending {
            Some(Ending::Question) => self.policy.min_question,
            _ => self.policy.min,
        };
        let complete = evidence.complete.filter(|p| p.is_finite()).map(|p| p.clamp(0.0, 1.0));
        let by_sound = match complete {
            None => usual,
            Some(p) if p < SOUNDS_INCOMPLETE => between(max, usual, p / SOUNDS_INCOMPLETE),
            Some(p) => between(usual, min, (p - SOUNDS_INCOMPLETE) / (1.0 - SOUNDS_INCOMPLETE)),
        };
        let delay = match (ending, complete) {
            // Where sound and words disagree, neither is believed.
            (Some(Ending::Open), Some(p)) if p >= SOUNDS_INCOMPLETE => between(usual, max, 0.5),
            (Some(Ending::Open), _) => max,
            (Some(Ending::Question), _) => by_sound.min(usual),
            (Some(Ending::Plain) | None, _) => by_sound,
        };
        delay.clamp(min, max)
    }

    /// The caller went on after a pause of this length. Who comes back much later waits for us.
    pub fn learn(&mut self, pause: Duration) {
        if pause > self.policy.max.saturating_mul(2) {
            return;
        }
        let pause = pause.min(self.policy.max);
        // Of whom nothing is known is taken for one whose pauses fit the usual delay.
        let known = self.pause.unwrap_or(self.policy.usual.div_f32(PAUSES_TO_WAIT));
        self.pause = Some(between(known, pause, LEARNING));
    }

    /// The delay for this caller when a pause tells nothing. Habit makes the agent more patient,
    /// never less: the pauses of those who were cut off are not seen.
    fn usual(&self) -> Duration {
        let learned = self.pause.map(|pause| pause.mul_f32(PAUSES_TO_WAIT)).unwrap_or_default();
        learned.max(self.policy.usual).min(self.policy.max)
    }
}

/// From `from` at 0 to `to` at 1, in whole microseconds, as [`super::CallTime`] counts.
fn between(from: Duration, to: Duration, share: f32) -> Duration {
    let (from, to) = (from.as_micros() as f64, to.as_micros() as f64);
    let micros = from + (to - from) * f64::from(share);
    Duration::from_micros(micros.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn policy() -> EndpointingPolicy {
        let words = BTreeMap::from([("en".to_owned(), "and".to_owned())]);
        let unfinished = Unfinished::new(&words, &BTreeMap::new());
        EndpointingPolicy {
            usual: ms(500),
            min: ms(300),
            min_question: ms(200),
            max: ms(1_500),
            unfinished,
        }
    }

    fn delay_ms(complete: Option<f32>, words: Option<&str>) -> u64 {
        let delay = Endpointing::new(policy()).delay(Evidence { complete, words });
        delay.as_millis() as u64
    }

    #[test]
    fn silence_alone_waits_the_usual_time() {
        assert_eq!(delay_ms(None, None), 500);
        assert_eq!(delay_ms(None, Some("what time is it")), 500);
    }

    #[test]
    fn sound_shortens_and_lengthens_the_wait() {
        let delays = [0.0, 0.25, 0.5, 0.75, 1.0].map(|p| delay_ms(Some(p), Some("hello")));
        assert_eq!(delays, [1_500, 1_000, 500, 400, 300]);
    }

    #[test]
    fn words_that_lead_on_are_waited_for_and_doubted_where_the_sound_ends() {
        assert_eq!(delay_ms(None, Some("bread and")), 1_500);
        assert_eq!(delay_ms(Some(0.1), Some("bread and")), 1_500);
        assert_eq!(delay_ms(Some(0.9), Some("bread and")), 1_000);
    }

    #[test]
    fn a_question_is_no_longer_waited_for_than_usual() {
        assert_eq!(delay_ms(Some(0.0), Some("What time is it?")), 500);
        assert_eq!(delay_ms(None, Some("What time is it?")), 500, "words alone shorten nothing");
    }

    #[test]
    fn a_question_that_sounds_complete_is_answered_soonest() {
        let delays = [0.5, 0.75, 1.0].map(|p| delay_ms(Some(p), Some("What time is it?")));
        assert_eq!(delays, [500, 350, 200]);
        assert_eq!(delay_ms(None, Some("And?")), 500);
    }

    #[test]
    fn nothing_leads_out_of_the_bounds() {
        for p in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -3.0, 7.0] {
            for words in [None, Some("and"), Some("fine")] {
                assert!((300..=1_500).contains(&delay_ms(Some(p), words)), "{p} {words:?}");
            }
        }
        let contrary = EndpointingPolicy { min: ms(4_000), max: ms(10), ..policy() };
        let endpointing = Endpointing::new(contrary);
        assert_eq!(endpointing.delay(Evidence::default()), ms(500));
        assert_eq!(
            endpointing.delay(Evidence { complete: Some(1.0), words: Some("and") }),
            ms(500)
        );
    }

    #[test]
    fn a_hesitating_caller_is_given_time_and_a_fluent_one_is_not_kept_waiting() {
        let mut endpointing = Endpointing::new(policy());
        let mut usual = Vec::new();
        for pause in [700, 700, 700, 250, 250, 250, 250, 250] {
            endpointing.learn(ms(pause));
            usual.push(endpointing.delay(Evidence::default()).as_millis());
        }
        assert_eq!(usual, [664, 780, 861, 715, 613, 541, 500, 500]);
        for _ in 0..100 {
            endpointing.learn(ms(3_000));
        }
        assert_eq!(endpointing.delay(Evidence::default()), ms(1_500), "the cap holds");
        endpointing.learn(Duration::MAX);
    }
}
