//! Small vocabularies, made here, and what becomes of text in them.

use super::*;

/// The printable name of text, as the files write it.
fn name(text: &str) -> String {
    let letters: HashMap<u8, char> = byte_of_letter().into_iter().map(|(c, b)| (b, c)).collect();
    text.bytes().map(|byte| letters[&byte]).collect()
}

/// All bytes, a few merges, and the special tokens.
fn small(specials: &[&str]) -> Result<Vocabulary, String> {
    let letters: HashMap<u8, char> = byte_of_letter().into_iter().map(|(c, b)| (b, c)).collect();
    let mut names: Vec<String> = (0..=u8::MAX).map(|byte| letters[&byte].to_string()).collect();
    names.extend(["he", "ll", " s", "hell", "hello", " so", "م", "ر", "مر"].map(name));
    names.extend(specials.iter().map(|special| (*special).to_owned()));
    Vocabulary::new(names)
}

const MULTILINGUAL: &[&str] = &[
    "",
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|ar|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    "<|0.00|>",
];

#[test]
fn text_becomes_tokens_by_the_earliest_merge_and_back() {
    let vocabulary = small(MULTILINGUAL).unwrap();
    let tokens = vocabulary.tokenize("hello so");
    assert_eq!(tokens, [260, 261]);
    assert_eq!(vocabulary.text(&tokens), "hello so");
    let arabic = vocabulary.tokenize(" مرحبا");
    assert_eq!((vocabulary.text(&arabic).as_str(), arabic[1]), ("مرحبا", 264));
}

#[test]
fn words_are_parted_as_the_model_was_taught() {
    let parts = |text| words(text).collect::<Vec<_>>();
    assert_eq!(parts(" Sawt, LiveKit 1.13"), [" Sawt", ",", " LiveKit", " 1", ".", "13"]);
    assert_eq!(parts(" a  b "), [" a", " ", " b", " "]);
    assert_eq!(parts("مرحبا، بكم"), ["مرحبا", "،", " بكم"]);
    assert_eq!(parts("  "), ["  "]);
}

#[test]
fn a_transcript_opens_with_its_language_after_the_prompt() {
    let vocabulary = small(MULTILINGUAL).unwrap();
    let plain = ["<|startoftranscript|>", "<|ar|>", "<|transcribe|>", "<|notimestamps|>"];
    assert_eq!(vocabulary.opening("ar", " ", 448), plain);
    let prompted = vocabulary.opening("ar", "so <|endoftext|>", 448);
    assert_eq!(prompted[..2], ["<|startofprev|>", &name(" so")]);
    assert!(!prompted.contains(&"<|endoftext|>"), "a prompt steers by no special token");
    assert!(prompted.ends_with(&plain));
    assert_eq!(vocabulary.languages().collect::<Vec<_>>(), ["en", "ar"]);
}

#[test]
fn an_english_only_model_opens_without_a_language() {
    // As OpenAI's files have them: with all languages, and without the empty token.
    let vocabulary = small(&MULTILINGUAL[1..]).unwrap();
    assert_eq!(vocabulary.opening("en", "", 448), ["<|startoftranscript|>", "<|notimestamps|>"]);
    assert_eq!(vocabulary.languages().collect::<Vec<_>>(), ["en"]);
}

#[test]
fn special_tokens_and_marks_are_never_written_but_the_end_is() {
    let vocabulary = small(MULTILINGUAL).unwrap();
    let end = 266;
    let never = vocabulary.never_written();
    assert!(never.contains(&(b'[' as Token)) && never.contains(&(end + 1)));
    assert!(never.contains(&(vocabulary.len() as Token - 1)), "a timestamp");
    assert!(!never.contains(&end) && !never.contains(&(b'a' as Token)));
}

#[test]
fn a_vocabulary_of_something_else_is_refused() {
    assert!(Vocabulary::new(vec!["a".into()]).unwrap_err().contains("<|endoftext|>"));
    let odd =
        ["€", "<|endoftext|>", "<|startoftranscript|>", "<|startofprev|>", "<|notimestamps|>"];
    let error = Vocabulary::new(odd.map(str::to_owned).to_vec()).unwrap_err();
    assert!(error.contains("alphabet"), "{error}");
}
