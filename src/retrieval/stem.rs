//! Words as an index compares them: folded, without what Arabic joins to a word and without the
//! commonest endings of both languages. Light on purpose: two words that only look alike should
//! stay two.

use crate::speech::normalise::{Form, normalise};

/// Words that say nothing of what a text is about, folded.
const STOP: &str = "في من علي الي عن مع هذا هذه ذلك تلك التي الذي ما ماذا هل كم متي اين كيف لماذا او ثم انا انت هو هي \
    نحن هم ان كان كانت يكون قد لا لم لن اذا كل بعد قبل عند لي لك له لها ابغي اريد عايز لو ممكن شو وش ايش \
    the a an of to in on at for is are was be do does did i you he she it we they my your and or not what when \
    where which who how can could would will with from by as this that there have has had if me please much many \
    need";

/// Joined before a word, the longest first.
const PREFIXES: &[&str] = &["وبال", "وال", "بال", "كال", "فال", "ولل", "لل", "ال", "و"];

/// Joined after a word, the longest first. All folded: ه stands for ة as well.
const SUFFIXES: &[&str] = &[
    "اتهم", "اتنا", "اتها", "ات", "تها", "تنا", "تكم", "تهم", "ون", "ين", "ان", "ها", "هم", "كم",
    "نا", "تي", "ته", "تك", "يه", "ه", "ي", "ا",
];

/// Letters that are left at least.
const LETTERS_MIN: usize = 3;

/// The terms of a text, in order.
pub fn terms(text: &str) -> impl Iterator<Item = String> {
    let folded = normalise(text, Form::Folded);
    let words: Vec<String> = folded
        .split(' ')
        .filter(|word| !word.is_empty() && !STOP.split_whitespace().any(|stop| stop == *word))
        .map(stem)
        .collect();
    words.into_iter()
}

fn stem(word: &str) -> String {
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return english(word).to_owned();
    }
    let left = |word: &str| word.chars().count();
    let mut stem = word;
    for prefix in PREFIXES {
        let Some(rest) = stem.strip_prefix(prefix) else { continue };
        // A single letter is part of more words than it is joined to; of those but و, all are.
        let least = if prefix.chars().count() == 1 { LETTERS_MIN + 1 } else { LETTERS_MIN };
        if left(rest) >= least {
            stem = rest;
            break;
        }
    }
    for suffix in SUFFIXES {
        if let Some(rest) = stem.strip_suffix(suffix)
            && left(rest) >= LETTERS_MIN
        {
            stem = rest;
            break;
        }
    }
    stem.to_owned()
}

fn english(word: &str) -> &str {
    if word.len() <= 4 {
        return word;
    }
    for suffix in ["ings", "ing", "ies", "ed", "es", "s", "y", "e"] {
        if let Some(rest) = word.strip_suffix(suffix)
            && rest.len() >= LETTERS_MIN
            && !(suffix == "s" && rest.ends_with('s'))
        {
            return rest;
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(words: &[&str]) {
        let stems: Vec<_> = words.iter().map(|word| terms(word).collect::<Vec<_>>()).collect();
        assert!(stems.windows(2).all(|two| two[0] == two[1]), "{words:?}: {stems:?}");
    }

    #[test]
    fn forms_of_a_word_are_one_term() {
        same(&["البطاقة", "بطاقتي", "والبطاقات", "بطاقه", "للبطاقة"]);
        same(&["التحويل", "تحويلات", "بالتحويل"]);
        same(&["loan", "loans"]);
        same(&["opening", "opened", "opens"]);
        same(&["٣٠", "30"]);
    }

    #[test]
    fn short_words_and_other_words_stay_what_they_are() {
        let of = |word: &str| terms(word).collect::<Vec<_>>().join(" ");
        assert_eq!(of("بنك"), "بنك");
        assert_eq!(of("ولد"), "ولد");
        assert_ne!(of("حساب"), of("حسن"));
        assert_eq!(of("في the من"), "");
    }
}
