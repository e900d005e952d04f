//! espeak-ng, loaded at run time: phonemes for Piper voices and plain voices of its own.
//!
//! All of espeak's state is global, so one mutex guards every use. One initialised library does
//! both jobs: in synchronous mode it never opens an audio device and calls back on our thread.
//! The library is GPL-3: this process is the only one of Sawt's that touches it, at run time.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use libloading::Library;

/// Names under which the library is found, first hit wins.
const LIBRARY_NAMES: [&str; 3] = ["libespeak-ng.so.1", "libespeak-ng.so", "libespeak-ng.1.dylib"];
/// espeak's words per minute at speed 1.
const WORDS_PER_MINUTE: f32 = 175.0;

const AUDIO_OUTPUT_SYNCHRONOUS: c_int = 2;
const INITIALIZE_DONT_EXIT: c_int = 0x8000;
const CHARS_UTF8: c_int = 1;
const PHONEMES_IPA: c_int = 2;
const POS_CHARACTER: c_int = 1;
const PARAMETER_RATE: c_int = 1;
const EVENT_LIST_TERMINATED: c_int = 0;
const EVENT_WORD: c_int = 1;

/// `espeak_EVENT` of speak_lib.h, revision 12.
#[repr(C)]
struct Event {
    kind: c_int,
    unique_identifier: c_uint,
    text_position: c_int,
    length: c_int,
    audio_position_ms: c_int,
    sample: c_int,
    user_data: *mut c_void,
    id: [u8; 8],
}

type SynthCallback = unsafe extern "C" fn(*mut i16, c_int, *mut Event) -> c_int;
type Initialize = unsafe extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int;
type Info = unsafe extern "C" fn(*mut *const c_char) -> *const c_char;
type SetSynthCallback = unsafe extern "C" fn(SynthCallback);
type SetVoiceByName = unsafe extern "C" fn(*const c_char) -> c_int;
type SetParameter = unsafe extern "C" fn(c_int, c_int, c_int) -> c_int;
type TextToPhonemes = unsafe extern "C" fn(*mut *const c_void, c_int, c_int) -> *const c_char;
type Synth = unsafe extern "C" fn(
    *const c_void,
    usize,
    c_uint,
    c_int,
    c_uint,
    c_uint,
    *mut c_uint,
    *mut c_void,
) -> c_int;

/// Why espeak can not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EspeakError {
    #[error(
        "espeak-ng is not found ({0}); install the packages libespeak-ng1 and espeak-ng-data, or name the library with --espeak-lib"
    )]
    Missing(String),
    #[error("espeak-ng has no function {0}; use version 1.50 or newer")]
    Symbol(&'static str),
    #[error(
        "espeak-ng can not read its data (code {0}); install espeak-ng-data or name its folder with --espeak-data"
    )]
    Data(c_int),
    #[error("espeak-ng is already loaded in this process")]
    Twice,
    #[error("espeak-ng has no voice `{0}`; see /usr/lib/*/espeak-ng-data/lang for its languages")]
    Voice(String),
    #[error("text holds a zero character")]
    ZeroInText,
    #[error("espeak-ng could not synthesise (code {0})")]
    Synthesis(c_int),
    #[error("synthesis was cancelled")]
    Cancelled,
}

/// One clause as espeak cut it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawClause {
    /// IPA, with `(xx)` marks where espeak changed its language.
    pub(crate) phonemes: String,
    /// Bytes of the text consumed so far. espeak reads one character into the next clause, so
    /// all but the last clause end one character later than their text does.
    pub(crate) end: usize,
}

/// Audio of one of espeak's own voices.
#[derive(Debug, Default)]
pub(crate) struct EspeakAudio {
    pub(crate) pcm: Vec<i16>,
    /// (position in the text in characters from 0, length in characters, start in samples)
    pub(crate) words: Vec<(usize, usize, u64)>,
}

/// The loaded library. One per process.
pub(crate) struct Espeak {
    functions: Mutex<Functions>,
    sample_rate_hz: u32,
    version: String,
}

struct Functions {
    set_voice_by_name: SetVoiceByName,
    set_parameter: SetParameter,
    text_to_phonemes: TextToPhonemes,
    synth: Synth,
    // Keeps the functions above valid. Never unloaded: the sound libraries behind espeak leave
    // thread-local destructors behind, and threads that end later would run into freed code.
    _library: ManuallyDrop<Library>,
}

static LOADED: AtomicBool = AtomicBool::new(false);

impl Espeak {
    /// Loads the library and its data.
    pub(crate) fn load(
        library: Option<&Path>,
        data: Option<&Path>,
    ) -> Result<Arc<Self>, EspeakError> {
        if LOADED.swap(true, Ordering::SeqCst) {
            return Err(EspeakError::Twice);
        }
        let loaded = Self::load_once(library, data);
        if loaded.is_err() {
            LOADED.store(false, Ordering::SeqCst);
        }
        loaded.map(Arc::new)
    }

    fn load_once(library: Option<&Path>, data: Option<&Path>) -> Result<Self, EspeakError> {
        let library = ManuallyDrop::new(open(library)?);
        let initialize: Initialize = symbol(&library, "espeak_Initialize")?;
        let info: Info = symbol(&library, "espeak_Info")?;
        let set_synth_callback: SetSynthCallback = symbol(&library, "espeak_SetSynthCallback")?;
        let functions = Functions {
            set_voice_by_name: symbol(&library, "espeak_SetVoiceByName")?,
            set_parameter: symbol(&library, "espeak_SetParameter")?,
            text_to_phonemes: symbol(&library, "espeak_TextToPhonemes")?,
            synth: symbol(&library, "espeak_Synth")?,
            _library: library,
        };
        let data = data
            .map(|path| CString::new(path.as_os_str().as_encoded_bytes()))
            .transpose()
            .map_err(|_| EspeakError::Data(-1))?;
        let data_ptr = data.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
        // SAFETY: signature as in speak_lib.h; the path is null or a NUL-terminated string that
        // lives through the call. LOADED makes this the only initialisation in the process.
        let rate =
            unsafe { initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, data_ptr, INITIALIZE_DONT_EXIT) };
        let sample_rate_hz = u32::try_from(rate)
            .ok()
            .filter(|rate| (8_000..=48_000).contains(rate))
            .ok_or(EspeakError::Data(rate))?;
        // SAFETY: `collect` has the type of t_espeak_callback and lives as long as the program.
        unsafe { set_synth_callback(collect) };
        let mut data_path: *const c_char = std::ptr::null();
        // SAFETY: espeak_Info returns a static NUL-terminated string and stores a pointer to
        // another one; both are only read here.
        let version = unsafe { string_at(info(&raw mut data_path)) };
        Ok(Self { functions: Mutex::new(functions), sample_rate_hz, version })
    }

    /// Rate of the audio that its own voices make.
    pub(crate) const fn sample_rate_hz(&self) -> u32 {
        self.sample_rate_hz
    }

    /// e.g. "1.51"
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Checks that espeak has `voice`, e.g. "en-us" or "ar".
    pub(crate) fn check_voice(&self, voice: &str) -> Result<(), EspeakError> {
        self.lock().set_voice(voice)
    }

    /// Phonemes of `text` spoken by `voice`, clause by clause.
    pub(crate) fn phonemes(&self, voice: &str, text: &str) -> Result<Vec<RawClause>, EspeakError> {
        let c_text = CString::new(text).map_err(|_| EspeakError::ZeroInText)?;
        let functions = self.lock();
        functions.set_voice(voice)?;
        let start = c_text.as_ptr();
        let mut next: *const c_void = start.cast();
        let mut clauses = Vec::new();
        let mut end_before = 0;
        while !next.is_null() && end_before < text.len() {
            // SAFETY: `next` points into `c_text`, which is NUL-terminated and outlives the loop;
            // the mutex makes this the only thread inside espeak. The returned string is espeak's
            // own buffer, copied before the next call.
            let phonemes = unsafe {
                string_at((functions.text_to_phonemes)(&raw mut next, CHARS_UTF8, PHONEMES_IPA))
            };
            let end = if next.is_null() {
                text.len()
            } else {
                (next as usize).saturating_sub(start as usize).min(text.len())
            };
            clauses.push(RawClause { phonemes, end });
            if !next.is_null() && end <= end_before {
                break; // no progress: never loop on a text that confuses espeak
            }
            end_before = end;
        }
        Ok(clauses)
    }

    /// `text` spoken by espeak's own `voice`. `cancelled` is asked about every 50 ms of audio.
    pub(crate) fn speak(
        &self,
        voice: &str,
        text: &str,
        speed: f32,
        cancelled: Box<dyn Fn() -> bool>,
    ) -> Result<EspeakAudio, EspeakError> {
        let c_text = CString::new(text).map_err(|_| EspeakError::ZeroInText)?;
        // A minute of audio per ten words or so is far more than espeak needs.
        let samples_max = self.sample_rate_hz as usize * (10 + text.len());
        let functions = self.lock();
        functions.set_voice(voice)?;
        let words_per_minute = (WORDS_PER_MINUTE * speed).clamp(80.0, 450.0) as c_int;
        // SAFETY: plain numbers; the mutex is held.
        unsafe { (functions.set_parameter)(PARAMETER_RATE, words_per_minute, 0) };
        COLLECTOR.set(Some(Collector {
            audio: EspeakAudio::default(),
            rate_hz: self.sample_rate_hz,
            samples_max,
            cancelled,
            stopped: false,
        }));
        let bytes = c_text.as_bytes_with_nul();
        // SAFETY: text and its length with the NUL; in synchronous mode espeak is done with the
        // text when the call returns, and calls `collect` on this thread only.
        let code = unsafe {
            (functions.synth)(
                bytes.as_ptr().cast(),
                bytes.len(),
                0,
                POS_CHARACTER,
                0,
                CHARS_UTF8 as c_uint,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        let collector = COLLECTOR.take();
        drop(functions);
        match collector {
            Some(collector) if collector.stopped => Err(EspeakError::Cancelled),
            Some(collector) if code == 0 => Ok(collector.audio),
            _ => Err(EspeakError::Synthesis(code)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Functions> {
        // A panic elsewhere leaves espeak itself untouched.
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Functions {
    fn set_voice(&self, voice: &str) -> Result<(), EspeakError> {
        let name = CString::new(voice).map_err(|_| EspeakError::Voice(voice.to_owned()))?;
        // SAFETY: a NUL-terminated string that outlives the call; `self` is behind the mutex.
        match unsafe { (self.set_voice_by_name)(name.as_ptr()) } {
            0 => Ok(()),
            _ => Err(EspeakError::Voice(voice.to_owned())),
        }
    }
}

/// What the callback fills while one synthesis runs on this thread.
struct Collector {
    audio: EspeakAudio,
    rate_hz: u32,
    samples_max: usize,
    cancelled: Box<dyn Fn() -> bool>,
    stopped: bool,
}

thread_local! {
    static COLLECTOR: RefCell<Option<Collector>> = const { RefCell::new(None) };
}

/// Called by espeak with each piece of audio; 1 makes it stop.
unsafe extern "C" fn collect(wav: *mut i16, samples: c_int, events: *mut Event) -> c_int {
    COLLECTOR.with_borrow_mut(|slot| {
        let Some(collector) = slot else { return 1 };
        let samples = usize::try_from(samples).unwrap_or(0);
        if !wav.is_null() && samples > 0 {
            // SAFETY: espeak passes `samples` valid samples at `wav` for the time of this call.
            let piece = unsafe { std::slice::from_raw_parts(wav, samples) };
            collector.audio.pcm.extend_from_slice(piece);
        }
        let mut event = events;
        // SAFETY: `events` is null or an array that ends with a LIST_TERMINATED entry.
        while let Some(it) = unsafe { event.as_ref() } {
            if it.kind == EVENT_LIST_TERMINATED {
                break;
            }
            if it.kind == EVENT_WORD && it.length > 0 && it.text_position > 0 {
                let ms = u64::try_from(it.audio_position_ms).unwrap_or(0);
                collector.audio.words.push((
                    it.text_position as usize - 1,
                    it.length as usize,
                    ms * u64::from(collector.rate_hz) / 1000,
                ));
            }
            // SAFETY: not yet at the terminating entry, so one more entry follows.
            event = unsafe { event.add(1) };
        }
        collector.stopped =
            (collector.cancelled)() || collector.audio.pcm.len() > collector.samples_max;
        c_int::from(collector.stopped)
    })
}

fn open(named: Option<&Path>) -> Result<Library, EspeakError> {
    let mut why = String::new();
    let named = named.map(Path::as_os_str);
    for name in named.map_or_else(|| LIBRARY_NAMES.map(AsRef::as_ref).to_vec(), |one| vec![one]) {
        // SAFETY: the operator names this library, or it is the system's espeak-ng; its
        // initialisers do nothing but set up statics.
        match unsafe { Library::new(name) } {
            Ok(library) => return Ok(library),
            Err(error) => why = error.to_string(),
        }
    }
    Err(EspeakError::Missing(why))
}

fn symbol<T: Copy>(library: &Library, name: &'static str) -> Result<T, EspeakError> {
    // SAFETY: every `T` above is the function's type in speak_lib.h, stable since revision 5.
    unsafe { library.get::<T>(name.as_bytes()) }
        .map(|found| *found)
        .map_err(|_| EspeakError::Symbol(name))
}

/// # Safety
/// `text` is null or a NUL-terminated string that no one writes to meanwhile.
unsafe fn string_at(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null; the rest is this function's own contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::OnceLock;

    use super::*;

    /// espeak for all tests of this binary; none where the system has no espeak-ng.
    pub(crate) fn shared() -> Option<&'static Arc<Espeak>> {
        static ESPEAK: OnceLock<Option<Arc<Espeak>>> = OnceLock::new();
        ESPEAK.get_or_init(|| Espeak::load(None, None).ok()).as_ref()
    }

    #[test]
    fn clauses_cover_the_whole_text() {
        let Some(espeak) = shared() else { return };
        let text = "Hello, thank you for calling. How can I help?";
        let clauses = espeak.phonemes("en-us", text).unwrap();
        assert_eq!(clauses.len(), 3);
        assert_eq!(clauses.last().unwrap().end, text.len());
    }

    #[test]
    fn own_voice_speaks_arabic_with_word_marks_and_obeys_speed() {
        let Some(espeak) = shared() else { return };
        let say = |speed| espeak.speak("ar", "مرحبا كيف حالك", speed, Box::new(|| false)).unwrap();
        let (slow, fast) = (say(1.0), say(2.0));
        assert_eq!(slow.words.len(), 3);
        assert!(slow.pcm.iter().any(|&s| s.unsigned_abs() > 1000));
        let ratio = slow.pcm.len() as f64 / fast.pcm.len() as f64;
        assert!((1.5..2.8).contains(&ratio), "{ratio}");
    }

    #[test]
    fn cancelled_synthesis_stops_and_leaves_espeak_usable() {
        let Some(espeak) = shared() else { return };
        let long = "one two three four ".repeat(50);
        let cancelled = espeak.speak("en-us", &long, 1.0, Box::new(|| true));
        assert!(matches!(cancelled, Err(EspeakError::Cancelled)));
        let after = espeak.speak("en-us", "hello", 1.0, Box::new(|| false)).unwrap();
        let again = espeak.speak("en-us", "hello", 1.0, Box::new(|| false)).unwrap();
        // espeak keeps some wave phase from whatever was spoken before, by other tests as well: a few
        // milliseconds are its own. What was left of the cancelled text would be seconds.
        let differ = after.pcm.len().abs_diff(again.pcm.len());
        assert!(differ < after.pcm.len() / 10, "{differ} of {}", after.pcm.len());
    }

    #[test]
    fn threads_do_not_disturb_each_other() {
        let Some(espeak) = shared() else { return };
        let expected = espeak.phonemes("ar", "مرحبا كيف حالك").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        espeak.phonemes("en-us", "Hello there").unwrap();
                        espeak.speak("en-us", "Hi", 1.0, Box::new(|| false)).unwrap();
                        assert_eq!(espeak.phonemes("ar", "مرحبا كيف حالك").unwrap(), expected);
                    }
                });
            }
        });
    }

    #[test]
    fn unknown_voice_is_named() {
        let Some(espeak) = shared() else { return };
        let error = espeak.check_voice("klingon-x").unwrap_err();
        assert!(error.to_string().contains("klingon-x"));
    }
}
