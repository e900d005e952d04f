//! The only place that touches whisper.cpp: weights, per-thread states, and one encoder or decoder
//! step at a time. Knows nothing of requests, languages' names aside, and never picks a token.
//!
//! We drive encoder and decoder ourselves and not through `whisper_full`: one encoder pass then
//! serves language detection and decoding alike, cancellation is a plain check between steps, and
//! no callback crosses the language border but a stateless one.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use whisper_rs_sys as sys;

/// What whisper.cpp refused to do; its own words are in the log at `debug`.
#[derive(Debug, thiserror::Error)]
pub enum WhisperError {
    #[error("the model path holds a NUL byte; rename the file")]
    Path,
    #[error("whisper.cpp can not load the model; run with SAWT_LOG=debug to see why")]
    Load,
    #[error("whisper.cpp can not make a state (out of memory?); lower --states")]
    State,
    #[error("whisper.cpp failed in {step} (code {code}); run with SAWT_LOG=debug to see why")]
    Step { step: &'static str, code: i32 },
    #[error("{tokens} tokens do not fit the decoder; this is a bug")]
    Context { tokens: usize },
}

/// Vocabulary index.
pub type Token = i32;

/// The weights, shared by all states.
pub struct Context {
    raw: NonNull<sys::whisper_context>,
    /// Size of one row of logits.
    pub vocabulary: usize,
    /// Decoder positions, prompt included.
    pub text_context: usize,
    /// Encoder positions of a full 30 s window.
    pub audio_context: usize,
    pub multilingual: bool,
}

// SAFETY: after loading, whisper.cpp only reads the context; everything that an inference writes
// lives in a `State`. Its documentation allows several states on one context from several threads.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// Loads the weights. The file must have passed `model::inspect`: a malformed one makes C++ abort.
    pub fn load(path: &Path, gpu: bool) -> Result<Arc<Self>, WhisperError> {
        use std::os::unix::ffi::OsStrExt;
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| WhisperError::Path)?;
        // SAFETY: `path` is NUL-terminated and outlives the call; the parameters are whisper.cpp's own.
        let raw = unsafe {
            let mut params = sys::whisper_context_default_params();
            params.use_gpu = gpu;
            // whisper.cpp 1.8.3 rounds the window up to 256 positions for flash attention and sets
            // no mask, so the rows between hold what the last utterance left there: text came out
            // wrong (words lost, phrases doubled), and one caller's audio would colour another's.
            // Without it the text is right at every window, for less CPU time.
            params.flash_attn = false;
            sys::whisper_init_from_file_with_params_no_state(path.as_ptr(), params)
        };
        let raw = NonNull::new(raw).ok_or(WhisperError::Load)?;
        // SAFETY: `raw` is a live context; these calls only read it.
        let (vocabulary, text_context, audio_context, multilingual) = unsafe {
            (
                sys::whisper_n_vocab(raw.as_ptr()),
                sys::whisper_n_text_ctx(raw.as_ptr()),
                sys::whisper_n_audio_ctx(raw.as_ptr()),
                sys::whisper_is_multilingual(raw.as_ptr()) != 0,
            )
        };
        Ok(Arc::new(Self {
            raw,
            vocabulary: vocabulary.max(0) as usize,
            text_context: text_context.max(0) as usize,
            audio_context: audio_context.max(0) as usize,
            multilingual,
        }))
    }

    pub fn token_end_of_text(&self) -> Token {
        // SAFETY: reads a live context.
        unsafe { sys::whisper_token_eot(self.raw.as_ptr()) }
    }

    pub fn token_start(&self) -> Token {
        // SAFETY: reads a live context.
        unsafe { sys::whisper_token_sot(self.raw.as_ptr()) }
    }

    pub fn token_previous(&self) -> Token {
        // SAFETY: reads a live context.
        unsafe { sys::whisper_token_prev(self.raw.as_ptr()) }
    }

    pub fn token_no_speech(&self) -> Token {
        // SAFETY: reads a live context.
        unsafe { sys::whisper_token_nosp(self.raw.as_ptr()) }
    }

    pub fn token_no_timestamps(&self) -> Token {
        // SAFETY: reads a live context.
        unsafe { sys::whisper_token_not(self.raw.as_ptr()) }
    }

    pub fn token_transcribe(&self) -> Token {
        // SAFETY: reads a live context.
        unsafe { sys::whisper_token_transcribe(self.raw.as_ptr()) }
    }

    /// Languages of the model as two- or three-letter codes with their tokens.
    pub fn languages(&self) -> Vec<(String, Token)> {
        if !self.multilingual {
            return vec![("en".to_owned(), self.token_start())];
        }
        let first = self.token_start() + 1;
        // Models before large-v3 have 99 languages; the token after the last one is `translate`.
        // SAFETY: reads a live context and a table that lives as long as the program.
        let (last, max_id) = unsafe {
            (sys::whisper_token_translate(self.raw.as_ptr()), sys::whisper_lang_max_id())
        };
        (0..=max_id)
            .filter(|id| first + id < last)
            .filter_map(|id| {
                // SAFETY: the returned string, if any, belongs to a static table.
                let code = unsafe {
                    let code = sys::whisper_lang_str(id);
                    if code.is_null() {
                        return None;
                    }
                    CStr::from_ptr(code)
                };
                Some((code.to_str().ok()?.to_owned(), first + id))
            })
            .collect()
    }

    /// The bytes a token stands for; may be part of a UTF-8 character.
    pub fn token_bytes(&self, token: Token) -> &[u8] {
        if token < 0 || token as usize >= self.vocabulary {
            return &[];
        }
        // SAFETY: the token is within the vocabulary (whisper.cpp throws otherwise), and the string
        // belongs to the context, which outlives the returned borrow.
        unsafe {
            let text = sys::whisper_token_to_str(self.raw.as_ptr(), token);
            if text.is_null() { &[] } else { CStr::from_ptr(text).to_bytes() }
        }
    }

    /// Text as tokens; text with a NUL byte is cut there. At most a few hundred characters: the
    /// tokenizer's regular expression recurses by length.
    pub fn tokenize(&self, text: &str) -> Vec<Token> {
        let text = text.split('\0').next().unwrap_or_default();
        let Ok(text) = CString::new(text) else { return Vec::new() };
        // A token stands for at least one byte, so this is always enough.
        let mut tokens = vec![0; text.as_bytes().len() + 1];
        // SAFETY: the buffer holds as many tokens as we say; the text is NUL-terminated.
        let count = unsafe {
            sys::whisper_tokenize(
                self.raw.as_ptr(),
                text.as_ptr(),
                tokens.as_mut_ptr(),
                tokens.len() as i32,
            )
        };
        tokens.truncate(count.max(0) as usize);
        tokens
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: we own the context, and every `State` on it holds an `Arc` to us.
        unsafe { sys::whisper_free(self.raw.as_ptr()) }
    }
}

/// Working memory of one inference at a time. Belongs to one thread.
pub struct State {
    raw: NonNull<sys::whisper_state>,
    context: Arc<Context>,
    threads: i32,
}

// SAFETY: a state has no thread affinity; `&mut self` on every step keeps it to one thread at a time.
unsafe impl Send for State {}

impl State {
    pub fn new(context: &Arc<Context>, threads: u32) -> Result<Self, WhisperError> {
        // SAFETY: the context is live and outlives the state by the `Arc`.
        let raw = unsafe { sys::whisper_init_state(context.raw.as_ptr()) };
        let raw = NonNull::new(raw).ok_or(WhisperError::State)?;
        Ok(Self { raw, context: Arc::clone(context), threads: threads.clamp(1, 256) as i32 })
    }

    /// Computes the spectrogram of `samples` (16 kHz, -1..1, at least a second) and sets how many
    /// encoder positions of 20 ms the next `encode` looks at.
    pub fn set_audio(&mut self, samples: &[f32], positions: usize) -> Result<(), WhisperError> {
        debug_assert!(samples.len() >= 16_000, "whisper.cpp 1.8.3 reads past very short audio");
        let positions = positions.min(self.context.audio_context);
        // The number of positions is a private field that only `whisper_full` writes. We let it
        // make the spectrogram, write the field, and stop before the encoder.
        // SAFETY: the samples outlive the call; the callback is stateless; `language` is a static
        // string, so that no detection runs. No other pointer in the default parameters is set.
        let code = unsafe {
            let mut params = sys::whisper_full_default_params(
                sys::whisper_sampling_strategy_WHISPER_SAMPLING_GREEDY,
            );
            params.n_threads = self.threads;
            params.audio_ctx = positions as i32;
            params.language = c"en".as_ptr();
            params.no_context = true;
            params.print_progress = false;
            params.encoder_begin_callback = Some(stop_before_encoder);
            sys::whisper_full_with_state(
                self.context.raw.as_ptr(),
                self.raw.as_ptr(),
                params,
                samples.as_ptr(),
                samples.len() as i32,
            )
        };
        check("the spectrogram", code)
    }

    /// Runs the encoder over the audio set last. Can not be interrupted.
    pub fn encode(&mut self) -> Result<(), WhisperError> {
        // SAFETY: context and state are live and belong together.
        let code = unsafe {
            sys::whisper_encode_with_state(
                self.context.raw.as_ptr(),
                self.raw.as_ptr(),
                0,
                self.threads,
            )
        };
        check("the encoder", code)
    }

    /// Runs the decoder over `tokens` at positions `past..`, forgetting what stood there, and
    /// returns the logits after the last of them.
    pub fn decode(&mut self, tokens: &[Token], past: usize) -> Result<&[f32], WhisperError> {
        let vocabulary = self.context.vocabulary;
        let fits = !tokens.is_empty() && past + tokens.len() <= self.context.text_context;
        if !fits || tokens.iter().any(|&t| t < 0 || t as usize >= vocabulary) {
            return Err(WhisperError::Context { tokens: past + tokens.len() });
        }
        // SAFETY: tokens are within the vocabulary and fit the decoder's positions (checked above);
        // the slice outlives the call.
        let code = unsafe {
            sys::whisper_decode_with_state(
                self.context.raw.as_ptr(),
                self.raw.as_ptr(),
                tokens.as_ptr(),
                tokens.len() as i32,
                past as i32,
                self.threads,
            )
        };
        check("the decoder", code)?;
        // SAFETY: after a successful decode the state holds one row of logits per token, of which
        // the last is filled; they stay until the next step, which needs `&mut self`.
        let logits = unsafe {
            let rows = sys::whisper_get_logits_from_state(self.raw.as_ptr());
            std::slice::from_raw_parts(rows.add((tokens.len() - 1) * vocabulary), vocabulary)
        };
        Ok(logits)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: we own the state; its context is still alive.
        unsafe { sys::whisper_free_state(self.raw.as_ptr()) }
    }
}

/// Version and build of whisper.cpp for `Info`.
pub fn version() -> String {
    // SAFETY: returns a static string.
    let version = unsafe { CStr::from_ptr(sys::whisper_version()) };
    version.to_string_lossy().into_owned()
}

/// Sends whisper.cpp's and ggml's log to ours at `debug`: on its own it writes to standard error.
pub fn capture_log() {
    // SAFETY: the callback is stateless and lives as long as the program.
    unsafe {
        sys::whisper_log_set(Some(log), std::ptr::null_mut());
        sys::ggml_log_set(Some(log), std::ptr::null_mut());
    }
}

fn check(step: &'static str, code: i32) -> Result<(), WhisperError> {
    if code == 0 { Ok(()) } else { Err(WhisperError::Step { step, code }) }
}

unsafe extern "C" fn stop_before_encoder(
    _: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    _: *mut c_void,
) -> bool {
    false
}

unsafe extern "C" fn log(_: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: whisper.cpp and ggml pass NUL-terminated text that lives for the call.
    let text = unsafe { CStr::from_ptr(text) };
    let text = text.to_string_lossy();
    let text = text.trim_end();
    if !text.is_empty() {
        tracing::debug!(target: "whisper_cpp", "{text}");
    }
}
