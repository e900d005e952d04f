//! Reads a ggml Whisper file in safe Rust before C++ sees it, because whisper.cpp answers a
//! malformed file with an abort or worse. Checks form and bounds of every part; does not check
//! that the weights are the right ones (that is the digest's work, in `sawt models verify`).

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Why a model file is refused. No restart mends it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("no model at {path}: {source}; run `sawt models pull` or pass another --model")]
    Open { path: PathBuf, source: std::io::Error },
    #[error("{path} is not a ggml Whisper model ({why}); run `sawt models verify`")]
    Format { path: PathBuf, why: String },
    #[error(
        "{path} is cut short at {bytes} bytes, in {part}; run `sawt models pull` to fetch it again"
    )]
    Truncated { path: PathBuf, bytes: u64, part: String },
}

/// The file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelHeader {
    pub vocabulary: u32,
    pub audio_context: u32,
    pub audio_state: u32,
    pub audio_heads: u32,
    pub audio_layers: u32,
    pub text_context: u32,
    pub text_state: u32,
    pub text_heads: u32,
    pub text_layers: u32,
    pub mels: u32,
    pub file_type: u32,
}

const MAGIC: u32 = 0x6767_6d6c;
/// Half of Whisper's 400-point transform and one.
const MEL_BINS: u32 = 201;
const TOKEN_BYTES_MAX: u32 = 1024;
const TENSOR_NAME_BYTES_MAX: u32 = 128;

/// Checks the whole file and returns its header.
pub fn inspect(path: &Path) -> Result<ModelHeader, ModelError> {
    let open = |source| ModelError::Open { path: path.to_owned(), source };
    let file = File::open(path).map_err(open)?;
    let meta = file.metadata().map_err(open)?;
    if !meta.is_file() {
        return Err(open(std::io::Error::other("not a regular file")));
    }
    let mut reader = Reader { file: BufReader::new(file), path, at: 0, bytes: meta.len() };

    let magic = reader.u32("the magic number")?;
    if magic != MAGIC {
        return Err(reader.format(format!("it starts with {magic:#010x}, not {MAGIC:#010x}")));
    }
    let header = read_header(&mut reader)?;
    skip_mel_filters(&mut reader, &header)?;
    skip_vocabulary(&mut reader, &header)?;
    skip_tensors(&mut reader, &header)?;
    Ok(header)
}

fn read_header(reader: &mut Reader<'_>) -> Result<ModelHeader, ModelError> {
    let mut field = |name: &'static str, low: u32, high: u32| {
        let value = reader.u32("the header")?;
        if (low..=high).contains(&value) {
            Ok(value)
        } else {
            Err(reader.format(format!("{name} is {value}, not {low}..={high}")))
        }
    };
    // Wide enough for every published Whisper and its distillations, narrow enough that no product
    // of two fields overflows what C++ computes with 32 bits.
    let header = ModelHeader {
        vocabulary: field("n_vocab", 51_864, 51_866)?,
        audio_context: field("n_audio_ctx", 1500, 1500)?,
        audio_state: field("n_audio_state", 64, 4096)?,
        audio_heads: field("n_audio_head", 1, 64)?,
        audio_layers: field("n_audio_layer", 1, 64)?,
        text_context: field("n_text_ctx", 64, 2048)?,
        text_state: field("n_text_state", 64, 4096)?,
        text_heads: field("n_text_head", 1, 64)?,
        text_layers: field("n_text_layer", 1, 64)?,
        mels: field("n_mels", 80, 128)?,
        file_type: field("ftype", 0, 2999)?,
    };
    // whisper.cpp looks the name of the size up by this number and throws on any other.
    if ![4, 6, 12, 24, 32].contains(&header.audio_layers) {
        return Err(reader.format(format!("it has {} encoder layers", header.audio_layers)));
    }
    if header.text_state != header.audio_state
        || !header.audio_state.is_multiple_of(header.audio_heads)
        || !header.text_state.is_multiple_of(header.text_heads)
    {
        return Err(reader.format("its state and head sizes contradict each other".to_owned()));
    }
    // The thousands count the version of the quantisation, the rest names the type.
    if !matches!(header.file_type % 1000, 0..=3 | 7..=14) {
        return Err(reader.format(format!("ftype is {}", header.file_type)));
    }
    Ok(header)
}

fn skip_mel_filters(reader: &mut Reader<'_>, header: &ModelHeader) -> Result<(), ModelError> {
    let (mels, bins) = (reader.u32("the mel filters")?, reader.u32("the mel filters")?);
    if mels != header.mels || bins != MEL_BINS {
        return Err(reader.format(format!("its mel filters are {mels} by {bins}")));
    }
    reader.skip(u64::from(mels) * u64::from(bins) * 4, || "the mel filters".to_owned())
}

fn skip_vocabulary(reader: &mut Reader<'_>, header: &ModelHeader) -> Result<(), ModelError> {
    let count = reader.u32("the vocabulary")?;
    if count == 0 || count > header.vocabulary {
        return Err(reader.format(format!("its vocabulary has {count} entries")));
    }
    for index in 0..count {
        let length = reader.u32("the vocabulary")?;
        if length > TOKEN_BYTES_MAX {
            return Err(reader.format(format!("vocabulary entry {index} has {length} bytes")));
        }
        reader.skip(u64::from(length), || format!("vocabulary entry {index}"))?;
    }
    Ok(())
}

fn skip_tensors(reader: &mut Reader<'_>, header: &ModelHeader) -> Result<(), ModelError> {
    let mut names = HashSet::new();
    while reader.at < reader.bytes {
        let dims = reader.u32("a tensor's header")?;
        let name_bytes = reader.u32("a tensor's header")?;
        let kind = reader.u32("a tensor's header")?;
        if !(1..=3).contains(&dims) || !(1..=TENSOR_NAME_BYTES_MAX).contains(&name_bytes) {
            return Err(reader.format(format!("a tensor has {dims} dimensions at {}", reader.at)));
        }
        let mut elements = 1_u64;
        let mut row = 0_u64;
        for index in 0..dims {
            let size = u64::from(reader.u32("a tensor's header")?);
            if size == 0 || size > 1 << 20 {
                return Err(reader.format(format!("a tensor has a side of {size}")));
            }
            row = if index == 0 { size } else { row };
            elements = elements.saturating_mul(size);
        }
        let name = reader.bytes(name_bytes as usize, "a tensor's name")?;
        let Ok(name) = String::from_utf8(name) else {
            return Err(reader.format("a tensor's name is not text".to_owned()));
        };
        let Some((block, block_bytes)) = block_size(kind) else {
            return Err(reader.format(format!("tensor {name} has unknown type {kind}")));
        };
        if !row.is_multiple_of(block) {
            return Err(reader.format(format!("tensor {name} has rows of {row}")));
        }
        reader.skip((elements / block).saturating_mul(block_bytes), || format!("tensor {name}"))?;
        if !names.insert(name.clone()) {
            return Err(reader.format(format!("tensor {name} comes twice")));
        }
    }
    // Seven tensors before the encoder's layers and four before the decoder's; then 15 and 24 each.
    let want = 11 + 15 * header.audio_layers as usize + 24 * header.text_layers as usize;
    if names.len() < want {
        let part = format!("tensor {} of {want}", names.len() + 1);
        return Err(ModelError::Truncated {
            path: reader.path.to_owned(),
            bytes: reader.bytes,
            part,
        });
    }
    if names.len() > want {
        return Err(reader.format(format!("it has {} tensors, not {want}", names.len())));
    }
    Ok(())
}

/// Elements and bytes of one block of a ggml type.
fn block_size(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),      // f32
        1 => (1, 2),      // f16
        2 => (32, 18),    // q4_0
        3 => (32, 20),    // q4_1
        6 => (32, 22),    // q5_0
        7 => (32, 24),    // q5_1
        8 => (32, 34),    // q8_0
        10 => (256, 84),  // q2_k
        11 => (256, 110), // q3_k
        12 => (256, 144), // q4_k
        13 => (256, 176), // q5_k
        14 => (256, 210), // q6_k
        _ => return None,
    })
}

/// Counts what it reads, so that no length in the file can send us past its end.
struct Reader<'a> {
    file: BufReader<File>,
    path: &'a Path,
    at: u64,
    bytes: u64,
}

impl Reader<'_> {
    fn u32(&mut self, part: &str) -> Result<u32, ModelError> {
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes(4, part)?);
        Ok(u32::from_le_bytes(word))
    }

    fn bytes(&mut self, count: usize, part: &str) -> Result<Vec<u8>, ModelError> {
        let mut buffer = vec![0; count];
        match self.file.read_exact(&mut buffer) {
            Ok(()) => {
                self.at += count as u64;
                Ok(buffer)
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(self.truncated(part.to_owned()))
            }
            Err(source) => Err(ModelError::Open { path: self.path.to_owned(), source }),
        }
    }

    fn skip(&mut self, count: u64, part: impl FnOnce() -> String) -> Result<(), ModelError> {
        if count > self.bytes - self.at {
            return Err(self.truncated(part()));
        }
        // A short hop stays within the buffer; a long one is a seek.
        let moved = match i64::try_from(count) {
            Ok(hop) => self.file.seek_relative(hop),
            Err(_) => self.file.seek(SeekFrom::Start(self.at + count)).map(drop),
        };
        moved.map_err(|source| ModelError::Open { path: self.path.to_owned(), source })?;
        self.at += count;
        Ok(())
    }

    fn truncated(&self, part: String) -> ModelError {
        ModelError::Truncated { path: self.path.to_owned(), bytes: self.bytes, part }
    }

    fn format(&self, why: String) -> ModelError {
        ModelError::Format { path: self.path.to_owned(), why }
    }
}

#[cfg(test)]
mod tests;
