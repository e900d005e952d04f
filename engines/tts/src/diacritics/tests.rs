//! The real weights, where they are installed, on the golden corpus and on text that nobody should send.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::given::same_letters;
use super::spelling::spelled;
use super::*;
use crate::espeak::tests::shared as espeak;

/// The starter's diacritizer; none where it is missing and SAWT_SKIP_MODEL_TESTS is set.
fn diacritizer() -> Option<&'static Arc<Diacritizer>> {
    static LOADED: OnceLock<Option<Arc<Diacritizer>>> = OnceLock::new();
    let load = || {
        let library = model_file("onnxruntime/libonnxruntime.so")?;
        let model = model_file("rawi-ensemble/rawi_ensemble.int8.onnx")?;
        let environment = ort::init_from(library).unwrap().with_name("tests").build().unwrap();
        Some(Arc::new(Diacritizer::load(&environment, &model).unwrap()))
    };
    LOADED.get_or_init(load).as_ref()
}

fn model_file(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SAWT_MODELS_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/sawt/models"),
        PathBuf::from,
    );
    let path = root.join(relative);
    let skips = std::env::var_os("SAWT_SKIP_MODEL_TESTS").is_some();
    assert!(
        path.is_file() || skips,
        "{} is missing; run `sawt models pull`, or set SAWT_SKIP_MODEL_TESTS=1",
        path.display()
    );
    path.is_file().then_some(path)
}

/// What Arabic voices are given: the spoken side of the golden corpus.
fn corpus() -> Vec<&'static str> {
    let files = [
        include_str!("../../../../tests/data/speech/ar.tsv"),
        include_str!("../../../../tests/data/speech/held_out.tsv"),
    ];
    let spoken = files.into_iter().flat_map(str::lines).filter_map(|line| line.split_once('\t'));
    spoken.map(|(_, spoken)| spoken).filter(|text| text.contains(['ا', 'ل', 'ر'])).collect()
}

#[test]
fn no_letter_of_the_golden_corpus_is_changed_and_nearly_all_words_are_read() {
    let Some(diacritizer) = diacritizer() else { return };
    let (mut words, mut refused) = (0, 0);
    for sentence in corpus() {
        let told = diacritizer.read(sentence, &[]);
        assert!(same_letters(&told.text, sentence), "{sentence}\n{}", told.text);
        if told.words_refused > 0 {
            println!("{} refused: {}", told.words_refused, told.text);
        }
        assert_eq!(told.sentences_failed, 0);
        words += told.words;
        refused += told.words_refused;
    }
    assert!(corpus().len() >= 250, "{} sentences", corpus().len());
    assert!(words > 1_500, "{words}");
    println!("{refused} of {words} words refused in {} sentences", corpus().len());
    assert!(refused * 100 < words * 5, "{refused} of {words} words refused");
}

#[test]
fn what_is_vocalised_stays_as_it_is() {
    let Some(diacritizer) = diacritizer() else { return };
    for sentence in ["مُحَمَّدٌ يُحِبُّ مَدْرَسَتَهُ", "رَصِيدُكَ أَلْفُ رِيَالٍ.", "شُكْرًا لِاتِّصَالِكَ، كَيْفَ أُسَاعِدُكَ؟", "قِفْ"]
    {
        let told = diacritizer.read(sentence, &[]);
        let keeps = |word: &str| told.text.split_whitespace().any(|read| read == word);
        assert!(sentence.split_whitespace().all(keeps), "{sentence}\n{}", told.text);
    }
}

#[test]
fn what_nobody_should_send_is_survived_with_its_letters() {
    let Some(diacritizer) = diacritizer() else { return };
    let long = "رصيدك الحالي ".repeat(770);
    for text in [
        "",
        " ",
        "hello world",
        "حسابك رقم 12345 في ABC Bank",
        "رصيدك ١٢٣٫٥٠ ريال (تقريبًا) — شكرا!",
        "مـــرحـــبـــا بكـــم",
        "ال\u{200c}حساب \u{200f}مفتوح\u{202e} الآن\u{202c}",
        "أ إ آ ٱ ا ء ؤ ئ ى ة",
        "ا\u{654}حمد ا\u{655}لى ا\u{653}خر",
        "\u{64e}\u{64f}\u{651}",
        "ﻻ ﷲ ﷺ",
        "شكرا😀 👍🏽 شكرا",
        "اااااااااااااااااااااااااااااااا",
        "كتاب\u{301}\u{301}\u{301}",
        "قفقفقف قف؟؟؟!!!،،،",
        "پگچژ ڤيديو",
        &long,
    ] {
        let told = diacritizer.read(text, &[]);
        assert!(same_letters(&told.text, text), "{text}\n{}", told.text);
        assert!(told.text.len() <= 4 * text.len() + 8);
    }
    // Requests are cut into sentences far below its bound; what comes past that is spoken plain.
    assert_eq!(diacritizer.read(&long, &[]).sentences_failed, 1);
}

/// Vowels in espeak's phonemes, a long one counted once.
fn vowels(text: &str) -> Option<usize> {
    let raw = espeak()?.phonemes("ar", text).unwrap();
    let phonemes: String = raw.into_iter().map(|clause| clause.phonemes).collect();
    Some(phonemes.chars().filter(|c| "aiueoɪʊəɛɔ".contains(*c)).count())
}

#[test]
fn espeak_hears_the_vowels() {
    let Some(diacritizer) = diacritizer() else { return };
    let (mut plain, mut vocalised) = (0, 0);
    for sentence in corpus() {
        let Some(heard) = vowels(sentence) else { return };
        plain += heard;
        vocalised += vowels(&spelled(&diacritizer.read(sentence, &[]).text)).unwrap();
    }
    println!("{plain} vowels without diacritics, {vocalised} with");
    assert!(vocalised * 10 > plain * 12, "{plain} without, {vocalised} with");
}

#[test]
fn each_word_has_its_mark_with_vowels_as_without() {
    let (Some(diacritizer), Some(espeak)) = (diacritizer(), espeak()) else { return };
    let say = |text: &str| espeak.speak("ar", text, 2.0, Box::new(|| false)).unwrap().words.len();
    for sentence in corpus().into_iter().step_by(8) {
        let words = sentence.split_whitespace().count();
        let with = say(&spelled(&diacritizer.read(sentence, &[]).text));
        assert_eq!(with, say(sentence), "{sentence}");
        assert_eq!(with, words, "{sentence}");
    }
}

#[test]
fn a_renderer_gets_vowels_for_its_arabic_voices_and_marks_keep_the_words_sent() {
    let Some(diacritizer) = diacritizer() else { return };
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let spoken = Arc::clone(&seen);
    let inner: Renderer = Box::new(move |_, task, _| {
        let Task::Sentence(sentence) = task else { panic!("a rest") };
        let words = sentence.text.split_whitespace().map(|word| (word.to_owned(), 0)).collect();
        spoken.lock().unwrap().push(sentence.text);
        let opening = crate::render::Opening { words, ..Default::default() };
        Ok(Rendered { opening: Some(opening), ..Default::default() })
    });
    let mut renderer = vocalising(Some(Arc::clone(diacritizer)), vec![true, false], inner);
    let sentence =
        Sentence { text: "البطاقة مفعلة".into(), speed: 1.0, as_given: Arc::default() };
    let mut say = |voice| {
        let task = Task::Sentence(sentence.clone());
        renderer(voice, task, Arc::default()).unwrap().opening.unwrap()
    };
    let (arabic, other) = (say(0), say(1));
    assert!(same_letters(&arabic.vocalised.unwrap().text, &sentence.text));
    let words: Vec<String> = arabic.words.into_iter().map(|(word, _)| word).collect();
    assert_eq!(words, ["البطاقة", "مفعلة"]);
    assert_eq!(other.vocalised, None);
    let seen = seen.lock().unwrap();
    assert_ne!(seen[0], sentence.text);
    assert_eq!(seen[1], sentence.text);
}

#[test]
fn without_a_model_arabic_is_spoken_as_it_is_sent() {
    let inner: Renderer = Box::new(|_, task, _| match task {
        Task::Sentence(sentence) if sentence.text == "مرحبا بك" => Ok(Rendered::default()),
        _ => panic!("another text"),
    });
    let mut renderer = vocalising(None, vec![true], inner);
    let sentence =
        Sentence { text: "مرحبا بك".into(), speed: 1.0, as_given: Arc::default() };
    renderer(0, Task::Sentence(sentence), Arc::default()).unwrap();
}
