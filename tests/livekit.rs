//! Real rooms: a livekit-server of our own on loopback, the SDK library, two sides of a call.
//!
//! - `harness`: one server per test binary, tokens, tones.
//! - `rooms`: what a room carries (sound, text, attributes), and that nothing leaks.
//! - `calls`: the agent's transport: who is the caller, and how calls end.
//! - `caller`: the synthetic caller against a scripted agent.
//! - `server`: what our server tells browsers.

#![allow(clippy::unwrap_used)] // a test may panic
#![allow(clippy::disallowed_methods)] // these tests time live audio

mod livekit {
    mod caller;
    mod calls;
    mod harness;
    mod rooms;
    mod server;
}
