//! How the caller feels: their words and voice in, one line for the call out.

use super::Call;
use crate::call::listening::Sound;
use crate::sentiment::{Mood, Prosody, TurnMood, UsualRate, read};

/// What is known of the turn that is being heard, and of the call.
#[derive(Debug, Default)]
pub(super) struct Feelings {
    pub(super) mood: Mood,
    /// Of the turn that is answered.
    pub(super) last: Option<TurnMood>,
    usual_rate: UsualRate,
    /// Of the turn that is being heard.
    prosody: Prosody,
    /// Before the voice shaded it: what the model's view is mixed with.
    words: f32,
}

impl Feelings {
    /// Words have come; `usual_dbfs` is how loud the caller was before them.
    pub(super) fn heard(&mut self, sound: Sound, usual_dbfs: Option<f32>, text: &str) {
        if text.is_empty() {
            return;
        }
        let words = text.split_whitespace().count();
        let faster = self.usual_rate.compare(words, sound.speech_ms);
        let louder_db = usual_dbfs.map(|usual| sound.dbfs - usual);
        // A turn of several pieces is as loud as its loudest.
        let most = |before: Option<f32>, now: Option<f32>| match (before, now) {
            (Some(before), Some(now)) => Some(before.max(now)),
            (before, now) => before.or(now),
        };
        self.prosody.louder_db = most(self.prosody.louder_db, louder_db);
        self.prosody.faster = most(self.prosody.faster, faster);
    }

    /// The agent fell silent because the caller spoke.
    pub(super) fn talked_over(&mut self) {
        self.prosody.talked_over = true;
    }

    /// The turn comes again, longer.
    pub(super) fn retract(&mut self) {
        self.mood.retract();
    }
}

impl Call {
    /// The caller's words are answered: this is how they felt.
    pub(super) fn feel(&mut self, words: &str) {
        if !self.config.sentiment.enabled {
            return;
        }
        let reading = read(words);
        let prosody = std::mem::take(&mut self.feelings.prosody);
        self.feelings.words = prosody.shade(reading.value);
        let mood = self.feelings.mood.felt(self.feelings.words);
        self.feelings.last = Some(mood);
        let why = reading.why.into_iter().chain(prosody.why()).collect();
        self.reporter.felt(mood, why);
        if self.config.sentiment.model {
            self.asides.judge(mood.turn, words);
        }
    }

    /// The language model says how a turn felt.
    pub(super) fn feel_again(&mut self, turn: u32, feeling: crate::sentiment::Feeling) {
        let value = crate::sentiment::verdict::blend(self.feelings.words, feeling);
        if let Some(mood) = self.feelings.mood.corrected(turn, value) {
            self.reporter.felt(mood, vec![format!("the model says {}", feeling.as_str())]);
        }
    }
}
