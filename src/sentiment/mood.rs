//! The caller's mood over a call: one line, smoothed, so that one word changes little and two angry
//! turns are plain.

/// What a call has felt like so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mood {
    smoothed: f32,
    turn: Option<TurnMood>,
    turns: u32,
    /// The line before the newest turn.
    before: f32,
}

/// How one turn felt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TurnMood {
    /// Number of the caller's turn, from 1.
    pub turn: u32,
    /// Of the turn itself, -1 to 1.
    pub value: f32,
    /// The line after it, -1 to 1.
    pub smoothed: f32,
}

/// What the newest turn counts in the line: after two turns a line has gone three quarters of the way.
const WEIGHT: f32 = 0.5;

impl Mood {
    /// The line now, -1 to 1: what rules compare.
    pub fn value(&self) -> f32 {
        self.smoothed
    }

    /// The newest turn.
    pub fn turn(&self) -> Option<TurnMood> {
        self.turn
    }

    /// A turn of the caller has come, and felt like `value`.
    pub fn felt(&mut self, value: f32) -> TurnMood {
        self.before = self.smoothed;
        self.turns = self.turns.saturating_add(1);
        self.set(value)
    }

    /// The turn with this number felt like `value` after all; nothing when a newer one has come.
    pub fn corrected(&mut self, turn: u32, value: f32) -> Option<TurnMood> {
        (turn > 0 && turn == self.turns).then(|| self.set(value))
    }

    /// The newest turn was none: the caller went on, and it comes again, longer.
    pub fn retract(&mut self) {
        if self.turn.take().is_some() {
            self.smoothed = self.before;
            self.turns -= 1;
        }
    }

    fn set(&mut self, value: f32) -> TurnMood {
        let value = if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 };
        self.smoothed = self.before + (value - self.before) * WEIGHT;
        let turn = TurnMood { turn: self.turns, value, smoothed: self.smoothed };
        self.turn = Some(turn);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_angry_turns_are_plain_and_one_is_not() {
        let mut mood = Mood::default();
        assert!(mood.value().abs() < f32::EPSILON);
        assert!(mood.felt(-0.9).smoothed > -0.5);
        assert!(mood.felt(-0.9).smoothed < -0.5);
        assert!(mood.felt(0.8).smoothed > -0.1, "and it is forgiven");
    }

    #[test]
    fn a_turn_may_be_judged_again_or_taken_back_while_it_is_the_newest() {
        let mut mood = Mood::default();
        let first = mood.felt(-0.2);
        assert_eq!(mood.corrected(first.turn, -0.8).map(|turn| turn.value), Some(-0.8));
        assert!((mood.value() + 0.4).abs() < 1e-6);
        mood.felt(0.0);
        assert_eq!(mood.corrected(first.turn, 1.0), None, "a newer one has come");
        mood.retract();
        mood.retract();
        assert!((mood.value() + 0.4).abs() < 1e-6, "only the newest can be taken back");
        assert_eq!(mood.felt(f32::NAN).turn, 2);
        assert!(mood.value().is_finite());
    }

    proptest::proptest! {
        #[test]
        fn the_line_stays_within_its_bounds(values in proptest::collection::vec(-3.0_f32..3.0, 0..50)) {
            let mut mood = Mood::default();
            for value in values {
                let turn = mood.felt(value);
                assert!((-1.0..=1.0).contains(&turn.value) && (-1.0..=1.0).contains(&turn.smoothed));
            }
        }
    }
}
