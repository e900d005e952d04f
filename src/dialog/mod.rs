//! What is said: the history as heard, what is kept of it when it grows, what is known under names,
//! the model's tokens cut into clauses for the voice, and the record of a call that is over. Pure;
//! knows no engine and no clock.

mod clauses;
mod history;
mod memory;
pub mod record;
mod variables;

pub use clauses::ClauseSplitter;
pub use history::{History, HistoryLimits};
pub use memory::{SummaryTask, summary_of, tokens_in};
pub use variables::{VARIABLES_MAX, VariableError, Variables};
