//! Reads a CTranslate2 Whisper folder in safe Rust before C++ sees it: the index of the weights
//! from end to end, the shapes that the library takes on trust, the vocabulary, the settings. Does
//! not check that the weights are the right ones (the digest's work, in `sawt models verify`).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::vocabulary::Vocabulary;

/// The file of weights in the folder.
pub const WEIGHTS: &str = "model.bin";

/// Why a model is refused. No restart mends it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("no model at {path}: {source}; run `sawt models pull` or pass another --model")]
    Open { path: PathBuf, source: std::io::Error },
    #[error(
        "{path} is missing ({source}); copy the whole CTranslate2 folder, or run `sawt models pull`"
    )]
    Missing { path: PathBuf, source: std::io::Error },
    #[error("{path} is not of a CTranslate2 Whisper model ({why}); run `sawt models verify`")]
    Format { path: PathBuf, why: String },
    #[error(
        "{path} is cut short at {bytes} bytes, in {part}; run `sawt models pull` to fetch it again"
    )]
    Truncated { path: PathBuf, bytes: u64, part: String },
}

/// A folder that was checked.
#[derive(Debug)]
pub struct Model {
    pub folder: PathBuf,
    /// Bands of the spectrogram.
    pub mels: usize,
    /// Decoder positions, prompt included.
    pub text_context: usize,
    pub vocabulary: Vocabulary,
}

const FORMAT_VERSION: u32 = 6;
const SPEC: &str = "WhisperSpec";
const SPEC_REVISION: u32 = 3;
/// Whisper large has about 1,260 tensors, of at most three dimensions; more is damage.
const TENSORS_MAX: u32 = 16_384;
const RANK_MAX: u8 = 4;
/// Encoder positions of every Whisper.
const AUDIO_CONTEXT: u32 = 1500;
/// A vocabulary is half a megabyte; this bounds what we read of a hostile one.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// Checks the folder, given as itself or by its `model.bin`.
///
/// # Errors
/// [`ModelError`]
pub fn inspect(path: &Path) -> Result<Model, ModelError> {
    let meta = std::fs::metadata(path)
        .map_err(|source| ModelError::Open { path: path.to_owned(), source })?;
    let folder = match path.file_name() {
        _ if meta.is_dir() => path.to_owned(),
        Some(name) if name == WEIGHTS => path.parent().unwrap_or(Path::new(".")).to_owned(),
        _ => {
            let why = format!("the library reads a folder with a {WEIGHTS}: pass that");
            return Err(ModelError::Format { path: path.to_owned(), why });
        }
    };
    let weights = folder.join(WEIGHTS);
    let shapes = read_index(&weights)?;
    let wrong = |why: String| ModelError::Format { path: weights.clone(), why };
    let shape = |name: &str| {
        let found = shapes.get(name).map(Vec::as_slice);
        found.ok_or_else(|| wrong(format!("the tensor {name} is missing")))
    };
    let (width, mels) = match *shape("encoder/conv1/weight")? {
        [width, mels @ (80 | 128), 3] => (width, mels),
        ref other => return Err(wrong(format!("encoder/conv1/weight is {other:?}"))),
    };
    let expect = |name: &str, wanted: &[u32]| match shape(name)? {
        found if found == wanted => Ok(()),
        found => Err(wrong(format!("{name} is {found:?}, not {wanted:?}"))),
    };
    expect("encoder/conv2/weight", &[width, width, 3])?;
    expect("encoder/position_encodings/encodings", &[AUDIO_CONTEXT, width])?;
    let text_context = match *shape("decoder/position_encodings/encodings")? {
        [positions @ 64..=2048, found] if found == width => positions,
        ref other => {
            return Err(wrong(format!("decoder/position_encodings/encodings is {other:?}")));
        }
    };

    let vocabulary = read_vocabulary(&folder)?;
    expect("decoder/embeddings/weight", &[vocabulary.len() as u32, width])?;
    check_config(&folder.join("config.json"), vocabulary.len())?;
    Ok(Model { folder, mels: mels as usize, text_context: text_context as usize, vocabulary })
}

/// `vocabulary.json` (a list) or `vocabulary.txt` (one token a line), in the library's order.
fn read_vocabulary(folder: &Path) -> Result<Vocabulary, ModelError> {
    let json = folder.join("vocabulary.json");
    let (path, names) = if json.is_file() {
        let names = serde_json::from_str(&read_text(&json)?);
        (json, names.map_err(|error| error.to_string()))
    } else {
        let path = folder.join("vocabulary.txt");
        let text = read_text(&path)?;
        // split, not lines(): a token may hold a carriage return.
        let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
        (path, Ok(lines.map(str::to_owned).collect()))
    };
    names.and_then(Vocabulary::new).map_err(|why| ModelError::Format { path, why })
}

/// The library uses these numbers as indices, unchecked.
fn check_config(path: &Path, vocabulary: usize) -> Result<(), ModelError> {
    let wrong = |why: String| ModelError::Format { path: path.to_owned(), why };
    let config: serde_json::Value =
        serde_json::from_str(&read_text(path)?).map_err(|error| wrong(error.to_string()))?;
    for key in ["lang_ids", "suppress_ids", "suppress_ids_begin"] {
        let ids = config.get(key).and_then(|ids| ids.as_array());
        let ids = ids.ok_or_else(|| wrong(format!("{key} is missing")))?;
        if ids.iter().any(|id| id.as_u64().is_none_or(|id| id >= vocabulary as u64)) {
            return Err(wrong(format!("{key} names a token that is not in the vocabulary")));
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> Result<String, ModelError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| ModelError::Missing { path: path.to_owned(), source })?;
    Ok(text)
}

/// Walks the weights and returns every tensor's shape, aliases included.
fn read_index(path: &Path) -> Result<HashMap<String, Vec<u32>>, ModelError> {
    let open = |source| ModelError::Missing { path: path.to_owned(), source };
    let file = File::open(path).map_err(open)?;
    let bytes = file.metadata().map_err(open)?.len();
    let mut reader = Reader { file: BufReader::with_capacity(1 << 16, file), path, at: 0, bytes };

    let version = reader.u32("the version")?;
    if version != FORMAT_VERSION {
        return Err(reader.format(format!("format version {version}, not {FORMAT_VERSION}")));
    }
    let (spec, revision) = (reader.string("the specification")?, reader.u32("the revision")?);
    if spec != SPEC || revision != SPEC_REVISION {
        let spec: String = spec.chars().take(40).collect();
        return Err(reader.format(format!("it is a {spec:?} of revision {revision}")));
    }
    let mut shapes = HashMap::new();
    for index in 0..reader.count("the number of tensors")? {
        let name = reader.string("a tensor's name")?;
        let shape = reader.tensor(&name)?;
        if shapes.insert(name, shape).is_some() {
            return Err(reader.format(format!("tensor {index} comes twice")));
        }
    }
    for _ in 0..reader.count("the number of aliases")? {
        let (alias, target) = (reader.string("an alias")?, reader.string("an alias")?);
        let Some(shape) = shapes.get(&target).cloned() else {
            return Err(reader.format(format!("the alias {alias:?} points at nothing")));
        };
        shapes.insert(alias, shape);
    }
    if reader.at != bytes {
        return Err(reader.format(format!("{} bytes follow its end", bytes - reader.at)));
    }
    Ok(shapes)
}

/// Counts what it reads, so that no length in the file can send us past its end.
struct Reader<'a> {
    file: BufReader<File>,
    path: &'a Path,
    at: u64,
    bytes: u64,
}

impl Reader<'_> {
    fn read<const N: usize>(&mut self, part: &str) -> Result<[u8; N], ModelError> {
        let mut buffer = [0; N];
        self.fill(&mut buffer, part)?;
        Ok(buffer)
    }

    fn fill(&mut self, buffer: &mut [u8], part: &str) -> Result<(), ModelError> {
        match self.file.read_exact(buffer) {
            Ok(()) => {
                self.at += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(self.truncated(part))
            }
            Err(source) => Err(ModelError::Open { path: self.path.to_owned(), source }),
        }
    }

    fn u32(&mut self, part: &str) -> Result<u32, ModelError> {
        Ok(u32::from_le_bytes(self.read(part)?))
    }

    fn count(&mut self, part: &str) -> Result<u32, ModelError> {
        match self.u32(part)? {
            count if count <= TENSORS_MAX => Ok(count),
            count => Err(self.format(format!("{part} is {count}"))),
        }
    }

    /// A length of 16 bits that counts the closing NUL, then the bytes.
    fn string(&mut self, part: &str) -> Result<String, ModelError> {
        let mut buffer = vec![0; usize::from(u16::from_le_bytes(self.read(part)?))];
        self.fill(&mut buffer, part)?;
        if buffer.pop() != Some(0) {
            return Err(self.format(format!("{part} does not end where it should")));
        }
        String::from_utf8(buffer).map_err(|_| self.format(format!("{part} is not text")))
    }

    fn tensor(&mut self, name: &str) -> Result<Vec<u32>, ModelError> {
        let [rank] = self.read(name)?;
        if rank > RANK_MAX {
            return Err(self.format(format!("tensor {name} has {rank} dimensions")));
        }
        let shape = (0..rank).map(|_| self.u32(name)).collect::<Result<Vec<_>, _>>()?;
        let [code] = self.read(name)?;
        let item: u64 = match code {
            0 | 3 => 4,     // f32, i32
            1 => 1,         // i8
            2 | 4 | 5 => 2, // i16, f16, bf16
            _ => return Err(self.format(format!("tensor {name} has unknown type {code}"))),
        };
        let bytes = u64::from(self.u32(name)?);
        let expected =
            shape.iter().try_fold(item, |product, &dim| product.checked_mul(u64::from(dim)));
        if expected != Some(bytes) {
            return Err(self.format(format!("tensor {name} has {bytes} bytes for {shape:?}")));
        }
        if bytes > self.bytes - self.at {
            return Err(self.truncated(&format!("tensor {name}")));
        }
        self.at += bytes;
        // A short hop stays within the buffer.
        let moved = match i64::try_from(bytes) {
            Ok(hop) => self.file.seek_relative(hop),
            Err(_) => self.file.seek(SeekFrom::Start(self.at)).map(drop),
        };
        moved.map_err(|source| ModelError::Open { path: self.path.to_owned(), source })?;
        Ok(shape)
    }

    fn truncated(&self, part: &str) -> ModelError {
        let part = part.to_owned();
        ModelError::Truncated { path: self.path.to_owned(), bytes: self.bytes, part }
    }

    fn format(&self, why: String) -> ModelError {
        ModelError::Format { path: self.path.to_owned(), why }
    }
}

#[cfg(test)]
mod tests;
