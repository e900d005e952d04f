//! Recordings of calls: one stereo Ogg/Opus file each, the caller left, the agent right.
//!
//! [`tracks`] lays both sides on the call's one timeline; [`stream`] makes pages of half a second out of
//! them, each whole in itself, so that a file whose writer was killed plays to its last page; [`writer`] does both on
//! a thread of the call's own, behind a bounded queue, so that no disk ever holds a call up; [`read`] reads a file back.
//! Whether anything may be recorded is not decided here: see `call::recording`.
//!
//! Lacks encryption at rest, other formats, and more than two sides.

mod read;
mod stream;
mod tracks;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

pub use read::{Decoded, read};
pub use writer::{Disk, Ended, Piece, Writer, create};

/// Rate at which both sides are kept: that of the agent's voice, half again that of the caller's.
pub const RATE_HZ: u32 = 24_000;

/// Length of an Opus packet.
const PACKET: Duration = Duration::from_millis(20);

/// Samples of each side in a packet.
const PACKET_SAMPLES: usize = 480;

/// Opus counts time in these, whatever it is given.
const GRANULES_HZ: u32 = 48_000;

/// Why a recording can not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The system says no.
    #[error("{path}: {error}; check the folder's permissions and its disk (records.dir)")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Opus does not take what it is given.
    #[error("Opus failed: {0}; this is a bug, please report it")]
    Opus(String),
    /// Not one of ours.
    #[error("{path} is no recording: {problem}; give a file that `sawt serve` wrote")]
    Strange {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}
