//! Checks a GGUF file before llama.cpp reads it, so that a truncated or wrong file is a clear
//! message and not the end of the process inside C++.
//!
//! Reads the header only, every count and length against a bound; keeps no values.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

const KEYS_MAX: u64 = 100_000;
const TENSORS_MAX: u64 = 100_000;
const STRING_BYTES_MAX: u64 = 16 * 1024 * 1024;
const ARRAY_ITEMS_MAX: u64 = 16 * 1024 * 1024;
const DIMENSIONS_MAX: u32 = 4;

#[derive(Debug, thiserror::Error)]
pub(crate) enum GgufError {
    #[error("can not read the file: {0}; check its path and permissions")]
    Read(std::io::Error),
    #[error("this is not a GGUF file; give the path of a model in GGUF format")]
    NotGguf,
    #[error("GGUF version {0} is not supported (2 and 3 are); convert the model again")]
    Version(u32),
    #[error("the header is damaged ({0}); pull or import the model again")]
    Damaged(&'static str),
    #[error(
        "the file has {actual_bytes} bytes and its tensors need {needed_bytes}; \
         it is cut short: pull or import the model again"
    )]
    Truncated { actual_bytes: u64, needed_bytes: u64 },
}

impl From<std::io::Error> for GgufError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            GgufError::Damaged("it ends early")
        } else {
            GgufError::Read(error)
        }
    }
}

/// # Errors
/// When the file can not be a whole GGUF model.
pub(crate) fn check_file(path: &Path) -> Result<(), GgufError> {
    let file = File::open(path).map_err(GgufError::Read)?;
    let metadata = file.metadata().map_err(GgufError::Read)?;
    if !metadata.is_file() {
        return Err(GgufError::NotGguf);
    }
    check(&mut BufReader::with_capacity(1 << 20, file), metadata.len())
}

fn check(reader: &mut (impl Read + Seek), file_bytes: u64) -> Result<(), GgufError> {
    let mut header = Header { reader };
    let mut magic = [0_u8; 4];
    match header.reader.read_exact(&mut magic) {
        Ok(()) if &magic == b"GGUF" => {}
        Ok(()) => return Err(GgufError::NotGguf),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(GgufError::NotGguf),
        Err(e) => return Err(GgufError::Read(e)),
    }
    let version = header.u32()?;
    if !(2..=3).contains(&version) {
        return Err(GgufError::Version(version));
    }
    let tensors = header.u64()?;
    let keys = header.u64()?;
    if tensors == 0 || tensors > TENSORS_MAX {
        return Err(GgufError::Damaged("impossible number of tensors"));
    }
    if keys > KEYS_MAX {
        return Err(GgufError::Damaged("impossible number of keys"));
    }

    let mut alignment = 32_u64;
    for _ in 0..keys {
        let key = header.string(256)?;
        let kind = header.u32()?;
        if key == b"general.alignment" && kind == 4 {
            alignment = u64::from(header.u32()?);
            if alignment == 0 || !alignment.is_power_of_two() || alignment > 1 << 20 {
                return Err(GgufError::Damaged("impossible alignment"));
            }
        } else {
            header.skip_value(kind, true)?;
        }
    }
    let mut data_end = 0_u64;
    for _ in 0..tensors {
        data_end = data_end.max(header.tensor_end()?);
    }
    let data_begin = header
        .reader
        .stream_position()?
        .checked_next_multiple_of(alignment)
        .ok_or(GgufError::Damaged("impossible size"))?;
    let needed_bytes =
        data_begin.checked_add(data_end).ok_or(GgufError::Damaged("impossible tensor size"))?;
    if needed_bytes > file_bytes {
        return Err(GgufError::Truncated { actual_bytes: file_bytes, needed_bytes });
    }
    Ok(())
}

struct Header<'a, R> {
    reader: &'a mut R,
}

impl<R: Read> Header<'_, R> {
    fn u32(&mut self) -> Result<u32, GgufError> {
        let mut bytes = [0; 4];
        self.reader.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        let mut bytes = [0; 8];
        self.reader.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn skip(&mut self, bytes: u64) -> Result<(), GgufError> {
        let copied = std::io::copy(&mut self.reader.by_ref().take(bytes), &mut std::io::sink())?;
        if copied < bytes { Err(GgufError::Damaged("it ends early")) } else { Ok(()) }
    }

    fn string(&mut self, bytes_max: u64) -> Result<Vec<u8>, GgufError> {
        let bytes = self.u64()?;
        if bytes > bytes_max {
            return Err(GgufError::Damaged("impossible name"));
        }
        let mut text = Vec::new();
        self.reader.by_ref().take(bytes).read_to_end(&mut text)?;
        if (text.len() as u64) < bytes {
            return Err(GgufError::Damaged("it ends early"));
        }
        Ok(text)
    }

    /// Arrays may not nest: no model has such a key, and depth would need a bound of its own.
    fn skip_value(&mut self, kind: u32, array_allowed: bool) -> Result<(), GgufError> {
        const STRING: u32 = 8;
        const ARRAY: u32 = 9;
        match kind {
            STRING => {
                let bytes = self.u64()?;
                if bytes > STRING_BYTES_MAX {
                    return Err(GgufError::Damaged("impossible string"));
                }
                self.skip(bytes)
            }
            ARRAY if array_allowed => {
                let item_kind = self.u32()?;
                let items = self.u64()?;
                if items > ARRAY_ITEMS_MAX {
                    return Err(GgufError::Damaged("impossible array"));
                }
                if let Some(bytes) = scalar_bytes(item_kind) {
                    return self.skip(items * bytes);
                }
                (0..items).try_for_each(|_| self.skip_value(item_kind, false))
            }
            scalar => {
                let bytes =
                    scalar_bytes(scalar).ok_or(GgufError::Damaged("unknown type of a value"))?;
                self.skip(bytes)
            }
        }
    }

    /// Where the next tensor's data ends, counted from the beginning of all data.
    fn tensor_end(&mut self) -> Result<u64, GgufError> {
        self.string(256)?;
        let dimensions = self.u32()?;
        if dimensions > DIMENSIONS_MAX {
            return Err(GgufError::Damaged("impossible shape"));
        }
        let mut elements = 1_u64;
        for _ in 0..dimensions {
            elements = elements
                .checked_mul(self.u64()?)
                .filter(|n| *n > 0)
                .ok_or(GgufError::Damaged("impossible shape"))?;
        }
        let kind = self.u32()?;
        let offset = self.u64()?;
        // For a type we do not know, the beginning must be inside the file at least.
        let (block_elements, block_bytes) = tensor_block(kind).unwrap_or((u64::MAX, 0));
        elements
            .checked_div(block_elements)
            .and_then(|blocks| blocks.checked_mul(block_bytes))
            .and_then(|bytes| bytes.checked_add(offset))
            .ok_or(GgufError::Damaged("impossible tensor size"))
    }
}

fn scalar_bytes(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Elements and bytes of one block of a tensor type, as ggml lays them out.
fn tensor_block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),      // f32, i32
        1 | 25 | 30 => (1, 2), // f16, i16, bf16
        24 => (1, 1),          // i8
        27 | 28 => (1, 8),     // i64, f64
        2 => (32, 18),         // q4_0
        3 => (32, 20),         // q4_1
        6 => (32, 22),         // q5_0
        7 => (32, 24),         // q5_1
        8 => (32, 34),         // q8_0
        10 => (256, 84),       // q2_k
        11 => (256, 110),      // q3_k
        12 => (256, 144),      // q4_k
        13 => (256, 176),      // q5_k
        14 => (256, 210),      // q6_k
        20 => (32, 18),        // iq4_nl
        23 => (256, 136),      // iq4_xs
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// A file with one key and one q8_0 tensor of 64 elements.
    fn small_file() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend(1_u64.to_le_bytes());
        file.extend(1_u64.to_le_bytes());
        push_string(&mut file, "tokenizer.list");
        file.extend(9_u32.to_le_bytes());
        file.extend(8_u32.to_le_bytes());
        file.extend(2_u64.to_le_bytes());
        push_string(&mut file, "a");
        push_string(&mut file, "b");
        push_string(&mut file, "weight");
        file.extend(1_u32.to_le_bytes());
        file.extend(64_u64.to_le_bytes());
        file.extend(8_u32.to_le_bytes());
        file.extend(0_u64.to_le_bytes());
        file.resize(file.len().next_multiple_of(32) + 68, 0);
        file
    }

    fn push_string(file: &mut Vec<u8>, text: &str) {
        file.extend((text.len() as u64).to_le_bytes());
        file.extend(text.as_bytes());
    }

    fn verdict(file: &[u8]) -> Result<(), GgufError> {
        check(&mut Cursor::new(file), file.len() as u64)
    }

    #[test]
    fn whole_file_passes() {
        verdict(&small_file()).unwrap();
    }

    #[test]
    fn file_cut_anywhere_is_refused() {
        let file = small_file();
        for bytes in 0..file.len() {
            assert!(verdict(&file[..bytes]).is_err(), "cut at {bytes} passed");
        }
    }

    #[test]
    fn cut_data_names_both_sizes() {
        let file = small_file();
        let message = verdict(&file[..file.len() - 1]).unwrap_err().to_string();
        assert!(message.contains(&file.len().to_string()), "{message}");
        assert!(message.contains("pull or import"), "{message}");
    }

    #[test]
    fn other_formats_and_versions_are_named() {
        assert!(matches!(verdict(b"RIFF0000WAVE"), Err(GgufError::NotGguf)));
        assert!(matches!(verdict(b""), Err(GgufError::NotGguf)));
        let mut future = small_file();
        future[4] = 9;
        assert!(matches!(verdict(&future), Err(GgufError::Version(9))));
    }

    #[test]
    fn any_single_damaged_byte_of_the_header_never_panics_or_allocates_wildly() {
        let file = small_file();
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let _ = verdict(&damaged);
            }
        }
    }
}
