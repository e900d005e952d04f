//! The path from written to spoken, and back to written words.

use super::*;

fn languages() -> Vec<String> {
    vec!["en".into(), "ar".into()]
}

fn spoken(text: &str) -> Spoken {
    spoken_in("ar", text)
}

/// `language` is what a text without letters is in.
fn spoken_in(language: &str, text: &str) -> Spoken {
    let languages = languages();
    let lexicon = Lexicon::default();
    Spoken::new(text, &Manner { languages: &languages, language, lexicon: &lexicon })
}

fn runs(text: &str) -> Vec<(String, String)> {
    spoken(text).runs().iter().map(|r| (r.language.clone(), r.text.clone())).collect()
}

#[test]
fn words_of_another_script_are_runs_of_their_own() {
    let expected = [("ar", "رصيدك في"), ("en", "Premium Account"), ("ar", "هو مئة ريال.")];
    let expected = expected.map(|(l, t)| (l.to_owned(), t.to_owned()));
    assert_eq!(runs("رصيدك في Premium Account هو 100 ريال."), expected);
    assert_eq!(runs("Hello there."), [("en".to_owned(), "Hello there.".to_owned())]);
    assert_eq!(runs("🙂 ***"), []);
}

#[test]
fn the_lexicon_wins_over_rules() {
    let languages = languages();
    let lexicon = Lexicon::new([("SAR", "ريال سعودي"), ("911", "تسعمئة وأحد عشر")]);
    let manner = Manner { languages: &languages, language: "ar", lexicon: &lexicon };
    assert_eq!(Spoken::new("اتصل على 911 الآن", &manner).text(), "اتصل على تسعمئة وأحد عشر الآن");
}

#[test]
fn marks_of_spoken_words_lead_back_to_written_words() {
    let spoken = spoken("ادفع 1500.50 ريال اليوم.");
    assert_eq!(spoken.text(), "ادفع ألف وخمسمئة ريال وخمسين هللة اليوم.");
    let marks: Vec<u64> = (0..7).map(|n| n * 100).collect();
    let expected = [("ادفع", 0), ("1500.50", 100), ("ريال", 300), ("اليوم.", 600)];
    let expected = expected.map(|(w, at)| (w.to_owned(), at));
    assert_eq!(spoken.written_marks(&marks), expected);
    assert_eq!(spoken.written_marks(&marks[..3]), expected[..2], "those known so far");
    assert_eq!(spoken.written_marks(&[]), []);
}

#[test]
fn a_written_word_that_is_not_said_has_a_mark_all_the_same() {
    let spoken = spoken("( hello ) \" world");
    let marks: Vec<u64> = (0..spoken.text().split_whitespace().count() as u64).collect();
    let words = spoken.written().split_whitespace().count();
    assert_eq!(spoken.written_marks(&marks).len(), words);
}

#[test]
fn numerals_of_other_kinds_are_not_left_out() {
    assert_eq!(spoken("القيمة س² هنا").text(), "القيمة س مربع هنا");
    assert_eq!(spoken_in("en", "Add ⅓ of x³").text(), "Add a third of x cubed");
    assert!(spoken("المادة Ⅳ").text().contains('Ⅳ'));
}

#[test]
fn what_is_too_long_for_one_request_is_several() {
    for text in ["1%".repeat(300), "ب".repeat(3_000), "كلمة ".repeat(2_000)] {
        let spoken = spoken(&text);
        assert!(spoken.runs().len() > 1);
        assert!(spoken.runs().iter().all(|run| run.text.chars().count() <= 2_000));
    }
}

#[test]
fn the_lexicons_words_and_names_are_told_to_the_voice() {
    let languages = languages();
    let lexicon = Lexicon::new([("مدى", "مدى"), ("SAR", "ريال، سعودي")]);
    let manner = Manner { languages: &languages, language: "ar", lexicon: &lexicon };
    let spoken = Spoken::new("بطاقة مدى: ادفع SAR أو OTP", &manner);
    assert_eq!(spoken.runs()[0].as_given, ["مدى", "ريال", "سعودي", "أو", "تي", "بي"]);
}

#[test]
fn ten_thousand_characters_take_no_time() {
    for unit in [
        "a", "1", "1 ", "[", "[[](", "|", "*", "1.", "1,", "- ", "ب1", "http://", "a@", "<", "'",
        "&",
    ] {
        let text = unit.repeat(10_000 / unit.len());
        let long = spoken(&text);
        assert!(long.text().len() < 40 * text.len(), "{unit}");
    }
}

/// Words without the marks that a voice pauses at.
fn words(text: &str) -> Vec<&str> {
    let marks = |c: char| matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | '؟' | '،' | '؛');
    text.split_whitespace().map(|word| word.trim_matches(marks)).filter(|w| !w.is_empty()).collect()
}

/// Every line of a corpus: written, tab, spoken. Lines without a tab are comments.
#[track_caller]
fn check_corpus(language: &str, corpus: &str, at_least: usize) {
    let lines: Vec<(&str, &str)> = corpus.lines().filter_map(|l| l.split_once('\t')).collect();
    let mut wrong = String::new();
    let mut count = 0;
    for (written, expected) in &lines {
        let said = spoken_in(language, written).text();
        if words(&said) != words(expected) {
            count += 1;
            wrong += &format!("  {written}\n    expected: {expected}\n    spoken:   {said}\n");
        }
    }
    assert!(lines.len() >= at_least, "the corpus has {} lines of {at_least}", lines.len());
    assert!(wrong.is_empty(), "{count} of {} wrong\n{wrong}", lines.len());
}

#[test]
fn arabic_sentences_are_spoken_as_people_say_them() {
    check_corpus("ar", include_str!("../../tests/data/speech/ar.tsv"), 200);
}

#[test]
fn english_sentences_are_spoken_as_people_say_them() {
    check_corpus("en", include_str!("../../tests/data/speech/en.tsv"), 80);
}

#[test]
fn sentences_that_no_rule_was_tuned_on_are_spoken_as_people_say_them() {
    check_corpus("ar", include_str!("../../tests/data/speech/held_out.tsv"), 60);
}

/// Words that rules may meet, and characters that they may not.
fn hostile() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let part = prop_oneof![
        Just("ر.س".to_owned()),
        Just("SAR".to_owned()),
        Just("$".to_owned()),
        Just("الساعة".to_owned()),
        Just("هـ".to_owned()),
        Just("رقم".to_owned()),
        Just("مارس".to_owned()),
        Just("March".to_owned()),
        Just("بـ".to_owned()),
        Just("ال".to_owned()),
        Just("مليون".to_owned()),
        Just("SA03".to_owned()),
        Just("****".to_owned()),
        Just(" ".to_owned()),
        "[0-9٠-٩۰-۹]{1,18}",
        "[.,:/%+*#-]{1,3}",
        "\\PC{0,12}",
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest::proptest! {
    #[test]
    fn any_text_is_spoken_without_digits_and_within_bounds(text in hostile()) {
        let spoken = spoken(&text);
        let said = spoken.text();
        proptest::prop_assert!(!said.chars().any(|c| tokens::digit_of(c).is_some()), "{said}");
        proptest::prop_assert!(!said.chars().any(char::is_control));
        // The longest: "1" → "واحد بالمئة".
        proptest::prop_assert!(said.len() <= 64 + 64 * text.len(), "{} of {}", said.len(), text.len());
        let words = spoken.written().split_whitespace().count();
        let marks: Vec<u64> = (0..said.split_whitespace().count() as u64).collect();
        let written = spoken.written_marks(&marks);
        proptest::prop_assert_eq!(written.len(), if said.is_empty() { written.len() } else { words });
        proptest::prop_assert!(written.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn plain_words_stay_as_they_are(text in "[بتثجحخسشصضط]{2,6}( [بتثجحخسشصضط]{2,6}){0,9}[.؟]?") {
        let once = spoken(&text).text();
        proptest::prop_assert_eq!(&once, &text);
        proptest::prop_assert_eq!(&spoken(&once).text(), &once);
    }
}
