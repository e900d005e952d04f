//! Words and phrases with the form in which they are spoken: names, brands, dialect. What stands
//! here wins over every rule. Reads no file: entries are passed in.

use std::collections::HashMap;

use super::tokens::{Token, folded, tokens};

/// Longest phrase that is looked up, in words and marks.
const PHRASE_TOKENS_MAX: usize = 12;

/// Spoken forms by phrase.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    /// By the phrase's first token; the longest phrases first.
    entries: HashMap<String, Vec<Entry>>,
}

#[derive(Debug, Clone)]
struct Entry {
    phrase: Vec<String>,
    spoken: String,
}

impl Lexicon {
    /// A lexicon of (phrase, spoken form). A later entry for the same phrase replaces an earlier
    /// one, so that an assistant's entries follow the site's. Case, vowel marks and tatweel do not
    /// matter in a phrase; an empty spoken form is not spoken at all.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut lexicon = Self::default();
        for (phrase, spoken) in entries {
            lexicon.insert(phrase, spoken);
        }
        lexicon
    }

    /// Adds an entry, or replaces the one of the same phrase.
    pub fn insert(&mut self, phrase: &str, spoken: &str) {
        let phrase: Vec<String> =
            tokens(phrase).iter().map(|token| key(&token.text)).take(PHRASE_TOKENS_MAX).collect();
        let Some(first) = phrase.first() else { return };
        let entries = self.entries.entry(first.clone()).or_default();
        entries.retain(|entry| entry.phrase != phrase);
        entries.push(Entry { phrase, spoken: spoken.trim().to_owned() });
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.phrase.len()));
    }

    /// How many phrases it holds.
    pub fn len(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The longest phrase that `tokens` begin with: its length in tokens, and how it is spoken.
    pub(crate) fn longest(&self, tokens: &[Token]) -> Option<(usize, &str)> {
        if self.entries.is_empty() {
            return None;
        }
        let first = key(&tokens.first()?.text);
        let entry = self.entries.get(&first)?.iter().find(|entry| {
            let words = tokens.iter().map(|token| key(&token.text));
            tokens.len() >= entry.phrase.len()
                && entry.phrase.iter().cloned().eq(words.take(entry.phrase.len()))
                && ends_whole(tokens, entry.phrase.len())
        })?;
        Some((entry.phrase.len(), &entry.spoken))
    }
}

/// A phrase that ends in letters or digits does not match the beginning of "OTP2".
fn ends_whole(tokens: &[Token], length: usize) -> bool {
    let is_mark = |token: &Token| !token.is_word() && !token.is_number();
    tokens
        .get(length)
        .is_none_or(|next| next.spaced || is_mark(next) || is_mark(&tokens[length - 1]))
}

fn key(word: &str) -> String {
    folded(word).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_phrase_wins_and_later_entries_replace_earlier_ones() {
        let lexicon = Lexicon::new([("apple", "a"), ("Apple Pay", "b"), ("apple", "c"), ("", "d")]);
        assert_eq!(lexicon.len(), 2);
        assert_eq!(lexicon.longest(&tokens("APPLE pay now")), Some((2, "b")));
        assert_eq!(lexicon.longest(&tokens("apple payment")), Some((1, "c")));
        assert_eq!(lexicon.longest(&tokens("apple2")), None);
        assert_eq!(lexicon.longest(&tokens("pay")), None);
    }

    #[test]
    fn vowel_marks_do_not_hide_a_word() {
        let lexicon = Lexicon::new([("مش", "مُش")]);
        assert_eq!(lexicon.longest(&tokens("مِش شغال")), Some((1, "مُش")));
    }
}
