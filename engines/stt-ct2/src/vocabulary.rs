//! What the model's tokens mean to us: which may be written, which name a language, and how they
//! become text and text becomes they.
//!
//! The files write each byte as a printable letter (the alphabet of GPT-2: printable Latin-1 stands
//! for itself, the other bytes for U+0100 and up). The number of a token is also its rank among the
//! merges, so that the vocabulary alone is enough to tokenize a prompt.

use std::collections::HashMap;

use sawt_stt_common::text::{may_be_written, text_of};

/// Vocabulary index.
pub type Token = i32;

const END_OF_TEXT: &str = "<|endoftext|>";
const START: &str = "<|startoftranscript|>";
const PREVIOUS: &str = "<|startofprev|>";
const TRANSCRIBE: &str = "<|transcribe|>";
const TRANSLATE: &str = "<|translate|>";
const NO_TIMESTAMPS: &str = "<|notimestamps|>";

/// Tables made once per model.
#[derive(Debug)]
pub struct Vocabulary {
    /// As the library names them.
    names: Vec<String>,
    /// Of the tokens of text, those below end-of-text.
    bytes: Vec<Vec<u8>>,
    by_bytes: HashMap<Vec<u8>, Token>,
    never_written: Vec<Token>,
    languages: Vec<String>,
}

impl Vocabulary {
    /// From the tokens in order.
    ///
    /// # Errors
    /// When what every Whisper has is missing; in words.
    pub fn new(names: Vec<String>) -> Result<Self, String> {
        let find = |name: &str| {
            let index = names.iter().position(|token| token == name);
            index.ok_or_else(|| format!("{name} is not in it"))
        };
        let (end, start) = (find(END_OF_TEXT)?, find(START)?);
        find(PREVIOUS)?;
        find(NO_TIMESTAMPS)?;
        let alphabet = byte_of_letter();
        let bytes = names[..end]
            .iter()
            .map(|name| name.chars().map(|letter| alphabet.get(&letter).copied()).collect())
            .collect::<Option<Vec<Vec<u8>>>>()
            .ok_or("a token has a letter outside the byte alphabet")?;
        let by_bytes = bytes
            .iter()
            .enumerate()
            .rev() // of two with the same bytes, the first counts
            .map(|(token, bytes)| (bytes.clone(), token as Token))
            .collect();
        // All that is no text but the end; and of the text, what is no speech.
        let never_written = (0..names.len())
            .filter(|&token| match bytes.get(token) {
                Some(bytes) => !may_be_written(bytes),
                None => token != end,
            })
            .map(|token| token as Token)
            .collect();
        let code = |name: &String| Some(name.strip_prefix("<|")?.strip_suffix("|>")?.to_owned());
        let between = names.iter().skip(start + 1).take_while(|name| *name != TRANSLATE);
        let languages: Vec<String> = between.map_while(code).collect();
        Ok(Self {
            bytes,
            by_bytes,
            never_written,
            languages: english_if_none(languages, &names),
            names,
        })
    }

    /// How many tokens there are, special ones included.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Never true of a model that was accepted.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn is_multilingual(&self) -> bool {
        self.languages.len() > 1
    }

    /// Codes of all languages of the model.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(String::as_str)
    }

    /// Tokens that no transcript of speech holds.
    pub fn never_written(&self) -> &[Token] {
        &self.never_written
    }

    /// Tokens that open a transcript in `language`, after an optional `prompt`, by name.
    pub fn opening(&self, language: &str, prompt: &str, text_context: usize) -> Vec<&str> {
        let mut opening = Vec::new();
        if !prompt.trim().is_empty() {
            // Whisper was trained with at most half of its positions as prompt.
            let words = self.tokenize(&format!(" {}", prompt.trim()));
            opening.push(PREVIOUS);
            opening.extend(words.iter().take(text_context / 2 - 8).map(|&token| self.name(token)));
        }
        opening.push(START);
        if self.is_multilingual() {
            let marked = |name: &&String| {
                name.strip_prefix("<|").and_then(|name| name.strip_suffix("|>")) == Some(language)
            };
            opening
                .extend(self.names.iter().skip(self.bytes.len()).find(marked).map(String::as_str));
            opening.push(TRANSCRIBE);
        }
        opening.push(NO_TIMESTAMPS);
        opening
    }

    fn name(&self, token: Token) -> &str {
        self.names.get(token as usize).map_or(END_OF_TEXT, String::as_str)
    }

    /// The text of `tokens`, trimmed; bytes that are no character are left out.
    pub fn text(&self, tokens: &[Token]) -> String {
        let bytes = tokens.iter().filter_map(|&token| self.bytes.get(token as usize));
        text_of(&bytes.flatten().copied().collect::<Vec<_>>())
    }

    /// Tokens of text alone: nothing in a prompt may steer the decoder by a special token. At most a
    /// few hundred characters: each merge looks at all pairs of a word.
    pub fn tokenize(&self, text: &str) -> Vec<Token> {
        words(text).flat_map(|word| self.merged(word.as_bytes())).collect()
    }

    fn merged(&self, word: &[u8]) -> Vec<Token> {
        // Where each part begins, and the end: a merge takes one of these away.
        let mut cuts: Vec<usize> = (0..=word.len()).collect();
        loop {
            let joined = cuts.windows(3).enumerate().filter_map(|(index, cut)| {
                Some((*self.by_bytes.get(&word[cut[0]..cut[2]])?, index + 1))
            });
            let Some((_, cut)) = joined.min() else { break };
            cuts.remove(cut);
        }
        let parts = cuts.windows(2).map(|cut| &word[cut[0]..cut[1]]);
        parts.filter_map(|part| self.by_bytes.get(part).copied()).collect()
    }
}

/// English-only models name all languages too. CTranslate2 tells them apart as this does: their
/// vocabulary lacks the empty token.
fn english_if_none(languages: Vec<String>, names: &[String]) -> Vec<String> {
    let multilingual = names.iter().any(String::is_empty) && languages.len() > 1;
    if multilingual { languages } else { vec!["en".to_owned()] }
}

#[derive(PartialEq, Clone, Copy)]
enum Class {
    Letter,
    Number,
    Space,
    Other,
}

fn class(c: char) -> Class {
    match c {
        c if c.is_alphabetic() => Class::Letter,
        c if c.is_numeric() => Class::Number,
        c if c.is_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

/// Runs of letters, of numbers, of other marks, each with one space before it. Merges never cross
/// these. (GPT-2 also parts English endings such as `'s`; a prompt of names has few.)
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut chars = rest.char_indices();
        let (_, first) = chars.next()?;
        let (second, run) = match (first, rest[first.len_utf8()..].chars().next()) {
            (' ', Some(next)) if class(next) != Class::Space => (first.len_utf8(), class(next)),
            _ => (0, class(first)),
        };
        let mut end = rest[second..].find(|c| class(c) != run).map_or(rest.len(), |at| second + at);
        if let (Class::Space, Some((last, _))) = (run, rest[..end].char_indices().next_back())
            && end < rest.len()
            && last > 0
        {
            end = last; // the last space belongs to the word after it
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

fn byte_of_letter() -> HashMap<char, u8> {
    let mut above = 0xff_u32;
    (0..=u8::MAX)
        .filter_map(|byte| {
            let letter = match byte {
                b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => char::from(byte),
                _ => {
                    above += 1;
                    char::from_u32(above)?
                }
            };
            Some((letter, byte))
        })
        .collect()
}

#[cfg(test)]
mod tests;
