//! Arabic vowels on the real binary with the real weights: heard, told, and never in the way of speech.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test: it may panic and read clocks
#![allow(dead_code)] // support is shared with other tests

mod support;

use sawt_engine_protocol::v1::{InfoRequest, SynthesizeRequest};
use support::{Engine, arabic, model_file};

const SENTENCE: &str = "تم تحويل المبلغ إلى حسابك، شكرا لك.";

/// Arguments for espeak's Arabic voice with `diacritizer`.
fn args(diacritizer: &str) -> Option<Vec<String>> {
    let runtime = model_file("onnxruntime/libonnxruntime.so")?;
    let args = ["--espeak-voice", "ar", "--threads", "1", "--onnxruntime", runtime.to_str()?];
    Some(
        [&args[..], &["--diacritizer", diacritizer]]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect(),
    )
}

#[tokio::test]
async fn arabic_is_spoken_with_vowels_and_its_marks_name_the_words_sent() {
    let Some(model) = model_file("rawi-ensemble/rawi_ensemble.int8.onnx") else { return };
    let Some(args) = args(model.to_str().unwrap()) else { return };
    let engine = Engine::start(&args).await;
    let info = engine.engine().info(InfoRequest {}).await.unwrap().into_inner();
    assert!(info.backend.contains("diacritizer"), "{}", info.backend);

    let heard = engine.say(arabic(SENTENCE)).await.unwrap();
    let told = heard.done.vocalised.unwrap();
    let bare: String = told.text.chars().filter(|c| !('\u{64b}'..='\u{652}').contains(c)).collect();
    assert_eq!(bare, SENTENCE);
    assert_ne!(told.text, SENTENCE);
    assert_eq!((told.words, told.words_refused, told.sentences_failed), (7, 0, 0));
    let words: Vec<&str> = heard.done.words.iter().map(|mark| mark.word.as_str()).collect();
    assert_eq!(words.join(" "), SENTENCE);
    assert_eq!(heard.words_ahead, 7);
    // "tamma", "hisaabik": vowels that nobody wrote.
    let sounds = heard.done.phonemes.replace(['ˈ', 'ˌ'], "");
    assert!(sounds.contains("tamma") && sounds.contains("ħisaːbik"), "{sounds}");

    let given = SynthesizeRequest { as_given: vec!["المبلغ".into()], ..arabic(SENTENCE) };
    let told = engine.say(given).await.unwrap().done.vocalised.unwrap();
    assert!(told.text.contains(" المبلغ "), "{}", told.text);

    for hostile in [
        "مـــرحبا \u{202e}ok\u{202c} ١٢٣ \u{200b}ال\u{200c}حساب",
        &"كلمة".repeat(450),
        &"رصيدك ".repeat(330),
        "َُِّ ْ ًٌٍ",
        "...؟!",
    ] {
        let heard = engine.say(arabic(hostile)).await.unwrap();
        let told = heard.done.vocalised.unwrap_or_default();
        assert_eq!(told.sentences_failed, 0, "{hostile}");
        let marks = heard.done.words.iter().map(|mark| mark.start_sample);
        assert!(marks.is_sorted());
    }
    let english = SynthesizeRequest { voice: "espeak-ar".into(), ..arabic("hello 12") };
    assert_eq!(engine.say(english).await.unwrap().done.vocalised.unwrap().text, "hello 12");
}

#[tokio::test]
async fn a_diacritizer_that_can_not_be_loaded_silences_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = dir.path().join("garbage.onnx");
    std::fs::write(&garbage, "no model").unwrap();
    std::fs::write(dir.path().join("garbage.vocab.json"), "{}").unwrap();
    let missing = dir.path().join("missing.onnx");
    for model in [garbage, missing] {
        let Some(args) = args(model.to_str().unwrap()) else { return };
        let engine = Engine::start(&args).await;
        let heard = engine.say(arabic(SENTENCE)).await.unwrap();
        assert!(heard.done.samples > 0);
        assert_eq!(heard.done.vocalised, None);
    }
    let Some(mut args) = args("/nowhere/model.onnx") else { return };
    args[5] = "/nowhere/libonnxruntime.so".into();
    let engine = Engine::start(&args).await;
    assert!(engine.say(arabic(SENTENCE)).await.unwrap().done.samples > 0);
}
