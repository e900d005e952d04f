//! A server on this machine for tests of tools: answers with the bytes that it was given, one request
//! for each connection, and keeps what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use crate::policy::egress::{EgressPolicy, HostPort, HttpClient};

/// What it was asked.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Method and path.
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: String,
}

/// What it says, and whether it then stays silent with the connection open.
pub(super) struct Said {
    pub(super) bytes: Vec<u8>,
    pub(super) hangs: bool,
}

type Script = dyn Fn(usize, &Request) -> Said + Send + Sync;

/// Ends with its owner.
pub(super) struct Peer {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
    _task: AbortOnDropHandle<()>,
}

impl Peer {
    /// Answers the n-th request, from 0, as `script` says.
    pub(super) async fn start(
        script: impl Fn(usize, &Request) -> Said + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let (counted, kept) = (Arc::clone(&connections), Arc::clone(&requests));
        let script: Arc<Script> = Arc::new(script);
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tasks.spawn(serve(stream, Arc::clone(&kept), Arc::clone(&script)));
            }
        });
        Self { port, connections, requests, _task: AbortOnDropHandle::new(task) }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// A client that may ask this server and nobody else.
    pub(super) fn client(&self) -> HttpClient {
        let host = HostPort { host: "127.0.0.1".into(), port: self.port };
        HttpClient::new(EgressPolicy::Allow(vec![host])).unwrap()
    }
}

async fn serve(mut stream: TcpStream, kept: Arc<Mutex<Vec<Request>>>, script: Arc<Script>) {
    let Some(request) = read(&mut stream).await else { return };
    let n = {
        let mut kept = kept.lock().unwrap();
        kept.push(request.clone());
        kept.len() - 1
    };
    let said = script(n, &request);
    // Whoever has enough may leave in the middle.
    let _ = stream.write_all(&said.bytes).await;
    if said.hangs {
        let _ = stream.read(&mut [0]).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
                return Some(Request { line, head: head.to_owned(), body: body.to_owned() });
            }
        }
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
    }
}

/// A whole answer.
pub(super) fn answer(status: &str, more: &str, body: &[u8]) -> Said {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{more}\r\n"
    );
    Said { bytes: [head.as_bytes(), body].concat(), hangs: false }
}

/// Nothing, for ever.
pub(super) fn silence() -> Said {
    Said { bytes: Vec::new(), hangs: true }
}
