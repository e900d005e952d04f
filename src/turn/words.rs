//! What kind of words were said over the agent: listening noises, a command, or something to say.
//!
//! Knows phrases, not meaning: whoever says anything beside the listed phrases has something to
//! say. Spellings are folded, so that one entry stands for its variants in both scripts.

/// Phrases as they are compared: words folded, order kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phrases(Vec<Vec<String>>);

/// What kind of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// No words at all: a noise.
    Nothing,
    /// Only what listeners say: "mm-hm".
    Backchannel,
    /// Too few words to be meant.
    TooFew,
    /// Something to say.
    Words,
    /// "Stop", "wait".
    Command,
}

impl Phrases {
    /// From lists of phrases with commas between them.
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a str>) -> Self {
        let phrases = lists.into_iter().flat_map(|list| list.split([',', '،']));
        let mut phrases: Vec<_> = phrases.map(fold).filter(|words| !words.is_empty()).collect();
        // The longest that fits is meant: "all right" before "all".
        phrases.sort_by_key(|words| std::cmp::Reverse(words.len()));
        phrases.dedup();
        Self(phrases)
    }

    /// How many words at the start of `words` are one of these phrases.
    fn at_start_of(&self, words: &[String]) -> Option<usize> {
        self.0.iter().find(|phrase| words.starts_with(phrase)).map(Vec::len)
    }
}

/// Judges what was said; `words_min` are the fewest words, listening noises not counted, that are
/// meant.
pub(super) fn judge(
    text: &str,
    backchannels: &Phrases,
    commands: &Phrases,
    words_min: usize,
) -> Said {
    let words = fold(text);
    if words.is_empty() {
        return Said::Nothing;
    }
    let (mut rest, mut meant) = (words.as_slice(), 0);
    while !rest.is_empty() {
        let skip = backchannels.at_start_of(rest);
        // "No problem" is no "no".
        if commands.at_start_of(rest) > skip {
            return Said::Command;
        }
        meant += usize::from(skip.is_none());
        rest = &rest[skip.unwrap_or(1)..];
    }
    match meant {
        0 => Said::Backchannel,
        n if n < words_min => Said::TooFew,
        _ => Said::Words,
    }
}

/// Words without case, punctuation, vowel signs, and the letters that people write either way.
/// What stands in brackets was heard and not said: "[music]", "(coughs)".
fn fold(text: &str) -> Vec<String> {
    let mut folded = String::with_capacity(text.len());
    // Where each open bracket began. One that is never closed hides nothing: ears leave one off now and then.
    let mut brackets = Vec::new();
    for c in text.chars() {
        match c {
            '[' | '(' => {
                folded.push(' ');
                brackets.push(folded.len());
            }
            ']' | ')' => folded.truncate(brackets.pop().unwrap_or(folded.len())),
            // Vowel signs and the stretching stroke; an apostrophe is no end of a word.
            '\u{64B}'..='\u{652}' | '\u{670}' | '\u{640}' | '\'' | '’' => {}
            'أ' | 'إ' | 'آ' | 'ٱ' => folded.push('ا'),
            'ى' | 'ئ' => folded.push('ي'),
            'ؤ' => folded.push('و'),
            'ة' => folded.push('ه'),
            c if c.is_alphanumeric() => folded.extend(c.to_lowercase()),
            _ => folded.push(' '),
        }
    }
    folded.split_whitespace().map(without_repeats).collect()
}

/// "yeaaah" and "yeah", "mmm" and "mm" are the same; so are a few words that are not, which does
/// no harm as both sides are folded.
fn without_repeats(word: &str) -> String {
    let mut last = None;
    word.chars().filter(|c| last.replace(*c) != Some(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::turn::TurnPolicy;

    #[track_caller]
    fn said(text: &str) -> Said {
        let policy = TurnPolicy::from(&Config::default());
        judge(text, &policy.backchannels, &policy.commands, 1)
    }

    #[test]
    fn listeners_noises_are_told_from_words_in_both_languages() {
        for noise in [
            "Mm-hm.",
            "mmhmm",
            "Mmm",
            "Yeah, okay.",
            "uh-huh",
            "Oh, I see!",
            "Yeaaah",
            "No problem.",
        ] {
            assert_eq!(said(noise), Said::Backchannel, "{noise}");
        }
        for noise in
            ["أيوه", "ايوة", "نَعَم", "طيب، تمام", "آها", "لا بأس", "ماشي", "إن شاء الله", "تمااام"]
        {
            assert_eq!(said(noise), Said::Backchannel, "{noise}");
        }
        for words in ["yeah but I wanted Tuesday", "نعم لكن أريد موعدا", "What?", "4711"]
        {
            assert_eq!(said(words), Said::Words, "{words}");
        }
    }

    #[test]
    fn commands_are_found_anywhere() {
        for command in [
            "Stop!",
            "No.",
            "لا",
            "okay, wait",
            "hold on a moment",
            "لحظة",
            "لحظه",
            "طيب استنى",
            "خلاص",
        ] {
            assert_eq!(said(command), Said::Command, "{command}");
        }
    }

    #[test]
    fn noises_are_no_words() {
        for noise in ["", " ... ", "[BLANK_AUDIO]", "(coughs)", "؟!", "[a (b) c]", "(", ")"] {
            assert_eq!(said(noise), Said::Nothing, "{noise}");
        }
    }

    #[test]
    fn a_bracket_that_is_never_closed_hides_no_command() {
        for command in ["[music stop", "(stop", "[a (b) stop", ") stop (", "wait [music]", "لحظة ("]
        {
            assert_eq!(said(command), Said::Command, "{command}");
        }
    }

    #[test]
    fn a_word_may_be_too_few() {
        let policy = TurnPolicy::from(&Config::default());
        let judge = |text| judge(text, &policy.backchannels, &policy.commands, 2);
        assert_eq!(judge("yeah Tuesday"), Said::TooFew);
        assert_eq!(judge("next Tuesday"), Said::Words);
        assert_eq!(judge("stop"), Said::Command);
    }
}
