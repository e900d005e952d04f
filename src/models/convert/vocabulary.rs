//! Reads the words of a CTranslate2 model and gives their bytes.
//!
//! The files write each byte as a printable letter (the alphabet of GPT-2: printable Latin-1 stands
//! for itself, the other bytes for U+0100 and up). ggml wants the bytes themselves.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::ConvertError;

/// A vocabulary is about half a megabyte; this bounds what we read of a hostile one.
const BYTES_MAX: u64 = 16 << 20;
const END_OF_TEXT: &str = "<|endoftext|>";

/// The text tokens in order, up to and without `<|endoftext|>`, as bytes, and the count of all
/// tokens with the special ones.
pub(super) struct Vocabulary {
    pub(super) text_tokens: Vec<Vec<u8>>,
    pub(super) tokens: usize,
}

/// Reads `vocabulary.txt` (one token a line) or `vocabulary.json` (a list).
pub(super) fn read(folder: &Path) -> Result<Vocabulary, ConvertError> {
    for (file, parse) in [
        ("vocabulary.txt", lines as fn(&str) -> Result<Vec<String>, String>),
        ("vocabulary.json", json),
    ] {
        let path = folder.join(file);
        if !path.is_file() {
            continue;
        }
        let damaged = |detail| ConvertError::Damaged { file, at: 0, detail };
        let io =
            |source| ConvertError::Io { action: "read", path: path.display().to_string(), source };
        let mut text = String::new();
        File::open(&path)
            .and_then(|opened| opened.take(BYTES_MAX).read_to_string(&mut text))
            .map_err(io)?;
        return to_bytes(&parse(&text).map_err(damaged)?).map_err(damaged);
    }
    Err(ConvertError::Missing { file: "vocabulary.txt" })
}

fn lines(text: &str) -> Result<Vec<String>, String> {
    // split, not lines(): one token is the carriage return, and it must stay.
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.split('\n').map(str::to_owned).collect())
}

fn json(text: &str) -> Result<Vec<String>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn to_bytes(tokens: &[String]) -> Result<Vocabulary, String> {
    let Some(end) = tokens.iter().position(|token| token == END_OF_TEXT) else {
        return Err(format!("{END_OF_TEXT} is not in it"));
    };
    let alphabet = byte_of_letter();
    let text_tokens = tokens[..end]
        .iter()
        .map(|token| token.chars().map(|letter| alphabet.get(&letter).copied()).collect())
        .collect::<Option<Vec<Vec<u8>>>>()
        .ok_or("a token has a letter outside the byte alphabet")?;
    Ok(Vocabulary { text_tokens, tokens: tokens.len() })
}

fn byte_of_letter() -> HashMap<char, u8> {
    let mut above = 0x100_u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
            let letter = if printable {
                char::from(byte)
            } else {
                above += 1;
                char::from_u32(above - 1)?
            };
            Some((letter, byte))
        })
        .collect()
}
