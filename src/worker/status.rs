//! How the worker stands, as others see it: `/readyz`, `/worker`, metrics, the terminal.

use serde::Serialize;

/// A snapshot, sent whenever it changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerStatus {
    /// The connection to LiveKit.
    pub link: Link,
    /// Calls that run, and places promised to LiveKit.
    pub calls: u32,
    /// Most calls at once.
    pub calls_max: u32,
    /// What LiveKit is told, 0..1; at 0.7 it sends no more calls.
    pub load: f32,
    /// Offers are refused.
    pub full: bool,
    /// Why a call that came now could not be answered; offers are refused for that.
    pub unfit: Option<String>,
    /// We are going down and only finish what runs.
    pub draining: bool,
    /// The calls that run.
    pub jobs: Vec<RunningJob>,
}

/// A call that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningJob {
    /// LiveKit's id of the job.
    pub job_id: String,
    /// The dispatch that brought it; empty for automatic ones.
    pub dispatch_id: String,
    /// The agent's identity in the room.
    pub identity: String,
}

/// The connection to LiveKit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Link {
    /// On the way, for the first time.
    Connecting,
    /// Calls can come.
    Registered {
        /// The server's name for us.
        worker_id: String,
        /// For the log of whoever runs both.
        server_version: String,
    },
    /// Not connected; tries again by itself.
    Lost {
        /// What is wrong, and what to do if it does not heal by itself.
        problem: String,
    },
}

impl WorkerStatus {
    /// Before the first connection.
    pub fn starting(calls_max: u32) -> Self {
        Self {
            link: Link::Connecting,
            calls: 0,
            calls_max,
            load: 0.0,
            full: false,
            unfit: None,
            draining: false,
            jobs: Vec::new(),
        }
    }

    /// Why no new call can come; `None`: it can.
    pub fn problem(&self) -> Option<String> {
        match &self.link {
            _ if self.draining => Some("draining: no new calls".into()),
            Link::Connecting => Some("not connected to LiveKit yet".into()),
            Link::Lost { problem } => Some(problem.clone()),
            Link::Registered { .. } => self.unfit.clone(),
        }
    }
}
