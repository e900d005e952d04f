//! Moving a caller to somebody else: a queue of people or a telephone. One trait; LiveKit's server
//! does it in a real call, a script in tests.

use std::time::Duration;

use async_trait::async_trait;

use super::TransferTo;

/// Which caller is moved where, and what whoever takes them should know.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferRequest {
    /// the call's name in logs and records
    pub call_id: String,
    /// the caller in their room
    pub caller: String,
    /// where they are taken
    pub to: TransferTo,
    /// how long somebody may take to come
    pub wait: Duration,
    /// for whoever takes the caller
    pub note: Handset,
}

/// What is handed along with a caller: facts, and none of their words.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Handset {
    /// `rule NAME` or `tool NAME`
    pub reason: String,
    /// which the caller speaks
    pub language: String,
    /// who answered until now
    pub assistant: String,
    /// values kept in the call
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// Takes callers over.
#[async_trait]
pub trait Switchboard: std::fmt::Debug + Send + Sync {
    /// Returns when the caller is with somebody else: from then on nobody needs the agent.
    ///
    /// # Errors
    /// Nobody took the caller; they are still with the agent, and nobody is on the way.
    async fn transfer(&self, request: TransferRequest) -> Result<(), SwitchboardError>;
}

/// Why nobody took the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchboardError {
    /// No worker of the queue is there.
    #[error("nobody serves the queue {0:?}; start the LiveKit agent of that name")]
    NobodyServes(String),
    /// The queue took it, and nobody came.
    #[error(
        "nobody came from the queue {queue:?} in {waited_s} s; raise wait_s or staff the queue"
    )]
    NobodyCame {
        /// which
        queue: String,
        /// for how long the caller waited
        waited_s: u64,
    },
    /// LiveKit or the telephone line said no.
    #[error("the transfer failed: {0}")]
    Failed(String),
    /// No answer at all.
    #[error("the transfer was given up after {0:?}; check that LiveKit's server answers")]
    TimedOut(Duration),
}
