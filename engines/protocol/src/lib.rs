//! The contract between Sawt's call plane and its engine processes: generated messages, the
//! harness that every engine binary runs in, and the client side of its socket.
//!
//! Knows no model and no call. The `.proto` file is the documentation of the messages.

/// Messages and services of `proto/sawt/engine/v1/engine.proto`.
#[allow(clippy::all, unreachable_pub, missing_docs)]
pub mod v1 {
    tonic::include_proto!("sawt.engine.v1");
}

pub mod client;
mod exit;
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;

/// Largest message either side accepts. The biggest legal one is 30 s of 16 kHz PCM (960 KB).
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most audio one transcription may hold.
pub const UTTERANCE_MS_MAX: u32 = 30_000;

/// Rates at which voices can be asked for, in Hz; 0 is the voice's own.
pub const SAMPLE_RATES_HZ: [u32; 9] =
    [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Most characters one synthesis may hold.
pub const SYNTHESIS_CHARS_MAX: usize = 2_000;
