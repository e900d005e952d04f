//! The worker over a real socket, against a peer of ours that plays the server, well or badly.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};
use tokio_util::sync::CancellationToken;

use super::proto::server_side::{decode_worker, encode_server};
use super::proto::{FromServer, JobState, Offer, ToServer};
use super::*;

const WAIT: Duration = Duration::from_secs(20);

struct Fixture {
    listener: TcpListener,
    jobs: Option<mpsc::Receiver<AcceptedJob>>,
    status: watch::Receiver<WorkerStatus>,
    drain: CancellationToken,
    task: JoinHandle<Result<DrainOutcome, WorkerError>>,
}

impl Fixture {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let options = WorkerOptions {
            api: LiveKitApi::new(&url, "key", "a-secret-of-at-least-32-characters").unwrap(),
            agent_name: "sawt".into(),
            participant_name: "Sawt".into(),
            version: "0".into(),
            calls_max: 1,
            unfit: watch::channel(None).1,
            cpu_max: 1.0,
            drain_max: Duration::from_secs(60),
        };
        let (jobs, jobs_out) = job_channel(options.calls_max);
        let (status, status_out) = watch::channel(WorkerStatus::starting(options.calls_max));
        let drain = CancellationToken::new();
        let task = tokio::spawn(run(options, jobs, status, drain.clone()));
        Self { listener, jobs: Some(jobs_out), status: status_out, drain, task }
    }

    async fn tcp(&self) -> TcpStream {
        timeout(WAIT, self.listener.accept()).await.expect("a connection").unwrap().0
    }

    /// Accepts and registers the worker.
    async fn peer(&self) -> Peer {
        let mut peer = Peer(accept_async(self.tcp().await).await.unwrap());
        assert!(matches!(peer.hear().await, ToServer::Register { .. }));
        peer.say(&FromServer::Registered { worker_id: "AW".into(), server_version: "1".into() })
            .await;
        assert!(matches!(peer.hear().await, ToServer::Status { full: false, .. }));
        peer
    }

    async fn wait_for(&mut self, want: impl Fn(&WorkerStatus) -> bool) -> WorkerStatus {
        timeout(WAIT, self.status.wait_for(want)).await.expect("that status").unwrap().clone()
    }
}

struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    async fn say(&mut self, message: &FromServer) {
        self.raw(Message::Binary(encode_server(message).into())).await;
    }

    async fn raw(&mut self, frame: Message) {
        timeout(WAIT, self.0.send(frame)).await.expect("the worker reads").unwrap();
    }

    async fn hear(&mut self) -> ToServer {
        loop {
            match timeout(WAIT, self.0.next()).await.expect("a frame").unwrap().unwrap() {
                Message::Binary(bytes) => return decode_worker(&bytes).expect("a message of ours"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("unexpected frame {other:?}"),
            }
        }
    }

    /// The next message that is no status.
    async fn answer(&mut self) -> ToServer {
        loop {
            match self.hear().await {
                ToServer::Status { .. } => {}
                other => return other,
            }
        }
    }

    async fn closed(&mut self) {
        while let Ok(Some(Ok(_))) = timeout(WAIT, self.0.next()).await {}
    }
}

fn offer(job_id: &str) -> Offer {
    Offer {
        job_id: job_id.into(),
        dispatch_id: "AD".into(),
        room: "room".into(),
        metadata: "m".into(),
        room_metadata: String::new(),
    }
}

fn assigned(job_id: &str) -> FromServer {
    FromServer::Assigned { offer: offer(job_id), url: None, token: "token".into() }
}

#[tokio::test]
async fn a_call_is_offered_taken_and_ended() {
    let mut worker = Fixture::start().await;
    let mut peer = worker.peer().await;
    peer.say(&FromServer::Offer(offer("J1"))).await;
    let ToServer::Accept { identity, agent_name, .. } = peer.answer().await else { panic!() };
    assert_eq!((identity.as_str(), agent_name.as_str()), ("agent-J1", "sawt"));
    peer.say(&assigned("J1")).await;
    let mut jobs = worker.jobs.take().unwrap();
    let job = timeout(WAIT, jobs.recv()).await.unwrap().unwrap();
    assert_eq!((job.room.as_str(), job.token.as_str()), ("room", "token"));
    assert_eq!(job.url, format!("ws://{}", worker.listener.local_addr().unwrap()));
    assert!(matches!(peer.answer().await, ToServer::Job { state: JobState::Running, .. }));

    // The one place is taken: the next worker must be asked, at once, though our call is busy.
    peer.say(&FromServer::Offer(offer("J2"))).await;
    assert!(matches!(peer.answer().await, ToServer::Decline { .. }));

    peer.say(&FromServer::Terminated { job_id: "J1".into() }).await;
    timeout(WAIT, job.cancel.cancelled()).await.unwrap();
    job.done.send(Ok(())).unwrap();
    assert!(matches!(peer.answer().await, ToServer::Job { state: JobState::Success, .. }));

    worker.drain.cancel();
    let outcome = timeout(WAIT, worker.task).await.unwrap().unwrap().unwrap();
    assert_eq!(outcome, DrainOutcome { cut_short: 0 });
}

#[tokio::test]
async fn a_call_that_nobody_takes_fails_and_frees_its_place() {
    let mut worker = Fixture::start().await;
    drop(worker.jobs.take());
    let mut peer = worker.peer().await;
    peer.say(&FromServer::Offer(offer("J1"))).await;
    peer.answer().await;
    peer.say(&assigned("J1")).await;
    assert!(matches!(peer.answer().await, ToServer::Job { state: JobState::Running, .. }));
    let ToServer::Job { state: JobState::Failed(why), .. } = peer.answer().await else { panic!() };
    assert!(why.contains("without a word"), "{why}");
    worker.wait_for(|s| s.calls == 0).await;
}

#[tokio::test]
async fn a_lost_connection_keeps_calls_and_reports_them_again() {
    let mut worker = Fixture::start().await;
    let mut jobs = worker.jobs.take().unwrap();
    let mut peer = worker.peer().await;
    peer.say(&FromServer::Offer(offer("J1"))).await;
    peer.answer().await;
    peer.say(&assigned("J1")).await;
    let job = timeout(WAIT, jobs.recv()).await.unwrap().unwrap();
    drop(peer);
    worker.wait_for(|s| matches!(s.link, Link::Lost { .. })).await;
    let mut peer = Peer(accept_async(worker.tcp().await).await.unwrap());
    peer.hear().await;
    peer.say(&FromServer::Registered { worker_id: "AW2".into(), server_version: "1".into() }).await;
    assert_eq!(peer.answer().await, ToServer::Migrate { job_ids: vec!["J1".into()] });
    assert!(!job.cancel.is_cancelled());
}

#[tokio::test]
async fn hostile_frames_are_survived() {
    let mut worker = Fixture::start().await;
    let mut peer = worker.peer().await;
    // Ignored: garbage, an empty frame, text, an unknown message, messages without their ids.
    peer.raw(Message::Binary(vec![0xff; 1000].into())).await;
    peer.raw(Message::Binary(vec![].into())).await;
    peer.raw(Message::text("{\"register\":{}}")).await;
    peer.raw(Message::Binary(vec![0x7a, 0x00].into())).await;
    peer.say(&FromServer::Offer(Offer::default())).await;
    peer.say(&FromServer::Terminated { job_id: "nobody's".into() }).await;
    peer.say(&FromServer::Offer(offer("J1"))).await;
    assert!(matches!(peer.answer().await, ToServer::Accept { .. }));

    // Too large: left, and a new connection is made. The peer may be cut off while it writes.
    let _ = timeout(WAIT, peer.0.send(Message::Binary(vec![0; 10 << 20].into()))).await;
    peer.closed().await;
    let lost = worker.wait_for(|s| matches!(s.link, Link::Lost { .. })).await;
    assert!(lost.problem().unwrap().contains("oversized"), "{lost:?}");

    // Too many: left as well.
    let mut peer = worker.peer().await;
    for _ in 0..16 {
        peer.raw(Message::Binary(vec![0xff; 10].into())).await;
    }
    peer.closed().await;
    worker.peer().await;
}

#[tokio::test]
async fn a_refused_key_is_said_at_once() {
    let mut worker = Fixture::start().await;
    let mut tcp = worker.tcp().await;
    let mut request = vec![0; 4096];
    let n = tcp.read(&mut request).await.unwrap();
    let head = String::from_utf8_lossy(&request[..n]).to_lowercase();
    assert!(head.starts_with("get /agent?protocol=1 "), "{head}");
    assert!(head.contains("authorization: bearer ey"), "{head}");
    let body = "invalid token";
    let answer =
        format!("HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    tcp.write_all(answer.as_bytes()).await.unwrap();
    let status = worker.wait_for(|s| matches!(s.link, Link::Lost { .. })).await;
    let problem = status.problem().unwrap();
    assert!(problem.contains("check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"), "{problem}");
}

#[tokio::test]
async fn what_is_no_livekit_server_is_named() {
    for answer in ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "SSH-2.0-x\r\n\r\n", ""] {
        let mut worker = Fixture::start().await;
        let mut tcp = worker.tcp().await;
        tcp.write_all(answer.as_bytes()).await.unwrap();
        drop(tcp);
        let status = worker.wait_for(|s| matches!(s.link, Link::Lost { .. })).await;
        assert!(status.problem().unwrap().contains("ws://127.0.0.1:"), "{status:?}");
    }
}

#[tokio::test]
async fn options_that_can_not_work_are_refused() {
    let api = LiveKitApi::new("ws://127.0.0.1:1", "key", "secret").unwrap();
    let options = WorkerOptions {
        api,
        agent_name: "sawt".into(),
        participant_name: String::new(),
        version: String::new(),
        calls_max: 0,
        unfit: watch::channel(None).1,
        cpu_max: 1.0,
        drain_max: Duration::ZERO,
    };
    let attempt = |options: WorkerOptions| async {
        let (jobs, _keep) = job_channel(1);
        let (status, _) = watch::channel(WorkerStatus::starting(1));
        run(options, jobs, status, CancellationToken::new()).await.unwrap_err().to_string()
    };
    assert!(attempt(options.clone()).await.contains("livekit.calls_max"));
    let options = WorkerOptions { calls_max: 1, agent_name: "x".repeat(65), ..options };
    assert!(attempt(options).await.contains("livekit.agent_name"));
}
