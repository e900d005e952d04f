//! The signs that a letter may carry, and the order in which they are written. Pure.

const SHADDA: char = '\u{651}';
const SUKUN: char = '\u{652}';
const DAGGER_ALIF: char = '\u{670}';
/// Small high dotless head of khah: the sukun of the Quran.
const QURAN_SUKUN: char = '\u{6e1}';

/// Whether `c` tells how a letter is read, and is no part of the letter. Hamza and madda, U+0653 to
/// U+0655, are part of it.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{652}' | '\u{656}'..='\u{65f}' | DAGGER_ALIF
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}')
}

/// Hamza above, hamza below, madda, as combining characters.
pub(super) fn is_hamza(c: char) -> bool {
    matches!(c, '\u{653}'..='\u{655}')
}

/// `text` without what [`is_sign`].
pub(super) fn bare(text: &str) -> String {
    text.chars().filter(|c| !is_sign(*c)).collect()
}

/// Fatha, damma, kasra, sukun, and the three tanwins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vowel {
    Fathatan,
    Dammatan,
    Kasratan,
    Fatha,
    Damma,
    Kasra,
    Sukun,
}

impl Vowel {
    fn of(c: char) -> Option<Self> {
        Some(match c {
            '\u{64b}' => Self::Fathatan,
            '\u{64c}' => Self::Dammatan,
            '\u{64d}' => Self::Kasratan,
            '\u{64e}' => Self::Fatha,
            '\u{64f}' => Self::Damma,
            '\u{650}' => Self::Kasra,
            SUKUN | QURAN_SUKUN => Self::Sukun,
            _ => return None,
        })
    }

    const fn sign(self) -> char {
        match self {
            Self::Fathatan => '\u{64b}',
            Self::Dammatan => '\u{64c}',
            Self::Kasratan => '\u{64d}',
            Self::Fatha => '\u{64e}',
            Self::Damma => '\u{64f}',
            Self::Kasra => '\u{650}',
            Self::Sukun => SUKUN,
        }
    }

    /// Stands at the end of a word only.
    pub(super) const fn is_tanwin(self) -> bool {
        matches!(self, Self::Fathatan | Self::Dammatan | Self::Kasratan)
    }
}

/// What one letter carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) shadda: bool,
    pub(super) vowel: Option<Vowel>,
    pub(super) dagger_alif: bool,
    /// Part of the letter: which letter the model believes that it reads.
    pub(super) hamza: Option<char>,
}

impl Marks {
    /// Reads signs in any order. The first vowel counts; signs of no reading are left out.
    pub(super) fn parse(signs: &str) -> Self {
        let mut marks = Self::default();
        for c in signs.chars() {
            match c {
                SHADDA => marks.shadda = true,
                DAGGER_ALIF => marks.dagger_alif = true,
                c if is_hamza(c) => marks.hamza = Some(c),
                c => marks.vowel = marks.vowel.or(Vowel::of(c)),
            }
        }
        marks
    }

    /// Writes the signs, without hamza. Shadda first: Unicode's canonical order has it after the vowel,
    /// and then espeak-ng does not speak the vowel.
    pub(super) fn write(self, out: &mut String) {
        if self.shadda {
            out.push(SHADDA);
        }
        if let Some(vowel) = self.vowel {
            out.push(vowel.sign());
        }
        if self.dagger_alif {
            out.push(DAGGER_ALIF);
        }
    }

    /// Nothing to hear.
    pub(super) const fn is_empty(self) -> bool {
        !self.shadda && self.vowel.is_none() && !self.dagger_alif
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_written_with_shadda_first_whatever_their_order() {
        let mut out = String::new();
        Marks::parse("\u{64e}\u{651}").write(&mut out);
        assert_eq!(out, "\u{651}\u{64e}");
    }

    #[test]
    fn contradictions_and_foreign_signs_leave_one_vowel() {
        let marks = Marks::parse("\u{64e}\u{64f}\u{fe0f}\u{300}");
        assert_eq!(marks, Marks { vowel: Some(Vowel::Fatha), ..Marks::default() });
        assert!(Marks::parse("\u{308}").is_empty());
    }

    #[test]
    fn hamza_is_part_of_the_letter() {
        assert_eq!(bare("سُئِلَ أَنَّ آن"), "سئل أن آن");
    }
}
