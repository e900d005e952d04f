//! What Sawt's STT engines share, whichever library runs the model.
//!
//! A request's path: `service` (checks) → `queue` (who is next) → `worker` (owner threads) →
//! `decode` (one utterance, by the engine's own [`decode::Decoder`]). `bounds` limits the cost,
//! `text` says what may be written, `program` is the command line and the end. Links no model
//! library. Keeps nothing of a request once it is answered; writes no word of a caller anywhere.

pub mod bounds;
pub mod decode;
pub mod program;
pub mod queue;
pub mod service;
pub mod text;
pub mod worker;
