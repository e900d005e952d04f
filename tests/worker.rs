//! The worker against a real livekit-server on loopback: no media, no model.
//!
//! Needs `livekit-server` (or Go's name for it, `server` in Go's bin folder). Without it these
//! tests fail and say so; `SAWT_SKIP_LIVEKIT_TESTS=1` skips them.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test fails by panicking, and measures

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use sawt::assistants::{Assistants, Folder, Library, Voices};
use sawt::config::Config;
use sawt::http::{HttpOptions, HttpState, Parts, router};
use sawt::livekit_api::{AgentRequest, LiveKitApi};
use sawt::worker::{
    AcceptedJob, DrainOutcome, Link, WorkerError, WorkerOptions, WorkerStatus, job_channel, run,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const KEY: &str = "testkey";
const SECRET: &str = "a-secret-of-at-least-32-characters";
const WAIT: Duration = Duration::from_secs(30);

/// A livekit-server of this test's own; ends with it.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Server {
    /// `None`: skipped on request.
    async fn start() -> Option<Self> {
        if std::env::var_os("SAWT_SKIP_LIVEKIT_TESTS").is_some() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (port, tcp_port, udp_port) = (free_port(), free_port(), free_port());
        let config = format!(
            "port: {port}\nbind_addresses: [\"127.0.0.1\"]\nkeys: {{{KEY}: {SECRET}}}\n\
             rtc: {{udp_port: {udp_port}, tcp_port: {tcp_port}, node_ip: 127.0.0.1, \
             enable_loopback_candidate: true, use_external_ip: false, \
             stun_servers: [\"127.0.0.1:3478\"], ips: {{includes: [\"127.0.0.1/32\"]}}}}\n"
        );
        std::fs::write(dir.path().join("livekit.yaml"), config).unwrap();
        let child = spawn(&dir);
        let mut server = Self { child, dir, port };
        server.wait_open().await;
        Some(server)
    }

    async fn restart(&mut self) {
        self.stop();
        sleep(Duration::from_millis(1500)).await;
        self.child = spawn(&self.dir);
        self.wait_open().await;
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn wait_open(&mut self) {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("livekit-server did not start:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn api(&self, secret: &str) -> LiveKitApi {
        LiveKitApi::new(&format!("ws://127.0.0.1:{}", self.port), KEY, secret).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(dir: &tempfile::TempDir) -> Child {
    let log = File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
    Command::new(server_binary())
        .arg("--config")
        .arg(dir.path().join("livekit.yaml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("livekit-server starts")
}

fn server_binary() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let go = std::env::var_os("GOPATH").map_or_else(|| home.join("go"), PathBuf::from).join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> =
        std::env::split_paths(&path).map(|dir| dir.join("livekit-server")).collect();
    places.extend([go.join("livekit-server"), go.join("server")]);
    places.into_iter().find(|place| place.is_file()).expect(
        "livekit-server is not installed: run scripts/run once, or set SAWT_SKIP_LIVEKIT_TESTS=1",
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A worker with its calls in our hands.
struct Worker {
    jobs: mpsc::Receiver<AcceptedJob>,
    status: watch::Receiver<WorkerStatus>,
    drain: CancellationToken,
    task: JoinHandle<Result<DrainOutcome, WorkerError>>,
}

impl Worker {
    fn start(api: LiveKitApi, calls_max: u32) -> Self {
        let (jobs, jobs_out) = job_channel(calls_max);
        let (status, status_out) = watch::channel(WorkerStatus::starting(calls_max));
        let drain = CancellationToken::new();
        let options = WorkerOptions {
            api,
            agent_name: "sawt".into(),
            participant_name: "Sawt".into(),
            version: "0".into(),
            calls_max,
            unfit: watch::channel(None).1,
            cpu_max: 1.0,
            drain_max: Duration::from_secs(60),
        };
        let task = tokio::spawn(run(options, jobs, status, drain.clone()));
        Self { jobs: jobs_out, status: status_out, drain, task }
    }

    async fn registered(&mut self) -> String {
        let status = self.wait_for(|s| matches!(s.link, Link::Registered { .. })).await;
        match status.link {
            Link::Registered { worker_id, .. } => worker_id,
            other => panic!("{other:?}"),
        }
    }

    async fn wait_for(&mut self, want: impl Fn(&WorkerStatus) -> bool) -> WorkerStatus {
        let result = timeout(WAIT, self.status.wait_for(want)).await;
        result.expect("that status in time").unwrap().clone()
    }

    async fn job(&mut self) -> AcceptedJob {
        timeout(WAIT, self.jobs.recv()).await.expect("a job in time").expect("a worker")
    }
}

fn sawt() -> AgentRequest {
    AgentRequest { agent_name: "sawt".into(), metadata: "{\"user\":\"u1\"}".into() }
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    for _ in 0..100 {
        if let Some(found) = probe().await {
            return found;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("not in 10 s: {what}");
}

#[tokio::test]
async fn a_dispatch_becomes_a_call_and_its_end_reaches_the_server() {
    let Some(server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut worker = Worker::start(api.clone(), 2);
    assert!(worker.registered().await.starts_with("AW_"));

    let began = std::time::Instant::now();
    let dispatch = api.dispatch("room-1", &sawt(), |_| None).await.unwrap();
    println!("dispatch answered in {:?}", began.elapsed());
    let job = worker.job().await;
    let taken = dispatch.taken.expect("a worker took it");
    assert_eq!(taken.job_id, job.job_id);
    assert_eq!(taken.agent_identity, format!("agent-{}", job.job_id));
    assert_eq!(job.identity, taken.agent_identity);
    assert_eq!((job.room.as_str(), job.metadata.as_str()), ("room-1", "{\"user\":\"u1\"}"));
    assert_eq!(job.dispatch_id, dispatch.id);
    assert_eq!(worker.status.borrow().jobs[0].dispatch_id, dispatch.id);
    assert_eq!(job.token.split('.').count(), 3, "a JWT: {}", job.token);
    assert_eq!(api.rooms().await.unwrap()[0].name, "room-1");

    let job_id = job.job_id.clone();
    job.done.send(Ok(())).unwrap();
    worker.wait_for(|s| s.calls == 0).await;
    until("the server logs the job's end", || async {
        let log = server.log();
        log.lines().any(|l| l.contains("job ended") && l.contains(&job_id)).then_some(())
    })
    .await;
    api.delete_room("room-1").await.unwrap();
    worker.drain.cancel();
    let outcome = timeout(WAIT, worker.task).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome, DrainOutcome { cut_short: 0 });
}

#[tokio::test]
async fn a_full_worker_passes_the_call_on_and_a_full_house_says_so() {
    let Some(server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut workers = [Worker::start(api.clone(), 1), Worker::start(api.clone(), 1)];
    for worker in &mut workers {
        worker.registered().await;
    }
    for room in ["room-1", "room-2"] {
        let dispatch = api.dispatch(room, &sawt(), |_| None).await.unwrap();
        assert!(dispatch.taken.is_some(), "{room}");
    }
    let mut held = Vec::new();
    for worker in &mut workers {
        held.push(worker.job().await);
    }
    assert_ne!(held[0].room, held[1].room);
    let dispatch = api.dispatch("room-3", &sawt(), |_| None).await.unwrap();
    assert_eq!(dispatch.taken, None);
    api.delete_dispatch("room-3", &dispatch.id).await.unwrap();
    // LiveKit keeps an unnamed dispatch of its own in each room.
    let left = api.dispatches("room-3").await.unwrap();
    assert!(left.iter().all(|d| d.id != dispatch.id), "{left:?}");
}

#[tokio::test]
async fn a_caller_who_waits_gets_the_place_that_becomes_free() {
    let Some(server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut worker = Worker::start(api.clone(), 1);
    worker.registered().await;
    api.dispatch("room-1", &sawt(), |_| None).await.unwrap();
    let first = worker.job().await;
    let free = async {
        sleep(Duration::from_secs(1)).await;
        first.done.send(Ok(())).unwrap();
    };
    let agent = sawt();
    let (dispatch, ()) = tokio::join!(api.dispatch("room-2", &agent, |_| None), free);
    assert!(dispatch.unwrap().taken.is_some());
    assert_eq!(worker.job().await.room, "room-2");
    let asked = api.dispatches("room-2").await.unwrap();
    assert_eq!(asked.iter().filter(|d| !d.agent_name.is_empty()).count(), 1, "{asked:?}");
}

#[tokio::test]
async fn deleting_the_dispatch_ends_the_call() {
    let Some(server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut worker = Worker::start(api.clone(), 1);
    worker.registered().await;
    let dispatch = api.dispatch("room-1", &sawt(), |_| None).await.unwrap();
    let job = worker.job().await;
    assert!(!job.cancel.is_cancelled());
    api.delete_dispatch("room-1", &dispatch.id).await.unwrap();
    timeout(WAIT, job.cancel.cancelled()).await.expect("the call is told to end");
    job.done.send(Ok(())).unwrap();
    worker.wait_for(|s| s.calls == 0).await;
}

#[tokio::test]
async fn a_restarted_server_gets_its_worker_back() {
    let Some(mut server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut worker = Worker::start(api.clone(), 2);
    let before = worker.registered().await;
    api.dispatch("room-1", &sawt(), |_| None).await.unwrap();
    let running = worker.job().await;
    server.stop();
    let lost = worker.wait_for(|s| matches!(s.link, Link::Lost { .. })).await;
    assert_eq!(lost.calls, 1, "the running call lives on");
    server.restart().await;
    let open = std::time::Instant::now();
    let after = worker.registered().await;
    println!("registered {:?} after the server was back", open.elapsed());
    assert_ne!(before, after);
    assert!(!running.cancel.is_cancelled());
    let dispatch = api.dispatch("room-2", &sawt(), |_| None).await.unwrap();
    assert!(dispatch.taken.is_some());
    assert_eq!(worker.job().await.room, "room-2");
}

#[tokio::test]
async fn a_wrong_key_is_named_and_a_right_one_proved() {
    let Some(server) = Server::start().await else { return };
    let wrong = server.api("another-secret-of-32-characters-or-more");
    let mut worker = Worker::start(wrong.clone(), 1);
    let status = worker.wait_for(|s| matches!(s.link, Link::Lost { .. })).await;
    let problem = status.problem().unwrap();
    assert!(problem.contains("check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"), "{problem}");
    let error = wrong.rooms().await.unwrap_err().to_string();
    assert!(error.contains("check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"), "{error}");
    assert!(server.api(SECRET).rooms().await.unwrap().is_empty());
    worker.drain.cancel();
    timeout(WAIT, worker.task).await.expect("drains while refused").unwrap().unwrap();
}

#[tokio::test]
async fn a_draining_worker_takes_no_call_and_finishes_its_own() {
    let Some(server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut worker = Worker::start(api.clone(), 2);
    worker.registered().await;
    api.dispatch("room-1", &sawt(), |_| None).await.unwrap();
    let job = worker.job().await;
    worker.drain.cancel();
    worker.wait_for(|s| s.draining && s.full).await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(api.dispatch("room-2", &sawt(), |_| None).await.unwrap().taken, None);
    assert!(!worker.task.is_finished());
    job.done.send(Ok(())).unwrap();
    let outcome = timeout(WAIT, worker.task).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome, DrainOutcome { cut_short: 0 });
}

#[tokio::test]
async fn a_dispatch_over_http_says_at_once_who_took_it_and_when_nobody_did() {
    let Some(server) = Server::start().await else { return };
    let api = server.api(SECRET);
    let mut worker = Worker::start(api.clone(), 1);
    worker.registered().await;
    let (config, voices) = (Config::default(), Voices::named(["en_US-joe-medium"]));
    let library = Library::load(&Folder::BuiltIn, &config, &voices).unwrap();
    let options = HttpOptions {
        api: api.clone(),
        livekit_public_url: String::new(),
        agent_name: "sawt".into(),
        loopback: true,
        public_origin: String::new(),
        embed_origins: Vec::new(),
        worker: worker.status.clone(),
        parts: watch::channel(Parts::new()).1,
        assistants: Assistants::fixed(library),
    };
    let router = router(HttpState::new(options, None).unwrap());
    let post = |path: &'static str, body: &'static str| {
        let request = Request::post(path).header("content-type", "application/json");
        let answer = router.clone().oneshot(request.body(Body::from(body)).unwrap());
        async move {
            let (head, body) = answer.await.unwrap().into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            (head.status.as_u16(), json)
        }
    };
    let began = std::time::Instant::now();
    let (status, json) = post("/api/dispatch-agent", r#"{"room":"room-1"}"#).await;
    println!("dispatch over HTTP answered in {:?}", began.elapsed());
    assert_eq!((status, &json["accepted"]), (201, &true.into()), "{json}");
    let job = worker.job().await;
    assert_eq!(json["agent_identity"], job.identity.as_str());
    assert_eq!(json["dispatch_id"], job.dispatch_id.as_str());

    let (status, json) = post("/api/dispatch-agent", r#"{"room":"room-2"}"#).await;
    assert_eq!(status, 503, "{json}");
    let left = api.dispatches("room-2").await.unwrap();
    assert!(left.iter().all(|d| d.agent_name != "sawt"), "taken back: {left:?}");
    assert_eq!(post("/api/token", "{}").await.0, 201);
}
