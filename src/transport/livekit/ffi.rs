//! The shared library of LiveKit's SDK: its four C functions, loaded at run time.
//!
//! The only file that talks to that library without Rust's guarantees. It knows bytes and
//! addresses; what they mean is in `messages/`, who waits for them in `sdk.rs`.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use libloading::Library;

use super::messages::audio::OwnedAudioFrameBuffer;

/// The library's version that our message declarations were checked against.
pub const BUILD_VERSION: &str = "0.13.2";

/// Why the library can not be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not there.
    #[error("LiveKit's SDK library is not at {0}: run `sawt models pull`")]
    Missing(PathBuf),
    /// The system refuses it.
    #[error("{path} does not load ({source}): run `sawt models verify`, then `sawt models pull`")]
    Refused {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: libloading::Error,
    },
    /// It is another version.
    #[error(
        "{path} is version {found}, and Sawt speaks to {BUILD_VERSION}: run `sawt models pull`"
    )]
    OtherVersion {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// It was loaded before, and broke.
    #[error("LiveKit's SDK library broke inside ({0}): restart this process")]
    Broken(String),
}

type Callback = unsafe extern "C" fn(*const u8, usize);
type Initialize = unsafe extern "C" fn(Callback, bool, *const c_char, *const c_char);
type Request = unsafe extern "C" fn(*const u8, usize, *mut *const u8, *mut usize) -> u64;
type DropHandle = unsafe extern "C" fn(u64) -> bool;
type BuildVersion = unsafe extern "C" fn(*mut CallStatus) -> RustBuffer;
type FreeBuffer = unsafe extern "C" fn(RustBuffer, *mut CallStatus);

/// A byte buffer as the library's `uniffi` layer returns it.
#[repr(C)]
struct RustBuffer {
    capacity: u64,
    len: u64,
    data: *mut u8,
}

/// How a `uniffi` call went.
#[repr(C)]
struct CallStatus {
    code: i8,
    error: RustBuffer,
}

impl CallStatus {
    const fn new() -> Self {
        Self { code: 0, error: RustBuffer { capacity: 0, len: 0, data: std::ptr::null_mut() } }
    }
}

/// Where the library's callback puts what it hears. One per process, like the library itself.
static EVENTS: OnceLock<SyncSender<Vec<u8>>> = OnceLock::new();

/// Events lost because the queue was full: each may have taken a handle with it.
static EVENTS_LOST: AtomicU64 = AtomicU64::new(0);

/// Events lost so far because nobody took them in time.
pub(super) fn events_lost() -> u64 {
    EVENTS_LOST.load(Ordering::Relaxed)
}

/// The loaded library. It is never unloaded: its threads run until the process ends.
#[derive(Debug)]
pub(super) struct Ffi {
    request: Request,
    drop_handle: DropHandle,
}

impl Ffi {
    /// Loads the library at `path`, checks its version and starts it. Its events go to `events`
    /// as protobuf bytes. Called once per process.
    pub(super) fn load(path: &Path, events: SyncSender<Vec<u8>>) -> Result<Self, LoadError> {
        if !path.is_file() {
            return Err(LoadError::Missing(path.to_owned()));
        }
        let refused = |source| LoadError::Refused { path: path.to_owned(), source };
        // SAFETY: loading runs the library's initialisers. The file is the one that
        // `sawt models` verified by digest; there is no way to check more from here.
        let library = unsafe { Library::new(path) }.map_err(refused)?;
        // SAFETY: the types are those of the library's C header and of `uniffi` 0.2x; the
        // version check below refuses any build that we did not try.
        let (initialize, request, drop_handle, build_version, free_buffer) = unsafe {
            (
                *library.get::<Initialize>(b"livekit_ffi_initialize\0").map_err(refused)?,
                *library.get::<Request>(b"livekit_ffi_request\0").map_err(refused)?,
                *library.get::<DropHandle>(b"livekit_ffi_drop_handle\0").map_err(refused)?,
                *library
                    .get::<BuildVersion>(b"uniffi_livekit_ffi_fn_func_build_version\0")
                    .map_err(refused)?,
                *library
                    .get::<FreeBuffer>(b"ffi_livekit_ffi_rustbuffer_free\0")
                    .map_err(refused)?,
            )
        };
        let found = version(build_version, free_buffer);
        if found != BUILD_VERSION {
            return Err(LoadError::OtherVersion { path: path.to_owned(), found });
        }
        // The symbols copied above stay valid because the library is never closed.
        std::mem::forget(library);
        if EVENTS.set(events).is_ok() {
            // SAFETY: the strings are static and end in 0; `on_event` is a plain function that
            // lives as long as the process and never unwinds.
            unsafe { initialize(on_event, true, c"rust".as_ptr(), c"0.1".as_ptr()) };
        }
        Ok(Self { request, drop_handle })
    }

    /// Sends an encoded request. Returns the encoded response; nothing if the library refused
    /// the request (its log says why).
    pub(super) fn request(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut data: *const u8 = std::ptr::null();
        let mut len = 0_usize;
        // SAFETY: the library reads `bytes` before it returns and fills the two outputs.
        let handle = unsafe { (self.request)(bytes.as_ptr(), bytes.len(), &mut data, &mut len) };
        if handle == 0 {
            return None;
        }
        let response = if data.is_null() || len == 0 {
            Vec::new()
        } else {
            // SAFETY: the library keeps `len` bytes at `data` until the handle is dropped, below.
            unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
        };
        self.drop_handle(handle);
        Some(response)
    }

    /// Frees what `handle` stands for. An unknown handle is answered with false and a log line.
    pub(super) fn drop_handle(&self, handle: u64) -> bool {
        // SAFETY: takes a number; the library looks it up in a table of its own.
        unsafe { (self.drop_handle)(handle) }
    }
}

/// Copies the samples of a frame. For `sdk.rs` alone, which calls it with a frame of the event
/// that it is routing: the frame's handle is dropped with that event, later.
pub(super) fn samples_of(frame: &OwnedAudioFrameBuffer) -> Vec<i16> {
    let info = &frame.info;
    let data = info.data_ptr as usize as *const i16;
    let samples = (info.samples_per_channel as usize).saturating_mul(info.num_channels as usize);
    if data.is_null() || frame.handle.id == 0 {
        return Vec::new();
    }
    // SAFETY: the library keeps this many samples at this address until the handle is dropped,
    // and a frame whose handle was taken or dropped has id 0, which is refused above.
    unsafe { std::slice::from_raw_parts(data, samples) }.to_vec()
}

/// Runs on the library's own threads, which carry every call's media: hands the bytes on and
/// returns. When the queue is full the event is lost and counted, because waiting here would
/// stop the media of all calls.
unsafe extern "C" fn on_event(data: *const u8, len: usize) {
    let Some(events) = EVENTS.get() else { return };
    if data.is_null() {
        return;
    }
    // SAFETY: the library keeps `len` bytes at `data` until this function returns.
    let bytes = unsafe { std::slice::from_raw_parts(data, len) }.to_vec();
    if events.try_send(bytes).is_err() {
        EVENTS_LOST.fetch_add(1, Ordering::Relaxed);
    }
}

fn version(build_version: BuildVersion, free_buffer: FreeBuffer) -> String {
    let mut status = CallStatus::new();
    // SAFETY: no argument but the status, which outlives the call.
    let buffer = unsafe { build_version(&mut status) };
    if status.code != 0 || buffer.data.is_null() {
        return "unknown".into();
    }
    let len = usize::try_from(buffer.len).unwrap_or(0);
    // SAFETY: the library gave us `len` bytes at `data`, ours until freed below.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.data, len) };
    let text = String::from_utf8_lossy(bytes).into_owned();
    // SAFETY: the buffer came from the library and is given back once.
    unsafe { free_buffer(buffer, &mut status) };
    text
}

const _: () = assert!(size_of::<*mut c_void>() == 8, "frame addresses are 64 bits wide");
