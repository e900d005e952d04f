//! Words whose reading is known: they are not left to a model. Reads no file.
//!
//! `words.tsv` is ours and wants the eye of a native speaker of each dialect before a customer hears it.

use std::collections::HashMap;

use super::marks::bare;

/// Particles of one letter that are written together with the next word.
const PARTICLES: [(char, &str); 5] = [('و', "وَ"), ('ف', "فَ"), ('ب', "بِ"), ('ل', "لِ"), ('ك', "كَ")];

/// Digits as they are read out one after another, without the cases that a model guesses for each.
const DIGITS: [(&str, &str); 10] = [
    ("صفر", "صِفْر"),
    ("واحد", "وَاحِد"),
    ("اثنان", "اِثْنَان"),
    ("ثلاثة", "ثَلَاثَة"),
    ("أربعة", "أَرْبَعَة"),
    ("خمسة", "خَمْسَة"),
    ("ستة", "سِتَّة"),
    ("سبعة", "سَبْعَة"),
    ("ثمانية", "ثَمَانِيَة"),
    ("تسعة", "تِسْعَة"),
];
/// Fewer in a row count something.
const DIGITS_IN_A_ROW: usize = 3;

/// By word of `sentence`, written without signs: how it is read as one of a row of digits.
pub(super) fn digits_read_out(sentence: &[String]) -> Vec<Option<&'static str>> {
    let form =
        |word: &String| DIGITS.iter().find(|(digit, _)| digit == word).map(|(_, form)| *form);
    let mut forms: Vec<_> = sentence.iter().map(form).collect();
    for row in forms.chunk_by_mut(|one, next| one.is_some() == next.is_some()) {
        if row.len() < DIGITS_IN_A_ROW {
            row.fill(None);
        }
    }
    forms
}

/// Forms by what is written, signs left out.
#[derive(Debug)]
pub(super) struct GivenWords(HashMap<&'static str, &'static str>);

impl GivenWords {
    pub(super) fn ours() -> Self {
        let lines = include_str!("words.tsv").lines();
        Self(lines.filter_map(|line| line.split_once('\t')).collect())
    }

    /// The reading of `word`, which is written without signs.
    pub(super) fn get(&self, word: &str) -> Option<String> {
        if let Some(form) = self.0.get(word) {
            return Some((*form).to_owned());
        }
        let (first, rest) = (word.chars().next()?, word.get(word.chars().next()?.len_utf8()..)?);
        let (_, particle) = PARTICLES.iter().find(|(letter, _)| *letter == first)?;
        let form = self.0.get(rest)?;
        Some(format!("{particle}{form}"))
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(written, form)| (*written, *form))
    }
}

/// Whether the letters of both are the same.
pub(super) fn same_letters(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_changes_a_letter() {
        for (written, form) in GivenWords::ours().iter() {
            assert!(same_letters(written, form), "{written} {form}");
            assert_eq!(bare(written), written, "the key has no signs");
        }
    }

    #[test]
    fn digits_in_a_row_are_read_out_and_others_count() {
        let read = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            digits_read_out(&words).iter().filter(|form| form.is_some()).count()
        };
        assert_eq!(read("رقمك خمسة صفر واحد سبعة"), 4);
        assert_eq!(read("خمسة أيام أو سبعة"), 0);
        assert!(DIGITS.iter().all(|(digit, form)| same_letters(digit, form)));
    }

    #[test]
    fn particles_join_a_known_word() {
        let words = GivenWords::ours();
        assert_eq!(words.get("لذلك").as_deref(), Some("لِذٰلِكَ"));
        assert_eq!(words.get("وهذا").as_deref(), Some("وَهٰذَا"));
        assert_eq!(words.get("كتاب"), None);
        assert_eq!(words.get("و"), None);
        assert_eq!(words.get(""), None);
    }
}
