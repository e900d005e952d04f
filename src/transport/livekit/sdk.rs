//! LiveKit's SDK library as the rest of the transport sees it: requests that answer, handles that
//! free themselves, events that find who waits for them. One per process, like the library.
//!
//! Events cross one thread of our own (`sawt-livekit`): the library's threads only hand over
//! bytes, so nothing here can stall media, and freeing handles while routing can not deadlock
//! with whatever the library holds while it calls back.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, error, warn};

use super::ffi::{self, Ffi, LoadError};
use super::media::MediaQueue;
use super::messages::audio::AudioStreamEvent;
use super::messages::envelope::{
    EventMessage, FfiEvent, FfiRequest, FfiResponse, RequestMessage, ResponseMessage,
};
use super::messages::owned::each_handle;
use super::messages::room::{DisconnectRequest, FfiOwnedHandle, LogBatch, LogLevel};
use super::messages::text::TextStreamReaderEvent;
use crate::livekit_api::without_tokens;

/// Events between the library's callback and our thread; when full, events are lost and counted.
/// 8192 is two seconds of 50 calls at 50 frames a second, both ways, with room to spare.
const EVENTS_MAX: usize = 8192;

/// Room events between our thread and the room's owner; when full, the room is given up, because
/// an owner that far behind has missed what it must not miss.
pub(super) const ROOM_EVENTS_MAX: usize = 1024;

/// Chunks of one text stream between our thread and its reader; when full, the stream fails.
pub(super) const TEXT_CHUNKS_MAX: usize = 256;

/// Frames that arrived before their stream was known, over all calls; the oldest is dropped.
const EARLY_FRAMES_MAX: usize = 64;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// The library does not know what we name, or is shutting down.
    #[error("LiveKit's SDK refused to {0}; its own log lines say why (log filter livekit=debug)")]
    Refused(&'static str),
    /// No answer.
    #[error("LiveKit's SDK did not {what} within {seconds} s: is the server reachable?")]
    TimedOut {
        /// What was asked.
        what: &'static str,
        /// How long we waited.
        seconds: u64,
    },
    /// It answered with an error.
    #[error("could not {what}: {reason}")]
    Failed {
        /// What was asked.
        what: &'static str,
        /// The library's words.
        reason: String,
    },
}

/// The library with everybody who waits for something from it.
pub struct Sdk {
    ffi: Ffi,
    next_async_id: AtomicU64,
    routes: Mutex<Routes>,
}

#[derive(Default)]
struct Routes {
    /// Requests waiting for their callback.
    waiters: HashMap<u64, oneshot::Sender<Event>>,
    /// Rooms by handle.
    rooms: HashMap<u64, mpsc::Sender<Event>>,
    /// Audio streams by handle.
    streams: HashMap<u64, Arc<MediaQueue>>,
    /// Frames whose stream's handle we did not know yet when they came.
    early: VecDeque<(u64, Vec<i16>)>,
    /// Text readers by handle.
    readers: HashMap<u64, mpsc::Sender<TextStreamReaderEvent>>,
    /// What the library said when it broke.
    broken: Option<String>,
}

static SDK: OnceLock<Arc<Sdk>> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

impl Sdk {
    /// The process's library, loaded from `path` by the first caller.
    ///
    /// # Errors
    /// When it is missing, another version, or broke before.
    pub fn load(path: &Path) -> Result<Arc<Self>, LoadError> {
        // Held while loading, so that two first calls do not start the library twice.
        let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sdk) = SDK.get() {
            return match &sdk.routes().broken {
                Some(what) => Err(LoadError::Broken(what.clone())),
                None => Ok(Arc::clone(sdk)),
            };
        }
        let (sender, receiver) = sync_channel(EVENTS_MAX);
        let sdk = Arc::new(Self {
            ffi: Ffi::load(path, sender)?,
            next_async_id: AtomicU64::new(1),
            routes: Mutex::default(),
        });
        let routing = Arc::clone(&sdk);
        std::thread::Builder::new()
            .name("sawt-livekit".into())
            .spawn(move || routing.route_all(&receiver))
            .map_err(|e| LoadError::Broken(format!("no thread for its events: {e}")))?;
        Ok(Arc::clone(SDK.get_or_init(|| sdk)))
    }

    /// Sends a request and returns its response, if it has one of interest.
    pub(super) fn request(
        &self,
        what: &'static str,
        message: RequestMessage,
    ) -> Result<Option<ResponseMessage>, SdkError> {
        let bytes = FfiRequest { message: Some(message) }.encode_to_vec();
        let response = self.ffi.request(&bytes).ok_or(SdkError::Refused(what))?;
        FfiResponse::decode(response.as_slice()).map(|r| r.message).map_err(|e| SdkError::Failed {
            what,
            reason: format!("unreadable response ({e}); run `sawt models verify`"),
        })
    }

    /// Sends a request that is answered by callback, and waits for that.
    pub(super) async fn call(
        self: &Arc<Self>,
        what: &'static str,
        deadline: Duration,
        build: impl FnOnce(u64) -> RequestMessage,
    ) -> Result<Event, SdkError> {
        let async_id = self.next_async_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        // Registered first: the callback may come before the request returns.
        self.routes().waiters.insert(async_id, sender);
        let _waiter = Waiter { sdk: self, async_id };
        self.request(what, build(async_id))?;
        match tokio::time::timeout(deadline, receiver).await {
            Ok(Ok(event)) => Ok(event),
            Ok(Err(_)) => Err(SdkError::Refused(what)),
            Err(_) => Err(SdkError::TimedOut { what, seconds: deadline.as_secs() }),
        }
    }

    /// Takes `owned` out of a message: from now on dropping the result frees it.
    pub(super) fn take(self: &Arc<Self>, owned: &mut FfiOwnedHandle) -> Handle {
        Handle { sdk: Arc::clone(self), id: std::mem::take(&mut owned.id) }
    }

    pub(super) fn listen_to_room(&self, handle: u64) -> mpsc::Receiver<Event> {
        let (sender, receiver) = mpsc::channel(ROOM_EVENTS_MAX);
        self.routes().rooms.insert(handle, sender);
        receiver
    }

    pub(super) fn forget_room(&self, handle: u64) {
        self.routes().rooms.remove(&handle);
    }

    pub(super) fn listen_to_stream(&self, handle: u64, queue: Arc<MediaQueue>) {
        let mut routes = self.routes();
        let mut kept = VecDeque::new();
        for (stream, pcm) in std::mem::take(&mut routes.early) {
            if stream == handle {
                queue.push(pcm);
            } else {
                kept.push_back((stream, pcm));
            }
        }
        routes.early = kept;
        routes.streams.insert(handle, queue);
    }

    pub(super) fn forget_stream(&self, handle: u64) {
        self.routes().streams.remove(&handle);
    }

    pub(super) fn listen_to_text(&self, handle: u64) -> mpsc::Receiver<TextStreamReaderEvent> {
        let (sender, receiver) = mpsc::channel(TEXT_CHUNKS_MAX);
        self.routes().readers.insert(handle, sender);
        receiver
    }

    pub(super) fn forget_text(&self, handle: u64) {
        self.routes().readers.remove(&handle);
    }

    /// How many rooms, streams, readers and requests are open: for leak checks.
    pub fn open_routes(&self) -> usize {
        let routes = self.routes();
        routes.rooms.len() + routes.streams.len() + routes.readers.len() + routes.waiters.len()
    }

    /// Events lost because our thread was behind; each may have leaked a handle.
    pub fn events_lost(&self) -> u64 {
        ffi::events_lost()
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn route_all(self: &Arc<Self>, events: &Receiver<Vec<u8>>) {
        for bytes in events {
            match FfiEvent::decode(bytes.as_slice()) {
                Ok(FfiEvent { message: Some(message) }) => {
                    self.route(Event { sdk: Arc::clone(self), message });
                }
                Ok(FfiEvent { message: None }) => {} // a kind of event that we do not use
                Err(error) => warn!(%error, "LiveKit's SDK sent an event we can not read."),
            }
        }
    }

    fn route(self: &Arc<Self>, mut event: Event) {
        match &mut event.message {
            EventMessage::Room(room_event) => {
                let handle = room_event.room_handle;
                let sender = self.routes().rooms.get(&handle).cloned();
                if let Some(sender) = sender
                    && let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(event)
                {
                    error!("A room's owner is {ROOM_EVENTS_MAX} events behind; giving it up.");
                    self.forget_room(handle);
                }
            }
            EventMessage::AudioStream(stream_event) => self.route_audio(stream_event),
            EventMessage::TextReader(reader_event) => {
                let handle = reader_event.reader_handle;
                let sender = self.routes().readers.get(&handle).cloned();
                if let Some(sender) = sender
                    && sender.try_send(reader_event.clone()).is_err()
                {
                    self.forget_text(handle); // its reader sees the end without an EOS and fails
                }
            }
            EventMessage::Logs(batch) => log(batch),
            EventMessage::Panic(panic) => {
                error!(message = %panic.message, "LiveKit's SDK broke; restart this process.");
                let mut routes = self.routes();
                routes.streams.values().for_each(|queue| queue.end());
                *routes = Routes { broken: Some(panic.message.clone()), ..Routes::default() };
            }
            answer => {
                let id = answer.async_id();
                let waiter = id.and_then(|id| self.routes().waiters.remove(&id));
                let unwanted = match waiter {
                    Some(waiter) => waiter.send(event).err(),
                    None => Some(event),
                };
                if let Some(unwanted) = unwanted {
                    self.leave_if_joined(&unwanted);
                }
            }
        }
    }

    fn route_audio(&self, event: &mut AudioStreamEvent) {
        let handle = event.stream_handle;
        let Some(received) = &event.frame_received else {
            if event.eos.is_some()
                && let Some(queue) = self.routes().streams.remove(&handle)
            {
                queue.end();
            }
            return;
        };
        let pcm = ffi::samples_of(&received.frame);
        let mut routes = self.routes();
        if let Some(queue) = routes.streams.get(&handle) {
            queue.push(pcm);
        } else {
            if routes.early.len() >= EARLY_FRAMES_MAX {
                routes.early.pop_front();
            }
            routes.early.push_back((handle, pcm));
        }
    }

    /// Whoever asked to join has gone: without this the library would stay in the room.
    fn leave_if_joined(&self, event: &Event) {
        if let EventMessage::Connect(callback) = &event.message
            && let Some(result) = &callback.result
        {
            let leave = DisconnectRequest {
                room_handle: result.room.handle.id,
                request_async_id: None,
                reason: None,
            };
            let _ = self.request("leave", RequestMessage::Disconnect(leave));
        }
    }
}

impl fmt::Debug for Sdk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sdk").field("open_routes", &self.open_routes()).finish_non_exhaustive()
    }
}

/// Takes a request off the list however its wait ends.
struct Waiter<'a> {
    sdk: &'a Sdk,
    async_id: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.sdk.routes().waiters.remove(&self.async_id);
    }
}

/// An event from the library. Frees each handle in it that nobody took.
pub(super) struct Event {
    sdk: Arc<Sdk>,
    pub(super) message: EventMessage,
}

impl Drop for Event {
    fn drop(&mut self) {
        let sdk = &self.sdk;
        each_handle(&mut self.message, &mut |handle| {
            if handle.id != 0 {
                sdk.ffi.drop_handle(handle.id);
            }
        });
    }
}

/// Something in the library that is ours; dropping frees it.
pub(super) struct Handle {
    sdk: Arc<Sdk>,
    id: u64,
}

impl Handle {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Gives the handle up without freeing it: the library took it.
    pub(super) fn consumed(mut self) {
        self.id = 0;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.id != 0 {
            self.sdk.ffi.drop_handle(self.id);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}

/// The library's file in a models folder.
pub fn library_path(models_dir: &Path) -> PathBuf {
    let name = if cfg!(target_os = "macos") {
        "liblivekit_ffi.dylib"
    } else if cfg!(windows) {
        "livekit_ffi.dll"
    } else {
        "liblivekit_ffi.so"
    };
    models_dir.join("livekit-sdk").join(name)
}

/// Its warnings are mostly about conditions it then handles (a handle dropped late, a retry), so
/// they are debug lines for us; what matters to a call comes as an event or an error.
fn log(batch: &LogBatch) {
    for record in &batch.records {
        // The server repeats a token that it refuses.
        let message = without_tokens(&record.message);
        match LogLevel::try_from(record.level).unwrap_or(LogLevel::Debug) {
            LogLevel::Error => {
                warn!(target: "livekit", from = %record.target, "{message}")
            }
            LogLevel::Warn | LogLevel::Info => {
                debug!(target: "livekit", from = %record.target, "{message}");
            }
            LogLevel::Debug | LogLevel::Trace => {
                tracing::trace!(target: "livekit", from = %record.target, "{message}");
            }
        }
    }
}
