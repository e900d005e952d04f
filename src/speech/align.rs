//! Which spoken word begins each written word.

use super::verbalise::Piece;

/// By word of `written`: the number of spoken words before it begins. A written word that is not
/// spoken begins with the next one; several written words that are said as one phrase share it out
/// evenly, since "10 SAR" and "ten riyals" need not come in one order.
pub(crate) fn starts(written: &str, pieces: &[Piece]) -> Vec<usize> {
    let words = word_starts(written);
    let mut starts = Vec::with_capacity(words.len());
    let mut spoken = 0;
    for piece in pieces {
        let count = piece.spoken.split_whitespace().count();
        // Words that begin before this piece ends and were not placed yet.
        let from = starts.len();
        let covered = words[from..].iter().take_while(|at| **at < piece.range.end).count();
        let skipped = words[from..].iter().take_while(|at| **at < piece.range.start).count();
        // The word that the piece stands in began before it, perhaps with a mark that is not said.
        let skipped = if skipped > 0
            && holds_no_space(written, words[from + skipped - 1], piece.range.start)
        {
            skipped - 1
        } else {
            skipped
        };
        starts.extend(std::iter::repeat_n(spoken, skipped));
        let within = covered - skipped;
        starts.extend((0..within).map(|n| spoken + n * count / within));
        spoken += count;
    }
    starts.resize(words.len(), spoken);
    starts
}

fn holds_no_space(text: &str, from: usize, to: usize) -> bool {
    !text[from..to].contains(char::is_whitespace)
}

/// Where each word starts, in bytes.
fn word_starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let is_word = !c.is_whitespace();
        if is_word && !in_word {
            starts.push(at);
        }
        in_word = is_word;
    }
    starts
}
