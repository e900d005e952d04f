//! Sawt's STT engine on whisper.cpp, behind the engine contract.
//!
//! `sawt-stt-common` takes requests and decides who is next; here `decode` makes one pass over one
//! utterance, through `ffi`, one step of whisper.cpp at a time. `model` guards the file,
//! `vocabulary` the tokens. Keeps nothing of a request once it is answered.

pub mod decode;
pub mod ffi;
pub mod model;
pub mod vocabulary;
