//! Negation, degree, contrast, manners, clitics, and text that means harm.

use super::{Feeling, read};

#[track_caller]
fn feels(expected: Feeling, texts: &[&str]) {
    for text in texts {
        let reading = read(text);
        assert_eq!(Feeling::of(reading.value), expected, "{text}: {reading:?}");
    }
}

#[test]
fn what_is_denied_is_its_opposite() {
    feels(Feeling::Pleased, &["I am happy", "أنا مبسوط", "عاجبني الشغل"]);
    feels(
        Feeling::Angry,
        &["I am not happy", "I'm not really happy", "أنا مو مبسوط", "مش مبسوط خالص", "ماعجبنيش"],
    );
    feels(Feeling::Neutral, &["it is not terrible", "ليس غاضبا"]);
}

#[test]
fn degree_makes_more_and_less_of_it() {
    let value = |text: &str| read(text).value;
    assert!(value("very good") > value("good"));
    assert!(value("a bit slow") > value("slow"));
    assert!(value("حلو مرة") > value("حلو"));
    assert!(value("شوي بطيء") > value("بطيء"));
}

#[test]
fn what_stands_after_but_counts_more() {
    feels(Feeling::Angry, &["The app is nice but the support is terrible"]);
    feels(Feeling::Pleased, &["The app is terrible but the support is excellent and kind"]);
    feels(Feeling::Angry, &["التطبيق حلو لكن الخدمة سيئة جدا"]);
}

#[test]
fn manners_say_nothing_about_the_mood() {
    feels(
        Feeling::Neutral,
        &["Thanks, bye.", "please, hello", "شكرا، مع السلامة", "السلام عليكم لو سمحت", "تسلم"],
    );
    feels(
        Feeling::Angry,
        &[
            "Thanks for nothing.",
            "This is ridiculous, thank you very much.",
            "شكرا على لا شيء",
            "خدمتكم زفت، شكرا جزيلا",
        ],
    );
}

#[test]
fn an_answer_of_no_denies_nothing_behind_its_comma() {
    feels(Feeling::Pleased, &["No, that is perfect", "لا، ممتاز"]);
}

#[test]
fn spelling_and_clitics_do_not_matter() {
    feels(
        Feeling::Angry,
        &["الخِدْمَة سيّئة", "وخدمتكم سيئه", "بالزفت", "I\u{2019}m not happy", "TERRIBLE service"],
    );
}

#[test]
fn hostile_text_is_read_in_bounds() {
    let long = "good ".repeat(10_000);
    for text in [
        "",
        " \u{200b}\u{202e}\u{2066} ",
        "!!!؟؟؟",
        &long,
        &"ا".repeat(50_000),
        &"not ".repeat(10_000),
        &"\u{64b}".repeat(10_000),
        "te\u{200b}rri\u{200d}ble",
        "\u{202e}good\u{202c} ممتاز \u{2067}bad\u{2069}",
    ] {
        let reading = read(text);
        assert!((-1.0..=1.0).contains(&reading.value) && reading.why.len() <= 8, "{reading:?}");
    }
    // A caller is judged by how they end.
    feels(Feeling::Angry, &[&("terrible ".repeat(1_200))]);
    feels(Feeling::Angry, &["te\u{200b}rri\u{200d}ble"]);
}

proptest::proptest! {
    #[test]
    fn any_text_has_a_value_in_bounds(text in "\\PC{0,200}") {
        let reading = read(&text);
        assert!((-1.0..=1.0).contains(&reading.value), "{reading:?}");
    }

    #[test]
    fn any_order_of_our_words_is_read(text in "(not |very |but |terrible |great |thanks |ما |مش |جدا |زفت |ممتاز |, |ماعجبنيش ){0,60}") {
        let reading = read(&text);
        assert!((-1.0..=1.0).contains(&reading.value), "{reading:?}");
    }
}
