//! PCM: rates, frames, levels. Pure functions on samples; knows no device and no clock.

pub mod pieces;
mod resample;
mod stream;
pub mod wav;

use std::time::Duration;

pub use resample::{ResampleError, resample};
pub use stream::StreamResampler;

/// Rate at which callers are heard: what Silero and Whisper want.
pub const CALLER_RATE_HZ: u32 = 16_000;

/// Rate at which the agent speaks, unless configured otherwise.
pub const AGENT_RATE_HZ: u32 = 24_000;

/// Length of the frames that travel through a call.
pub const FRAME_MS: u32 = 20;

/// Duration of `samples` at `rate_hz`.
pub fn duration_of(samples: u64, rate_hz: u32) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(rate_hz.max(1)))
}

/// Number of whole samples in `duration` at `rate_hz`.
pub fn samples_in(duration: Duration, rate_hz: u32) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).saturating_mul(u64::from(rate_hz))
        / 1_000_000
}

/// Signed 16-bit little-endian bytes of `pcm`, as the engine contract carries them.
pub fn to_bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// PCM from signed 16-bit little-endian bytes; a trailing odd byte is dropped.
pub fn from_bytes(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Root mean square of `pcm`, 0..1 of full scale; 0 for no samples.
pub fn rms(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return 0.0;
    }
    let sum: f64 = pcm.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    ((sum / pcm.len() as f64).sqrt() / 32768.0) as f32
}
