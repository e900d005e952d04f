//! Phonemes to the symbol ids of a voice: `^ _ p _ p _ … $`, in runs of bounded length. Pure.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization as _;

use super::phonemes::Clause;

/// Most ids of one inference: about 12 s of speech. Bounds the memory of a run (the decoder
/// needs some 20 MB per second of audio) and how long one run can hold a worker.
pub(crate) const RUN_IDS_MAX: usize = 512;

/// What one inference speaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Run {
    pub(crate) ids: Vec<i64>,
    /// Index into `ids` where each phoneme word starts.
    pub(crate) word_starts: Vec<usize>,
}

/// A sentence as ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Encoded {
    pub(crate) runs: Vec<Run>,
    /// Phoneme words of each clause; their sum is the number of word starts over all runs.
    pub(crate) words_per_clause: Vec<usize>,
    /// Phonemes that the voice does not know, left out.
    pub(crate) unknown: usize,
}

/// Encodes `clauses` with a voice's id `map`.
pub(crate) fn encode(map: &HashMap<char, Vec<i64>>, clauses: &[Clause]) -> Encoded {
    let mut out = Encoded::default();
    let mut run = RunBuilder::new(map);
    for clause in clauses {
        let mut words = 0;
        let length = 2 * clause.phonemes.chars().count();
        if run.len() + length > RUN_IDS_MAX {
            run.finish_into(&mut out.runs);
        }
        for word in clause.phonemes.split_inclusive(' ') {
            if run.len() + 2 * word.chars().count() > RUN_IDS_MAX {
                run.finish_into(&mut out.runs);
            }
            let at = run.len();
            let mut sounds = false;
            for ch in word.nfd() {
                if run.len() + 4 > RUN_IDS_MAX {
                    // One word longer than a whole run: nothing anyone says, but it must end.
                    run.finish_into(&mut out.runs);
                }
                match map.get(&ch).filter(|_| !matches!(ch, '_' | '^' | '$')) {
                    Some(ids) => {
                        run.push(ids);
                        sounds |= ch.is_alphabetic();
                    }
                    None => out.unknown += 1,
                }
            }
            if sounds {
                run.mark_word(at);
                words += 1;
            }
        }
        out.words_per_clause.push(words);
    }
    run.finish_into(&mut out.runs);
    out
}

struct RunBuilder<'a> {
    map: &'a HashMap<char, Vec<i64>>,
    run: Run,
}

impl<'a> RunBuilder<'a> {
    fn new(map: &'a HashMap<char, Vec<i64>>) -> Self {
        let mut builder = Self { map, run: Run::default() };
        builder.begin();
        builder
    }

    fn begin(&mut self) {
        self.run = Run::default();
        self.special('^');
        self.special('_');
    }

    fn len(&self) -> usize {
        self.run.ids.len()
    }

    fn special(&mut self, ch: char) {
        if let Some(ids) = self.map.get(&ch) {
            self.run.ids.extend_from_slice(ids);
        }
    }

    fn push(&mut self, ids: &[i64]) {
        self.run.ids.extend_from_slice(ids);
        self.special('_');
    }

    fn mark_word(&mut self, at: usize) {
        // A word cut by a run's end starts where the new run does.
        self.run.word_starts.push(at.min(self.run.ids.len().saturating_sub(1)));
    }

    fn finish_into(&mut self, runs: &mut Vec<Run>) {
        if self.len() > 2 {
            self.special('$');
            runs.push(std::mem::take(&mut self.run));
            self.begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> HashMap<char, Vec<i64>> {
        [('_', 0), ('^', 1), ('$', 2), (' ', 3), ('a', 4), ('\u{0303}', 5), ('.', 6), ('b', 7)]
            .map(|(ch, id)| (ch, vec![id]))
            .into()
    }

    fn clause(phonemes: &str) -> Clause {
        Clause { text: 0..0, phonemes: phonemes.into() }
    }

    #[test]
    fn ids_are_padded_and_framed_and_decomposed() {
        let encoded = encode(&map(), &[clause("ã b.")]);
        assert_eq!(encoded.runs.len(), 1);
        assert_eq!(encoded.runs[0].ids, [1, 0, 4, 0, 5, 0, 3, 0, 7, 0, 6, 0, 2]);
        assert_eq!(encoded.runs[0].word_starts, [2, 8]);
        assert_eq!((encoded.words_per_clause, encoded.unknown), (vec![2], 0));
    }

    #[test]
    fn unknown_phonemes_and_framing_symbols_in_the_text_are_left_out() {
        let encoded = encode(&map(), &[clause("a_^$xb")]);
        assert_eq!(encoded.runs[0].ids, [1, 0, 4, 0, 7, 0, 2]);
        assert_eq!(encoded.unknown, 4);
    }

    #[test]
    fn long_clauses_become_several_bounded_runs() {
        for text in ["ab ".repeat(2000), "ab".repeat(3000)] {
            let encoded = encode(&map(), &[clause("ab, "), clause(&text)]);
            assert!(encoded.runs.len() > 5);
            assert!(encoded.runs.iter().all(|run| run.ids.len() <= RUN_IDS_MAX));
            let words: usize = encoded.runs.iter().map(|run| run.word_starts.len()).sum();
            assert_eq!(words, encoded.words_per_clause.iter().sum::<usize>());
        }
    }

    #[test]
    fn nothing_to_say_is_no_run() {
        assert!(encode(&map(), &[]).runs.is_empty());
        assert!(encode(&map(), &[clause("xyz")]).runs.is_empty());
    }
}
