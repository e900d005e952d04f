//! From an accepted job to a call that is over.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::switchboard::LiveKitSwitchboard;
use crate::assistants::{Assistant, Assistants, Choice, ChoiceError, Library};
use crate::call::{self, CallReport, CallSetup, NotConcluded, SpeculationGate, Surroundings};
use crate::config::Config;
use crate::engines::Lender;
use crate::livekit_api::LiveKitApi;
use crate::policy::egress::HttpClient;
use crate::records::Records;
use crate::store::Keeper;
use crate::telemetry::{Words, metrics};
use crate::transport::livekit::{JoinOptions, LiveKitTransport};
use crate::turn::EndReason;
use crate::worker::AcceptedJob;

/// What all calls share.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) lender: Lender,
    /// LiveKit's SDK.
    pub(super) library: PathBuf,
    pub(super) gate: SpeculationGate,
    pub(super) api: LiveKitApi,
    pub(super) records: Option<Records>,
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) webhooks: Option<HttpClient>,
}

/// Who answers a call, in the versions that it keeps.
struct Chosen {
    assistant: Arc<Assistant>,
    config: Arc<Config>,
    others: Arc<Library>,
}

/// Serves jobs until the worker drops the channel and the last call is over.
pub(super) async fn serve(
    mut jobs: mpsc::Receiver<AcceptedJob>,
    assistants: Assistants,
    outside: Outside,
) {
    let calls = TaskTracker::new();
    let closing = CancellationToken::new();
    while let Some(mut job) = jobs.recv().await {
        let outside = outside.clone();
        let closing = closing.clone();
        // From here on the call keeps its version, whatever becomes of the files.
        let chosen = choose(&assistants, &job);
        let version = chosen.as_ref().ok().map(|chosen| chosen.assistant.version());
        let span = tracing::info_span!(
            "call",
            call_id = %job.job_id,
            room = %job.room,
            assistant = version.as_ref().map(|v| v.name.as_str()),
            assistant_version = version.as_ref().map(|v| v.version.as_str()),
        );
        let call = async move {
            let done = std::mem::replace(&mut job.done, tokio::sync::oneshot::channel().0);
            let record = Record {
                lender: outside.lender.clone(),
                gate: outside.gate.clone(),
                records: outside.records.clone(),
                keeper: outside.keeper.clone(),
                closing,
            };
            let answering = async move {
                let chosen = chosen.map_err(|error| error.to_string())?;
                let (who, how) = (Arc::clone(&chosen.assistant), Arc::clone(&chosen.config));
                let report = answer(job, chosen, outside).await?;
                Ok(report.map(|report| (report, who, how)))
            };
            // A bug in one call ends that call only.
            let answered = std::panic::AssertUnwindSafe(answering)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err("the call's task panicked".to_owned()));
            let (result, report) = match answered {
                Ok(Some((report, who, how))) if report.reason == EndReason::Lost => {
                    (Err("the connection was lost".to_owned()), Some((report, who, how)))
                }
                Ok(report) => (Ok(()), report),
                Err(problem) => (Err(problem), None),
            };
            if let Err(problem) = &result {
                tracing::error!(%problem, "Call failed.");
            }
            // The worker may be gone; then nobody wants to know. From here on the caller's place is free.
            let _ = done.send(result);
            if let Some((report, assistant, config)) = report {
                record.make(report, &assistant, &config).await;
            }
        };
        calls.spawn(call.instrument(span));
    }
    calls.close();
    // The last caller has hung up: what is still written about calls gets a little time.
    if tokio::time::timeout(RECORDS_GRACE, calls.wait()).await.is_err() {
        closing.cancel();
        calls.wait().await;
    }
}

/// How long records may still be written when no call runs any more and we are to stop.
const RECORDS_GRACE: Duration = Duration::from_secs(15);

/// What is left to do when a caller has hung up.
struct Record {
    lender: Lender,
    gate: SpeculationGate,
    records: Option<Records>,
    keeper: Option<Arc<Keeper>>,
    closing: CancellationToken,
}

impl Record {
    /// Completes the call's record, while nobody waits for the language model.
    async fn make(self, mut report: CallReport, assistant: &Assistant, config: &Config) {
        // All of the call is in it, whoever answered: it is written here, whatever else may leave.
        let llm = self.lender.local().llm.as_ref();
        let concluding = call::conclude(&mut report, config, Some(assistant), llm, &self.gate);
        let concluding = std::panic::AssertUnwindSafe(concluding).catch_unwind();
        match self.closing.run_until_cancelled(concluding).await {
            Some(Ok(Ok(()) | Err(NotConcluded::NotWanted | NotConcluded::NothingSaid))) => {}
            Some(Ok(Err(problem))) => tracing::warn!(%problem, "The call's record is not whole."),
            Some(Err(_)) => tracing::error!("Writing the call's record panicked."),
            None => tracing::warn!("The call's record was given up: Sawt stops."),
        }
        tell(&report);
        let Some(records) = self.records else { return };
        let path = keep(records, report).await;
        if let (Some(path), Some(keeper)) = (path, self.keeper) {
            // What is given up here is done at the next start.
            self.closing.run_until_cancelled(keeper.keep(&path)).await;
        }
    }
}

/// Says in the log what the call came to.
fn tell(report: &CallReport) {
    let Some(outcome) = &report.outcome else {
        if let Some(summary) = &report.summary {
            tracing::info!(summary = %Words::new(summary), "Record of the call.");
        }
        return;
    };
    let values = serde_json::Value::from(outcome.values.clone()).to_string();
    tracing::info!(
        summary = %Words::new(report.summary.as_deref().unwrap_or_default()),
        outcome = %Words::new(&values),
        problems = outcome.problems.len(),
        "Record of the call."
    );
}

/// Who answers: as the dispatch says, else as the room says, else the site's default.
fn choose(assistants: &Assistants, job: &AcceptedJob) -> Result<Chosen, ChoiceError> {
    let mut choice = Choice::from_metadata(&job.metadata)?;
    if choice.assistant.is_none() || choice.language.is_none() {
        // A room's metadata is somebody else's, too: it is read for what the dispatch leaves open.
        choice = choice.or(Choice::from_metadata(&job.room_metadata)?);
    }
    let library = assistants.current();
    let assistant = library.choose(&choice)?;
    let language = choice.language.as_deref().unwrap_or_default();
    let (assistant, config) = (Arc::clone(assistant), Arc::clone(assistant.config(language)));
    Ok(Chosen { assistant, config, others: library })
}

async fn answer(
    job: AcceptedJob,
    chosen: Chosen,
    outside: Outside,
) -> Result<Option<CallReport>, String> {
    let Chosen { assistant, config, others } = chosen;
    let Outside { lender, library, gate, api, records, keeper: _, webhooks } = outside;
    let options = JoinOptions {
        library,
        caller_identity: None,
        caller_wait: Duration::from_secs(u64::from(config.agent.caller_wait_s)),
        agent_rate_hz: config.tts.output_sample_rate_hz,
    };
    let joined = tokio::select! {
        joined = LiveKitTransport::join(&job.url, &job.token, options) => joined,
        () = job.cancel.cancelled() => return Ok(None),
    };
    let transport = joined.map_err(|error| error.to_string())?;
    let counted = CountedCall::start();
    let engines = lender.for_call(&job.job_id, assistant.remote());
    let recording = records.and_then(|records| records.recording(&job.job_id));
    let room = job.room.clone();
    let setup = CallSetup {
        call_id: job.job_id,
        config,
        assistant: Some(assistant),
        engines,
        observer: None,
        surroundings: Surroundings {
            library: Some(others),
            switchboard: Some(Arc::new(LiveKitSwitchboard { api, room: job.room.clone() })),
            queue: queue_of(&job.metadata),
            webhooks,
            mood: None,
            lender: Some(lender),
            recording,
        },
        hang_up: job.cancel,
    };
    #[allow(clippy::disallowed_methods)] // people look calls up by the clock on the wall
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut report: CallReport = call::run_gated(Box::new(transport), setup, gate).await;
    report.started_unix_ms = started.ok().and_then(|since| since.as_millis().try_into().ok());
    report.room = room;
    counted.end(report.reason.as_str());
    Ok(Some(report))
}

/// Writes the record. A disk that fails ends no call: it is over.
async fn keep(records: Records, report: CallReport) -> Option<PathBuf> {
    #[allow(clippy::disallowed_methods)] // files have the system's times
    let kept =
        tokio::task::spawn_blocking(move || records.keep(&report, std::time::SystemTime::now()));
    match kept.await {
        Ok(Ok(path)) => return Some(path),
        Ok(Err(error)) => tracing::error!(%error, "The call's record was not kept."),
        Err(error) => tracing::error!(%error, "The call's record was not kept."),
    }
    None
}

/// The queue that a dispatch names: `{"queue": "cards"}`.
fn queue_of(metadata: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(metadata).unwrap_or_default();
    value["queue"].as_str().unwrap_or_default().chars().take(100).collect()
}

/// Counts a call as running until it is over, however that comes about.
struct CountedCall {
    reason: Option<&'static str>,
}

impl CountedCall {
    fn start() -> Self {
        metrics::call_started();
        Self { reason: None }
    }

    fn end(mut self, reason: &'static str) {
        self.reason = Some(reason);
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        metrics::call_ended(self.reason.unwrap_or("panicked"));
    }
}
