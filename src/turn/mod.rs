//! Decides whose turn it is. Knows no clock, task, lock, audio or network, and can not fail.
//!
//! [`TurnMachine`] takes [`TurnInput`]s with the time they happened, and is then drained of
//! [`TurnOutput`]s; [`TurnMachine::poll_timeout`] says when it wants to be called again at the
//! latest. Whoever drives it does what the outputs say and reports back with the ids they carry:
//! an answer to something that was dropped meets the wrong id and is ignored in one place.

mod endpointing;
mod event;
mod machine;
mod policy;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod time;
mod unfinished;
mod words;

pub use endpointing::{Endpointing, EndpointingPolicy, Evidence, SOUNDS_INCOMPLETE};
pub use event::{
    EndReason, Line, OrderedLine, ReplyId, ReplyOutcome, StopReason, TranscriptOutcome, TurnInput,
    TurnOutput, UnansweredReason, UtteranceId,
};
pub use machine::TurnMachine;
pub use policy::TurnPolicy;
pub use time::CallTime;
pub use unfinished::{Ending, Unfinished};
pub use words::Phrases;
