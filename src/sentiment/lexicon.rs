//! The lists of words: read once, from the files beside this one.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use crate::speech::normalise::{Form, normalise};

/// What a phrase does in a sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Role {
    /// It carries a mood.
    Weight(f32),
    /// It turns what follows into its opposite.
    Not,
    More,
    Less,
    /// What follows counts more than what went before.
    But,
    /// Said whatever the mood.
    Courtesy,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Folded.
    pub(super) words: Vec<String>,
    pub(super) role: Role,
    /// A thanks that is meant only where nothing bad is said beside it.
    pub(super) thanks: bool,
}

#[derive(Debug)]
pub(super) struct Lexicon {
    /// By their first word, the longest first.
    entries: HashMap<String, Vec<Entry>>,
}

const FILES: [&str; 2] = [include_str!("data/en.txt"), include_str!("data/ar.txt")];

/// Our own lists, of all languages: their scripts keep them apart.
pub(super) static OURS: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::parse(&FILES).expect("our own lists can be read. This is a bug."));

impl Lexicon {
    /// Reads lists; on failure says which line is wrong.
    fn parse(files: &[&str]) -> Result<Self, String> {
        let mut entries: HashMap<String, Vec<Entry>> = HashMap::new();
        let mut polite: HashSet<String> = HashSet::new();
        for line in files.iter().flat_map(|file| file.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || format!("no role or weight at the start of: {line}");
            let (role, phrases) = line.split_once(char::is_whitespace).ok_or_else(wrong)?;
            let role = match role {
                "not" => Role::Not,
                "more" => Role::More,
                "less" => Role::Less,
                "but" => Role::But,
                "courtesy" => Role::Courtesy,
                weight => {
                    let weight: f32 = weight.parse().map_err(|_| wrong())?;
                    Role::Weight(weight)
                }
            };
            for phrase in phrases.split('|') {
                let folded = normalise(phrase, Form::Folded);
                let words: Vec<String> = folded.split(' ').map(str::to_owned).collect();
                let Some(first) = words.first().filter(|word| !word.is_empty()) else { continue };
                if role == Role::Courtesy && words.len() == 1 {
                    polite.insert(first.clone());
                }
                let list = entries.entry(first.clone()).or_default();
                // The first list that a phrase stands in is the one that counts.
                if !list.iter().any(|entry| entry.words == words) {
                    list.push(Entry { words, role, thanks: false });
                }
            }
        }
        for entry in entries.values_mut().flatten() {
            entry.thanks = matches!(entry.role, Role::Weight(weight) if weight > 0.0)
                && entry.words.iter().any(|word| {
                    polite.contains(word) || word == "thank" || word.starts_with("شكر")
                });
        }
        for list in entries.values_mut() {
            list.sort_by_key(|entry| std::cmp::Reverse(entry.words.len()));
        }
        Ok(Self { entries })
    }

    /// The longest entry that the words begin with; each word comes with its forms.
    pub(super) fn longest(&self, words: &[Vec<String>]) -> Option<&Entry> {
        let first = words.first()?;
        let mut best: Option<&Entry> = None;
        // The word itself comes first and wins over its stems.
        for form in first {
            for entry in self.entries.get(form).into_iter().flatten() {
                let longer = best.is_none_or(|best| entry.words.len() > best.words.len());
                let fits = longer && entry.words.len() <= words.len();
                if fits && entry.words.iter().zip(words).skip(1).all(|(w, f)| f.contains(w)) {
                    best = Some(entry);
                    break; // the others of this list are shorter
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lists_are_well_formed() {
        let entries: Vec<&Entry> = OURS.entries.values().flatten().collect();
        assert!(entries.len() > 700, "{}", entries.len());
        for entry in entries {
            assert!(entry.words.len() <= 6, "{entry:?}");
            if let Role::Weight(weight) = entry.role {
                assert!((-1.0..=1.0).contains(&weight), "{entry:?}");
            }
        }
        assert!(Lexicon::parse(&["loud bang"]).is_err());
        assert!(Lexicon::parse(&["0.5"]).is_err());
    }

    #[test]
    fn the_longest_phrase_wins_and_the_word_over_its_stem() {
        let forms = |text: &str| -> Vec<Vec<String>> {
            text.split(' ').map(super::super::forms::forms).collect()
        };
        let found = |text: &str| OURS.longest(&forms(text)).map(|e| e.words.join(" "));
        assert_eq!(found("thanks for nothing at all").as_deref(), Some("thanks for nothing"));
        assert_eq!(found("thanks for calling").as_deref(), Some("thanks"));
        assert_eq!(found("بالمره").as_deref(), Some("بالمره"));
        assert_eq!(found("qwerty"), None);
    }
}
