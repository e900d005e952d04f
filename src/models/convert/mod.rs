//! Turns weights of one format into the format our engines read: CTranslate2 Whisper → ggml, and a
//! GGUF model → the same with matrices that a processor computes fast.
//!
//! Everything is read as hostile: lengths are checked before memory is taken, other specs are
//! refused, and no tensor is larger than the file it comes from. Lacks quantised CTranslate2 input:
//! of Whisper, f16 or f32 weights come in and an f16 model goes out.

mod blocks;
mod ct2;
mod ggml;
mod gguf;
mod mel;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write as _};
use std::path::Path;

use super::cancel::CancelFlag;

pub use gguf::gguf_to_iq4_nl;

/// The file of weights in a CTranslate2 folder.
pub const CT2_WEIGHTS: &str = "model.bin";

/// Why a folder was not converted.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// Reading or writing failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// "read" or "write"
        action: &'static str,
        /// which file
        path: String,
        /// why
        source: std::io::Error,
    },
    /// The file says it is longer than it is, or counts more than it can hold.
    #[error("{file} is damaged at byte {at}: {detail}; fetch or copy it again")]
    Damaged {
        /// which file
        file: &'static str,
        /// where
        at: u64,
        /// what is wrong
        detail: String,
    },
    /// A well-formed model, but not one we convert.
    #[error("this model cannot be converted: {detail}")]
    Unsupported {
        /// what it is, and what to use instead
        detail: String,
    },
    /// A file of the folder is missing.
    #[error("{file} is missing in the folder; copy the whole CTranslate2 folder")]
    Missing {
        /// which file
        file: &'static str,
    },
    /// The caller of this function asked to stop.
    #[error("interrupted")]
    Cancelled,
}

/// Converts the CTranslate2 Whisper model in `folder` (`model.bin` and `vocabulary.txt` or
/// `vocabulary.json`) into one ggml file at `output`. The same input gives the same bytes.
///
/// # Errors
/// [`ConvertError`]; a half-written `output` is the caller's to delete.
pub fn whisper_ct2_to_ggml(
    folder: &Path,
    output: &Path,
    cancel: &CancelFlag,
) -> Result<(), ConvertError> {
    let weights = folder.join(CT2_WEIGHTS);
    if !weights.is_file() {
        return Err(ConvertError::Missing { file: CT2_WEIGHTS });
    }
    let read =
        |source| ConvertError::Io { action: "read", path: weights.display().to_string(), source };
    let write =
        |source| ConvertError::Io { action: "write", path: output.display().to_string(), source };

    let file = File::open(&weights).map_err(read)?;
    let length = file.metadata().map_err(read)?.len();
    let mut model = ct2::Model::read_index(BufReader::with_capacity(1 << 20, file), length)?;
    let tokens = vocabulary::read(folder)?;

    let out = File::create(output).map_err(write)?;
    let mut out = BufWriter::with_capacity(1 << 20, out);
    ggml::write(&mut model, &tokens, &mut out, cancel)?;
    out.flush().map_err(write)?;
    out.get_ref().sync_all().map_err(write)?;
    Ok(())
}

/// Walks the weights of a CTranslate2 Whisper model from end to end; reads no numbers.
pub(super) fn check_ct2(input: impl Read + Seek, length: u64) -> Result<(), ConvertError> {
    ct2::Model::read_index(input, length).map(drop)
}

/// Whether the folder looks like a CTranslate2 Whisper model (by its first bytes only).
pub fn is_ct2_whisper(folder: &Path) -> bool {
    File::open(folder.join(CT2_WEIGHTS))
        .is_ok_and(|file| ct2::has_whisper_spec(&mut BufReader::new(file)))
}
