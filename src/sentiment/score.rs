//! The mood in the words of one turn.

use crate::speech::normalise::{Form, normalise};

use super::forms::{denied, forms};
use super::lexicon::{Entry, OURS, Role};

/// What the words of a turn say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// From -1 to 1.
    pub value: f32,
    /// What it was made of, in order, for people: `not happy -0.59`.
    pub why: Vec<String>,
}

/// Words of a turn that are read, its last ones: what a caller ends with is how they feel.
const WORDS_MAX: usize = 1_000;

/// Reasons that are kept.
const WHY_MAX: usize = 8;

/// So far does "not" reach, in words.
const NOT_REACH: usize = 3;

/// "No" is more often an answer: it denies what stands beside it.
const NO_REACH: usize = 2;

/// So far do "very" and "a bit" reach, forwards and back.
const DEGREE_REACH: usize = 2;

/// Not good is bad; not bad is hardly good.
const NOT_GOOD: f32 = -0.9;
const NOT_BAD: f32 = -0.3;

const MORE: f32 = 1.4;
const LESS: f32 = 0.6;

/// What stands before and after "but".
const BEFORE_BUT: f32 = 0.5;
const AFTER_BUT: f32 = 1.2;

/// The more words of one mood, the nearer to 1, and never there. A single word keeps about its weight.
const BEND: f32 = 0.6;

/// So much of bad words takes the thanks beside them for manners.
const THANKS_DENIED_BY: f32 = -0.3;

/// A word of the turn, with its clause.
struct Word {
    forms: Vec<String>,
    clause: usize,
}

/// A phrase that was found.
struct Found<'a> {
    at: usize,
    entry: &'a Entry,
    /// It is denied by its own form (ما … ش).
    denied: bool,
}

impl Found<'_> {
    fn end(&self) -> usize {
        self.at + self.entry.words.len()
    }
}

/// The mood in `text`, whatever it holds.
pub fn read(text: &str) -> Reading {
    let words = words_of(text);
    let found = find(&words);
    let but = found.iter().rfind(|found| found.entry.role == Role::But).map(|found| found.at);
    let mut weighed: Vec<(&Found<'_>, f32)> = Vec::new();
    for one in &found {
        let Role::Weight(weight) = one.entry.role else { continue };
        if weight == 0.0 {
            continue;
        }
        let clause = words[one.at].clause;
        let near = |other: &&Found<'_>| words[other.at].clause == clause;
        let mut weight = weight * degree(one, found.iter().filter(near));
        if is_denied(one, found.iter().filter(near), &words) {
            weight *= if weight > 0.0 { NOT_GOOD } else { NOT_BAD };
        }
        match but {
            Some(but) if one.at < but => weight *= BEFORE_BUT,
            Some(_) => weight *= AFTER_BUT,
            None => {}
        }
        weighed.push((one, weight));
    }
    let bad: f32 = weighed.iter().map(|(_, weight)| weight.min(0.0)).sum();
    if bad <= THANKS_DENIED_BY {
        weighed.retain(|(one, _)| !one.entry.thanks);
    }
    let sum: f32 = weighed.iter().map(|(_, weight)| weight).sum::<f32>() + 0.0; // never -0
    let why = weighed.iter().take(WHY_MAX);
    let why = why.map(|(one, weight)| format!("{} {weight:+.2}", one.entry.words.join(" ")));
    Reading { value: sum / (sum * sum + BEND).sqrt(), why: why.collect() }
}

/// The last words, each with its forms.
fn words_of(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let is_mark = |c: char| ".,;:!?،؛؟…\n\r()\"«»".contains(c);
    // Bytes first: nobody waits for the folding of a book.
    let start = text.char_indices().rev().nth(WORDS_MAX * 12).map_or(0, |(at, _)| at);
    for (clause, part) in text[start..].split(is_mark).enumerate() {
        let folded = normalise(part, Form::Folded);
        let parts = folded.split(' ').filter(|word| !word.is_empty());
        words.extend(parts.map(|word| Word { forms: vec![word.to_owned()], clause }));
    }
    words.drain(..words.len().saturating_sub(WORDS_MAX));
    for word in &mut words {
        word.forms = forms(&word.forms[0]);
    }
    words
}

fn find(words: &[Word]) -> Vec<Found<'static>> {
    let forms: Vec<Vec<String>> = words.iter().map(|word| word.forms.clone()).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // A phrase does not go on behind a full stop.
        let clause = words[at].clause;
        let end = words[at..].iter().position(|word| word.clause != clause);
        let end = end.map_or(words.len(), |n| at + n);
        if let Some(entry) = OURS.longest(&forms[at..end]) {
            found.push(Found { at, entry, denied: false });
            at += entry.words.len();
            continue;
        }
        let inside = denied(&words[at].forms[0]).map(self::forms);
        if let Some(entry) = inside.and_then(|inside| OURS.longest(&[inside])) {
            found.push(Found { at, entry, denied: true });
        }
        at += 1;
    }
    found
}

/// How much more or less of it, by what stands near.
fn degree<'a>(one: &Found<'_>, near: impl Iterator<Item = &'a Found<'static>>) -> f32 {
    let mut degree = 1.0;
    for other in near {
        let before = other.end() <= one.at && one.at - other.end() < DEGREE_REACH;
        let after = other.at >= one.end() && other.at - one.end() < DEGREE_REACH;
        match other.entry.role {
            Role::More if before || after => degree = MORE,
            Role::Less if before || after => degree = LESS,
            _ => {}
        }
    }
    degree
}

fn is_denied<'a>(
    one: &Found<'_>,
    near: impl Iterator<Item = &'a Found<'static>>,
    words: &[Word],
) -> bool {
    if one.denied {
        return true;
    }
    near.filter(|other| other.entry.role == Role::Not && other.end() <= one.at).any(|other| {
        let word = words[other.at].forms[0].as_str();
        let reach = if ["no", "لا", "ولا"].contains(&word) { NO_REACH } else { NOT_REACH };
        one.at - other.end() < reach
    })
}
