//! A server on this machine that behaves like the services, and misbehaves as told: raw bytes over raw
//! sockets, so that it can break off, stall and lie in the middle of an answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// What it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// lower case names
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A part of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Bytes(Vec<u8>),
    /// Nothing more, and the connection stays.
    Hang,
    /// The connection ends, in the middle of whatever it is.
    Break,
}

type Script = dyn Fn(usize, &Request) -> Vec<Say> + Send + Sync;

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// Connections that the other side closed while an answer was on its way.
    left: AtomicUsize,
    requests: Mutex<Vec<Request>>,
}

/// Ends with its owner.
pub(crate) struct Peer {
    pub(crate) port: u16,
    seen: Arc<Seen>,
    _task: AbortOnDropHandle<()>,
}

impl Peer {
    /// Answers the n-th request, from 0, as `script` says.
    pub(crate) async fn start(
        script: impl Fn(usize, &Request) -> Vec<Say> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, script): (_, Arc<Script>) = (Arc::<Seen>::default(), Arc::new(script));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tasks.spawn(serve(stream, Arc::clone(&shared), Arc::clone(&script)));
            }
        });
        Self { port, seen, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Waits until somebody has left in mid-answer.
    pub(crate) async fn was_left(&self) -> bool {
        for _ in 0..200 {
            if self.seen.left.load(Ordering::SeqCst) > 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Seen>, script: Arc<Script>) {
    while let Some(request) = read(&mut stream).await {
        let n = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len() - 1
        };
        for say in script(n, &request) {
            match say {
                Say::Bytes(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        seen.left.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                }
                Say::Hang => {
                    let mut byte = [0];
                    if matches!(stream.read(&mut byte).await, Ok(0) | Err(_)) {
                        seen.left.fetch_add(1, Ordering::SeqCst);
                    }
                    return;
                }
                Say::Break => return,
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16_384];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = bytes.split_off(head_end);
    while body.len() < length.unwrap_or(0) {
        let n = stream.read(&mut piece).await.ok().filter(|n| *n > 0)?;
        body.extend_from_slice(&piece[..n]);
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    Some(Request { path, head, body })
}

/// A whole answer.
pub(crate) fn answer(status: &str, content_type: &str, more: &str, body: &[u8]) -> Vec<Say> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{more}\r\n",
        body.len()
    );
    vec![Say::Bytes([head.as_bytes(), body].concat())]
}

/// The head of a streamed answer.
pub(crate) fn stream_head(content_type: &str) -> Say {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    Say::Bytes(head.into_bytes())
}

/// A piece of a streamed answer; an empty one ends it.
pub(crate) fn piece(bytes: &[u8]) -> Say {
    Say::Bytes([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

/// An event of streamed chat.
pub(crate) fn token(text: &str) -> Say {
    let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    piece(format!("data: {chunk}\n\n").as_bytes())
}

/// The end of streamed chat.
pub(crate) fn chat_end() -> Vec<Say> {
    let last = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 7, "completion_tokens": 3 } });
    let text = format!("data: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    vec![piece(text.as_bytes()), piece(b"")]
}

/// A reply, word by word.
pub(crate) fn chat(words: &str) -> Vec<Say> {
    let mut all = vec![stream_head("text/event-stream; charset=utf-8")];
    all.extend(words.split_inclusive(' ').map(token));
    all.extend(chat_end());
    all
}

/// A transcript, as Whisper's longest answer has it.
pub(crate) fn transcript(text: &str) -> Vec<Say> {
    let segment = json!({ "text": text, "avg_logprob": -0.1, "no_speech_prob": 0.02 });
    let body = json!({ "text": text, "language": "english", "segments": [segment] });
    answer("200 OK", "application/json", "", body.to_string().as_bytes())
}

/// Audio of this many milliseconds, in pieces that cut samples in two.
pub(crate) fn speech(ms: usize) -> Vec<Say> {
    let pcm: Vec<i16> =
        (0..24 * ms).map(|n| if n / 50 % 2 == 0 { 5_000 } else { -5_000 }).collect();
    let mut all = vec![stream_head("audio/pcm")];
    all.extend(crate::audio::to_bytes(&pcm).chunks(1_001).map(piece));
    all.push(piece(b""));
    all
}

/// Answers each path as the services do.
pub(crate) fn healthy(request: &Request) -> Vec<Say> {
    match request.path.as_str() {
        "/v1/audio/transcriptions" => transcript("from afar"),
        "/v1/chat/completions" => chat("From afar."),
        "/v1/audio/speech" => speech(500),
        path if path.starts_with("/v1/v1/text-to-speech/") => speech(500),
        _ => answer("404 Not Found", "application/json", "", b"{}"),
    }
}
