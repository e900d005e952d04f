//! Which of Whisper's tokens may be written, and how bytes of tokens become text.

/// Marks that captions use and speech does not: music, brackets, speaker labels. A token made of
/// these alone, with or without a space before it, is never written.
const NOT_SPEECH: &str = "\"#()*+/:;<=>@[\\]^_`{|}~「」『』♩♪♫♬♭♮♯";

/// A decoder stopped by its bound may leave half a character at the end.
pub fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace(char::REPLACEMENT_CHARACTER, "").trim().to_owned()
}

/// Whether a token of these bytes belongs into a transcript of speech.
pub fn may_be_written(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return true };
    // Hyphen and apostrophe belong inside words; at the start of one they open a dash or a quote.
    if matches!(text, " -" | " '") {
        return false;
    }
    let mark = text.strip_prefix(' ').unwrap_or(text).trim_start_matches('-');
    let only_dashes = mark.is_empty() && text.trim().len() > 1;
    let only_marks = !mark.is_empty() && mark.chars().all(|c| NOT_SPEECH.contains(c));
    !(only_dashes || only_marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_marks_are_not_written_and_words_are() {
        for mark in ["[", " [", "♪", " ♪♪", "((", "--", "---", " -", " '", "-[", ":", " \"", ">>"]
        {
            assert!(!may_be_written(mark.as_bytes()), "{mark:?}");
        }
        for word in
            [" the", "-", "'", "'s", ".", "?", ",", "،", "؟", " سلام", " 7", " ", "$", "%", "&"]
        {
            assert!(may_be_written(word.as_bytes()), "{word:?}");
        }
        assert!(may_be_written(&[0xd8]), "half of an Arabic letter");
        assert!(may_be_written(b""));
    }

    #[test]
    fn half_a_character_at_the_end_is_left_out() {
        assert_eq!(text_of(" مرحبا".as_bytes()), "مرحبا");
        assert_eq!(text_of(&" مرحبا".as_bytes()[..10]), "مرحب");
        assert_eq!(text_of(b" Hello. "), "Hello.");
    }
}
