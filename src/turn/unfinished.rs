//! Words that say "I am not done": read off a transcript, in the caller's own language.
//!
//! Only the end of a transcript is looked at, and only for what is cheap to be sure of: a word that
//! leads on, a filler, a comma, a number that is still being dictated. A full stop is no evidence,
//! for speech recognisers put one after everything.

use std::collections::{BTreeMap, HashSet};

/// Fewest digits of a number that is told to be one: shorter, and more are coming.
const DIGITS_MIN: usize = 7;
/// Most digits of such a number: a mobile number with its country.
const DICTATED_DIGITS_MIN: usize = 10;
/// How far before the digits the word for the number may stand.
const NUMBER_WORD_REACH: usize = 4;

/// What the last words of a transcript tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// More comes.
    Open,
    /// A question: that mark, unlike a full stop, is put where the words are those of one.
    Question,
    /// Nothing.
    Plain,
}

/// The words, of all languages in one: their scripts and spellings keep them apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unfinished {
    trailing: HashSet<String>,
    numbers: HashSet<String>,
}

impl Unfinished {
    /// `trailing` and `numbers` hold words parted by spaces, by language.
    pub fn new(trailing: &BTreeMap<String, String>, numbers: &BTreeMap<String, String>) -> Self {
        let words = |lists: &BTreeMap<String, String>| {
            lists.values().flat_map(|list| list.split_whitespace()).map(folded).collect()
        };
        Self { trailing: words(trailing), numbers: words(numbers) }
    }

    /// How `transcript` ends.
    pub fn ending(&self, transcript: &str) -> Ending {
        let transcript = transcript.trim_end();
        if transcript.ends_with([',', '،', '…', '-', '–', ':']) || transcript.ends_with("...")
        {
            return Ending::Open;
        }
        if transcript.ends_with(['?', '؟']) {
            return Ending::Question;
        }
        let words: Vec<String> =
            transcript.split_whitespace().map(folded).filter(|word| !word.is_empty()).collect();
        let leads_on = words.last().is_some_and(|last| self.trailing.contains(last));
        // "And!" is a whole say.
        let is_open = !transcript.ends_with('!') && (leads_on || self.is_dictating(&words));
        if is_open { Ending::Open } else { Ending::Plain }
    }

    /// Whether the digits at the end are too few for what they are called, or for a number that
    /// begins like a telephone's or is said digit by digit.
    fn is_dictating(&self, words: &[String]) -> bool {
        let digits: Vec<String> = words.iter().rev().map_while(|word| digits_of(word)).collect();
        let Some(first) = digits.last() else { return false };
        let count: usize = digits.iter().map(String::len).sum();
        let before = &words[..words.len() - digits.len()];
        let is_named =
            before.iter().rev().take(NUMBER_WORD_REACH).any(|word| self.numbers.contains(word));
        let one_by_one = digits.len() >= 3 && digits.iter().all(|group| group.len() == 1);
        // "0" alone is an answer.
        let is_telephone = first.starts_with('0') && count > 1;
        (is_named && count < DIGITS_MIN)
            || ((one_by_one || is_telephone) && count < DICTATED_DIGITS_MIN)
    }
}

/// A word as the lists have it: lower case, no marks around it, Arabic letters in one spelling.
fn folded(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric())
        .chars()
        // Vowel signs and the stretching line.
        .filter(|c| !matches!(c, '\u{64B}'..='\u{652}' | '\u{640}'))
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'أ' | 'إ' | 'آ' => 'ا',
            'ى' => 'ي',
            'ة' => 'ه',
            c => c,
        })
        .collect()
}

/// `word` in digits, when it is nothing else.
fn digits_of(word: &str) -> Option<String> {
    if let Some(at) = DIGIT_WORDS.iter().position(|(_, names)| names.contains(&word)) {
        return Some(DIGIT_WORDS[at].0.to_owned());
    }
    word.chars()
        .filter(|c| *c != '-')
        .map(|c| match c {
            '0'..='9' => Some(c),
            '٠'..='٩' => char::from_digit(u32::from(c) - u32::from('٠'), 10),
            _ => None,
        })
        .collect::<Option<String>>()
        .filter(|digits| !digits.is_empty())
}

/// Names of digits as [`folded`] leaves them.
const DIGIT_WORDS: [(&str, &[&str]); 10] = [
    ("0", &["zero", "oh", "صفر"]),
    ("1", &["one", "واحد"]),
    ("2", &["two", "اثنين", "اثنان", "اتنين"]),
    ("3", &["three", "ثلاثه", "تلاته"]),
    ("4", &["four", "اربعه"]),
    ("5", &["five", "خمسه"]),
    ("6", &["six", "سته"]),
    ("7", &["seven", "سبعه"]),
    ("8", &["eight", "ثمانيه", "تمانيه"]),
    ("9", &["nine", "تسعه"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TurnConfig;

    fn ending(transcript: &str) -> Ending {
        let config = TurnConfig::default();
        Unfinished::new(&config.trailing_words, &config.number_words).ending(transcript)
    }

    fn holds(transcript: &str) -> bool {
        ending(transcript) == Ending::Open
    }

    #[test]
    fn questions_are_told_from_the_rest() {
        assert_eq!(ending("What time is it?"), Ending::Question);
        assert_eq!(ending("كم رصيدي؟"), Ending::Question);
        assert_eq!(ending("It is late."), Ending::Plain);
    }

    #[test]
    fn words_that_lead_on_are_heard_in_english_and_arabic() {
        for text in [
            "I would like a table for two and",
            "Yes, but.",
            "I called yesterday because…",
            "Well, um",
            "First,",
            "أريد أن أحجز و",
            "نعم لكن",
            "اتصلت أمس لأنّ",
            "طيب، يعني",
            "أولا،",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn sentences_that_end_are_left_alone() {
        for text in [
            "",
            ".",
            "What time is it?",
            "Tea and bread.",
            "And?",
            "كم رصيدي؟",
            "شكرا جزيلا",
            "hello",
            "I was born in Oman",
        ] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn a_number_that_is_still_dictated_is_waited_for() {
        for text in [
            "my number is 0 5 5",
            "My number is 055.",
            "zero five five, one two",
            "My account number is 4711",
            "رقمي ٠٥٥",
            "صفر خمسة خمسة",
            "5 5 1",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn numbers_that_are_whole_are_not() {
        for text in [
            "0551234567",
            "My number is 0 5 5 1 2 3 4 5 6 7.",
            "My number is 555-0147.",
            "Two.",
            "I want 2",
            "zero",
            "room 402",
            "in 2026",
            "twenty five",
            "رقمي ٠٥٥١٢٣٤٥٦٧",
        ] {
            assert!(!holds(text), "{text}");
        }
    }
}
