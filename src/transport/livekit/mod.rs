//! LiveKit rooms through the SDK's shared library.
//!
//! From the bottom up: `ffi.rs` loads the library (the only unsafe file), `messages/` declares
//! what it speaks, [`sdk`] routes its answers and events, [`room`] is a room with its tracks and
//! texts, [`transport`] is the agent's side of a call on top of that. [`dev_server`] starts a
//! livekit-server that listens on this machine only.
//!
//! Nothing here knows about speech, turns or models.

mod captions;
pub mod dev_server;
mod ffi;
mod link;
mod media;
#[doc(hidden)] // public for the test that compares it with the library's own descriptors
pub mod messages;
pub mod room;
pub mod sdk;
mod source;
pub mod text;
pub mod transport;

pub use ffi::{BUILD_VERSION, LoadError};
pub use room::{Participant, Room, RoomError, RoomEvent, RoomEvents, RoomOptions};
pub use sdk::{Sdk, SdkError, library_path};
pub use source::AudioSource;
pub use text::{TextReader, TextWriter};
pub use transport::{JoinOptions, LiveKitTransport};
