//! A word and what it may be a form of: Arabic clitics and English endings taken off.
//!
//! No morphology: a stem that is left over is looked up, and means nothing if it is in no list.

/// Written before Arabic words, folded: and, so, with, for, as, the, on the, this, will.
const PREFIXES: [&str; 14] =
    ["وال", "فال", "بال", "كال", "ولل", "عال", "هال", "لل", "ال", "و", "ف", "ب", "ل", "ك"];

/// And after them: whose, whom, who.
const SUFFIXES: [&str; 19] = [
    "توني", "تونا", "تكم", "كم", "هم", "ها", "نا", "ني", "ين", "ون", "ات", "وا", "تم", "ه", "ك",
    "ي", "ا", "ت", "و",
];

const ENGLISH_ENDINGS: [&str; 5] = ["ing", "ed", "es", "s", "d"];

/// Letters that must be left.
const STEM_CHARS_MIN: usize = 3;

/// Longest word that is taken apart.
const WORD_CHARS_MAX: usize = 24;

/// Folded words have no presentation forms: their first letter tells.
fn is_arabic_word(word: &str) -> bool {
    word.starts_with(|c: char| matches!(c, '\u{620}'..='\u{6ff}'))
}

/// `word` first, then what it may be a form of. `word` is folded.
pub(super) fn forms(word: &str) -> Vec<String> {
    let mut forms = vec![word.to_owned()];
    if word.chars().count() > WORD_CHARS_MAX {
        return forms;
    }
    let long_enough = |stem: &str| stem.chars().count() >= STEM_CHARS_MIN;
    if !is_arabic_word(word) {
        let stems = ENGLISH_ENDINGS.iter().filter_map(|end| word.strip_suffix(end));
        forms.extend(stems.filter(|stem| long_enough(stem)).map(str::to_owned));
        return forms;
    }
    let bare = PREFIXES.iter().filter_map(|prefix| word.strip_prefix(prefix));
    let bare: Vec<&str> = bare.filter(|stem| long_enough(stem)).collect();
    forms.extend(bare.iter().map(|stem| (*stem).to_owned()));
    for stem in std::iter::once(word).chain(bare) {
        let stems = SUFFIXES.iter().filter_map(|suffix| stem.strip_suffix(suffix));
        for stem in stems.filter(|stem| long_enough(stem)) {
            forms.push(stem.to_owned());
            // A feminine word opens its ه before what is added: خدمتكم is of خدمه.
            if let Some(open) = stem.strip_suffix('ت') {
                forms.push(format!("{open}ه"));
            }
        }
    }
    forms
}

/// What `word` denies, where it is one that stands between ما and ش, as in Cairo and Casablanca.
pub(super) fn denied(word: &str) -> Option<&str> {
    let inside = word.strip_prefix("ما").or_else(|| word.strip_prefix('م'))?.strip_suffix('ش')?;
    (inside.chars().count() >= STEM_CHARS_MIN).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clitics_and_endings_come_off() {
        for (word, stem) in [
            ("والخدمه", "خدمه"),
            ("خدمتكم", "خدمه"),
            ("بالممتاز", "ممتاز"),
            ("هالخدمه", "خدمه"),
            ("crashes", "crash"),
            ("worked", "work"),
        ] {
            assert!(forms(word).contains(&stem.to_owned()), "{word}: {:?}", forms(word));
        }
        assert_eq!(forms("كل"), ["كل"], "nothing is left of a short word");
        assert_eq!(forms(&"ا".repeat(500)).len(), 1);
    }

    #[test]
    fn what_stands_between_ma_and_sh_is_denied() {
        assert_eq!(denied("ماعجبنيش"), Some("عجبني"));
        assert_eq!(denied("مبيشتغلش"), Some("بيشتغل"));
        assert_eq!(denied("معيش"), None);
        assert_eq!(denied("مشكله"), None);
    }
}
