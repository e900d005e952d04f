//! Texts from a seed through the splitter, in tokens of any size, and what must hold for each.
//!
//! `SAWT_SIM_TEXTS` says how many, `SAWT_SIM_SEED` replays one.

use super::{CLAUSE_CHARS_MAX, ClauseSplitter, is_word};
use crate::simulation::{Chance, Suite, text};

const SUITE: Suite =
    Suite { test: "dialog::clauses::simulation", calls_var: "SAWT_SIM_TEXTS", calls: 3_000 };

fn split(seed: u64, traced: bool) {
    let mut chance = Chance::new(seed);
    let text = text::text(&mut chance);
    let chars: Vec<char> = text.chars().collect();
    let (mut splitter, mut clauses, mut from) = (ClauseSplitter::default(), Vec::new(), 0);
    while from < chars.len() {
        // Tokens of a model: a few letters, at times a line.
        let longest = if chance.percent(5) { 200 } else { 8 };
        let to = (from + chance.between(1, longest) as usize).min(chars.len());
        clauses.extend(splitter.push(&chars[from..to].iter().collect::<String>()));
        from = to;
    }
    clauses.extend(splitter.finish());
    if traced {
        println!("text: {text:?}\nclauses: {clauses:?}");
    }
    let mut at_once = ClauseSplitter::default();
    let mut whole = at_once.push(&text);
    whole.extend(at_once.finish());
    assert_eq!(clauses, whole, "tokens that fall otherwise cut otherwise");

    // Clauses are the text in order: between them stands nothing but space and what is no word.
    let mut rest = text.as_str();
    for clause in &clauses {
        let at = rest.find(clause.as_str()).unwrap_or_else(|| panic!("{clause:?} of {text:?}"));
        assert!(!is_word(&rest[..at]), "{:?} of {text:?} is lost", &rest[..at]);
        assert!(is_word(clause) && clause.trim() == clause, "{clause:?}");
        rest = &rest[at + clause.len()..];
    }
    assert!(!is_word(rest), "{rest:?} of {text:?} is lost");

    let longest_word = text.split_whitespace().map(str::len).max().unwrap_or(0);
    let longest = clauses.iter().map(String::len).max().unwrap_or(0);
    assert!(longest <= CLAUSE_CHARS_MAX + longest_word + 8, "{longest} bytes in a clause");
}

#[test]
fn any_text_is_cut_into_clauses_that_are_the_text() {
    SUITE.run(split);
}
