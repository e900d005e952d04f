//! What is said: the history as heard, and the model's tokens cut into clauses for the voice.
//! Pure; knows no engine and no clock.

mod clauses;
mod history;

pub use clauses::ClauseSplitter;
pub use history::{History, HistoryLimits};
