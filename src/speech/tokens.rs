//! Cuts a text into words, numbers and marks, each with where it stands. Knows no meaning.

use std::ops::Range;

use super::script::is_arabic;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Digits, Western in `Token::text` however they are written.
    Number,
    /// Letters of the Arabic script.
    Arabic,
    /// Any other letters.
    Latin,
    /// One character that is none of these.
    Mark,
}

/// A word, a number or a mark.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// For rules to compare: digits Western, Arabic without vowel marks and tatweel.
    pub(crate) text: String,
    /// Bytes of the text it was cut from.
    pub(crate) range: Range<usize>,
    /// White space, or the start of the text, stands before it.
    pub(crate) spaced: bool,
}

impl Token {
    pub(crate) fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark && self.text.starts_with(mark)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }

    pub(crate) fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Arabic | Kind::Latin)
    }
}

/// All tokens of `text`, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    let mut spaced = true;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            spaced = true;
            continue;
        }
        let end = at + c.len_utf8();
        if let Some(last) = out.last_mut()
            && !spaced
            && joins(last.kind, c)
        {
            last.range.end = end;
            fold_into(&mut last.text, c);
            continue;
        }
        let mut word = String::new();
        fold_into(&mut word, c);
        out.push(Token { kind: kind_of(c), text: word, range: at..end, spaced });
        spaced = false;
    }
    out
}

/// `word` as rules compare it: Western digits, no vowel marks, no tatweel.
pub(crate) fn folded(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        fold_into(&mut out, c);
    }
    out
}

fn fold_into(out: &mut String, c: char) {
    match digit_of(c) {
        Some(digit) => out.push(char::from(b'0' + digit)),
        None if is_vowel_mark(c) || c == '\u{640}' => {}
        None => out.push(c),
    }
}

/// The value of an ASCII, Arabic-Indic or Persian digit, a full-width one included.
pub(crate) fn digit_of(c: char) -> Option<u8> {
    let base = match c {
        '0'..='9' => '0',
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        '０'..='９' => '０',
        _ => return None,
    };
    u8::try_from(u32::from(c) - u32::from(base)).ok()
}

/// Vowel marks of Arabic, and the small letters and signs of the Quran.
pub(crate) fn is_vowel_mark(c: char) -> bool {
    matches!(c, '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}')
}

fn kind_of(c: char) -> Kind {
    if digit_of(c).is_some() {
        Kind::Number
    } else if c == '\u{640}' || (is_arabic(c) && (c.is_alphabetic() || is_vowel_mark(c))) {
        Kind::Arabic
    } else if c.is_alphabetic() {
        Kind::Latin
    } else {
        Kind::Mark
    }
}

/// Whether `c` goes on with a token of that kind.
fn joins(kind: Kind, c: char) -> bool {
    match kind {
        Kind::Mark => false,
        Kind::Latin => {
            kind_of(c) == kind || matches!(c, '\'' | '’') || ('\u{300}'..='\u{36f}').contains(&c)
        }
        Kind::Number | Kind::Arabic => {
            kind_of(c) == kind || (kind == Kind::Arabic && c == '\u{200c}')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_digits_and_marks_part() {
        let found = tokens("بـ500 ريالٍ، ۱۲٫٥ OK-2!");
        let texts: Vec<&str> = found.iter().map(|t| t.text.as_str()).collect();
        assert_eq!(texts, ["ب", "500", "ريال", "،", "12", "٫", "5", "OK", "-", "2", "!"]);
        assert!(found[0].spaced && !found[1].spaced && found[2].spaced);
    }
}
