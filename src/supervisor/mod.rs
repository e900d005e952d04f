//! Keeps the engine processes alive: starts, waits until they work, probes, restarts with backoff.
//!
//! An engine ends when its standard input closes, so none outlives us, however we end. Callers
//! hold an [`EngineHandle`] for the life of the program; behind it the process may come and go.

mod backoff;
mod process;
mod specs;
mod stt_backend;

use std::path::PathBuf;
use std::time::Duration;

use sawt_engine_protocol::v1;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;

pub use specs::{DIACRITIZER, SpecError, engine_specs, stt_choice};
pub use stt_backend::{SttChoice, wanted as stt_wanted};

use crate::engines::EngineError;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineKind {
    /// Speech to text.
    Stt,
    /// Language model.
    Llm,
    /// Text to speech.
    Tts,
}

impl EngineKind {
    /// For logs, metrics and errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stt => "stt",
            Self::Llm => "llm",
            Self::Tts => "tts",
        }
    }
}

/// How to start an engine.
#[derive(Debug, Clone)]
pub struct EngineSpec {
    /// Which
    pub kind: EngineKind,
    /// Its program.
    pub program: PathBuf,
    /// Its command line, the harness's own flags excepted.
    pub args: Vec<std::ffi::OsString>,
    /// Environment that it gets on top of a minimal one.
    pub env: Vec<(&'static str, String)>,
    /// Where it listens.
    pub socket: PathBuf,
    /// Compute threads.
    pub threads: u32,
}

/// How an engine is.
#[derive(Debug, Clone)]
pub enum EngineState {
    /// Loading its model.
    Starting,
    /// Answering.
    Ready(Box<v1::InfoResponse>),
    /// Died; will be started again.
    Restarting {
        /// what happened
        why: String,
    },
    /// Will not be started again: no restart can mend it.
    Failed {
        /// what happened, and what to do
        why: String,
    },
}

/// Reaches an engine, whichever process it is at the moment.
#[derive(Debug, Clone)]
pub struct EngineHandle {
    /// Which
    pub kind: EngineKind,
    channel: Channel,
    state: watch::Receiver<EngineState>,
    pid: watch::Receiver<Option<u32>>,
}

/// A dead child is noticed within a millisecond, on a busy machine later.
const NOTICE_MAX: Duration = Duration::from_millis(300);

impl EngineHandle {
    /// The channel to the engine, once it is ready; waits at most `patience` for a restart.
    ///
    /// # Errors
    /// When the engine is not ready in time, or never will be.
    pub async fn ready(&self, patience: Duration) -> Result<Channel, EngineError> {
        let unavailable =
            |detail: String| EngineError::Unavailable { engine: self.kind.as_str(), detail };
        let mut state = self.state.clone();
        let settled =
            state.wait_for(|s| matches!(s, EngineState::Ready(_) | EngineState::Failed { .. }));
        match tokio::time::timeout(patience, settled).await {
            Err(_) => Err(unavailable(format!("not ready within {} s", patience.as_secs()))),
            Ok(Err(_)) => Err(unavailable("stopped".into())),
            Ok(Ok(state)) => match &*state {
                EngineState::Ready(_) => Ok(self.channel.clone()),
                EngineState::Failed { why } => Err(unavailable(why.clone())),
                EngineState::Starting | EngineState::Restarting { .. } => {
                    Err(unavailable("not ready".into()))
                }
            },
        }
    }

    /// After a connection broke: waits until the supervisor has seen why, so that the next
    /// [`Self::ready`] does not hand out the connection to a process that has just died. Returns
    /// soon also when the engine lives.
    pub async fn notice_loss(&self) {
        let mut state = self.state.clone();
        let noticed = state.wait_for(|s| !matches!(s, EngineState::Ready(_)));
        let _ = tokio::time::timeout(NOTICE_MAX, noticed).await; // late: it lives, try again
    }

    /// How the engine is now.
    pub fn state(&self) -> EngineState {
        self.state.borrow().clone()
    }

    /// How the engine is, as it changes.
    pub fn states(&self) -> watch::Receiver<EngineState> {
        self.state.clone()
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }
}

/// Owns the engine processes.
#[derive(Debug)]
pub struct Supervisor {
    stop: CancellationToken,
    tasks: TaskTracker,
    handles: Vec<EngineHandle>,
}

impl Supervisor {
    /// Starts all engines; returns at once, while they load.
    pub fn start(specs: Vec<EngineSpec>) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let handles = specs
            .into_iter()
            .map(|spec| {
                let (state_in, state) = watch::channel(EngineState::Starting);
                let (pid_in, pid) = watch::channel(None);
                let channel = sawt_engine_protocol::client::connect_lazy(&spec.socket);
                let handle = EngineHandle { kind: spec.kind, channel: channel.clone(), state, pid };
                let guard = process::Guarded { spec, channel, state: state_in, pid: pid_in };
                tasks.spawn(guard.run(stop.clone()));
                handle
            })
            .collect();
        tasks.close();
        Self { stop, tasks, handles }
    }

    /// The handle of `kind`, if it was started.
    pub fn handle(&self, kind: EngineKind) -> Option<EngineHandle> {
        self.handles.iter().find(|h| h.kind == kind).cloned()
    }

    /// All handles.
    pub fn handles(&self) -> &[EngineHandle] {
        &self.handles
    }

    /// Waits until every engine answers.
    ///
    /// # Errors
    /// When one of them never will, or not within `patience`.
    pub async fn wait_ready(&self, patience: Duration) -> Result<(), EngineError> {
        // All at once: the first that can not run ends the wait for the others.
        futures::future::try_join_all(self.handles.iter().map(|h| h.ready(patience))).await?;
        Ok(())
    }

    /// Ends all engines and waits for them.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
