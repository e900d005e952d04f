//! What the model's tokens mean to us: which may be written, which name a language, and how they
//! become text.

use std::sync::Arc;

use sawt_stt_common::text::{may_be_written, text_of};

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
