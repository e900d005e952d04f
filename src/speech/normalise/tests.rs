//! The three forms on the spellings they are for, and on anything at all.

use super::{Edits, Form, Step, align, edits, normalise};

#[track_caller]
fn check(text: &str, leaderboard: &str, light: &str, folded: &str) {
    let forms = Form::ALL.map(|form| normalise(text, form));
    assert_eq!(forms, [leaderboard, light, folded]);
}

#[test]
fn vowel_signs_stretching_and_punctuation_never_count() {
    check("مَرْحَبًا، كيفَ الحـــال؟", "مرحبا كيف الحال", "مرحبا كيف الحال", "مرحبا كيف الحال");
    check("\u{202b}نعم\u{202c}\u{200f}!", "نعم", "نعم", "نعم");
}

#[test]
fn alif_is_one_letter_from_light_on_and_the_other_twins_from_folded_on() {
    check("أريد إلغاء الآن", "أريد إلغاء الآن", "اريد الغاء الان", "اريد الغاء الان");
    check(
        "على مدرسة مسؤول قائم",
        "على مدرسة مسؤول قائم",
        "على مدرسة مسؤول قائم",
        "علي مدرسه مسوول قايم",
    );
}

#[test]
fn digits_of_any_shape_are_the_same_and_numbers_stay_whole() {
    check("٢٣٤ و ۵۶", "234 و 56", "234 و 56", "234 و 56");
    check("١٬٥٠٠٫٥٠", "1 500 50", "1500.50", "1500.50");
    check("1,500.50 SAR.", "1 500 50 SAR", "1500.50 sar", "1500.50 sar");
}

#[test]
fn presentation_forms_and_ligatures_are_letters() {
    check("\u{fefb}", "\u{fefb}", "لا", "لا");
    check("ﷲ", "ﷲ", "الله", "الله");
}

#[test]
fn english_loses_case_and_keeps_its_words() {
    check("Don’t — I CAN'T!", "Dont I CANT", "dont i cant", "dont i cant");
}

#[test]
fn an_alignment_says_what_became_of_each_word() {
    let said: Vec<_> = "ابغى الغاء الاشتراك اليوم".split(' ').collect();
    let heard: Vec<_> = "ابغى الغا الاشتراك يا اليوم".split(' ').collect();
    assert_eq!(
        align(&said, &heard),
        [
            Step::Same(0, 0),
            Step::Substituted(1, 1),
            Step::Same(2, 2),
            Step::Inserted(3),
            Step::Same(3, 4)
        ]
    );
    let edits = edits(&said, &heard);
    assert_eq!(edits, Edits { of: 4, substituted: 1, deleted: 0, inserted: 1 });
    assert!((edits.rate() - 0.5).abs() < 1e-9);
}

#[test]
fn nothing_said_is_right_when_nothing_is_heard_and_wrong_otherwise() {
    let nothing: [&str; 0] = [];
    assert_eq!(edits(&nothing, &nothing).rate(), 0.0);
    assert_eq!(edits(&nothing, &["thanks"]).rate(), 1.0);
    assert_eq!(edits(&["hello"], &nothing).rate(), 1.0);
}

/// Letters, digits, marks, ligatures and controls of both scripts, and anything else.
fn text() -> impl proptest::strategy::Strategy<Value = String> {
    proptest::string::string_regex(
        "([ا-ي]|[أإآٱىةؤئء]|[\u{64b}-\u{65f}]|[\u{fb50}-\u{fdff}]|[\u{200b}-\u{200f}]|[0-9٠-٩]|[.,٫٬'’ ]|[a-zA-Zİıéß]|[\u{300}-\u{345}]|.){0,60}",
    )
    .unwrap()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_same_again_gives_the_same(text in text()) {
        for form in Form::ALL {
            let once = normalise(&text, form);
            proptest::prop_assert_eq!(&normalise(&once, form), &once, "{:?}", form);
        }
    }

    #[test]
    fn what_is_forgiven_first_is_forgiven_after(a in text(), b in text()) {
        // Whatever is equal in a strict form is equal in the next.
        let (strict, next) = (Form::Light, Form::Folded);
        if normalise(&a, strict) == normalise(&b, strict) {
            proptest::prop_assert_eq!(normalise(&a, next), normalise(&b, next));
        }
        let folded = normalise(&a, next);
        proptest::prop_assert_eq!(normalise(&normalise(&a, strict), next), folded);
    }

    #[test]
    fn an_alignment_is_complete_and_no_longer_than_it_must_be(
        said in proptest::collection::vec(0_u8..4, 0..20),
        heard in proptest::collection::vec(0_u8..4, 0..20),
    ) {
        let steps = align(&said, &heard);
        let in_said = steps.iter().filter(|s| !matches!(s, Step::Inserted(_))).count();
        let in_heard = steps.iter().filter(|s| !matches!(s, Step::Deleted(_))).count();
        proptest::prop_assert_eq!((in_said, in_heard), (said.len(), heard.len()));
        let distance = strsim::generic_levenshtein(&said, &heard);
        proptest::prop_assert_eq!(edits(&said, &heard).errors(), distance);
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // a bound on time is what is tested
fn a_hundred_thousand_characters_take_a_moment() {
    for piece in ["ا\u{64e}\u{654}ـ", "1,", "\u{fefb}", "e\u{301}\u{301}", "أإ ", "\u{200f}"] {
        let long = piece.repeat(100_000 / piece.chars().count());
        let start = std::time::Instant::now();
        for form in Form::ALL {
            normalise(&long, form);
        }
        // Debug builds on a busy machine; what grows with the square takes minutes.
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{piece:?}");
    }
}
