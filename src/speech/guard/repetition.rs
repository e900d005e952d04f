//! One phrase over and over: what a decoder says that has lost its way.

/// Longest phrase whose repetition is looked for, in words.
const PERIOD_MAX: usize = 12;

/// A loop at the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loop {
    /// Words before its second round.
    pub(super) keep: usize,
    /// How often the phrase was said.
    pub(super) rounds: usize,
}

/// The loop that `words` end with, if the same phrase stands there at least `rounds_min` times. A
/// round that was cut off at the end counts as part of it.
pub(super) fn loop_at_end(words: &[&str], rounds_min: usize) -> Option<Loop> {
    (1..=PERIOD_MAX.min(words.len() / 2)).find_map(|period| {
        let pairs = words.len() - period;
        let same = (0..pairs).rev().take_while(|&i| words[i] == words[i + period]).count();
        let rounds = (same + period) / period;
        let keep = words.len() - same;
        (rounds >= rounds_min).then_some(Loop { keep, rounds })
    })
}

/// Longest run of the same letter, digits left out: a card has as many zeros as it has.
pub(super) fn longest_run(text: &str) -> usize {
    let (mut longest, mut run, mut last) = (0, 0, None);
    for c in text.chars() {
        run = if last == Some(c) { run + 1 } else { 1 };
        last = Some(c);
        if c.is_alphabetic() {
            longest = longest.max(run);
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(usize, usize)> {
        let words: Vec<_> = text.split(' ').collect();
        loop_at_end(&words, 4).map(|found| (found.keep, found.rounds))
    }

    #[test]
    fn a_phrase_over_and_over_is_found_and_its_first_round_kept() {
        assert_eq!(found("a b a b a b a b"), Some((2, 4)));
        assert_eq!(found("x a b a b a b a b a"), Some((3, 4)));
        assert_eq!(found("no no no no no"), Some((1, 5)));
    }

    #[test]
    fn people_repeat_too() {
        assert_eq!(found("no no no"), None);
        assert_eq!(found("yes yes I said yes yes"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn a_letter_held_for_ever_is_found() {
        assert_eq!(longest_run("هههههههههه"), 10);
        assert_eq!(longest_run("0000000000 aa"), 2);
    }
}
