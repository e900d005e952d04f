//! Spelling for espeak-ng: what it needs in order to read a vocalised word as people say it. Pure.
//!
//! espeak-ng 1.51 reads letters one by one where a word has vowel signs. Each rule names what it says without it.
//! The outcome goes to espeak-ng alone: it may write a letter as it sounds, which nobody sees. Words stay words.

use super::letters::{Letter, words};
use super::marks::{Marks, Vowel};

const TA_MARBUTA: char = 'ة';
const ALIF_WASLA: char = '\u{671}';

/// `sentence`, its signs in any order or none, as espeak-ng is to read it.
pub(crate) fn spelled(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len() + 16);
    let mut from = 0;
    for word in words(sentence) {
        out.push_str(&sentence[from..word.range.start]);
        from = word.range.end;
        let marks: Vec<Marks> = word.letters.iter().map(|l| l.marks(sentence)).collect();
        let is_vocalised = marks.iter().any(|marks| !marks.is_empty());
        let last = word.last_letter().map_or(usize::MAX, |(at, _)| at);
        for (n, letter) in word.letters.iter().enumerate() {
            let written = &sentence[letter.written.clone()];
            let before = n.checked_sub(1).map(|n| (&word.letters[n], marks[n]));
            let after = word.letters.get(n + 1).map(|letter| (letter, marks[n + 1]));
            let is_bare_alif = letter.base == 'ا' && letter.hamza.is_none() && marks[n].is_empty();
            if !letter.is_arabic {
                out.push_str(&sentence[letter.written.start..letter.signs.end]);
                continue;
            }
            // "بِطَاقَة" at its end: "bitaaqat", where people say "bitaaqah".
            if is_vocalised && n == last && letter.base == TA_MARBUTA && marks[n].is_empty() {
                out.push('ه');
                continue;
            }
            // "قَالُوا": "qaaluuaa". This alif is written and not read.
            if is_vocalised
                && n == last
                && is_bare_alif
                && n > 1
                && let Some((waw, of_waw)) = before
                && waw.base == 'و'
                && matches!(of_waw.vowel, None | Some(Vowel::Sukun))
                && marks[n - 2].vowel == Some(Vowel::Damma)
            {
                continue;
            }
            let is_wasl = is_bare_alif
                && after.is_some_and(|(next, marks)| match marks.vowel {
                    Some(Vowel::Sukun) => true,
                    None => next.base == 'ل' && !marks.shadda,
                    // "اتِّصَال"
                    Some(_) => marks.shadda,
                });
            let is_article = after.is_some_and(|(next, _)| next.base == 'ل');
            match before {
                // "اسْتِلَام": "astilaam". A first alif before two consonants is an "i".
                None if is_wasl && !is_article => {
                    out.push_str(written);
                    out.push('\u{650}');
                    continue;
                }
                // "بِاسْتِلَام": "biaastilaam". Behind an i or u it is not read.
                Some((_, marks))
                    if is_wasl && matches!(marks.vowel, Some(Vowel::Kasra | Vowel::Damma)) =>
                {
                    out.push(ALIF_WASLA);
                    continue;
                }
                _ => {}
            }
            out.push_str(written);
            let mut signs = marks[n];
            // "الثُّلَاثَاء": three times "th". It doubles the letter behind an article by itself.
            signs.shadda &= !is_behind_article(&word.letters[..n], &marks[..n]);
            signs.write(&mut out);
        }
    }
    out.push_str(&sentence[from..]);
    out
}

/// Whether `letters` are the article before a sun letter: its lam has no sign.
fn is_behind_article(letters: &[Letter], marks: &[Marks]) -> bool {
    let ([alif, lam], &[of_alif, of_lam]) = (letters, marks) else { return false };
    let is_plain = |letter: &Letter, marks: Marks| letter.hamza.is_none() && marks.is_empty();
    alif.base == 'ا' && lam.base == 'ل' && is_plain(alif, of_alif) && is_plain(lam, of_lam)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::espeak::tests::shared;

    /// What espeak-ng 1.51 says, stress left out; other versions differ in details.
    fn check(sentence: &str, golden: &str) {
        let Some(espeak) = shared().filter(|e| e.version().starts_with("1.51")) else { return };
        let raw = espeak.phonemes("ar", &spelled(sentence)).unwrap();
        let said: String = raw.iter().map(|clause| clause.phonemes.as_str()).collect();
        assert_eq!(said.replace(['ˈ', 'ˌ'], "").trim(), golden, "{sentence}");
    }

    #[test]
    fn a_vowel_on_a_doubled_letter_is_heard() {
        check("مُحَمَّد", "muħammad");
        check("مُحَم\u{64e}\u{651}د", "muħammad");
        check("مُدَرِّس", "mudarris");
    }

    #[test]
    fn letters_that_are_not_said_are_not_heard() {
        check("بِطَاقَة", "bit̪a.ːqah");
        check("بِطَاقَةُ", "bit̪a.ːqatu");
        check("قَالُوا", "qaːluː");
        check("اسْتِلَام", "ʔistilaːm");
        check("الِاسْتِعْلَام", "alistiʕlaːm");
        check("عَبْدُالْعَزِيز", "ʕabdulʕaziːz");
        check("اتِّصَالُ", "ʔitːis̪a.ːlu");
    }

    #[test]
    fn a_sun_letter_is_doubled_once() {
        check("الثُّلَاثَاء", "ʔaθθulaːθaːʔ");
        check("وَالشَّمْس", "waʃʃams");
        check("اللِّقَاء", "ʔalliqaːʔ");
        check("الشَّرِكَةُ", "ʔaʃʃarikatu");
    }

    #[test]
    fn words_without_signs_are_left_alone() {
        for plain in ["قالوا إن البطاقة في المدرسة", "hello 12, ok?", "", "   "]
        {
            assert_eq!(spelled(plain), plain);
        }
    }

    proptest::proptest! {
        #[test]
        fn words_stay_words(text in "[اأإآبةتوىيهلم\u{64b}-\u{652}\u{670}\u{653}-\u{655}a-c .،ـ\u{200c}]{0,60}") {
            let words = |text: &str| text.split_whitespace().count();
            let spelled = spelled(&text);
            proptest::prop_assert_eq!(words(&spelled), words(&text), "{}", spelled);
            proptest::prop_assert!(spelled.len() <= text.len() + 2 * text.chars().count());
        }
    }
}
