//! The lists of what models write in silence, and whether words are made of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::speech::normalise::{Form, normalise};

/// Words that `*` at the end of a phrase stands for, at most: a name and a trade.
const OPEN_WORDS_MAX: usize = 6;

/// How a phrase is to be taken; see the list itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Credit,
    Maybe,
}

#[derive(Debug)]
struct Phrase {
    words: Vec<String>,
    open: bool,
    tier: Tier,
}

/// What words turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// Of something else.
    Other,
    /// Of what presenters say, and nothing else.
    Maybe,
    /// Of a subtitler's credits from this word on.
    CreditFrom(usize),
    /// The same, by words that some name would follow: "translated by", which people say as well.
    OpenCreditFrom(usize),
}

/// Phrases by their first word, the longest first.
#[derive(Debug)]
pub(super) struct Phrases {
    by_first: HashMap<String, Vec<Phrase>>,
    never: HashSet<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    credits: Vec<String>,
    maybe: Vec<String>,
    never: Vec<String>,
}

static OURS: LazyLock<BTreeMap<String, Lists>> = LazyLock::new(|| {
    toml::from_str(include_str!("heard_in_silence.toml"))
        .expect("our own list, which the tests read too. This is a bug.")
});

impl Phrases {
    /// Our lists, all languages of them (models write one in place of the other), and an
    /// operator's own phrases, which are doubted like a presenter's.
    pub(super) fn new<'a>(more: impl IntoIterator<Item = &'a str>) -> Self {
        let mut phrases = Self { by_first: HashMap::new(), never: HashSet::new() };
        for list in OURS.values() {
            phrases.never.extend(list.never.iter().map(|phrase| fold(phrase)));
        }
        for list in OURS.values() {
            list.credits.iter().for_each(|phrase| phrases.add(phrase, Tier::Credit));
            list.maybe.iter().for_each(|phrase| phrases.add(phrase, Tier::Maybe));
        }
        more.into_iter().for_each(|phrase| phrases.add(phrase, Tier::Maybe));
        for same_start in phrases.by_first.values_mut() {
            same_start.sort_by_key(|phrase| std::cmp::Reverse(phrase.words.len()));
        }
        phrases
    }

    fn add(&mut self, phrase: &str, tier: Tier) {
        let (text, open) = match phrase.trim_end().strip_suffix('*') {
            Some(text) => (text, true),
            None => (phrase, false),
        };
        let words = fold(text);
        if words.is_empty() || self.never.contains(&words) {
            return;
        }
        let same_start = self.by_first.entry(words[0].clone()).or_default();
        same_start.push(Phrase { words, open, tier });
    }

    /// What folded `words` are made of. Each is looked at once for each phrase that begins with it.
    pub(super) fn made_of(&self, words: &[&str]) -> Made {
        let listed_to_the_end = self.listed_to_the_end(words);
        let mut at = 0;
        let mut only_maybe = !words.is_empty();
        while at < words.len() {
            match self.at_start_of(&words[at..]) {
                Some((length, Tier::Credit, open)) if listed_to_the_end[at + length] => {
                    // What stands before a credit is a caller's, unless it is listed as well.
                    let at = if only_maybe { 0 } else { at };
                    return if open { Made::OpenCreditFrom(at) } else { Made::CreditFrom(at) };
                }
                Some((length, Tier::Maybe, _)) => at += length,
                Some((_, Tier::Credit, _)) | None => {
                    only_maybe = false;
                    at += 1;
                }
            }
        }
        if only_maybe { Made::Maybe } else { Made::Other }
    }

    /// For each place in `words`, its end included: whether nothing but listed phrases follows.
    fn listed_to_the_end(&self, words: &[&str]) -> Vec<bool> {
        let mut listed = vec![true; words.len() + 1];
        for at in (0..words.len()).rev() {
            listed[at] = self.at_start_of(&words[at..]).is_some_and(|(n, ..)| listed[at + n]);
        }
        listed
    }

    /// The longest phrase at the start of `words`: its length there, its tier, and whether it is open.
    fn at_start_of(&self, words: &[&str]) -> Option<(usize, Tier, bool)> {
        let phrases = self.by_first.get(*words.first()?)?;
        phrases.iter().find_map(|phrase| {
            let fits = phrase.words.len() <= words.len()
                && phrase.words.iter().zip(words).all(|(listed, word)| listed == word);
            if !fits {
                return None;
            }
            let rest = words.len() - phrase.words.len();
            match phrase.open {
                // A name ends the utterance; anything longer is a sentence.
                true if rest > OPEN_WORDS_MAX => None,
                true => Some((words.len(), phrase.tier, true)),
                false => Some((phrase.words.len(), phrase.tier, false)),
            }
        })
    }
}

/// The words of `text` as they are compared.
pub(super) fn fold(text: &str) -> Vec<String> {
    normalise(text, Form::Folded).split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Made {
        let words = fold(text);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Phrases::new([]).made_of(&words)
    }

    #[test]
    fn our_lists_can_be_read_and_no_phrase_that_callers_say_is_in_another() {
        let phrases = Phrases::new([]);
        assert!(OURS.contains_key("ar") && OURS.contains_key("en"));
        for list in OURS.values() {
            for phrase in list.never.iter() {
                assert_eq!(made(phrase), Made::Other, "{phrase}");
            }
            for phrase in list.credits.iter().chain(&list.maybe) {
                assert_ne!(made(phrase.trim_end_matches('*')), Made::Other, "{phrase}");
            }
        }
        assert!(!phrases.by_first.is_empty());
    }

    #[test]
    fn spelling_does_not_matter() {
        for text in ["اشتركوا في القناه", "اِشترِكوا في القناة!", "اشتركوا في القناة، فعّلوا الجرس."]
        {
            assert_eq!(made(text), Made::Maybe, "{text}");
        }
        assert_eq!(made("Thanks for watching! Please subscribe."), Made::Maybe);
        assert_eq!(made("Subtitles by the Amara.org community"), Made::CreditFrom(0));
        assert_eq!(made("تم التفريغ بواسطة أحمد علي"), Made::OpenCreditFrom(0));
    }

    #[test]
    fn a_phrase_in_a_sentence_is_a_sentence() {
        for text in [
            "كيف اشترك في القناة الرياضية عندكم",
            "أبغى رابط القناة حق التحديث",
            "I said thanks for watching the dog",
            "ترجمة فريق العمل لازم تكون جاهزة قبل يوم الأحد القادم إن شاء الله",
        ] {
            assert_eq!(made(text), Made::Other, "{text}");
        }
    }

    #[test]
    fn a_credit_behind_words_leaves_the_words() {
        assert_eq!(made("أبغى أعرف رصيدي ترجمة نانسي قنقر"), Made::CreditFrom(3));
        assert_eq!(made("اشتركوا في القناة ترجمة نانسي قنقر"), Made::CreditFrom(0));
    }

    #[test]
    fn an_operators_phrase_counts_and_what_callers_say_can_not_be_listed() {
        let phrases = Phrases::new(["إلى اللقاء يا أصدقاء", "شكرا"]);
        assert_eq!(phrases.made_of(&["الي", "اللقاء", "يا", "اصدقاء"]), Made::Maybe);
        assert_eq!(phrases.made_of(&["شكرا"]), Made::Other);
    }
}
