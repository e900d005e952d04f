//! From whatever text a caller sends to sentences that a voice can speak. Pure; knows no voice.
//!
//! Numbers, money and abbreviations are written out before they reach the engine; here is only
//! what would harm or confuse any voice.

use unicode_normalization::char::is_combining_mark;

/// Longest piece given to a voice at once. A longer sentence is cut at a comma or a space, so
/// that one request can neither hold a worker for seconds nor need memory by the minute.
const SENTENCE_CHARS_MAX: usize = 240;

/// Combining marks kept per letter: Arabic needs three (shadda, vowel, dagger alef).
const MARKS_PER_LETTER_MAX: usize = 4;

/// Abbreviations whose full stop does not end a sentence.
const ABBREVIATIONS: [&str; 14] =
    ["dr", "mr", "mrs", "ms", "prof", "st", "vs", "etc", "e.g", "i.e", "no", "jr", "sr", "approx"];

/// `raw` without what no voice should meet: control and bidi characters, pictographs, piles of
/// combining marks. White space becomes single spaces; a line break ends a sentence.
pub(crate) fn clean(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut marks = 0;
    let mut after_letter = false;
    for ch in raw.chars() {
        if ch == '\n' || ch == '\u{2028}' || ch == '\u{2029}' {
            trim_end(&mut out);
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            after_letter = false;
        } else if is_combining_mark(ch) {
            // A mark without its letter, or one too many, is noise.
            if after_letter && marks < MARKS_PER_LETTER_MAX && !is_pictograph(ch) {
                out.push(ch);
                marks += 1;
            }
        } else if ch.is_whitespace() || is_pictograph(ch) {
            if !out.is_empty() && !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
            after_letter = false;
        } else if !is_invisible(ch) {
            out.push(ch);
            after_letter = ch.is_alphanumeric();
            marks = 0;
        }
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out
}

/// Whether there is anything in `text` that sounds.
pub(crate) fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Cuts cleaned `text` at sentence ends. Pieces without anything that sounds are left out.
pub(crate) fn sentences(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, ch)) = chars.next() {
        let end = at + ch.len_utf8();
        let space_follows = chars.peek().is_none_or(|&(_, next)| next.is_whitespace());
        let ends = match ch {
            '\n' => true,
            '.' => space_follows && !ends_with_abbreviation(&text[start..end]),
            '!' | '?' | '؟' | '…' | '۔' => space_follows,
            _ => false,
        };
        if ends {
            push_bounded(&mut out, &text[start..end]);
            start = end;
        }
    }
    push_bounded(&mut out, &text[start..]);
    out
}

/// Whether `text` ends in an abbreviation with its full stop ("call Dr."), or a lone initial.
pub(crate) fn ends_with_abbreviation(text: &str) -> bool {
    let Some(body) = text.trim_end().strip_suffix('.') else { return false };
    let word = body.rsplit(char::is_whitespace).next().unwrap_or(body).trim_start_matches('(');
    let mut letters = word.chars();
    match (letters.next(), letters.next()) {
        // "J. Smith": a lone capital other than the pronoun.
        (Some(initial), None) => initial.is_ascii_uppercase() && initial != 'I',
        _ => ABBREVIATIONS.iter().any(|known| word.eq_ignore_ascii_case(known)),
    }
}

fn push_bounded(out: &mut Vec<String>, sentence: &str) {
    let mut rest = sentence.trim();
    while let Some(cut) = cut_point(rest) {
        let (head, tail) = rest.split_at(cut);
        if is_speakable(head) {
            out.push(head.trim().to_owned());
        }
        rest = tail.trim_start();
    }
    if is_speakable(rest) {
        out.push(rest.to_owned());
    }
}

/// Where to cut a sentence that is too long: after the last comma, else the last space, else hard.
fn cut_point(text: &str) -> Option<usize> {
    let (limit, _) = text.char_indices().nth(SENTENCE_CHARS_MAX)?;
    let head = &text[..limit];
    let comma = head.rfind([',', ';', ':', '،', '؛']).filter(|&at| at > limit / 4);
    let at = comma.or_else(|| head.rfind(char::is_whitespace)).unwrap_or(0);
    if at == 0 {
        return Some(limit);
    }
    Some(at + text[at..].chars().next().map_or(1, char::len_utf8))
}

fn trim_end(out: &mut String) {
    let end = out.trim_end_matches(' ').len();
    out.truncate(end);
}

/// Control, format and private characters: nothing to hear, and some reverse the text around them.
fn is_invisible(ch: char) -> bool {
    ch.is_control()
        || matches!(u32::from(ch),
            0x00AD | 0x061C | 0x180E | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F
            | 0xE000..=0xF8FF | 0xFEFF | 0xFFF0..=0xFFFF | 0xE_0000..=0x10_FFFF)
}

/// Emoji and dingbats: espeak would read their names aloud.
fn is_pictograph(ch: char) -> bool {
    matches!(u32::from(ch), 0x2190..=0x21FF | 0x2300..=0x27BF | 0x2900..=0x297F
        | 0x2B00..=0x2BFF | 0xFE00..=0xFE0F | 0x20E3 | 0x1_F000..=0x1_FAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_stops_and_lines_but_not_inside_numbers_or_titles() {
        let text = clean("Call Dr. Smith at 7.30. Is that fine? نعم؟ شكرا\nBye");
        assert_eq!(
            sentences(&text),
            ["Call Dr. Smith at 7.30.", "Is that fine?", "نعم؟", "شكرا", "Bye"]
        );
    }

    #[test]
    fn hostile_characters_are_stripped() {
        assert_eq!(clean("a\0b\u{202E}c\u{200F} \u{1F600} d\t\t e"), "abc d e");
        assert_eq!(clean("\u{0301}\u{0301}"), "");
        assert_eq!(clean(&format!("a{}", "\u{0301}".repeat(50))).chars().count(), 5);
        assert!(!is_speakable(&clean("😀👍🏽 … !?")));
    }

    #[test]
    fn arabic_vowels_survive() {
        assert_eq!(clean("مُحَمَّد"), "مُحَمَّد");
    }

    #[test]
    fn a_long_sentence_is_cut_at_spaces_and_loses_nothing() {
        let text = "word ".repeat(300);
        let parts = sentences(&clean(&text));
        assert!(parts.iter().all(|p| p.chars().count() <= SENTENCE_CHARS_MAX));
        assert_eq!(parts.join(" "), text.trim());
        let solid = "ab".repeat(700);
        assert_eq!(sentences(&solid).concat(), solid);
    }
}
