//! Logs and metrics; caller words stay out of both.

mod log;
pub mod metrics;
mod words;

pub use log::{LogError, init};
pub use words::Words;
