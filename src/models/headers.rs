//! Looks at the first bytes of a file: is it what it claims to be, and does it hold together?
//! Cheap (no weights are read) and safe for hostile files. An engine's loader checks the rest.

pub(super) mod gguf;
mod onnx;
mod whisper;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::ModelError;
use super::convert;
use super::manifest::ModelKind;

/// CTranslate2 begins with its version; what kind of model it is comes behind.
const CT2_MAGIC: [u8; 4] = 6_u32.to_le_bytes();
const ELF_MAGIC: [u8; 4] = *b"\x7fELF";
const VOICE_JSON_BYTES_MAX: u64 = 4 << 20;

/// What a file is, by its first bytes; a lone `.onnx` is a voice if its configuration is beside it.
pub(super) fn guess_kind(path: &Path) -> Result<ModelKind, ModelError> {
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .map_err(ModelError::io("read", path))?;
    match magic {
        whisper::MAGIC | CT2_MAGIC => Ok(ModelKind::Stt),
        gguf::MAGIC => Ok(ModelKind::Llm),
        ELF_MAGIC => Ok(ModelKind::Library),
        _ if path.with_added_extension("json").is_file() => Ok(ModelKind::Tts),
        _ if path.extension().is_some_and(|extension| extension == "onnx") => Err(bad(
            path,
            "a Piper voice needs NAME.onnx.json beside it, and no other .onnx says what it is for",
        )),
        _ => Err(bad(path, "its first bytes are none that we know")),
    }
}

/// Checks the main file of a model of this kind.
pub(super) fn check(path: &Path, kind: ModelKind) -> Result<(), ModelError> {
    let file = File::open(path).map_err(ModelError::io("read", path))?;
    let length = file.metadata().map_err(ModelError::io("read", path))?.len();
    let mut input = BufReader::with_capacity(1 << 16, file);
    let result = match kind {
        ModelKind::Stt => match input.fill_buf() {
            Ok(first) if first.starts_with(&CT2_MAGIC) => {
                convert::check_ct2(input, length).map_err(|error| error.to_string())
            }
            _ => whisper::check(&mut input, length),
        },
        ModelKind::Llm => gguf::check(&mut input, length),
        ModelKind::Library => library(&mut input),
        ModelKind::Tts | ModelKind::Vad | ModelKind::Turn | ModelKind::Diacritizer => {
            onnx::check(&mut input, length)
        }
    };
    result.map_err(|detail| bad(path, &detail))?;
    if kind == ModelKind::Tts {
        voice_json(&path.with_added_extension("json"))?;
    }
    Ok(())
}

fn bad(path: &Path, detail: &str) -> ModelError {
    ModelError::BadFile { path: path.to_owned(), detail: detail.to_owned() }
}

/// Reads or says that the file ends too early.
fn exact<const N: usize>(input: &mut impl std::io::Read) -> Result<[u8; N], String> {
    let mut buffer = [0; N];
    input.read_exact(&mut buffer).map_err(|_| "it ends too early".to_owned())?;
    Ok(buffer)
}

fn library(input: &mut impl std::io::Read) -> Result<(), String> {
    let header: [u8; 20] = exact(input)?;
    if header[..4] != ELF_MAGIC {
        return Err("it is not a shared library of this system".into());
    }
    let machine = u16::from_le_bytes([header[18], header[19]]);
    let ours = match std::env::consts::ARCH {
        "x86_64" => 62,
        "aarch64" => 183,
        _ => machine,
    };
    if header[4] != 2 || machine != ours {
        return Err(format!("it is a library for another machine, not {}", std::env::consts::ARCH));
    }
    Ok(())
}

/// What our voice engine reads of a Piper configuration.
fn voice_json(path: &Path) -> Result<(), ModelError> {
    let file = File::open(path).map_err(|_| {
        bad(path, "a Piper voice needs its configuration, NAME.onnx.json, beside NAME.onnx")
    })?;
    let mut text = String::new();
    file.take(VOICE_JSON_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(ModelError::io("read", path))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| bad(path, &error.to_string()))?;
    let rate = json["audio"]["sample_rate"].as_u64();
    if !rate.is_some_and(|rate_hz| (8_000..=48_000).contains(&rate_hz)) {
        return Err(bad(path, "audio.sample_rate is missing or not between 8000 and 48000"));
    }
    if json["phoneme_id_map"].as_object().is_none_or(|map| map.is_empty()) {
        return Err(bad(path, "phoneme_id_map is missing"));
    }
    if !json["espeak"]["voice"].is_string() {
        return Err(bad(path, "espeak.voice is missing"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
