//! What callers say, wrapped so that it reaches no log by accident.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once by [`super::init`] from `log.words`.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Words of a caller or of the agent in a log line. Shows how many characters they have; the words
/// themselves only when the operator set `log.words`.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    text: &'a str,
    shown: bool,
}

impl<'a> Words<'a> {
    /// Wraps `text` under the operator's rule.
    pub fn new(text: &'a str) -> Self {
        Self { text, shown: SHOWN.load(Ordering::Relaxed) }
    }
}

pub(super) fn show(shown: bool) {
    SHOWN.store(shown, Ordering::Relaxed);
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shown {
            // Quoted and escaped: a caller's words forge no log line.
            write!(f, "{:?}", self.text)
        } else {
            write!(f, "{} chars", self.text.chars().count())
        }
    }
}

impl fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_and_not_shown() {
        let words = Words::new("مرحبا secret");
        assert_eq!(format!("{words} {words:?}"), "12 chars 12 chars");
    }

    #[test]
    fn the_operator_can_ask_for_the_words() {
        let words = Words { text: "hello\nERROR forged", shown: true };
        assert_eq!(words.to_string(), r#""hello\nERROR forged""#);
    }
}
