//! Puts the parts together: engines, worker, calls and HTTP, from start to drain.
//!
//! Order matters: HTTP first, so that `/livez` and `/readyz` speak while models load; the worker
//! last, so that no call is accepted that nobody could answer.

mod calls;
mod readiness;
mod switchboard;

pub use switchboard::LiveKitSwitchboard;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assistants::{Assistants, Findings, Library, Voices};
use crate::call::{SpeculationGate, prepare_fillers};
use crate::config::Config;
use crate::engines::{
    EngineError, Lender, RemoteSetupError, RunningEngines, StartError, what_may_leave,
};
use crate::http::{self, HttpOptions, HttpState};
use crate::livekit_api::{LiveKitApi, LiveKitApiError};
use crate::models::{ModelError, Store};
use crate::policy::egress::{EgressPolicy, HostPort, HttpClient};
use crate::policy::residency::{Stage, judge};
use crate::records::Records;
use crate::store::{Keeper, StoreError};
use crate::supervisor::EngineKind;
use crate::telemetry::metrics::PrometheusHandle;
use crate::worker::{self, DrainOutcome, Link, WorkerError, WorkerOptions, WorkerStatus};

/// Why the service can not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An assistant has mistakes.
    #[error(transparent)]
    Assistants(#[from] Findings),
    /// The engines do not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An engine does not come up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An engine elsewhere can not be used as it was set up.
    #[error(transparent)]
    Remote(#[from] RemoteSetupError),
    /// The store of calls can not be what it was set up to be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A library is missing.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// LiveKit's address or key.
    #[error(transparent)]
    LiveKit(#[from] LiveKitApiError),
    /// The worker's options.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A bug of ours.
    #[error("a part of the service ended by itself: {0}")]
    Ended(&'static str),
}

/// What the service needs.
pub struct Service {
    /// Settings.
    pub config: Arc<Config>,
    /// LiveKit and our key to it.
    pub api: LiveKitApi,
    /// Where the page and the API are served.
    pub listener: TcpListener,
    /// Renders `/metrics`.
    pub metrics: Option<PrometheusHandle>,
    /// Refuse new calls, let running ones finish, then end.
    pub drain: CancellationToken,
    /// SIGHUP reads the assistants again; else it ends the program, as a closed terminal should.
    pub reload_on_hangup: bool,
    /// Told once, when calls can come.
    pub ready: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Service {
    /// Serves until drained.
    ///
    /// # Errors
    /// When a part can not start, or ended by itself.
    pub async fn run(self) -> Result<DrainOutcome, ServiceError> {
        let Self { config, api, listener, metrics, drain, reload_on_hangup, ready } = self;
        let store = Store::from_config(&config.models);
        let folder = Library::folder(&config);
        let assistants = Library::load(&folder, &config, &Voices::installed(&store))?;
        tell_what_may_leave(&config, &assistants)?;
        let keeper = Keeper::new(&config.records)?.map(Arc::new);
        tell_who_is_not_recorded(&config, &assistants);
        let engines_config = assistants.engines_config(&config);
        let engines = RunningEngines::start(
            &engines_config,
            &[EngineKind::Stt, EngineKind::Llm, EngineKind::Tts],
        )?;
        let (worker_status_in, worker_status) =
            watch::channel(WorkerStatus::starting(config.livekit.calls_max));
        let background = CancellationToken::new();
        let _end_background = background.clone().drop_guard();
        let assistants = Assistants::follow(
            assistants,
            folder,
            Arc::clone(&config),
            Voices::loaded(&engines_config),
            background.clone(),
        );
        if reload_on_hangup {
            tokio::spawn(self::reload_on_hangup(assistants.clone(), background.clone()));
        }

        let parts = readiness::watch_engines(engines.handles(), background.clone());
        let unfit = readiness::watch_fitness(
            parts.clone(),
            served_elsewhere(&config, &assistants),
            readiness::MENDING_MAX,
            background.clone(),
        );
        let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
        let state = HttpState::new(
            HttpOptions {
                api: api.clone(),
                livekit_public_url: config.livekit.public_url.clone(),
                agent_name: config.livekit.agent_name.clone(),
                loopback,
                public_origin: config.http.public_origin.clone(),
                embed_origins: config.http.embed_origins.clone(),
                worker: worker_status.clone(),
                parts,
                assistants: assistants.clone(),
            },
            metrics,
        )?;
        let http = tokio::spawn(http::serve(listener, http::router(state), background.clone()));

        // SIGTERM while the models load ends it at once: there is nothing to drain.
        tokio::select! {
            loaded = engines.ready() => loaded?,
            () = drain.cancelled() => {
                engines.stop().await;
                return Ok(DrainOutcome { cut_short: 0 });
            }
        }
        let call_engines = engines.for_calls(&config)?.ok_or(ServiceError::Ended("the engines"))?;
        let lender = Lender::new(call_engines.clone(), &config.remote)?;
        let library = store.resolve("livekit-sdk")?.main_file().to_owned();

        let (jobs_in, jobs) = worker::job_channel(config.livekit.calls_max);
        let gate = SpeculationGate::default();
        tokio::spawn(shed_speculation(worker_status.clone(), gate.clone(), speculating(&config)));
        let (fillers_of, fillers_by) = (assistants.current(), call_engines.clone());
        tokio::spawn(async move {
            let default = fillers_of.default();
            prepare_fillers(default.config(""), &fillers_by).await;
        });
        if let Some(keeper) = keeper.clone() {
            tokio::spawn(async move { keeper.catch_up().await });
        }
        let outside = calls::Outside {
            lender,
            library,
            gate,
            api: api.clone(),
            records: Records::from_config(&config.records),
            keeper,
            webhooks: webhooks(&config),
        };
        let calls = calls::serve(jobs, assistants, outside);
        let calls = tokio::spawn(calls);
        if let Some(ready) = ready {
            tokio::spawn(announce(worker_status, ready));
        }
        let outcome =
            worker::run(worker_options(&config, api, unfit), jobs_in, worker_status_in, drain);
        let outcome = outcome.await;
        // The worker has dropped the channel of jobs, so this ends with the last call.
        let _ = calls.await;
        background.cancel();
        let _ = http.await;
        engines.stop().await;
        Ok(outcome?)
    }
}

/// Before anything starts: a wrong remote engine ends it here, and the log says what may leave.
fn tell_what_may_leave(config: &Config, assistants: &Library) -> Result<(), RemoteSetupError> {
    let grants: Vec<_> = assistants.all().map(|a| (a.name(), a.remote())).collect();
    let leaving = what_may_leave(&config.remote, &grants)?;
    for may_leave in &leaving {
        tracing::warn!(%may_leave, "Open by the configuration.");
    }
    if leaving.is_empty() {
        tracing::info!("Nothing of a call may leave this machine.");
    }
    Ok(())
}

/// Recordings want a consent line: whoever has none is not recorded, and the operator should know before an audit.
fn tell_who_is_not_recorded(config: &Config, assistants: &Library) {
    if config.records.audio == "off" {
        return;
    }
    for assistant in assistants.all() {
        let silent = |language: &&String| assistant.config(language).agent.consent.is_empty();
        for language in assistant.languages().iter().filter(silent) {
            let assistant = assistant.name();
            tracing::warn!(assistant, %language, "No [consent] line: its calls are not recorded.");
        }
    }
}

/// Whether an engine's work may be done elsewhere in any call that could come, by its name.
fn served_elsewhere(
    config: &Arc<Config>,
    assistants: &Assistants,
) -> impl Fn(&str) -> bool + Send + Sync + 'static {
    let (config, assistants) = (Arc::clone(config), assistants.clone());
    move |engine| {
        let stage = Stage::ALL.into_iter().find(|stage| stage.as_str() == engine);
        let library = assistants.current();
        let may = |stage| library.all().all(|a| judge(&config.remote, a.remote(), stage).is_ok());
        stage.is_some_and(may)
    }
}

fn worker_options(
    config: &Config,
    api: LiveKitApi,
    unfit: watch::Receiver<Option<String>>,
) -> WorkerOptions {
    WorkerOptions {
        api,
        agent_name: config.livekit.agent_name.clone(),
        participant_name: "Sawt".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        calls_max: config.livekit.calls_max,
        unfit,
        cpu_max: config.livekit.cpu_max,
        drain_max: std::time::Duration::from_secs(u64::from(config.livekit.drain_s)),
    }
}

/// SIGHUP reads the assistants again at once.
async fn reload_on_hangup(assistants: Assistants, stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP can not be caught; changed assistants are still found.");
        return;
    };
    stop.run_until_cancelled(async {
        while hangup.recv().await.is_some() {
            assistants.reload();
        }
    })
    .await;
}

/// Most calls that may do work which is perhaps thrown away.
fn speculating(config: &Config) -> u32 {
    match config.turn.speculation_calls_max {
        0 => {
            std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
        }
        calls => calls,
    }
}

/// Under load the work that may be thrown away goes first, in all calls at once.
async fn shed_speculation(
    mut status: watch::Receiver<WorkerStatus>,
    gate: SpeculationGate,
    calls_max: u32,
) {
    loop {
        gate.set(status.borrow_and_update().calls <= calls_max);
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn announce(
    mut status: watch::Receiver<WorkerStatus>,
    ready: tokio::sync::oneshot::Sender<()>,
) {
    let registered = |status: &WorkerStatus| matches!(status.link, Link::Registered { .. });
    if status.wait_for(registered).await.is_ok() {
        let _ = ready.send(());
    }
}

/// The client for webhooks. Without hosts it refuses every one, and says so.
fn webhooks(config: &Config) -> Option<HttpClient> {
    let hosts: Vec<_> =
        config.webhooks.allow.iter().filter_map(|host| HostPort::parse(host)).collect();
    let policy = if hosts.is_empty() { EgressPolicy::Sealed } else { EgressPolicy::Allow(hosts) };
    HttpClient::new(policy)
        .inspect_err(|error| tracing::error!(%error, "Webhooks can not be sent."))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_calls_than_the_machine_can_spare_work_for_shed_it() {
        let (status_in, status) = watch::channel(WorkerStatus::starting(8));
        let gate = SpeculationGate::default();
        let shedding = tokio::spawn(shed_speculation(status, gate.clone(), 2));
        for (calls, open) in [(1, true), (3, false), (2, true)] {
            status_in.send_modify(|status| status.calls = calls);
            let told = async {
                while gate.is_open() != open {
                    tokio::task::yield_now().await;
                }
            };
            let waited = tokio::time::timeout(std::time::Duration::from_secs(10), told).await;
            assert!(waited.is_ok(), "{calls} calls");
        }
        drop(status_in);
        shedding.await.unwrap();
    }
}
