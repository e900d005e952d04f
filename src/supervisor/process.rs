//! One engine process at a time, and what to do when it is not there.

use std::process::Stdio;
use std::time::Duration;

use sawt_engine_protocol::server::EXIT_CONFIG;
use sawt_engine_protocol::v1;
use sawt_engine_protocol::v1::engine_client::EngineClient;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::backoff::Backoff;
use super::{EngineSpec, EngineState};

/// A model of tens of gigabytes on a slow disk still loads within this time.
const LOAD_MAX: Duration = Duration::from_secs(300);

/// How often a starting engine is asked whether it is there.
const READY_POLL: Duration = Duration::from_millis(20);

/// A running engine must do a real inference this often at most.
const PROBE_EVERY_MIN: Duration = Duration::from_secs(5);

/// And so seldom that probing takes no more than a hundredth of the engine's time.
const PROBE_COST_MAX: u32 = 100;

/// An engine that does not finish a tiny inference in this time is stuck, however busy it is.
const PROBE_MAX: Duration = Duration::from_secs(20);

/// Time to end by itself before it is killed.
const STOP_MAX: Duration = Duration::from_millis(500);

/// An engine and everything that happens to it.
pub(super) struct Guarded {
    pub(super) spec: EngineSpec,
    pub(super) channel: Channel,
    pub(super) state: watch::Sender<EngineState>,
    pub(super) pid: watch::Sender<Option<u32>>,
}

/// How a process's life ended.
enum Death {
    /// We wanted it.
    Stopped,
    /// No restart can mend it, as long as its files are what they are.
    Hopeless(String),
    /// Worth a restart.
    Died(String),
}

impl Guarded {
    /// Runs the engine until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let engine = self.spec.kind.as_str();
        let epoch = Instant::now();
        let mut backoff = Backoff::default();
        let mut worked_once = false;
        loop {
            let death = self.live(&stop).await;
            worked_once |= matches!(*self.state.borrow(), EngineState::Ready(_));
            match death {
                Death::Stopped => return,
                Death::Hopeless(why) if !worked_once => {
                    tracing::error!(engine, %why, "Engine can not run.");
                    self.state.send_replace(EngineState::Failed { why });
                    return;
                }
                // What worked before may work again: whoever replaces a model in a running service
                // by a bad one will mend it, and should not have to restart the calls for that.
                Death::Died(why) | Death::Hopeless(why) => {
                    let wait = backoff.after_death(epoch.elapsed());
                    tracing::warn!(engine, %why, wait_ms = wait.as_millis(), "Engine died; starting it again.");
                    self.state.send_replace(EngineState::Restarting { why });
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// One process, from start to death.
    async fn live(&self, stop: &CancellationToken) -> Death {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => {
                let program = self.spec.program.display();
                return Death::Hopeless(format!(
                    "{program} can not be started ({error}); build it with `cargo build --release \
                     --workspace` or set engines.dir"
                ));
            }
        };
        self.pid.send_replace(child.id());
        // Taken out, because waiting for a child closes its standard input.
        let lifeline = child.stdin.take();
        let (last_words_in, last_words) = watch::channel(String::new());
        let log = child.stderr.take().map(|stderr| {
            tokio::spawn(forward_log(self.spec.kind.as_str(), stderr, last_words_in))
        });
        let death = tokio::select! {
            () = stop.cancelled() => Death::Stopped,
            status = child.wait() => match status {
                Ok(status) if status.code() == Some(EXIT_CONFIG) => Death::Hopeless(String::new()),
                Ok(status) => Death::Died(status.to_string()),
                Err(error) => Death::Died(error.to_string()),
            },
            why = self.watch_over() => Death::Died(why),
        };
        self.pid.send_replace(None);
        drop(lifeline);
        end(child).await;
        if let Some(log) = log {
            // The pipe closes with the process; what it said last explains why.
            let _ = timeout(STOP_MAX, log).await;
        }
        match death {
            Death::Hopeless(_) => Death::Hopeless(last_words.borrow().clone()),
            other => other,
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let spec = &self.spec;
        Command::new(&spec.program)
            .args(&spec.args)
            .arg("--socket")
            .arg(&spec.socket)
            .arg("--threads")
            .arg(spec.threads.to_string())
            .arg("--lifeline")
            // Engines get no secrets: only what they need to run.
            .env_clear()
            .envs(
                ["PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SAWT_LOG", "CUDA_VISIBLE_DEVICES"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // Ctrl-C in the terminal is for us: calls end first, then the engines.
            .process_group(0)
            .spawn()
    }

    /// Waits until the engine answers, then probes it; returns what is wrong with it.
    async fn watch_over(&self) -> String {
        let started = Instant::now();
        let info = loop {
            if started.elapsed() > LOAD_MAX {
                return format!("not ready within {} s", LOAD_MAX.as_secs());
            }
            let mut client = EngineClient::new(self.channel.clone());
            match timeout(PROBE_MAX, client.info(v1::InfoRequest {})).await {
                Ok(Ok(info)) => break info.into_inner(),
                Ok(Err(_)) | Err(_) => sleep(READY_POLL).await,
            }
        };
        tracing::info!(
            engine = self.spec.kind.as_str(),
            model = %info.model,
            backend = %info.backend,
            threads = info.threads,
            load_ms = info.load_ms,
            "Engine ready."
        );
        self.state.send_replace(EngineState::Ready(Box::new(info)));
        let mut pause = PROBE_EVERY_MIN;
        loop {
            sleep(pause).await;
            let mut client = EngineClient::new(self.channel.clone());
            match timeout(PROBE_MAX, client.probe(v1::ProbeRequest {})).await {
                Ok(Ok(probe)) => {
                    let took = Duration::from_micros(probe.into_inner().inference_us);
                    pause = PROBE_EVERY_MIN.max(took.saturating_mul(PROBE_COST_MAX));
                }
                // Busy is alive: its queue moves, or this would time out.
                Ok(Err(status)) if status.code() == tonic::Code::ResourceExhausted => {}
                Ok(Err(status)) => return format!("probe failed: {}", status.message()),
                Err(_) => return format!("probe got no answer in {} s", PROBE_MAX.as_secs()),
            }
        }
    }
}

/// Waits a moment for the end that the closed lifeline brings, then kills.
async fn end(mut child: Child) {
    if timeout(STOP_MAX, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// The engine's log lines become ours. The last line is kept: it says why the engine gave up.
async fn forward_log(engine: &'static str, stderr: ChildStderr, last: watch::Sender<String>) {
    let mut stderr = BufReader::new(stderr);
    let mut bytes = Vec::new();
    // Whatever bytes come, the pipe stays open: an engine must not fail for its log.
    while matches!(stderr.read_until(b'\n', &mut bytes).await, Ok(n) if n > 0) {
        let line: String = String::from_utf8_lossy(&bytes).trim_end().chars().take(2_000).collect();
        bytes.clear();
        tracing::debug!(engine, "{line}");
        if !line.trim().is_empty() {
            last.send_replace(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{EngineKind, EngineSpec, EngineState, Supervisor};
    use super::*;

    /// The contract's smallest server, apart from the process that the supervisor watches.
    struct Answering;

    #[tonic::async_trait]
    impl v1::engine_server::Engine for Answering {
        async fn info(
            &self,
            _: tonic::Request<v1::InfoRequest>,
        ) -> Result<tonic::Response<v1::InfoResponse>, tonic::Status> {
            Ok(tonic::Response::new(v1::InfoResponse::default()))
        }

        async fn probe(
            &self,
            _: tonic::Request<v1::ProbeRequest>,
        ) -> Result<tonic::Response<v1::ProbeResponse>, tonic::Status> {
            Ok(tonic::Response::new(v1::ProbeResponse::default()))
        }
    }

    fn answer_info(socket: &std::path::Path) -> tokio_util::task::AbortOnDropHandle<()> {
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        let incoming = tokio_stream::wrappers::UnixListenerStream::new(listener);
        let server = tonic::transport::Server::builder()
            .add_service(v1::engine_server::EngineServer::new(Answering))
            .serve_with_incoming(incoming);
        tokio_util::task::AbortOnDropHandle::new(tokio::spawn(async move {
            server.await.unwrap();
        }))
    }

    fn shell(script: &str) -> EngineSpec {
        let dir = std::env::temp_dir();
        EngineSpec {
            kind: EngineKind::Stt,
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into(), "engine".into()],
            env: Vec::new(),
            socket: dir.join(format!("sawt-test-none-{}.sock", std::process::id())),
            threads: 1,
        }
    }

    #[tokio::test]
    async fn a_configuration_error_is_not_retried_and_its_reason_is_told() {
        let supervisor = Supervisor::start(vec![shell(
            "echo 'model is truncated; run `sawt models verify`' >&2; exit 78",
        )]);
        let error = supervisor.wait_ready(Duration::from_secs(10)).await.unwrap_err();
        assert!(error.to_string().contains("model is truncated"), "{error}");
        supervisor.stop().await;
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_says_how_to_get_it() {
        let spec = EngineSpec { program: "/nowhere/sawt-stt".into(), ..shell("") };
        let supervisor = Supervisor::start(vec![spec]);
        let error = supervisor.wait_ready(Duration::from_secs(10)).await.unwrap_err();
        assert!(error.to_string().contains("cargo build"), "{error}");
    }

    /// An engine that has worked and then finds its model broken: `socket` answers by itself.
    #[tokio::test]
    async fn an_engine_that_worked_before_is_tried_again_whatever_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("starts");
        let script = format!("echo x >> {}; sleep 0.2; exit 78", log.display());
        let spec = EngineSpec { socket: dir.path().join("engine.sock"), ..shell(&script) };
        let _answering = answer_info(&spec.socket);
        let supervisor = Supervisor::start(vec![spec]);
        supervisor.wait_ready(Duration::from_secs(10)).await.unwrap();
        let mut states = supervisor.handles()[0].states();
        let restarting = states.wait_for(|s| matches!(s, EngineState::Restarting { .. }));
        timeout(Duration::from_secs(10), restarting).await.unwrap().unwrap();
        supervisor.wait_ready(Duration::from_secs(10)).await.unwrap();
        supervisor.stop().await;
        assert!(std::fs::read_to_string(&log).unwrap().lines().count() >= 2);
    }

    #[tokio::test]
    async fn an_engine_that_dies_is_started_again() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("starts");
        let supervisor =
            Supervisor::start(vec![shell(&format!("echo x >> {}; exit 1", log.display()))]);
        let mut starts = 0;
        for _ in 0..100 {
            sleep(Duration::from_millis(50)).await;
            starts = std::fs::read_to_string(&log).unwrap_or_default().lines().count();
            if starts >= 3 {
                break;
            }
        }
        assert_eq!(starts, 3, "at once, after 0 and after 250 ms");
        let state = supervisor.handles()[0].state();
        assert!(matches!(state, EngineState::Restarting { .. }), "{state:?}");
        supervisor.stop().await;
    }

    #[tokio::test]
    async fn stopping_ends_the_process_by_its_lifeline() {
        let supervisor = Supervisor::start(vec![shell("cat > /dev/null; sleep 0.05")]);
        sleep(Duration::from_millis(200)).await;
        let pid = supervisor.handles()[0].pid().expect("it runs");
        timeout(Duration::from_secs(5), supervisor.stop()).await.expect("it stops");
        assert!(!std::path::Path::new(&format!("/proc/{pid}/cmdline")).exists());
    }
}
