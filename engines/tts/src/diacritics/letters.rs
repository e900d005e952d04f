//! A sentence as words and letters, each with what it carries. Pure; knows no model.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;

use super::marks::{Marks, is_hamza, is_sign};

const TATWEEL: char = '\u{640}';

/// One character with the signs behind it.
#[derive(Debug)]
pub(super) struct Letter {
    /// Bytes of the sentence: the character, and hamza where that is written apart.
    pub(super) written: Range<usize>,
    /// Bytes of the sentence: the signs behind it, in any order.
    pub(super) signs: Range<usize>,
    /// Without its hamza.
    pub(super) base: char,
    /// Hamza or madda, written together or apart.
    pub(super) hamza: Option<char>,
    /// Of the Arabic alphabet: it may carry a vowel.
    pub(super) is_arabic: bool,
}

impl Letter {
    pub(super) fn marks(&self, sentence: &str) -> Marks {
        Marks::parse(&sentence[self.signs.clone()])
    }
}

/// What stands between two spaces.
#[derive(Debug)]
pub(super) struct Word {
    /// Bytes of the sentence.
    pub(super) range: Range<usize>,
    pub(super) letters: Vec<Letter>,
}

impl Word {
    /// Its Arabic letters without signs, hamza and tatweel included nowhere else: "الحسابُ،" → "الحساب".
    pub(super) fn bare(&self, sentence: &str) -> String {
        let arabic = self.letters.iter().filter(|letter| letter.is_arabic);
        arabic.map(|letter| &sentence[letter.written.clone()]).collect()
    }

    /// The last letter, and whether something is written behind it.
    pub(super) fn last_letter(&self) -> Option<(usize, bool)> {
        let at = self.letters.iter().rposition(|letter| letter.is_arabic)?;
        Some((at, at + 1 < self.letters.len()))
    }
}

/// All words of `sentence`.
pub(super) fn words(sentence: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut spaced = true;
    for (at, c) in sentence.char_indices() {
        let end = at + c.len_utf8();
        if c.is_whitespace() {
            spaced = true;
            continue;
        }
        if spaced {
            words.push(Word { range: at..end, letters: Vec::new() });
        }
        spaced = false;
        let Some(word) = words.last_mut() else { continue };
        word.range.end = end;
        match word.letters.last_mut() {
            Some(letter) if is_sign(c) => letter.signs.end = end,
            // Hamza apart from its letter, and not behind a vowel: it is part of it.
            Some(letter) if is_hamza(c) && letter.signs.is_empty() => {
                letter.hamza = Some(c);
                letter.written.end = end;
                letter.signs = end..end;
            }
            _ => word.letters.push(letter(at..end, c)),
        }
    }
    words
}

fn letter(written: Range<usize>, c: char) -> Letter {
    let mut parts = std::iter::once(c).nfd();
    let base = parts.next().unwrap_or(c);
    let hamza = parts.next().filter(|part| is_hamza(*part));
    Letter {
        signs: written.end..written.end,
        written,
        base,
        hamza,
        is_arabic: matches!(base, '\u{621}'..='\u{64a}' | '\u{671}'..='\u{6d3}') && base != TATWEEL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hamza_belongs_to_its_letter_whichever_way_it_is_written() {
        let [composed, apart] = ["أَ", "ا\u{654}\u{64e}"].map(|text| {
            let words = words(text);
            let letter = &words[0].letters[0];
            assert_eq!(words[0].letters.len(), 1);
            (letter.base, letter.hamza, letter.marks(text))
        });
        assert_eq!(composed, apart);
        assert_eq!(composed.1, Some('\u{654}'));
    }

    #[test]
    fn marks_of_the_sentence_and_tatweel_are_no_letters() {
        let text = " «الحسـابُ»، ok ";
        let words = words(text);
        assert_eq!(words.len(), 2);
        assert_eq!(words[0].bare(text), "الحساب");
        assert_eq!(words[0].last_letter(), Some((7, true)));
        assert_eq!(words[1].last_letter(), None);
    }
}
