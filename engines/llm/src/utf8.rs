//! Turns the model's bytes into text, whole characters at a time.
//!
//! A token may end in the middle of a character, Arabic letters and emoji often do. The started
//! character is held until its rest comes.

#[derive(Debug, Default)]
pub(crate) struct Utf8Pieces {
    /// At most three bytes: the beginning of one character.
    pending: Vec<u8>,
}

impl Utf8Pieces {
    /// Whole characters that `bytes` completes. Bytes that can never be text become U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let bad = error.error_len();
                    self.pending.drain(..valid + bad.unwrap_or(0));
                    if bad.is_none() {
                        return text;
                    }
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_waits_for_its_last_byte() {
        let mut pieces = Utf8Pieces::default();
        let meem = "م".as_bytes();
        assert_eq!(pieces.push(&meem[..1]), "");
        assert_eq!(pieces.push(&meem[1..]), "م");
    }

    #[test]
    fn text_is_the_same_however_it_is_cut() {
        let text = "مرحبا, naïve 🙂 日本";
        for size in 1..5 {
            let mut pieces = Utf8Pieces::default();
            let whole: String = text.as_bytes().chunks(size).map(|c| pieces.push(c)).collect();
            assert_eq!(whole, text);
            assert!(pieces.pending.is_empty());
        }
    }

    #[test]
    fn impossible_bytes_are_replaced_and_the_rest_survives() {
        let mut pieces = Utf8Pieces::default();
        assert_eq!(pieces.push(b"a\xffb\xd9"), "a\u{fffd}b");
        assert_eq!(pieces.push(b"c"), "\u{fffd}c");
    }

    #[test]
    fn never_holds_more_than_one_started_character() {
        let mut pieces = Utf8Pieces::default();
        for byte in 0..=255_u8 {
            pieces.push(&[byte, byte.wrapping_mul(7)]);
            assert!(pieces.pending.len() <= 3);
        }
    }
}
