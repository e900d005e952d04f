//! The voices this process offers: loaded, warmed up, brought to one loudness, and chosen from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ort::environment::Environment;
use sawt_engine_protocol::v1::{SynthesizeRequest, VoiceInfo};

use crate::diacritics::{Diacritizer, vocalising};
use crate::espeak::{Espeak, EspeakError};
use crate::loudness;
use crate::piper::VoiceError;
use crate::piper::config::{VoiceConfig, is_tag, primary_tag};
use crate::piper::file::{Graphs, config_path};
use crate::piper::phonemes::clauses;
use crate::piper::voice::PiperVoice;
use crate::render::{Opening, RenderError, Rendered, Sentence, Task};
use crate::worker::{Pool, Renderer};

/// Why the voices can not be offered. No restart mends these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("no voice is given; use --voice FILE.onnx or --espeak-voice LANG")]
    NoVoice,
    #[error(
        "Piper voices need ONNX Runtime; name its library with --onnxruntime, `sawt models pull` fetches it"
    )]
    NoRuntime,
    #[error("can not use ONNX Runtime at {path}: {detail}; fetch it with `sawt models pull`")]
    Runtime { path: PathBuf, detail: String },
    #[error("`{0}` is no voice name; use letters, digits, `-`, `_` and `+`")]
    Name(String),
    #[error("two voices are called `{0}`; name each once")]
    Twice(String),
    #[error("voice `{voice}` can not speak: {detail}; run `sawt models verify`")]
    Mute { voice: String, detail: String },
    #[error(transparent)]
    Voice(#[from] VoiceError),
    #[error(transparent)]
    Espeak(#[from] EspeakError),
    #[error("can not start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What to load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) onnxruntime: Option<PathBuf>,
    pub(crate) piper: Vec<PathBuf>,
    pub(crate) espeak: Vec<String>,
    pub(crate) espeak_library: Option<PathBuf>,
    pub(crate) espeak_data: Option<PathBuf>,
    /// Adds vowels to what Arabic voices speak.
    pub(crate) diacritizer: Option<PathBuf>,
    pub(crate) workers: usize,
    pub(crate) threads_per_worker: usize,
    /// Cut voices, so that they speak as they decode.
    pub(crate) streaming: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Piper,
    Espeak,
}

/// One voice of the list.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) sample_rate_hz: u32,
    pub(crate) gain: f32,
    backend: Backend,
    /// Among the voices of its backend.
    index: usize,
}

/// All voices and the threads that speak them.
pub(crate) struct Voices {
    list: Vec<Voice>,
    piper: Option<Pool>,
    espeak: Pool,
    /// e.g. "onnxruntime + espeak-ng 1.51"
    pub(crate) backend: String,
}

impl Voices {
    /// Loads, checks and warms up everything in `wanted`.
    pub(crate) fn load(wanted: &Wanted) -> Result<Self, LoadError> {
        if wanted.piper.is_empty() && wanted.espeak.is_empty() {
            return Err(LoadError::NoVoice);
        }
        let espeak = Espeak::load(wanted.espeak_library.as_deref(), wanted.espeak_data.as_deref())?;
        let mut list = Vec::new();
        let runtime = match wanted.onnxruntime.as_deref().map(environment).transpose() {
            Ok(runtime) => runtime,
            // Vowels alone are not worth a refusal.
            Err(error) if wanted.piper.is_empty() => {
                tracing::warn!(%error, "Arabic is spoken without vowels.");
                None
            }
            Err(error) => return Err(error),
        };
        let diacritizer = load_diacritizer(wanted, runtime.as_ref());
        let add_vowels = |list: &[Voice], renderer| {
            let arabic = list.iter().map(|voice| voice.language == "ar").collect();
            vocalising(diacritizer.clone(), arabic, renderer)
        };
        let piper = match (wanted.piper.is_empty(), &runtime) {
            (true, _) => None,
            (false, None) => return Err(LoadError::NoRuntime),
            (false, Some(runtime)) => {
                let renderers = load_piper(wanted, runtime, &espeak, &mut list)?;
                let renderers = renderers.into_iter().map(|renderer| add_vowels(&list, renderer));
                Some(Pool::start("piper", renderers.collect())?)
            }
        };
        let espeak_from = list.len();
        let renderer = load_espeak(&wanted.espeak, &espeak, &mut list)?;
        let renderer = add_vowels(&list[espeak_from..], renderer);
        let espeak_pool = Pool::start("espeak", vec![renderer])?;
        for (index, voice) in list.iter().enumerate() {
            if list[..index].iter().any(|other| other.name == voice.name) {
                return Err(LoadError::Twice(voice.name.clone()));
            }
        }
        let runtime = if runtime.is_some() { "onnxruntime + " } else { "" };
        let vowels = if diacritizer.is_some() { " + diacritizer" } else { "" };
        let backend = format!("{runtime}espeak-ng {}{vowels}", espeak.version());
        Ok(Self { list, piper, espeak: espeak_pool, backend })
    }

    /// All voices, Piper's first.
    pub(crate) fn list(&self) -> &[Voice] {
        &self.list
    }

    /// The voice for `request`: by name, else the first of its language.
    pub(crate) fn choose(&self, request: &SynthesizeRequest) -> Result<&Voice, String> {
        let language = primary_tag(&request.language);
        let found = if request.voice.is_empty() {
            self.list.iter().find(|voice| voice.language == language)
        } else {
            self.list.iter().find(|voice| voice.name == request.voice)
        };
        found.ok_or_else(|| {
            let names: Vec<String> =
                self.list.iter().map(|v| format!("{} ({})", v.name, v.language)).collect();
            let missing = match (request.voice.as_str(), language.as_str()) {
                ("", "") => "neither voice nor language is given".to_owned(),
                ("", language) => format!("no voice speaks `{language}`"),
                (voice, _) => format!("there is no voice `{voice}`"),
            };
            format!("{missing}; the voices are: {}", names.join(", "))
        })
    }

    /// The threads that speak `voice`, and its index there.
    pub(crate) fn pool_of(&self, voice: &Voice) -> (&Pool, usize) {
        match (voice.backend, &self.piper) {
            (Backend::Piper, Some(pool)) => (pool, voice.index),
            _ => (&self.espeak, voice.index),
        }
    }

    /// Steps waiting in all queues.
    pub(crate) fn queue_depth(&self) -> usize {
        self.espeak.depth() + self.piper.as_ref().map_or(0, Pool::depth)
    }
}

impl Voice {
    /// As the contract tells it.
    pub(crate) fn info(&self) -> VoiceInfo {
        VoiceInfo {
            name: self.name.clone(),
            language: self.language.clone(),
            sample_rate_hz: self.sample_rate_hz,
            backend: match self.backend {
                Backend::Piper => "piper".into(),
                Backend::Espeak => "espeak".into(),
            },
        }
    }
}

/// Calls go on without it, so that a damaged file is a warning.
fn load_diacritizer(
    wanted: &Wanted,
    environment: Option<&Environment>,
) -> Option<Arc<Diacritizer>> {
    let (model, environment) = (wanted.diacritizer.as_deref()?, environment?);
    match Diacritizer::load(environment, model) {
        Ok(diacritizer) => Some(Arc::new(diacritizer)),
        Err(error) => {
            tracing::warn!(%error, "Arabic is spoken without vowels.");
            None
        }
    }
}

/// One renderer per worker.
fn load_piper(
    wanted: &Wanted,
    environment: &Environment,
    espeak: &Arc<Espeak>,
    list: &mut Vec<Voice>,
) -> Result<Vec<Renderer>, LoadError> {
    let mut configs = Vec::new();
    for model in &wanted.piper {
        let config = Arc::new(VoiceConfig::read(&config_path(model))?);
        espeak.check_voice(&config.espeak_voice)?;
        configs.push(config);
    }
    // Of each worker, its voices.
    let mut workers: Vec<Vec<PiperVoice>> = Vec::new();
    workers.resize_with(wanted.workers.max(1), Vec::new);
    for (index, (model, config)) in wanted.piper.iter().zip(&configs).enumerate() {
        let name = model.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let loader = Loader { environment, espeak, model, config, name, wanted };
        let (voices, pcm) = loader.load()?;
        list.push(Voice {
            name: checked_name(name)?,
            language: config.language.clone(),
            sample_rate_hz: config.sample_rate_hz,
            gain: loudness::gain_for(&pcm, config.sample_rate_hz),
            backend: Backend::Piper,
            index,
        });
        for (worker, voice) in workers.iter_mut().zip(voices) {
            worker.push(voice);
        }
    }
    let renderer = |mut voices: Vec<PiperVoice>| -> Renderer {
        Box::new(move |index, task, cancelled| {
            let voice = voices.get_mut(index).expect("the list knows each voice. This is a bug.");
            voice.render(task, &|| cancelled.load(Ordering::Relaxed))
        })
    };
    Ok(workers.into_iter().map(renderer).collect())
}

/// One Piper voice on its way into all workers.
struct Loader<'a> {
    environment: &'a Environment,
    espeak: &'a Arc<Espeak>,
    model: &'a Path,
    config: &'a Arc<VoiceConfig>,
    name: &'a str,
    wanted: &'a Wanted,
}

impl Loader<'_> {
    /// The voice once per worker, each warmed up, and how the test sentence sounds.
    fn load(&self) -> Result<(Vec<PiperVoice>, Vec<f32>), LoadError> {
        let mut graphs = Graphs::read(self.model, self.wanted.streaming)?;
        let mut first = self.open(&graphs)?;
        let mut settled = None;
        if matches!(graphs, Graphs::Cut { .. }) {
            match first.settle(&test_sentence(&self.config.language)) {
                Ok(pcm) => settled = Some(pcm),
                Err(reason) => {
                    tracing::warn!(
                        voice = self.name,
                        reason,
                        "Voice can not be streamed: it speaks whole sentences, and starts later."
                    );
                    graphs = Graphs::read(self.model, false)?;
                    first = self.open(&graphs)?;
                }
            }
        }
        let context = first.context();
        let mut voices = vec![first];
        for _ in 1..self.wanted.workers {
            let mut voice = self.open(&graphs)?;
            if let Some(context) = context {
                voice.set_context(context);
            }
            voices.push(voice);
        }
        // Every session is warmed up, at the sizes that occur.
        let mut heard = Vec::new();
        for voice in &mut voices {
            heard =
                calibrate(self.name, &self.config.language, |task| voice.render(task, &|| false))?;
        }
        Ok((voices, settled.unwrap_or(heard)))
    }

    fn open(&self, graphs: &Graphs) -> Result<PiperVoice, LoadError> {
        let threads = self.wanted.threads_per_worker.max(1);
        let config = Arc::clone(self.config);
        PiperVoice::load(self.environment, self.espeak, graphs, config, threads)
            .map_err(|detail| VoiceError::Model { path: self.model.to_owned(), detail }.into())
    }
}

fn load_espeak(
    languages: &[String],
    espeak: &Arc<Espeak>,
    list: &mut Vec<Voice>,
) -> Result<Renderer, LoadError> {
    for (index, language) in languages.iter().enumerate() {
        checked_name(language)?;
        espeak.check_voice(language)?;
        let name = format!("espeak-{language}");
        let pcm = calibrate(&name, &primary_tag(language), |task| {
            render_espeak(espeak, language, task, Arc::default())
        })?;
        list.push(Voice {
            name,
            language: primary_tag(language),
            sample_rate_hz: espeak.sample_rate_hz(),
            gain: loudness::gain_for(&pcm, espeak.sample_rate_hz()),
            backend: Backend::Espeak,
            index,
        });
    }
    let (espeak, languages) = (Arc::clone(espeak), languages.to_vec());
    Ok(Box::new(move |index, task, cancelled| {
        let language = languages.get(index).expect("the list knows each voice. This is a bug.");
        render_espeak(&espeak, language, task, cancelled)
    }))
}

fn render_espeak(
    espeak: &Espeak,
    voice: &str,
    task: Task,
    cancelled: Arc<AtomicBool>,
) -> Result<Rendered, RenderError> {
    let Task::Sentence(sentence) = task else {
        return Err(RenderError::Failed("half a sentence for espeak. This is a bug.".into()));
    };
    let text = sentence.text.as_str();
    let failed = |error: EspeakError| match error {
        EspeakError::Cancelled => RenderError::Cancelled,
        other => RenderError::Failed(other.to_string()),
    };
    let raw = espeak.phonemes(voice, text).map_err(failed)?;
    let asked = Box::new(move || cancelled.load(Ordering::Relaxed));
    let audio = espeak.speak(voice, text, sentence.speed, asked).map_err(failed)?;
    let chars: Vec<char> = text.chars().collect();
    let words = audio.words.iter().filter_map(|&(at, length, start)| {
        let word: String = chars.get(at..)?.iter().take(length).collect();
        Some((word, start))
    });
    Ok(Rendered {
        opening: Some(Opening {
            phonemes: clauses(text, &raw).into_iter().map(|clause| clause.phonemes).collect(),
            words: words.collect(),
            samples: audio.pcm.len() as u64,
            vocalised: None,
        }),
        pcm: audio.pcm.iter().map(|&sample| f32::from(sample) / 32768.0).collect(),
        rest: None,
    })
}

/// Speaks once, so that a voice which can not is found now, and how loud it is.
fn calibrate(
    voice: &str,
    language: &str,
    mut render: impl FnMut(Task) -> Result<Rendered, RenderError>,
) -> Result<Vec<f32>, LoadError> {
    let mute = |detail: String| LoadError::Mute { voice: voice.to_owned(), detail };
    let mut pcm = Vec::new();
    let mut next = Some(Task::Sentence(test_sentence(language)));
    while let Some(task) = next {
        let rendered = render(task).map_err(|error| mute(error.to_string()))?;
        pcm.extend(rendered.pcm);
        next = rendered.rest.map(Task::Rest);
    }
    match loudness::speech_rms(&pcm, 22_050) {
        Some(_) => Ok(pcm),
        None => Err(mute("it made silence of a test sentence".into())),
    }
}

/// A sentence with which a voice of `language` is tried.
fn test_sentence(language: &str) -> Sentence {
    let text = match language {
        "en" => "Thank you for calling, how can I help you today?",
        "ar" => "شكرا على اتصالك، كيف يمكنني مساعدتك اليوم؟",
        // espeak reads digits in every language.
        _ => "1 2 3 4 5 6 7 8 9",
    };
    Sentence { text: text.into(), speed: 1.0, as_given: Arc::default() }
}

fn environment(library: &Path) -> Result<Environment, LoadError> {
    let refused = |detail: String| LoadError::Runtime { path: library.to_owned(), detail };
    if !library.is_file() {
        return Err(refused("there is no such file".into()));
    }
    ort::init_from(library)
        .map_err(|error| refused(error.to_string()))?
        .with_name("sawt-tts")
        // Nothing leaves.
        .with_telemetry(false)
        .build()
        .map_err(|error| refused(error.to_string()))
}

fn checked_name(name: &str) -> Result<String, LoadError> {
    if is_tag(name) { Ok(name.to_owned()) } else { Err(LoadError::Name(name.to_owned())) }
}
