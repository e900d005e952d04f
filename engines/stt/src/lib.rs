//! Sawt's STT engine: whisper.cpp behind the engine contract.
//!
//! A request's path: `service` (checks) → `queue` (who is next) → `worker` (owner threads) →
//! `decode` (one utterance) → `ffi` (one step of whisper.cpp). `model` guards the file, `bounds`
//! the cost. Keeps nothing of a request once it is answered; writes no word of a caller anywhere.

pub mod bounds;
pub mod decode;
pub mod ffi;
pub mod model;
pub mod queue;
pub mod service;
pub mod vocabulary;
pub mod worker;
