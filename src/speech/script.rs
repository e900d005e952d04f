//! Which language a text is written in, by its letters.

/// The language of `text` among `languages` (BCP 47 primary tags): Arabic when most letters are
/// Arabic, else the first language that is not. Falls back to the first language.
pub fn language_of<'a>(text: &str, languages: &'a [String]) -> &'a str {
    let (mut arabic, mut other) = (0_usize, 0_usize);
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        if is_arabic(c) {
            arabic += 1;
        } else {
            other += 1;
        }
    }
    let by_script = languages.iter().find(|l| {
        if arabic > other { l.as_str() == "ar" } else { other > 0 && l.as_str() != "ar" }
    });
    by_script.or(languages.first()).map_or("en", String::as_str)
}

/// Scripts that a voice is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Arabic,
    /// Any other.
    Latin,
}

/// The script of the first letter of `word`; a word without letters is Latin.
pub(crate) fn script_of(word: &str) -> Script {
    match word.chars().find(|c| c.is_alphabetic()) {
        Some(c) if is_arabic(c) => Script::Arabic,
        _ => Script::Latin,
    }
}

/// Whether `c` belongs to the Arabic blocks.
pub(crate) fn is_arabic(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}'
        | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_decide() {
        let languages = ["en".to_owned(), "ar".to_owned()];
        assert_eq!(language_of("Hello", &languages), "en");
        assert_eq!(language_of("مرحبا", &languages), "ar");
        assert_eq!(language_of("رصيدك في app الآن", &languages), "ar");
        assert_eq!(language_of("1234", &languages), "en");
        let arabic = ["ar".to_owned()];
        assert_eq!(language_of("Hello", &arabic), "ar");
        assert_eq!(language_of("Hello", &[]), "en");
    }
}
