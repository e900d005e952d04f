//! The LiveKit agent worker: registers, reports load, accepts jobs, drains. Joins no room: whoever
//! receives an [`AcceptedJob`] does that.
//!
//! [`session`] decides, [`connection`] moves bytes, [`proto`] is the wire format, [`load`] the
//! processor's share of work. Open-source LiveKit forgets a worker's jobs when the connection
//! breaks; the calls go on over their own, which is why a lost connection cancels nothing here.

mod connection;
mod load;
mod proto;
mod session;
mod status;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use status::{Link, RunningJob, WorkerStatus};

use crate::livekit_api::{LiveKitApi, LiveKitApiError};

/// Who we are and how much we take.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// LiveKit and our key to it.
    pub api: LiveKitApi,
    /// Name by which we are dispatched; empty: LiveKit offers us every new room.
    pub agent_name: String,
    /// The agent's name as people in the room see it.
    pub participant_name: String,
    /// Our version, for LiveKit's log.
    pub version: String,
    /// Most calls at once.
    pub calls_max: u32,
    /// Why a call that came now could not be answered; offers are refused meanwhile.
    pub unfit: watch::Receiver<Option<String>>,
    /// Share of the processor, 0..1, averaged over 2.5 s, at which calls are refused; 1: never.
    pub cpu_max: f32,
    /// Time that running calls have to finish once we drain.
    pub drain_max: Duration,
}

/// A call that is ours.
#[derive(Debug)]
pub struct AcceptedJob {
    /// LiveKit's id of the job.
    pub job_id: String,
    /// The dispatch that brought it; empty for automatic ones.
    pub dispatch_id: String,
    /// The room to join.
    pub room: String,
    /// What the dispatch says to the agent.
    pub metadata: String,
    /// What the room says to whoever is in it.
    pub room_metadata: String,
    /// The identity under which the token joins.
    pub identity: String,
    /// Where to join, ws:// or wss://.
    pub url: String,
    /// The token to join with, good for an hour.
    pub token: String,
    /// Cancelled when LiveKit ends the job or the drain's time is over: say goodbye and leave.
    pub cancel: CancellationToken,
    /// Send the result when the call is over; dropping it counts as failed.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainOutcome {
    /// Calls that had to be ended because the time was over.
    pub cut_short: u32,
}

/// Why a worker can not run at all. What may heal by itself is in [`WorkerStatus`] instead.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Bad address or no key.
    #[error(transparent)]
    Api(#[from] LiveKitApiError),
    /// No place for a single call.
    #[error("livekit.calls_max is 0: no call could ever be taken; set it to 1 or more")]
    NoPlace,
    /// More than the server accepts.
    #[error("livekit.agent_name has {0} characters; use at most 64")]
    AgentName(usize),
}

/// The channel for [`run`]: as many places as calls, so that it is never full.
pub fn job_channel(calls_max: u32) -> (mpsc::Sender<AcceptedJob>, mpsc::Receiver<AcceptedJob>) {
    mpsc::channel(usize::try_from(calls_max.max(1)).unwrap_or(usize::MAX >> 4))
}

/// Serves until `drain` is cancelled and the calls are over. Lost connections, refused keys and
/// absent servers are retried for as long as it takes and shown in `status`.
///
/// # Errors
/// The options can not work.
pub async fn run(
    options: WorkerOptions,
    jobs: mpsc::Sender<AcceptedJob>,
    status: watch::Sender<WorkerStatus>,
    drain: CancellationToken,
) -> Result<DrainOutcome, WorkerError> {
    if options.calls_max == 0 {
        return Err(WorkerError::NoPlace);
    }
    let name_chars = options.agent_name.chars().count();
    if name_chars > 64 {
        return Err(WorkerError::AgentName(name_chars));
    }
    let session = session::Session::new(session::Rules {
        agent_name: options.agent_name,
        participant_name: options.participant_name,
        version: options.version,
        calls_max: options.calls_max,
        cpu_max: options.cpu_max,
        drain_max: options.drain_max,
    });
    let log = tokio::spawn(connection::log_link(status.subscribe()));
    let connection = connection::Connection {
        api: options.api,
        session,
        jobs,
        status,
        unfit: options.unfit,
        drain,
    };
    let outcome = connection.run().await;
    log.abort();
    Ok(outcome)
}

#[cfg(test)]
mod tests;
