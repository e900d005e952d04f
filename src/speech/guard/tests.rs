//! What callers say survives; what models make of silence does not; and no text breaks the guard.

use proptest::prelude::*;

use super::{Evidence, Guard, Refusal, Verdict};

/// A caller who speaks clearly, for so long.
fn clear(speech_ms: u32) -> Evidence {
    Evidence {
        speech_ms: Some(speech_ms),
        below_usual_db: Some(0.0),
        confidence: 0.8,
        no_speech_probability: 0.02,
        language_probability: 0.97,
    }
}

/// What the detector let through of a noise.
fn faint() -> Evidence {
    Evidence { speech_ms: Some(160), ..clear(0) }
}

fn guard(languages: &[&str]) -> Guard {
    Guard::new(&languages.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), [])
}

#[track_caller]
fn check(text: &str, evidence: &Evidence, verdict: Verdict) {
    assert_eq!(guard(&["ar", "en"]).judge(text, evidence), verdict, "{text:?} {evidence:?}");
}

const fn dropped(why: Refusal) -> Verdict {
    Verdict::Drop(why)
}

#[test]
fn callers_who_thank_ask_and_cancel_are_heard() {
    for text in [
        "شكرا",
        "شكراً لك.",
        "سبحان الله",
        "ترجمة",
        "لا",
        "نعم",
        "Thank you.",
        "Thanks",
        "No.",
        "Yes",
    ] {
        for speech_ms in [130, 350, 600] {
            check(text, &clear(speech_ms), Verdict::Keep);
        }
        // Said softly, and hardly believed by the model.
        check(text, &Evidence { confidence: 0.3, ..clear(350) }, Verdict::Keep);
    }
    for text in [
        "أبغى إلغاء الاشتراك",
        "عايز ألغي الاشتراك في القناة",
        "كيف أشترك في القناة الرياضية؟",
        "ما أبغى أتابع قناتكم على اليوتيوب",
        "I want to cancel my subscription.",
        "How do I subscribe to the sports channel?",
        "أبي أعرف مين فريق الترجمة عندكم",
    ] {
        check(text, &clear(1_500), Verdict::Keep);
        check(text, &Evidence { confidence: 0.3, ..clear(1_500) }, Verdict::Keep);
    }
    for text in [
        "I want my contract translated by Monday",
        "هل الترجمة بواسطة مترجم معتمد",
        "أحتاج ترجمة فريق العمل",
    ] {
        check(text, &clear(1_500), Verdict::Keep);
    }
}

#[test]
fn a_subtitlers_credit_is_dropped_whatever_the_sound() {
    for text in ["ترجمة نانسي قنقر", "تَرْجَمَة نانسي قَنْقَر.", "Subtitles by the Amara.org community"]
    {
        check(text, &clear(2_000), dropped(Refusal::Credit));
    }
    let kept = Verdict::Trim("أبغى أعرف رصيدي.".into(), Refusal::Credit);
    check("أبغى أعرف رصيدي. ترجمة نانسي قنقر", &clear(2_500), kept);
}

#[test]
fn a_presenters_phrase_is_dropped_for_its_sound_and_never_for_its_words() {
    let phrases =
        ["اشتركوا في القناة", "شكرا على المشاهدة", "Thanks for watching!", "موسيقى", "you", "Uh."];
    let doubts = [
        Evidence { speech_ms: Some(200), ..clear(0) },
        Evidence { no_speech_probability: 0.9, ..clear(1_500) },
        Evidence { confidence: 0.2, ..clear(1_500) },
        Evidence { below_usual_db: Some(20.0), ..clear(1_500) },
        Evidence { language_probability: 0.2, ..clear(1_500) },
    ];
    for text in phrases {
        check(text, &clear(1_500), Verdict::Keep);
        for evidence in &doubts {
            check(text, evidence, dropped(Refusal::Phrase));
        }
    }
    let again = "شكرا للمشاهدة شكرا للمشاهدة شكرا للمشاهدة";
    check(again, &clear(2_500), dropped(Refusal::Phrase));
}

#[test]
fn a_loop_is_cut_to_its_first_round_or_dropped_with_its_sound() {
    let text = "أنا في البيت ".repeat(9);
    check(&text, &clear(9_000), Verdict::Trim("أنا في البيت".into(), Refusal::Loop));
    check("وقف وقف وقف وقف", &Evidence { confidence: 0.2, ..clear(1_000) }, dropped(Refusal::Loop));
    check("لا لا لا لا", &clear(1_200), Verdict::Keep);
    check("صفر صفر صفر صفر صفر صفر", &clear(3_000), Verdict::Keep);
    check(&format!("ه{}", "ه".repeat(40)), &clear(2_000), dropped(Refusal::Loop));
    check("00000000000000000000000000000", &clear(5_000), Verdict::Keep);
}

#[test]
fn letters_of_no_language_of_the_assistant_are_no_words() {
    check("Спасибо за просмотр", &clear(1_500), dropped(Refusal::Script));
    check("ご視聴ありがとう", &clear(1_500), dropped(Refusal::Script));
    check("فتحت حساب في Instagram", &clear(2_000), Verdict::Keep);
    let arabic = guard(&["ar"]);
    assert_eq!(arabic.judge("WhatsApp", &clear(500)), Verdict::Keep, "a brand");
    let unsure = Evidence { confidence: 0.4, ..clear(1_500) };
    assert_eq!(arabic.judge("Ana uridu an", &unsure), dropped(Refusal::Script));
    let english = guard(&["en"]);
    assert_eq!(english.judge("شكرا للمشاهدة", &clear(1_500)), dropped(Refusal::Script));
    // Not ours to judge.
    assert_eq!(guard(&["ru"]).judge("Спасибо", &clear(900)), Verdict::Keep);
}

#[test]
fn nobody_says_so_much_in_so_little_time() {
    let text = "هذه جملة طويلة جدا لا يمكن أن تقال في هذا الوقت القصير أبدا";
    check(text, &faint(), dropped(Refusal::TooManyWords));
    check(text, &clear(4_000), Verdict::Keep);
    check("0551234567890123456789", &clear(4_000), Verdict::Keep);
}

#[test]
fn what_the_model_does_not_believe_itself_is_dropped() {
    check(
        "حلقة عن كل شيء",
        &Evidence { confidence: 0.1, ..clear(1_500) },
        dropped(Refusal::NoSpeech),
    );
    let nobody = Evidence { no_speech_probability: 0.8, confidence: 0.3, ..clear(900) };
    check("شكرا", &nobody, dropped(Refusal::NoSpeech));
    // Its opinion of silence alone is worth little.
    check("شكرا", &Evidence { no_speech_probability: 0.8, ..clear(500) }, Verdict::Keep);
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (
        proptest::option::of(0_u32..30_000),
        proptest::option::of(-40.0_f32..40.0),
        0.0_f32..=1.0,
        0.0_f32..=1.0,
        0.0_f32..=1.0,
    )
        .prop_map(|(speech_ms, below_usual_db, confidence, no_speech, language)| Evidence {
            speech_ms,
            below_usual_db,
            confidence,
            no_speech_probability: no_speech,
            language_probability: language,
        })
}

/// Texts made of listed words, loops, and anything.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "ترجمة",
            "نانسي",
            "قنقر",
            "شكرا",
            "للمشاهدة",
            "اشتركوا",
            "في",
            "القناة",
            "لا",
            "subtitles",
            "by",
            "Amara.org",
            "thanks",
            "for",
            "watching",
            "،",
            "\u{200f}",
            "♪",
            "  ",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_judged_and_what_is_kept_is_part_of_it(text in text(), evidence in evidence()) {
        let guard = guard(&["ar", "en"]);
        if let Verdict::Trim(kept, why) = guard.judge(&text, &evidence) {
            prop_assert!(text.contains(&kept));
            prop_assert!(!kept.trim().is_empty() && kept.len() < text.len());
            // What was left is not cut again for the same reason.
            if let Verdict::Trim(less, again) = guard.judge(&kept, &evidence) {
                prop_assert!(less.len() < kept.len(), "{why:?} {again:?}");
            }
        }
    }

    #[test]
    fn a_doubt_less_never_drops_what_was_kept(text in text(), speech_ms in 2_000_u32..20_000) {
        let guard = guard(&["ar", "en"]);
        let doubted = Evidence { confidence: 0.2, ..clear(speech_ms) };
        if guard.judge(&text, &doubted) == Verdict::Keep {
            prop_assert_eq!(guard.judge(&text, &clear(speech_ms)), Verdict::Keep);
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // a bound on time is what is tested
fn a_hundred_thousand_characters_take_a_moment() {
    // As long as it says nothing about its sound, the bound on words would end it at once.
    let evidence = Evidence { speech_ms: Some(u32::MAX), ..clear(0) };
    let guard = guard(&["ar", "en"]);
    for piece in
        ["ترجمة ", "شكرا للمشاهدة ", "لا ", "تابعونا على ", "a", "ا\u{64e}", "subtitles by "]
    {
        let long = piece.repeat(100_000 / piece.chars().count());
        let start = std::time::Instant::now();
        guard.judge(&long, &evidence);
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{piece:?}");
    }
}
