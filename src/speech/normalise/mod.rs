//! Text as it is compared, never as it is shown or spoken: three forms, from the strictest to the
//! one that forgives what Arabic writers do either way. Pure, and linear in the text.
//!
//! Knows spelling, not meaning: "two" and "2" differ in every form.

mod score;
#[cfg(test)]
mod tests;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

pub use score::{Edits, REFERENCE_CHARS_MAX, Step, align, edits};

/// How much is forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// What public leaderboards of Arabic recognition forgive: punctuation, vowel signs, the shapes
    /// of digits. For numbers that are compared with theirs.
    Leaderboard,
    /// Compatibility forms, invisible marks, case and the seats of alif as well.
    Light,
    /// And the letters that people write either way: ى ي, ة ه, ؤ و, ئ ي.
    Folded,
}

impl Form {
    /// All of them, the strictest first.
    pub const ALL: [Self; 3] = [Self::Leaderboard, Self::Light, Self::Folded];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leaderboard => "leaderboard",
            Self::Light => "light",
            Self::Folded => "folded",
        }
    }
}

/// Passes until nothing changes any more. A mark that is stripped can bring two characters together
/// that compose; each pass removes such a chance and makes none, so that few are needed.
const PASSES_MAX: usize = 4;

/// `text` in `form`: words parted by single spaces. The same again gives the same.
pub fn normalise(text: &str, form: Form) -> String {
    let mut text = pass(text, form);
    for _ in 1..PASSES_MAX {
        let again = pass(&text, form);
        if again == text {
            break;
        }
        text = again;
    }
    text
}

fn pass(text: &str, form: Form) -> String {
    let forgiving = form != Form::Leaderboard;
    let visible = text.chars().filter(|c| !is_stripped(*c));
    let composed: Vec<char> = if forgiving { visible.nfkc().collect() } else { visible.collect() };
    let mut out = String::with_capacity(text.len());
    for (at, c) in composed.iter().copied().enumerate() {
        let before = at.checked_sub(1).and_then(|at| composed.get(at));
        let after = composed.get(at + 1);
        let in_number = before.is_some_and(|c| is_digit(*c)) && after.is_some_and(|c| is_digit(*c));
        match c {
            c if is_stripped(c) => {}                 // composition may have made one
            '\'' | '’' | 'ʼ' => {}                    // "don't" is one word, however it is typed
            ',' | '٬' if forgiving && in_number => {} // thousands
            '.' | '٫' if forgiving && in_number => out.push('.'),
            c if is_digit(c) => out.push(western(c)),
            'أ' | 'إ' | 'آ' | 'ٱ' if forgiving => out.push('ا'),
            'ى' | 'ئ' if form == Form::Folded => out.push('ي'),
            'ؤ' if form == Form::Folded => out.push('و'),
            'ة' if form == Form::Folded => out.push('ه'),
            c if c.is_alphanumeric() && forgiving => out.extend(c.to_lowercase()),
            c if c.is_alphanumeric() || is_combining_mark(c) => out.push(c),
            _ => out.push(' '),
        }
    }
    let mut words = String::with_capacity(out.len());
    for word in out.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words
}

/// Vowel signs, Quranic marks, the stretching stroke, and what steers direction or joins letters.
fn is_stripped(c: char) -> bool {
    matches!(c, '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}'
        | '\u{640}' | '\u{61c}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_digit(c: char) -> bool {
    matches!(c, '0'..='9' | '٠'..='٩' | '۰'..='۹')
}

/// Eastern digits as the ones that engines write.
fn western(c: char) -> char {
    let from = match c {
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        c => return c,
    };
    let digit = u32::from(c) - u32::from(from);
    char::from_digit(digit, 10).unwrap_or(c)
}
