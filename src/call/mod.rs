//! One task per call: feeds the turn machine, does what it says.
//!
//! [`run`] owns the transport and the machine. Transcriptions and replies run as tasks of their
//! own and report over one bounded channel, so that a slow engine never stops the audio.

pub mod action;
mod after;
mod aside;
mod driver;
mod fillers;
mod hands;
mod hearing;
mod judging;
mod language;
mod listening;
mod playout;
mod quiet_head;
mod recording;
mod replying;
mod report;
mod speculation;
mod speech_gate;
#[cfg(test)]
mod tests;

pub use action::Surroundings;
pub use after::{Clerk, Conclusion, NotConcluded, conclude};
pub use driver::{CallSetup, run, run_gated};
pub use fillers::prepare as prepare_fillers;
pub use recording::{Consent, RecordingReport, WantedRecording};
pub use report::{CallEvent, CallReport, RefusedTranscript, TurnReport, TurnTiming};
pub use speculation::{SpeculationGate, SpeculationReport};
