//! The words of one thing that is said, and where in its audio each stands.
//!
//! Words are *shown* when they begin and *heard* when they are over. Pure.

use crate::transport::{Caption, Speaker};
use crate::turn::ReplyId;

/// Pace of speech where a clause's length is not known yet.
const WORDS_PER_SECOND: u64 = 2;

/// What is said under one name, clause by clause.
#[derive(Debug)]
pub(super) struct Spoken {
    pub(super) reply: ReplyId,
    clauses: Vec<Clause>,
    /// What stands on the caller's screen.
    shown: String,
    rate_hz: u32,
}

#[derive(Debug)]
pub(super) struct Clause {
    pub(super) text: String,
    /// First sample in the reply.
    pub(super) from: u64,
    pub(super) samples: u64,
    /// Start of each word, in samples of the clause; empty when the voice does not tell.
    pub(super) words: Vec<(String, u64)>,
    /// All of its audio has come; before that its length is not known.
    pub(super) whole: bool,
}

impl Spoken {
    pub(super) fn new(reply: ReplyId, rate_hz: u32) -> Self {
        Self { reply, clauses: Vec::new(), shown: String::new(), rate_hz }
    }

    /// The audio that follows belongs to `text`.
    pub(super) fn begin_clause(&mut self, text: String) {
        let from = self.clauses.last().map_or(0, |c| c.from + c.samples);
        self.clauses.push(Clause { text, from, samples: 0, words: Vec::new(), whole: false });
    }

    pub(super) fn last(&mut self) -> Option<&mut Clause> {
        self.clauses.last_mut()
    }

    pub(super) fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The clause that sample number `samples` belongs to, or the last before it.
    pub(super) fn at(&self, samples: u64) -> Option<&Clause> {
        self.clauses.iter().rfind(|clause| clause.from < samples)
    }

    /// The words that are over after the first `samples`.
    pub(super) fn heard(&self, samples: u64) -> String {
        self.words(samples, Clause::heard)
    }

    /// Shows the words that have begun after the first `samples`, as far as they are new.
    pub(super) fn show(&mut self, samples: u64) -> Option<Caption> {
        let begun = self.words(samples, Clause::begun);
        // Times may become known better meanwhile; what is shown stays until the end.
        let new = begun.strip_prefix(&self.shown).filter(|new| !new.is_empty())?.to_owned();
        self.shown = begun;
        Some(self.caption(new, false, false))
    }

    /// Nothing more is shown but what was heard: adds it, or takes back what was cut.
    pub(super) fn end(&mut self, heard: &str) -> Caption {
        match heard.strip_prefix(&self.shown) {
            Some(rest) => self.caption(rest.to_owned(), false, true),
            None => self.caption(heard.to_owned(), true, true),
        }
    }

    fn caption(&self, text: String, whole: bool, last: bool) -> Caption {
        let segment = u64::from(self.reply.0);
        Caption { speaker: Speaker::Agent, segment, text, whole, last }
    }

    /// The first words of each clause, as many as `count` says of its samples played.
    fn words(&self, samples: u64, count: fn(&Clause, u64, u64) -> usize) -> String {
        let rate_hz = u64::from(self.rate_hz.max(1));
        // A voice that made no sound of a clause was not heard to say it.
        let begun = self.clauses.iter().take_while(|clause| clause.from < samples);
        let begun = begun.filter(|clause| clause.samples > 0);
        let words = begun.flat_map(|clause| {
            let played = (samples - clause.from).min(clause.samples);
            clause.text.split_whitespace().take(count(clause, played, rate_hz))
        });
        words.collect::<Vec<_>>().join(" ")
    }
}

impl Clause {
    /// How many words are over.
    fn heard(&self, samples: u64, rate_hz: u64) -> usize {
        if samples >= self.samples && self.whole {
            return usize::MAX;
        }
        // A word is over when the next one begins.
        self.starts(rate_hz).iter().skip(1).filter(|start| **start <= samples).count()
    }

    /// How many words have begun.
    fn begun(&self, samples: u64, rate_hz: u64) -> usize {
        if samples >= self.samples && self.whole {
            return usize::MAX;
        }
        self.starts(rate_hz).iter().filter(|start| **start < samples).count()
    }

    /// Where the words begin, as far as it is known or can be guessed.
    fn starts(&self, rate_hz: u64) -> Vec<u64> {
        let lengths = self.text.split_whitespace().map(|word| word.chars().count() as u64 + 1);
        let words = lengths.clone().count();
        // Words come before their audio: the known ones are the first of the text.
        let marked = match self.whole {
            true => self.words.len() == words,
            false => (1..=words).contains(&self.words.len()),
        };
        if marked {
            return self.words.iter().map(|(_, start)| *start).collect();
        }
        if !self.whole {
            // Its length is not known: people say about that many words in that time.
            return (0..words as u64).map(|n| n * rate_hz / WORDS_PER_SECOND).collect();
        }
        let all: u64 = lengths.clone().sum();
        let mut before = 0;
        let mut start = |length: u64| {
            let start = self.samples * before / all.max(1);
            before += length;
            start
        };
        lengths.map(&mut start).collect()
    }
}
