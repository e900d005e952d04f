//! How the caller feels, from -1 (furious) over 0 to 1 (delighted). Pure.
//!
//! [`read`] reads it off the words of a turn, by a lexicon of our own with negation and degree;
//! [`Prosody`] shades that by how the words were said; [`Mood`] smooths turns to one line for the
//! call. [`verdict`] is the question to the language model and the strict reading of its answer;
//! whoever has time asks it.
//!
//! It knows words and not meaning: irony without an ironic phrase is taken at its word.
//! BENCHMARKS.md says how often it is right.

mod forms;
pub mod labelled;
mod lexicon;
mod mood;
mod prosody;
mod score;
#[cfg(test)]
mod tests;
pub mod verdict;

use serde::Serialize;

pub use mood::{Mood, TurnMood};
pub use prosody::{Prosody, UsualRate};
pub use score::{Reading, read};

/// From here on, in either direction, a turn is more than neutral.
pub const THRESHOLD: f32 = 0.4;

/// What a value is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Feeling {
    /// Angry, annoyed, disappointed.
    Angry,
    /// Neither.
    Neutral,
    /// Pleased, grateful, relieved.
    Pleased,
}

impl Feeling {
    /// All of them, the worst first.
    pub const ALL: [Self; 3] = [Self::Angry, Self::Neutral, Self::Pleased];

    /// What `value` is called.
    pub fn of(value: f32) -> Self {
        if value <= -THRESHOLD {
            Self::Angry
        } else if value >= THRESHOLD {
            Self::Pleased
        } else {
            Self::Neutral
        }
    }

    /// Its name in metrics, labels and the model's answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Angry => "angry",
            Self::Neutral => "neutral",
            Self::Pleased => "pleased",
        }
    }
}
