//! What the three clients of engine processes share: errors, and patience with a restart.

use std::time::Duration;

use tonic::{Code, Status};

use super::EngineError;
use crate::supervisor::EngineHandle;

/// How long a request waits for an engine that is being restarted.
pub(super) const RESTART_PATIENCE: Duration = Duration::from_secs(15);

/// What an engine's status means to a call.
pub(super) fn error_of(handle: &EngineHandle, status: &Status) -> EngineError {
    let engine = handle.kind.as_str();
    let detail = status.message().to_owned();
    match status.code() {
        Code::ResourceExhausted => EngineError::Overloaded { engine },
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            EngineError::Refused { engine, detail }
        }
        // A broken connection is reported under several codes; the process is gone or going.
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Aborted => {
            EngineError::Unavailable { engine, detail }
        }
        _ => EngineError::Failed { engine, detail },
    }
}
