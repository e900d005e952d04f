//! The thin loop around the session: one socket, one timer, the jobs that run. Decides nothing;
//! a slow peer, a slow call or a full channel can not keep it from answering an offer.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::ErrorKind;
use std::pin::Pin;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::load::CpuMeter;
use super::proto::{self, Offer, ToServer};
use super::session::{Input, Lost, Output, Session};
use super::status::{Link, WorkerStatus};
use super::{AcceptedJob, DrainOutcome};
use crate::livekit_api::{LiveKitApi, excerpt};

type Socket = Box<WebSocketStream<MaybeTlsStream<TcpStream>>>;
type Connecting = Pin<Box<dyn Future<Output = Result<Socket, Lost>> + Send>>;
type JobEnd = Pin<Box<dyn Future<Output = (String, Result<(), String>)> + Send>>;

/// The server's own limit for a worker message.
const MESSAGE_BYTES_MAX: usize = 2 << 20;
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// A peer that does not read for this long is gone.
const SEND_WAIT: Duration = Duration::from_secs(5);
const CLOSE_WAIT: Duration = Duration::from_secs(1);
const CPU_EVERY: Duration = Duration::from_millis(500);

pub(super) struct Connection {
    pub(super) api: LiveKitApi,
    pub(super) session: Session,
    pub(super) jobs: mpsc::Sender<AcceptedJob>,
    pub(super) status: watch::Sender<WorkerStatus>,
    pub(super) unfit: watch::Receiver<Option<String>>,
    pub(super) drain: CancellationToken,
}

/// What the loop holds besides the session.
#[derive(Default)]
struct Running {
    socket: Option<Socket>,
    connecting: Option<Connecting>,
    cancels: BTreeMap<String, CancellationToken>,
    ends: FuturesUnordered<JobEnd>,
}

enum Event {
    Opened(Result<Socket, Lost>),
    Frame(Option<Result<Message, WsError>>),
    JobEnded(String, Result<(), String>),
    Drain,
    Fitness(Option<String>),
    Cpu,
    Timeout,
}

impl Connection {
    /// Runs until drained.
    pub(super) async fn run(mut self) -> DrainOutcome {
        let start = Instant::now();
        let mut running = Running::default();
        let mut cpu = CpuMeter::default();
        let mut cpu_due = tokio::time::interval(CPU_EVERY);
        cpu_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = false;
        self.session.handle(Duration::ZERO, Input::Tick);
        // Whatever it says now counts as news.
        self.unfit.mark_changed();
        loop {
            if let Some(outcome) = self.do_outputs(start, &mut running).await {
                return outcome;
            }
            self.publish();
            let wake = self.session.poll_timeout().map(|at| start + at);
            let event = tokio::select! {
                frame = next_frame(&mut running.socket) => Event::Frame(frame),
                opened = opened(&mut running.connecting) => Event::Opened(opened),
                Some((job_id, result)) = running.ends.next(), if !running.ends.is_empty() =>
                    Event::JobEnded(job_id, result),
                () = self.drain.cancelled(), if !draining => Event::Drain,
                unfit = changed(&mut self.unfit) => Event::Fitness(unfit),
                () = sleep_to(wake) => Event::Timeout,
                _ = cpu_due.tick() => Event::Cpu,
            };
            let input = match event {
                Event::Opened(Ok(socket)) => {
                    running.socket = Some(socket);
                    Input::Connected
                }
                Event::Opened(Err(why)) => lost(why),
                Event::Frame(frame) => match read(frame) {
                    Ok(input) => input,
                    Err(why) => {
                        close(running.socket.take(), CloseCode::Size, &why).await;
                        lost(Lost::Broken(why))
                    }
                },
                Event::JobEnded(job_id, result) => {
                    running.cancels.remove(&job_id);
                    match &result {
                        Ok(()) => info!(job_id, "Call ended."),
                        Err(why) => warn!(job_id, why, "Call failed."),
                    }
                    Input::JobEnded { job_id, result }
                }
                Event::Drain => {
                    draining = true;
                    info!(calls = running.cancels.len(), "Draining: no new calls.");
                    Input::Drain
                }
                Event::Fitness(unfit) => Input::Unfit(unfit),
                Event::Cpu => Input::Cpu(cpu.sample()),
                Event::Timeout => Input::Tick,
            };
            self.session.handle(start.elapsed(), input);
        }
    }

    async fn do_outputs(&mut self, start: Instant, running: &mut Running) -> Option<DrainOutcome> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Connect => running.connecting = Some(Box::pin(open(self.api.clone()))),
                Output::Send(message) => {
                    if let ToServer::Decline { job_id } = &message {
                        info!(job_id, "Offer declined: no place.");
                    }
                    let frame = Message::Binary(proto::encode(&message).into());
                    self.send(start, running, frame).await;
                }
                Output::Ping => self.send(start, running, Message::Ping("sawt".into())).await,
                Output::Disconnect(why) => {
                    warn!(why, "Closing the connection to LiveKit.");
                    close(running.socket.take(), CloseCode::Policy, why).await;
                    self.session.handle(start.elapsed(), lost(Lost::Broken(why.to_owned())));
                }
                Output::StartJob { offer, url, token, identity } => {
                    self.start_job(running, offer, url, token, identity);
                }
                Output::CancelJob { job_id, why } => {
                    info!(job_id, why, "Ending a call.");
                    if let Some(cancel) = running.cancels.get(&job_id) {
                        cancel.cancel();
                    }
                }
                Output::Finished { cut_short } => {
                    close(running.socket.take(), CloseCode::Normal, "drained").await;
                    self.publish();
                    return Some(DrainOutcome { cut_short });
                }
            }
        }
        None
    }

    async fn send(&mut self, start: Instant, running: &mut Running, frame: Message) {
        let Some(socket) = running.socket.as_mut() else { return };
        let why = match timeout(SEND_WAIT, socket.send(frame)).await {
            Ok(Ok(())) => return,
            Ok(Err(e)) => format!("connection to LiveKit lost: {e}"),
            Err(_) => "LiveKit does not read what we send".to_owned(),
        };
        running.socket = None;
        self.session.handle(start.elapsed(), lost(Lost::Broken(why)));
    }

    fn start_job(
        &mut self,
        running: &mut Running,
        offer: Offer,
        url: Option<String>,
        token: String,
        identity: String,
    ) {
        let job_id = offer.job_id;
        let cancel = CancellationToken::new();
        let (done, end) = oneshot::channel();
        info!(job_id, room = offer.room, "Call begins.");
        let job = AcceptedJob {
            job_id: job_id.clone(),
            dispatch_id: offer.dispatch_id,
            room: offer.room,
            metadata: offer.metadata,
            room_metadata: offer.room_metadata,
            identity,
            url: url.unwrap_or_else(|| self.api.url().ws_base()),
            token,
            cancel: cancel.clone(),
            done,
        };
        // The channel holds `calls_max` jobs, as many as there are places. If it is full or closed
        // nobody takes calls any more; dropping the job fails it.
        if self.jobs.try_send(job).is_err() {
            warn!(job_id, "Nobody takes the call.");
        }
        running.cancels.insert(job_id.clone(), cancel);
        running.ends.push(Box::pin(end.map(move |result| {
            (job_id, result.unwrap_or_else(|_| Err("the call's task ended without a word".into())))
        })));
    }

    fn publish(&self) {
        let new = self.session.status();
        let changed = self.status.send_if_modified(|old| {
            let changed = *old != new;
            *old = new.clone();
            changed
        });
        if changed {
            debug!(status = ?new, "Worker status.");
            let registered = matches!(new.link, Link::Registered { .. });
            crate::telemetry::metrics::worker(new.calls, new.load, registered);
        }
    }
}

async fn next_frame(socket: &mut Option<Socket>) -> Option<Result<Message, WsError>> {
    match socket {
        Some(socket) => socket.next().await,
        None => pending().await,
    }
}

async fn opened(connecting: &mut Option<Connecting>) -> Result<Socket, Lost> {
    match connecting {
        Some(future) => {
            let result = future.await;
            *connecting = None;
            result
        }
        None => pending().await,
    }
}

/// Never, once nobody can change it any more.
async fn changed(unfit: &mut watch::Receiver<Option<String>>) -> Option<String> {
    match unfit.changed().await {
        Ok(()) => unfit.borrow_and_update().clone(),
        Err(_) => pending().await,
    }
}

async fn sleep_to(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

fn lost(why: Lost) -> Input {
    Input::Lost { why, chance: rand::random() }
}

/// What a frame says; `Err`: the connection is over.
fn read(frame: Option<Result<Message, WsError>>) -> Result<Input, String> {
    match frame {
        Some(Ok(Message::Binary(bytes))) => match proto::decode(&bytes) {
            Ok(message) => Ok(Input::Message(message)),
            Err(error) => {
                warn!(%error, bytes = bytes.len(), "Ignoring a frame from LiveKit.");
                Ok(Input::Malformed)
            }
        },
        Some(Ok(Message::Text(text))) => {
            warn!(bytes = text.len(), "Ignoring a text frame from LiveKit.");
            Ok(Input::Malformed)
        }
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(Input::Heard),
        Some(Ok(Message::Close(Some(frame)))) => {
            Err(format!("LiveKit closed the connection: {}", excerpt(frame.reason.as_bytes())))
        }
        Some(Ok(Message::Close(None))) | None => Err("LiveKit closed the connection".into()),
        Some(Err(WsError::Capacity(e))) => Err(format!("an oversized frame from LiveKit: {e}")),
        Some(Err(e)) => Err(format!("connection to LiveKit lost: {e}")),
    }
}

async fn close(socket: Option<Socket>, code: CloseCode, why: &str) {
    if let Some(mut socket) = socket {
        // A close reason holds 123 bytes.
        let reason: String = why.chars().filter(char::is_ascii).take(120).collect();
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = timeout(CLOSE_WAIT, socket.as_mut().close(Some(frame))).await;
    }
}

async fn open(api: LiveKitApi) -> Result<Socket, Lost> {
    let broken = |problem: String| Lost::Broken(problem);
    let address = format!("{}/agent?protocol=1", api.url().ws_base());
    let token = api.worker_token().map_err(|e| broken(e.to_string()))?;
    let mut request = address.as_str().into_client_request().map_err(|e| broken(e.to_string()))?;
    let bearer = format!("Bearer {token}").parse();
    let bearer = bearer.map_err(|_| broken("the key makes no valid token".into()))?;
    request.headers_mut().insert("authorization", bearer);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let connecting = connect_async_with_config(request, Some(config), true);
    match timeout(CONNECT_WAIT, connecting).await {
        Ok(Ok((socket, _))) => Ok(Box::new(socket)),
        Ok(Err(error)) => Err(explain(&api, error)),
        Err(_) => Err(broken(format!("LiveKit at {} does not answer", api.url().ws_base()))),
    }
}

fn explain(api: &LiveKitApi, error: WsError) -> Lost {
    let url = api.url().ws_base();
    match error {
        WsError::Io(e) if e.kind() == ErrorKind::ConnectionRefused => {
            Lost::NobodyThere(format!("nobody listens at {url}; is livekit-server running there?"))
        }
        WsError::Http(response) if response.status().as_u16() == 401 => {
            let says = response.body().as_deref().map(excerpt).unwrap_or_default();
            Lost::KeyRefused(format!(
                "LiveKit refused the key{}{says}; check LIVEKIT_API_KEY and LIVEKIT_API_SECRET, \
                 and this machine's clock",
                if says.is_empty() { "" } else { ": " }
            ))
        }
        WsError::Http(response) => Lost::Broken(format!(
            "{url} does not answer like a LiveKit server (status {}); check livekit.url",
            response.status()
        )),
        error => Lost::Broken(format!("no connection to LiveKit at {url}: {error}")),
    }
}

/// Says in the log when the link changes, and only then: a server that is away for an hour is one
/// line, not thousands.
pub(super) async fn log_link(mut status: watch::Receiver<WorkerStatus>) {
    let mut last = None;
    loop {
        let link = status.borrow_and_update().link.clone();
        if last.as_ref() != Some(&link) {
            match &link {
                Link::Connecting => {}
                Link::Registered { worker_id, server_version } => {
                    info!(worker_id, server_version, "Registered with LiveKit: calls can come.");
                }
                Link::Lost { problem } => {
                    warn!(problem, "No connection to LiveKit; trying again.");
                }
            }
            last = Some(link);
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
