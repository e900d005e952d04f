//! Finds the passages of an operator's documents that answer a question: BM25 over folded and
//! lightly stemmed words, in memory. Built when an assistant is read, so that a changed document
//! makes a new index with the rest of the change.
//!
//! Lacks meaning: a question in other words than the document's finds nothing. That is what
//! embeddings would add.

mod chunk;
mod document;
mod stem;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

pub use chunk::Passage;
pub use document::{DOCUMENT_BYTES_MAX, DocumentError, text_of};
pub use stem::terms;

/// Most passages of an assistant.
const PASSAGES_MAX: usize = 20_000;

/// Terms of a question that count.
const QUESTION_TERMS_MAX: usize = 64;

/// How much a term that is there again counts, and how much long passages pay for their length:
/// the usual values.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// A term in a title counts like this many in the text.
const TITLE_WEIGHT: u16 = 2;

/// What is given to the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Most passages.
    pub passages_max: usize,
    /// Most characters of them together; a token is 1.5 to 4 of them.
    pub chars_max: usize,
    /// Share of the best score that the question could have, below which a passage is none: 0 to 1.
    pub score_min: f32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { passages_max: 3, chars_max: 1_200, score_min: 0.25 }
    }
}

/// An index.
#[derive(Debug, Default)]
pub struct Index {
    passages: Vec<Passage>,
    /// In terms.
    lengths: Vec<f32>,
    length_mean: f32,
    /// By term: passage, and how often.
    postings: HashMap<String, Vec<(u32, u16)>>,
    budget: Budget,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit<'a> {
    /// Of 1: how much of what the question asks for is in it, rare words more.
    pub score: f32,
    /// What.
    #[serde(flatten)]
    pub passage: &'a Passage,
}

/// More than can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the documents have more than {PASSAGES_MAX} passages; leave some out")]
pub struct TooMuch;

impl Index {
    /// An index of documents, each with its name and text.
    ///
    /// # Errors
    /// There is too much of them.
    pub fn new(documents: &[(String, String)], budget: Budget) -> Result<Self, TooMuch> {
        let mut index = Self { budget, ..Self::default() };
        for (name, text) in documents {
            for passage in chunk::passages(name, text) {
                if index.passages.len() >= PASSAGES_MAX {
                    return Err(TooMuch);
                }
                index.add(passage);
            }
        }
        let all: f32 = index.lengths.iter().sum();
        index.length_mean = all / (index.lengths.len().max(1) as f32);
        Ok(index)
    }

    fn add(&mut self, passage: Passage) {
        let id = self.passages.len() as u32;
        let mut counts: BTreeMap<String, u16> = BTreeMap::new();
        let mut length = 0;
        for term in terms(&passage.text) {
            length += 1;
            let count = counts.entry(term).or_default();
            *count = count.saturating_add(1);
        }
        for term in terms(&passage.title) {
            let count = counts.entry(term).or_default();
            *count = count.saturating_add(TITLE_WEIGHT);
        }
        for (term, count) in counts {
            self.postings.entry(term).or_default().push((id, count));
        }
        self.lengths.push(length as f32);
        self.passages.push(passage);
    }

    /// How many passages there are.
    pub fn len(&self) -> usize {
        self.passages.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    /// The best passages for `question`, the best first, whatever their scores.
    pub fn search(&self, question: &str, hits_max: usize) -> Vec<Hit<'_>> {
        let mut asked: Vec<String> = terms(question).take(QUESTION_TERMS_MAX).collect();
        asked.sort();
        asked.dedup();
        let all = self.passages.len() as f32;
        let mut scores: HashMap<u32, f32> = HashMap::new();
        let mut best_possible = 0.0;
        for term in &asked {
            let postings = self.postings.get(term).map_or(&[][..], Vec::as_slice);
            let in_passages = postings.len() as f32;
            let rare = (1.0 + (all - in_passages + 0.5) / (in_passages + 0.5)).ln();
            best_possible += rare;
            for (id, count) in postings {
                let length = self.lengths[*id as usize] / self.length_mean.max(1.0);
                let count = f32::from(*count);
                let weight = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length));
                // Once in a passage of usual length is all that a term can do for the share.
                *scores.entry(*id).or_default() += rare * weight.min(1.5);
            }
        }
        let mut hits: Vec<(u32, f32)> = scores.into_iter().collect();
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        hits.truncate(hits_max);
        let hit = |(id, score): (u32, f32)| Hit {
            score: (score / f32::max(best_possible, f32::EPSILON)).min(1.0),
            passage: &self.passages[id as usize],
        };
        hits.into_iter().map(hit).collect()
    }

    /// What of the passages for `question` is given to a model: those above the threshold, within
    /// the budget. Empty: there are none.
    pub fn told(&self, question: &str) -> String {
        let mut told = String::new();
        let mut left = self.budget.chars_max;
        for hit in self.search(question, self.budget.passages_max) {
            if hit.score < self.budget.score_min {
                break;
            }
            let passage = format!("[{}] {}", hit.passage.title, hit.passage.text);
            let chars = passage.chars().count();
            if chars > left {
                break;
            }
            left -= chars;
            if !told.is_empty() {
                told.push('\n');
            }
            told.push_str(&passage);
        }
        told
    }

    /// The least share of the best score that a passage needs.
    pub const fn score_min(&self) -> f32 {
        self.budget.score_min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEES: &str = "# الرسوم\n\nرسوم التحويل إلى بنك آخر خمسة ريالات، والتحويل داخل البنك مجاني.\n\n\
        ## البطاقات\n\nإصدار بطاقة بديلة بثلاثين ريالًا، وتصل خلال ثلاثة أيام عمل.\n";
    const LOANS: &str = "# Personal loans\n\nA personal loan needs a salary certificate and an \
        identity card. Early settlement costs one percent.\n\n# Opening an account\n\nBring your \
        identity card. Opening an account is free of charge.\n";

    fn index() -> Index {
        let documents = [("fees.md", FEES), ("loans.md", LOANS)];
        let documents = documents.map(|(name, text)| (name.to_owned(), text.to_owned()));
        Index::new(&documents, Budget::default()).unwrap()
    }

    #[track_caller]
    fn finds(question: &str, place: &str) {
        let index = index();
        let hits = index.search(question, 3);
        let first = hits.first().unwrap_or_else(|| panic!("nothing for {question}"));
        assert!(first.passage.place.starts_with(place), "{question}: {hits:#?}");
        assert!(!index.told(question).is_empty(), "{question}: {hits:#?}");
    }

    #[test]
    fn a_question_finds_its_passage_however_it_is_spelled() {
        finds("كم رسوم التحويلات لبنك اخر؟", "fees.md:3");
        finds("بكم البطاقه البديله", "fees.md:7");
        finds("وبطاقتي البديلة متى تصل؟", "fees.md:7");
        finds("What do I need for a loan?", "loans.md:3");
        finds("settling loans early", "loans.md:3");
        finds("open an account", "loans.md:7");
    }

    #[test]
    fn what_is_not_written_is_not_told() {
        let index = index();
        for question in
            ["ما هي عاصمة فرنسا؟", "Who won the match yesterday?", "", "؟؟؟", "the of a"]
        {
            assert_eq!(index.told(question), "", "{question}");
        }
    }

    #[test]
    fn the_budget_holds() {
        let text = format!("# x\n\n{}", "gold silver copper. ".repeat(2_000));
        let budget = Budget { passages_max: 5, chars_max: 1_000, score_min: 0.1 };
        let index = Index::new(&[("x.md".into(), text)], budget).unwrap();
        let told = index.told("gold");
        assert!(!told.is_empty() && told.chars().count() <= 1_010, "{}", told.chars().count());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in "[#\\n ء-يa-z٠-٩\u{202e}\u{0}|*-]{0,300}", question in ".{0,60}") {
            let index = Index::new(&[("x".into(), text)], Budget::default()).unwrap();
            let _ = index.told(&question);
        }
    }
}
