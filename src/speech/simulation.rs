//! Texts from a seed through everything that stands between a model and a voice, and what must hold for each.
//!
//! `SAWT_SIM_TEXTS` says how many, `SAWT_SIM_SEED` replays one.

use super::filter::written;
use super::lexicon::Lexicon;
use super::normalise::{Form, edits, normalise};
use super::script::Script;
use super::spoken::{Manner, RUN_CHARS_MAX, Spoken};
use super::tokens::{digit_of, tokens};
use super::verbalise::{By, Setting, verbalise};
use crate::simulation::{Chance, Suite, text};

const SUITE: Suite =
    Suite { test: "speech::simulation", calls_var: "SAWT_SIM_TEXTS", calls: 3_000 };

fn speak(seed: u64, traced: bool) {
    let mut chance = Chance::new(seed);
    let text = text::text(&mut chance);
    if traced {
        println!("text: {text:?}");
    }
    let languages: &[&str] =
        [&["ar", "en"][..], &["en", "ar"], &["ar"], &["en"], &["fr", "ar"], &[]]
            [chance.below(6) as usize];
    let languages: Vec<String> = languages.iter().map(|tag| (*tag).to_owned()).collect();
    let language = if chance.percent(50) { "ar" } else { "en" };
    let lexicon = match chance.below(3) {
        0 => Lexicon::new([("OTP", "رمز"), ("ريال سعودي", "ريال"), ("5", "خمسة"), (".", "")]),
        _ => Lexicon::default(),
    };
    let manner = Manner { languages: &languages, language, lexicon: &lexicon };
    let spoken = Spoken::new(&text, &manner);
    if traced {
        println!("in {languages:?}\nwritten: {:?}\nruns: {:?}", spoken.written(), spoken.runs());
    }
    the_filter_invents_nothing(&text, spoken.written());
    a_voice_gets_words_in_bounds(&text, &spoken, &languages);
    marks_lead_back_to_every_word(&spoken);
    every_letter_is_in_a_piece(&spoken, &manner);
    forms_are_stable(&text);
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    // Tatweel stretches a word and says nothing.
    text.chars().filter(|c| c.is_alphanumeric() && *c != '\u{640}')
}

fn the_filter_invents_nothing(text: &str, written: &str) {
    // The bar between two cells of a table becomes a comma and a space.
    assert!(written.len() <= 2 * text.len(), "{written:?} is much longer than {text:?}");
    if !text.contains('&') {
        let mut rest = letters(text);
        let lost = letters(written).find(|letter| !rest.any(|other| other == *letter));
        assert_eq!(lost, None, "{written:?} has what {text:?} has not, or in another order");
    }
    // Without markup nothing but space, marks and what can not be seen goes.
    if !text.contains(['[', '<', '`', '~', '&', '|', '#', '\n', '\r', '_', '-', '*', '>', '\\']) {
        let sounds =
            |text: &str| -> String { letters(text).filter(|c| c.is_alphabetic()).collect() };
        let same = sounds(written) == sounds(text);
        assert!(same || written.is_empty() || has_pictures(text), "{text:?} became {written:?}");
    }
}

/// Letters in frames and boxes are emoji to a reader.
fn has_pictures(text: &str) -> bool {
    text.chars().any(|c| matches!(u32::from(c), 0x2000..=0x2bff | 0xe000..=0xf8ff | 0x1_f000..))
}

fn a_voice_gets_words_in_bounds(text: &str, spoken: &Spoken, languages: &[String]) {
    let said = spoken.text();
    assert!(said.len() <= 64 + 64 * text.len(), "{} from {}", said.len(), text.len());
    assert!(!said.chars().any(char::is_control), "{said:?}");
    let knows_numbers = languages.iter().all(|tag| tag == "ar" || tag == "en");
    if knows_numbers && !languages.is_empty() {
        assert!(!said.chars().any(|c| digit_of(c).is_some()), "{said:?}");
    }
    for run in spoken.runs() {
        assert!(
            run.text.chars().count() <= RUN_CHARS_MAX,
            "{} characters",
            run.text.chars().count()
        );
        assert!(!run.text.trim().is_empty());
        assert!(languages.is_empty() || languages.contains(&run.language), "{run:?}");
        assert!(run.as_given.iter().all(|word| run.text.contains(word)), "{run:?}");
    }
}

fn marks_lead_back_to_every_word(spoken: &Spoken) {
    let words: usize = spoken.runs().iter().map(|run| run.text.split_whitespace().count()).sum();
    let marks: Vec<u64> = (0..words as u64).collect();
    let written = spoken.written_marks(&marks);
    if words > 0 {
        assert_eq!(written.len(), spoken.written().split_whitespace().count());
    }
    assert!(written.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{written:?}");
    // However much is known by now, no more is told than that.
    let known = spoken.written_marks(&marks[..words / 2]);
    assert!(known.len() <= written.len());
}

fn every_letter_is_in_a_piece(spoken: &Spoken, manner: &Manner<'_>) {
    let written = spoken.written();
    let setting = Setting {
        lexicon: manner.lexicon,
        has_latin: manner.languages.iter().any(|tag| tag != "ar"),
        has_arabic: true,
        script: if manner.language == "ar" { Script::Arabic } else { Script::Latin },
        latin_is_english: true,
    };
    let pieces = verbalise(written, &tokens(written), &setting);
    let mut end = 0;
    for piece in &pieces {
        assert!(piece.range.start >= end && piece.range.end <= written.len(), "{piece:?}");
        let between = &written[end..piece.range.start];
        assert!(letters(between).next().is_none(), "{between:?} of {written:?} is not said");
        let said = letters(&written[piece.range.clone()]).next().is_none()
            || letters(&piece.spoken).next().is_some()
            || piece.by == By::Lexicon;
        assert!(said, "{piece:?} of {written:?} says nothing");
        end = piece.range.end;
    }
    assert!(letters(&written[end..]).next().is_none(), "{:?} is not said", &written[end..]);
}

fn forms_are_stable(text: &str) {
    for form in Form::ALL {
        let once = normalise(text, form);
        assert_eq!(normalise(&once, form), once, "{form:?} of {text:?}");
        // NFKC unfolds one character into 18 at most.
        assert!(once.chars().count() <= 18 * text.chars().count());
        let words: Vec<&str> = once.split(' ').take(40).collect();
        let fewer = &words[words.len() / 3..];
        assert_eq!(edits(&words, &words).errors(), 0);
        assert!(edits(&words, fewer).errors() <= words.len());
    }
}

#[test]
fn any_text_is_spoken_whole_and_within_bounds() {
    SUITE.run(speak);
}

#[test]
fn ten_thousand_characters_of_any_kind_are_spoken_in_time() {
    for unit in [
        "ر.س1",
        "1/2/",
        "(((",
        "و1",
        "1%٪",
        "a1ب",
        "SA03 ",
        "١٬",
        "ـ",
        "َ",
        "\u{200f}ا",
        "😀",
        "1:2:",
        "@a.",
    ] {
        let text: String = unit.chars().cycle().take(10_000).collect();
        let languages = ["ar".to_owned(), "en".to_owned()];
        let lexicon = Lexicon::default();
        let manner = Manner { languages: &languages, language: "ar", lexicon: &lexicon };
        let spoken = Spoken::new(&text, &manner);
        a_voice_gets_words_in_bounds(&text, &spoken, &languages);
        assert!(written(&text).len() <= text.len());
    }
}
