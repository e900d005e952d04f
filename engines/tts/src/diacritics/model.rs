//! The diacritizer's weights through ONNX Runtime: letters in, signs out. One session behind a lock: a sentence
//! takes a few milliseconds and its audio many times that, so voices seldom wait for one another here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use ort::environment::Environment;
use ort::session::Session;
use ort::session::builder::AutoDevicePolicy;
use ort::value::Tensor;
use sawt_engine_protocol::v1::Vocalised;
use serde::Deserialize;

use super::given::GivenWords;
use super::marks::Marks;
use super::reading::{Draft, Reading};

/// Longest sentence that is read, in letters. Sentences are cut far below that; the model reads letter by
/// letter, so this bounds its time as well.
const LETTERS_MAX: usize = 512;
/// The alphabet's file is some kilobytes.
const ALPHABET_BYTES_MAX: u64 = 256 * 1024;
/// Id of a letter that the model does not know.
const UNKNOWN_ID: i64 = 1;

/// Why there are no vowels.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiacritizerError {
    #[error("can not read {path}: {detail}; run `sawt models verify`")]
    File { path: PathBuf, detail: String },
    #[error("{path} is no diacritizer that we know: {detail}; run `sawt models verify`")]
    Model { path: PathBuf, detail: String },
}

/// The file of ids.
#[derive(Debug, Deserialize)]
struct AlphabetFile {
    char_to_idx: HashMap<String, i64>,
    diac_to_idx: HashMap<String, usize>,
}

/// Which id a letter has, and which signs a class stands for.
#[derive(Debug)]
struct Alphabet {
    ids: HashMap<char, i64>,
    signs: Vec<Marks>,
}

impl Alphabet {
    fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if bytes > ALPHABET_BYTES_MAX {
            return Err(format!("{bytes} bytes are no alphabet"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let file: AlphabetFile = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let ids: HashMap<char, i64> = file
            .char_to_idx
            .into_iter()
            .filter_map(|(text, id)| {
                let mut chars = text.chars();
                chars.next().filter(|_| chars.next().is_none()).map(|c| (c, id))
            })
            .collect();
        let mut signs = vec![None; file.diac_to_idx.len()];
        for (text, class) in file.diac_to_idx {
            *signs.get_mut(class).ok_or("its classes are not numbered from 0")? =
                Some(Marks::parse(&text));
        }
        let signs = signs.into_iter().collect::<Option<Vec<_>>>().ok_or("two classes are one")?;
        if !['ا', 'ب', 'ي', ' '].iter().all(|c| ids.contains_key(c)) {
            return Err("it lacks letters".into());
        }
        Ok(Self { ids, signs })
    }
}

/// A loaded diacritizer.
pub(crate) struct Diacritizer {
    session: Mutex<Session>,
    alphabet: Alphabet,
    list: GivenWords,
    /// It has failed once; the log has it, and does not need it again.
    complained: AtomicBool,
}

impl Diacritizer {
    /// Loads `model`, an ONNX file, with the one alphabet (`*.vocab.json`) beside it, and reads a sentence.
    pub(crate) fn load(environment: &Environment, model: &Path) -> Result<Self, DiacritizerError> {
        let not_file =
            |path: &Path, detail: String| DiacritizerError::File { path: path.to_owned(), detail };
        let refused = |detail: String| DiacritizerError::Model { path: model.to_owned(), detail };
        let path = alphabet_beside(model).map_err(|detail| not_file(model, detail))?;
        let alphabet = Alphabet::read(&path).map_err(|detail| not_file(&path, detail))?;
        let session = open(environment, model).map_err(|error| refused(error.to_string()))?;
        let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        if inputs.len() != 1 || session.outputs().len() != 1 {
            return Err(refused(format!("inputs {inputs:?}, {} outputs", session.outputs().len())));
        }
        let diacritizer = Self {
            session: Mutex::new(session),
            alphabet,
            list: GivenWords::ours(),
            complained: AtomicBool::new(false),
        };
        // Warms up, and a model that knows no Arabic is found now: it has no vowels for this.
        let tried = "تم تحويل المبلغ إلى حسابك";
        let reading = diacritizer.try_read(tried, &[]).map_err(refused)?;
        if reading.refused > 1 || reading.text == tried {
            return Err(refused(format!("it reads «{tried}» as «{}»", reading.text)));
        }
        Ok(diacritizer)
    }

    /// `sentence` with vowels. Words of `as_given` stay as they are; where the model fails, all of them.
    #[allow(clippy::disallowed_methods)] // tells how long it took, decides nothing
    pub(crate) fn read(&self, sentence: &str, as_given: &[String]) -> Vocalised {
        let started = Instant::now();
        let (reading, failed) = match self.try_read(sentence, as_given) {
            Ok(reading) => (reading, 0),
            Err(error) => {
                if !self.complained.swap(true, Ordering::Relaxed) {
                    tracing::warn!(error, "Diacritizer fails: Arabic is spoken without vowels.");
                }
                (Reading { text: sentence.to_owned(), ..Reading::default() }, 1)
            }
        };
        Vocalised {
            text: reading.text,
            words: reading.words,
            words_refused: reading.refused,
            sentences_failed: failed,
            took_us: u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn try_read(&self, sentence: &str, as_given: &[String]) -> Result<Reading, String> {
        let draft = Draft::new(sentence, as_given, &self.list);
        if !draft.needs_model() {
            return Ok(draft.read(&[]));
        }
        if draft.input.len() > LETTERS_MAX {
            return Err(format!("{} letters in one sentence", draft.input.len()));
        }
        let signs = self.signs(&draft.input)?;
        Ok(draft.read(&signs))
    }

    fn signs(&self, input: &[char]) -> Result<Vec<Marks>, String> {
        let id = |c: &char| self.alphabet.ids.get(c).copied().unwrap_or(UNKNOWN_ID);
        let ids: Vec<i64> = input.iter().map(id).collect();
        let classes = self.infer(ids).map_err(|error| error.to_string())?;
        if classes.len() != input.len() {
            return Err(format!("{} signs for {} letters", classes.len(), input.len()));
        }
        let marks = |class: i64| {
            let marks = usize::try_from(class).ok().and_then(|n| self.alphabet.signs.get(n));
            marks.copied().ok_or_else(|| format!("{class} is no class of signs"))
        };
        classes.into_iter().map(marks).collect()
    }

    fn infer(&self, ids: Vec<i64>) -> Result<Vec<i64>, ort::Error> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let input = Tensor::from_array(([1, ids.len()], ids))?;
        let outputs = session.run(ort::inputs![input])?;
        let (_, classes) = outputs[0].try_extract_tensor::<i64>()?;
        Ok(classes.to_vec())
    }
}

fn alphabet_beside(model: &Path) -> Result<PathBuf, String> {
    let folder = model.parent().ok_or("it stands in no folder")?;
    let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let is_alphabet = |path: &PathBuf| path.to_string_lossy().ends_with(".vocab.json");
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_alphabet).collect();
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        (None, _) => Err("there is no .vocab.json beside it".into()),
        (Some(_), false) => Err("there are several .vocab.json beside it".into()),
    }
}

/// One thread that does not spin: the voices need the cores.
fn open(environment: &Environment, model: &Path) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        .with_auto_device(AutoDevicePolicy::PreferCPU)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .commit_from_file(model)
}
