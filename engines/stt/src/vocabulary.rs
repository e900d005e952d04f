//! What the model's tokens mean to us: which may be written, which name a language, and how they
//! become text.

use std::sync::Arc;

use crate::ffi::{Context, Token};

/// Tables made once per model.
pub struct Vocabulary {
    context: Arc<Context>,
    /// By token up to end-of-text, which is the last that may be written.
    allowed: Vec<bool>,
    /// Tokens that may not come first: a lone space.
    blank: Option<Token>,
    languages: Vec<(String, Token)>,
}

/// Marks that captions use and speech does not: music, brackets, speaker labels. A token made of
/// these alone, with or without a space before it, is never written.
const NOT_SPEECH: &str = "\"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯";

impl Vocabulary {
    pub fn new(context: &Arc<Context>) -> Self {
        let end = context.token_end_of_text();
        let allowed = (0..=end)
            .map(|token| token == end || may_be_written(context.token_bytes(token)))
            .collect();
        let blank = (0..end).find(|&token| context.token_bytes(token) == b" ");
        Self { context: Arc::clone(context), allowed, blank, languages: context.languages() }
    }

    /// Codes of all languages of the model.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(|(code, _)| code.as_str())
    }

    pub fn knows(&self, language: &str) -> bool {
        self.languages().any(|code| code == language)
    }

    /// The most probable of `among` (empty: of all), by the logits after the start token, with
    /// the probability the model gives it among all its languages.
    pub fn most_probable_language(&self, logits: &[f32], among: &[String]) -> (String, f32) {
        let of = |token: Token| logits.get(token as usize).copied().unwrap_or(f32::NEG_INFINITY);
        let top = self.languages.iter().map(|(_, t)| of(*t)).fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = self.languages.iter().map(|(_, t)| (of(*t) - top).exp()).sum();
        let best = self
            .languages
            .iter()
            .filter(|(code, _)| among.is_empty() || among.contains(code))
            .max_by(|a, b| of(a.1).total_cmp(&of(b.1)));
        match best {
            Some((code, token)) => (code.clone(), (of(*token) - top).exp() / sum),
            None => (String::new(), 0.0),
        }
    }

    /// Tokens that open a transcript in `language`, after an optional `prompt`.
    pub fn opening(&self, language: &str, prompt: &str, prompt_tokens_max: usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        if !prompt.trim().is_empty() {
            let mut words = self.context.tokenize(&format!(" {}", prompt.trim()));
            // Words only: nothing in a prompt may steer the decoder by a special token.
            words.retain(|&token| token < self.context.token_end_of_text());
            words.truncate(prompt_tokens_max);
            tokens.push(self.context.token_previous());
            tokens.extend(words);
        }
        tokens.push(self.context.token_start());
        if self.context.multilingual {
            let language = self.languages.iter().find(|(code, _)| code == language);
            tokens.extend(language.map(|(_, token)| *token));
            tokens.push(self.context.token_transcribe());
        }
        tokens.push(self.context.token_no_timestamps());
        tokens
    }

    /// The most probable token that may be written, with its natural-log probability among these.
    pub fn pick(&self, logits: &[f32], first: bool) -> (Token, f32) {
        let end = self.context.token_end_of_text();
        let candidates = || {
            self.allowed.iter().zip(logits).enumerate().filter_map(|(token, (allowed, logit))| {
                let token = token as Token;
                let barred = first && (token == end || Some(token) == self.blank);
                (*allowed && !barred && !logit.is_nan()).then_some((token, *logit))
            })
        };
        let best = candidates().max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((token, top)) = best else { return (end, 0.0) };
        let sum: f32 = candidates().map(|(_, logit)| (logit - top).exp()).sum();
        (token, -sum.ln())
    }

    /// The text of `tokens`, trimmed; bytes that are no character are left out.
    pub fn text(&self, tokens: &[Token]) -> String {
        let bytes: Vec<u8> =
            tokens.iter().flat_map(|&token| self.context.token_bytes(token)).copied().collect();
        text_of(&bytes)
    }
}

/// A decoder stopped by its bound may leave half a character at the end.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(char::REPLACEMENT_CHARACTER, "").trim().to_owned()
}

fn may_be_written(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return true };
    // Hyphen and apostrophe belong inside words; at the start of one they open a dash or a quote.
    if matches!(text, " -" | " '") {
        return false;
    }
    let mark = text.strip_prefix(' ').unwrap_or(text).trim_start_matches('-');
    let only_dashes = mark.is_empty() && text.trim().len() > 1;
    let only_marks = !mark.is_empty() && mark.chars().all(|c| NOT_SPEECH.contains(c));
    !(only_dashes || only_marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_marks_are_not_written_and_words_are() {
        for mark in ["[", " [", "♪", " ♪♪", "((", "--", "---", " -", " '", "-[", ":", " \"", ">>"]
        {
            assert!(!may_be_written(mark.as_bytes()), "{mark:?}");
        }
        for word in
            [" the", "-", "'", "'s", ".", "?", ",", "،", "؟", " سلام", " 7", " ", "$", "%", "&"]
        {
            assert!(may_be_written(word.as_bytes()), "{word:?}");
        }
        assert!(may_be_written(&[0xd8]), "half of an Arabic letter");
        assert!(may_be_written(b""));
    }

    #[test]
    fn half_a_character_at_the_end_is_left_out() {
        assert_eq!(text_of(" مرحبا".as_bytes()), "مرحبا");
        assert_eq!(text_of(&" مرحبا".as_bytes()[..10]), "مرحب");
        assert_eq!(text_of(b" Hello. "), "Hello.");
    }
}
