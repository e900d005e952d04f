//! Matches the words of a text with the words that were spoken. Pure.
//!
//! espeak merges words ("of the") and unfolds others ("42"), so counts can differ. Within a
//! clause with equal counts the match is exact; otherwise it is spread by letters, which is good
//! enough to tell which words a caller heard before an interruption.

use std::ops::Range;

/// A clause of the text and the number of words spoken for it.
#[derive(Debug, Clone)]
pub(crate) struct ClauseWords {
    /// Bytes of the sentence.
    pub(crate) text: Range<usize>,
    pub(crate) count: usize,
}

/// Start of each word of `text`. `starts` holds the start of each spoken word in samples, clause
/// after clause; `total` is the length of the audio.
pub(crate) fn align(
    text: &str,
    clauses: &[ClauseWords],
    starts: &[u64],
    total: u64,
) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    let mut spoken = 0;
    for clause in clauses {
        let Some(clause_starts) = starts.get(spoken..spoken + clause.count) else { break };
        spoken += clause.count;
        let Some(text) = text.get(clause.text.clone()) else { break };
        let words: Vec<&str> =
            text.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).collect();
        let Some(&begin) = clause_starts.first() else { continue };
        if words.len() == clause_starts.len() {
            out.extend(words.iter().zip(clause_starts).map(|(w, &at)| ((*w).to_owned(), at)));
            continue;
        }
        let end = starts.get(spoken).copied().unwrap_or(total).max(begin);
        let letters: u64 = words.iter().map(|word| weight(word)).sum();
        let mut before = 0;
        for word in words {
            let at = begin + (end - begin) * before / letters.max(1);
            // Snap to the nearest spoken word: no word starts inside another.
            let snapped = clause_starts.iter().copied().min_by_key(|start| start.abs_diff(at));
            out.push((word.to_owned(), snapped.unwrap_or(at)));
            before += weight(word);
        }
    }
    out
}

/// Roughly how long a word takes to say: a digit is a word of its own.
fn weight(word: &str) -> u64 {
    word.chars().map(|ch| if ch.is_numeric() { 4 } else { 1 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(text: Range<usize>, count: usize) -> ClauseWords {
        ClauseWords { text, count }
    }

    #[test]
    fn equal_counts_match_one_to_one() {
        let text = "Hello, how are you?";
        let words = align(text, &[clause(0..6, 1), clause(6..19, 3)], &[10, 20, 30, 40], 50);
        let expected = [("Hello,", 10), ("how", 20), ("are", 30), ("you?", 40)];
        assert_eq!(words, expected.map(|(w, at)| (w.to_owned(), at)));
    }

    #[test]
    fn merged_and_unfolded_words_stay_in_order() {
        let text = "in the box of 42 things";
        let words = align(text, &[clause(0..text.len(), 5)], &[0, 100, 200, 300, 400], 500);
        assert_eq!(words.len(), 6);
        assert!(words.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!(words.iter().all(|(_, at)| at % 100 == 0));
    }

    #[test]
    fn missing_starts_give_fewer_words_not_a_panic() {
        assert!(align("a b", &[clause(0..3, 2)], &[0], 10).is_empty());
        assert!(align("", &[], &[], 0).is_empty());
    }
}
