//! Dates by numbers and by month names, Gregorian and Hijri, and years.
//!
//! "12/03/2026" is the twelfth of March, as everywhere in the Arab world; where the second number
//! can be no month, it is the day. A year of 1300 to 1500 is a Hijri one.

use super::figure::Figure;
use super::month::{Month, named};
use super::{Fact, Found, is_one_of, is_tight};
use crate::speech::tokens::Token;

/// A day, with its year where that is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Date {
    /// 0: the month as a whole.
    pub(crate) day: u64,
    pub(crate) month: Month,
    pub(crate) year: Option<u64>,
    /// The calendar is named after it: هـ.
    pub(crate) marked_hijri: bool,
}

fn number(tokens: &[Token], at: usize) -> Option<u64> {
    Figure::of(&tokens.get(at).filter(|t| t.is_number())?.text).value()
}

/// "هـ", "هجري", "هجرية", "AH".
fn hijri_mark(tokens: &[Token], at: usize) -> bool {
    is_one_of(tokens, at, &["ه", "هجري", "هجرية", "هجريا", "AH"])
}

/// "م", "ميلادي", and what else says nothing new.
fn gregorian_mark(tokens: &[Token], at: usize) -> bool {
    is_one_of(tokens, at, &["م", "ميلادي", "ميلادية"])
}

fn is_hijri_year(year: u64) -> bool {
    (1300..=1500).contains(&year)
}

fn is_year(year: u64) -> bool {
    is_hijri_year(year) || (1800..=2199).contains(&year)
}

/// "12/03/2026", "2026-03-12", "12.3.2026", "15/9/1447 هـ".
pub(crate) fn numeric(tokens: &[Token], at: usize) -> Option<Found> {
    if let Some(found) = short(tokens, at) {
        return Some(found);
    }
    let mark = tokens.get(at + 1).filter(|t| t.is('/') || t.is('-') || t.is('.'))?;
    let separator = [mark.text.chars().next()?];
    if !is_tight(tokens, at + 1, &separator) || !is_tight(tokens, at + 3, &separator) {
        return None;
    }
    // Longer: something else, an address of a machine or a part number.
    if is_tight(tokens, at + 5, &separator) && tokens[at + 6].is_number() {
        return None;
    }
    let (first, second, third) =
        (number(tokens, at)?, number(tokens, at + 2)?, number(tokens, at + 4)?);
    let lengths = [0, 2, 4].map(|n| tokens[at + n].text.len());
    let (mut day, mut month, year) = match lengths {
        [4, 1 | 2, 1 | 2] => (third, second, first),
        [1 | 2, 1 | 2, 4] => (first, second, third),
        [1 | 2, 2, 2] if separator != ['.'] && first <= 31 => (first, second, 2000 + third),
        _ => return None,
    };
    if month > 12 && day <= 12 {
        std::mem::swap(&mut day, &mut month);
    }
    if !(1..=31).contains(&day) || !(1..=12).contains(&month) || !is_year(year) {
        return None;
    }
    let mut end = at + 5;
    let marked = hijri_mark(tokens, end);
    end += usize::from(marked || gregorian_mark(tokens, end));
    let is_hijri = marked || is_hijri_year(year);
    let month = Month { number: usize::try_from(month).ok()?, is_hijri, name: None };
    Some((Fact::Date(Date { day, month, year: Some(year), marked_hijri: is_hijri }), end))
}

/// Whether the word at `at` leads to a day, so that "1/2" is the first of February.
pub(crate) fn leads_to_day(tokens: &[Token], at: usize) -> bool {
    const BEFORE: &[&str] = &[
        "حتى",
        "يوم",
        "بتاريخ",
        "تاريخ",
        "في",
        "قبل",
        "بعد",
        "من",
        "إلى",
        "on",
        "by",
        "until",
        "before",
        "after",
        "due",
        "from",
    ];
    is_one_of(tokens, at, BEFORE)
}

/// "09/2028", and "31/12" after a word that leads to a day.
fn short(tokens: &[Token], at: usize) -> Option<Found> {
    let is_longer = is_tight(tokens, at + 3, &['/']);
    if !is_tight(tokens, at + 1, &['/']) || is_longer || !tokens[at].spaced {
        return None;
    }
    let (first, second) = (number(tokens, at)?, number(tokens, at + 2)?);
    let month = |n: u64, is_hijri| {
        let number = usize::try_from(n).ok().filter(|n| (1..=12).contains(n))?;
        Some(Month { number, is_hijri, name: None })
    };
    if tokens[at + 2].text.len() == 4 && is_year(second) {
        let month = month(first, is_hijri_year(second))?;
        let date = Date { day: 0, month, year: Some(second), marked_hijri: month.is_hijri };
        return Some((Fact::Date(date), at + 3));
    }
    if tokens[at].text.len() == 4 && is_year(first) {
        let month = month(second, is_hijri_year(first))?;
        let date = Date { day: 0, month, year: Some(first), marked_hijri: month.is_hijri };
        return Some((Fact::Date(date), at + 3));
    }
    let is_led = at > 0 && leads_to_day(tokens, at - 1);
    let is_day = (1..=31).contains(&first) && tokens[at + 2].text.len() <= 2;
    let date = Date { day: first, month: month(second, false)?, year: None, marked_hijri: false };
    (is_led && is_day).then_some((Fact::Date(date), at + 3))
}

/// "12 مارس 2026", "12 March", "the 12th of March".
pub(crate) fn day_first(tokens: &[Token], at: usize) -> Option<Found> {
    let day = number(tokens, at).filter(|day| (1..=31).contains(day))?;
    let mut end = at + 1;
    end += usize::from(is_one_of(tokens, end, &["st", "nd", "rd", "th"]));
    end += usize::from(is_one_of(tokens, end, &["of", "من"]));
    let (month, end) = named(tokens, end)?;
    let (year, marked_hijri, end) = year_after(tokens, end);
    Some((Fact::Date(Date { day, month, year, marked_hijri }), end))
}

/// "March 12, 2026".
pub(crate) fn month_first(tokens: &[Token], at: usize) -> Option<Found> {
    if !tokens[at].text.is_ascii() {
        return None; // "في مارس 12" is not how a day is written in Arabic
    }
    let (month, end) = named(tokens, at)?;
    let day = number(tokens, end).filter(|day| (1..=31).contains(day))?;
    if is_tight(tokens, end + 1, &[':', '.', ',', '%', '/']) {
        return None;
    }
    let end = end + 1;
    let end = end + usize::from(is_one_of(tokens, end, &["st", "nd", "rd", "th"]));
    let (year, marked_hijri, end) = year_after(tokens, end);
    Some((Fact::Date(Date { day, month, year, marked_hijri }), end))
}

fn year_after(tokens: &[Token], at: usize) -> (Option<u64>, bool, usize) {
    let after_comma = at + usize::from(tokens.get(at).is_some_and(|t| t.is(',') || t.is('،')));
    let after_word = after_comma + usize::from(is_one_of(tokens, after_comma, &["عام", "سنة"]));
    let is_amount = is_tight(tokens, after_word + 1, &[',', '.', ':'])
        && tokens.get(after_word + 2).is_some_and(Token::is_number);
    match number(tokens, after_word).filter(|year| is_year(*year) && !is_amount) {
        Some(year) => {
            let marked = hijri_mark(tokens, after_word + 1);
            let any = marked || gregorian_mark(tokens, after_word + 1);
            (Some(year), marked, after_word + 1 + usize::from(any))
        }
        None => (None, false, at),
    }
}

/// A year that words around it tell to be one.
pub(crate) fn year(tokens: &[Token], at: usize) -> Option<Found> {
    const BEFORE: &[&str] = &[
        "عام",
        "سنة",
        "لعام",
        "لسنة",
        "العام",
        "السنة",
        "بعام",
        "وعام",
        "منذ",
        "in",
        "since",
        "year",
        "until",
        "by",
    ];
    let token = &tokens[at];
    let year = number(tokens, at).filter(|year| token.text.len() == 4 && is_year(*year))?;
    let hijri = hijri_mark(tokens, at + 1);
    // "2024م" is a year, "2000 م" a length.
    let gregorian = gregorian_mark(tokens, at + 1) && !tokens[at + 1].spaced;
    if hijri || (gregorian && !is_hijri_year(year)) {
        return Some((Fact::Year { year, is_hijri: hijri, marked: true }, at + 2));
    }
    let before = at.checked_sub(1)?;
    let month = named(tokens, before).is_some()
        || before.checked_sub(1).and_then(|b| named(tokens, b)).is_some_and(|(_, end)| end == at);
    (is_one_of(tokens, before, BEFORE) || month)
        .then_some((Fact::Year { year, is_hijri: is_hijri_year(year), marked: false }, at + 1))
}
