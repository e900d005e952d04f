//! From espeak's clauses to the phoneme strings that Piper voices were trained on. Pure.
//!
//! espeak 1.51 gives no punctuation with its phonemes. How far it read tells where each clause
//! ended in the text, and the last character there is the punctuation to put back.

use std::ops::Range;

use crate::espeak::RawClause;
use crate::text::ends_with_abbreviation;

/// Phonemes of one clause and the text they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Bytes of the sentence.
    pub(crate) text: Range<usize>,
    /// With the clause's punctuation at the end.
    pub(crate) phonemes: String,
}

/// Gives `raw`, espeak's reading of `text`, its punctuation back.
pub(crate) fn clauses(text: &str, raw: &[RawClause]) -> Vec<Clause> {
    let mut out = Vec::with_capacity(raw.len());
    let mut start = 0;
    for (index, clause) in raw.iter().enumerate() {
        let is_last = index + 1 == raw.len();
        let mut end = text.len();
        if !is_last {
            end = floor_char_boundary(text, clause.end);
            // espeak has read one character of the next clause.
            end -= text[..end].chars().next_back().map_or(0, char::len_utf8);
        }
        let end = end.max(start);
        let mut phonemes = without_language_marks(clause.phonemes.trim());
        if !phonemes.is_empty() {
            phonemes.push_str(terminator(&text[start..end]));
            if !is_last && !phonemes.ends_with(' ') {
                phonemes.push(' ');
            }
            out.push(Clause { text: start..end, phonemes });
        }
        start = end;
    }
    if let Some(last) = out.last_mut() {
        last.phonemes.truncate(last.phonemes.trim_end().len());
    }
    out
}

fn terminator(clause: &str) -> &'static str {
    let clause = clause.trim_end_matches(|ch: char| {
        ch.is_whitespace() || matches!(ch, '"' | '\'' | '”' | '’' | '»' | ')' | ']')
    });
    match clause.chars().next_back() {
        Some('.') if ends_with_abbreviation(clause) => " ",
        Some('.' | '…' | '۔') => ".",
        Some('?' | '؟') => "?",
        Some('!') => "!",
        Some(',' | '،') => ", ",
        Some(';' | '؛') => "; ",
        Some(':') => ": ",
        _ => "",
    }
}

/// espeak writes "(en)" where it changes its language; voices know no such thing.
fn without_language_marks(phonemes: &str) -> String {
    let mut out = String::with_capacity(phonemes.len());
    let mut rest = phonemes;
    while let Some(open) = rest.find('(') {
        out.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        match after.find(')') {
            Some(close)
                if after[..close].bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
            {
                rest = &after[close + 1..];
            }
            _ => rest = after,
        }
    }
    out.push_str(rest);
    out
}

fn floor_char_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::espeak::tests::shared;

    /// Phonemes by the espeak-ng of this machine; the golden ones are of 1.51.
    fn spoken(voice: &str, text: &str) -> Option<String> {
        let espeak = shared()?;
        let raw = espeak.phonemes(voice, text).unwrap();
        Some(clauses(text, &raw).into_iter().map(|clause| clause.phonemes).collect())
    }

    fn check(voice: &str, text: &str, golden: &str) {
        let Some(spoken) = spoken(voice, text) else { return };
        if shared().is_some_and(|espeak| espeak.version().starts_with("1.51")) {
            assert_eq!(spoken, golden);
            return;
        }
        // Other versions differ in vowels and glides; the punctuation and the words must stay.
        let shape = |s: &str| -> (usize, String) {
            (s.split(' ').count(), s.chars().filter(|c| ".,;:?!".contains(*c)).collect())
        };
        assert_eq!(shape(&spoken), shape(golden), "{spoken}");
    }

    #[test]
    fn english_keeps_its_punctuation() {
        check(
            "en-us",
            "Hello, thank you for calling. How can I help you?",
            "həlˈoʊ, θˈæŋk juː fɔːɹ kˈɔːlɪŋ. hˌaʊ kæn aɪ hˈɛlp juː?",
        );
        check(
            "en-us",
            "It's 7:30; call Dr. Smith (please) now!",
            "ɪts sˈɛvən θˈɜːɾi; kˈɔːl dˈɑːktɚ smˈɪθ plˈiːz nˈaʊ!",
        );
        check("en-us", "Wait... what?! \"Yes,\" he said", "wˈeɪt. wˌʌt! jˈɛs, hiː sˈɛd");
    }

    #[test]
    fn arabic_punctuation_becomes_latin_and_language_marks_go() {
        check(
            "ar",
            "مرحبا، كيف حالك؟ اسمي Sawt وأنا هنا. شكرا؛ نعم",
            "mrħbˈaː, kˈajfa ħˈaːlik? ˈismiːj sˈɔːt wʔnaː hˈunaː. ʃkrˈaː; nˈaʕam",
        );
    }

    #[test]
    fn clause_ranges_cover_the_text_without_overlap() {
        let text = "مرحبا، كيف حالك؟ نعم";
        let Some(espeak) = shared() else { return };
        let clauses = clauses(text, &espeak.phonemes("ar", text).unwrap());
        let joined: String = clauses.iter().map(|c| &text[c.text.clone()]).collect();
        assert_eq!(joined, text);
    }
}
