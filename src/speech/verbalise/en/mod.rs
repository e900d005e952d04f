//! Facts in English words.
//!
//! Conventions: amounts in both units ("fifty halalas"), phone numbers and codes digit by digit with
//! a comma between groups, months before days, years in pairs, times without "o'clock" where a.m.
//! or p.m. follows; "a m" in letters, since voices read "am" as a verb.

pub(crate) mod numbers;

use numbers::{CARDINAL_MAX, cardinal, digit, ordinal, year};

use super::ar::minor_units;
use super::find::{Currency, Date, Fact, Figure, Half, Time, Unit, english_month};
use crate::speech::tokens::Token;

/// Words for a fact, between the tokens before and after it.
pub(crate) fn say(fact: &Fact, before: Option<&Token>, after: Option<&Token>) -> String {
    match fact {
        Fact::Money { figure, currency, nationality } => {
            money(figure, currency, nationality.as_deref().filter(|n| n.is_ascii()))
        }
        Fact::Percent(figure) => format!("{} percent", number(figure)),
        Fact::Date(date) => day(date, before),
        Fact::Year { year: n, is_hijri, marked } => {
            format!("{}{}", year(*n), if *marked && *is_hijri { " Hijri" } else { "" })
        }
        Fact::Time(time) => clock(*time, after),
        Fact::Digits { plus, groups } => {
            format!("{}{}", if *plus { "plus " } else { "" }, grouped(groups))
        }
        Fact::Iban(groups) => grouped(groups),
        Fact::Tail(digits) => format!("ending in {}", spelled(digits)),
        Fact::Web(host) => web(host),
        Fact::Email(address) => email(address),
        Fact::Ordinal(n) => ordinal(*n),
        Fact::Measure { figure, unit } => measure(figure, unit),
        Fact::Dotted(parts) => {
            parts.iter().map(|part| number(&Figure::of(part))).collect::<Vec<_>>().join(" point ")
        }
        Fact::Number(figure) => number(figure),
        Fact::Fraction(parts) => fraction_of(*parts).to_owned(),
    }
}

/// What people call parts of a whole; and the shop that never closes.
fn fraction_of(parts: [u8; 2]) -> &'static str {
    match parts {
        [1, 2] => "a half",
        [1, 3] => "a third",
        [2, 3] => "two thirds",
        [1, 4] => "a quarter",
        [3, 4] => "three quarters",
        _ => "twenty four seven",
    }
}

fn number(figure: &Figure) -> String {
    let sign = if figure.negative { "minus " } else { "" };
    let whole = match figure.whole_value().filter(|n| *n <= CARDINAL_MAX) {
        Some(n) => cardinal(n),
        None => spelled(&figure.whole),
    };
    let fraction = match figure.fraction.as_str() {
        "" => String::new(),
        digits => format!(" point {}", spelled(digits)),
    };
    let magnitude = match figure.magnitude {
        1_000 => " thousand",
        1_000_000 => " million",
        1_000_000_000 => " billion",
        _ => "",
    };
    format!("{sign}{whole}{fraction}{magnitude}")
}

/// Digit by digit, letters apart.
fn spelled(text: &str) -> String {
    let words: Vec<String> = text
        .chars()
        .map(|c| match c.to_digit(10) {
            Some(value) => digit(value as u8).to_owned(),
            None => c.to_ascii_uppercase().to_string(),
        })
        .collect();
    words.join(" ")
}

fn grouped(groups: &[String]) -> String {
    groups.iter().map(|group| spelled(group)).collect::<Vec<_>>().join(", ")
}

fn of(n: u64, names: [&str; 2]) -> String {
    format!("{} {}", cardinal(n), names[usize::from(n != 1)])
}

fn money(figure: &Figure, currency: &Currency, nationality: Option<&str>) -> String {
    let sign = if figure.negative { "minus " } else { "" };
    let [major, minor] = currency.en;
    let nationality = nationality.map(|n| format!("{n} ")).unwrap_or_default();
    let major = [format!("{nationality}{}", major[0]), format!("{nationality}{}", major[1])];
    let major = [major[0].as_str(), major[1].as_str()];
    let part = minor_units(&figure.fraction, currency.minor_digits);
    match (figure.whole_value(), part) {
        (Some(n), Some(0)) if figure.magnitude == 1 => format!("{sign}{}", of(n, major)),
        (Some(0), Some(part)) if figure.magnitude == 1 => format!("{sign}{}", of(part, minor)),
        (Some(n), Some(part)) if figure.magnitude == 1 => {
            format!("{sign}{} and {}", of(n, major), of(part, minor))
        }
        _ => format!("{} {}", number(figure), major[1]),
    }
}

fn measure(figure: &Figure, unit: &Unit) -> String {
    let [one, many, after] = unit.en;
    let is_one = figure.whole == "1" && figure.fraction.is_empty();
    let space = if after.is_empty() { "" } else { " " };
    format!("{} {}{space}{after}", number(figure), if is_one { one } else { many })
}

fn day(date: &Date, before: Option<&Token>) -> String {
    let month = english_month(date.month);
    if let (0, Some(n)) = (date.day, date.year) {
        return format!("{month} {}", year(n));
    }
    let day = ordinal(date.day);
    // "the 12th of March" has its article already.
    let is_led = before.is_some_and(|t| t.text.eq_ignore_ascii_case("the"));
    let words = if is_led { format!("{day} of {month}") } else { format!("{month} {day}") };
    let era = if date.marked_hijri { " Hijri" } else { "" };
    match date.year {
        Some(n) => format!("{words} {}{era}", year(n)),
        None => words,
    }
}

fn clock(time: Time, after: Option<&Token>) -> String {
    let is_named = after.is_some_and(|t| matches!(t.text.as_str(), "noon" | "midnight"));
    let hour = cardinal(time.hour);
    let words = match (time.minute, time.half) {
        (0, None) if !is_named => format!("{hour} o'clock"),
        (0, _) => hour,
        (n @ 1..=9, _) => format!("{hour} oh {}", cardinal(n)),
        (n, _) => format!("{hour} {}", cardinal(n)),
    };
    match time.half {
        None => words,
        Some(Half::Morning) => format!("{words} a m"),
        Some(Half::Afternoon) => format!("{words} p m"),
    }
}

/// "example dot com"; digits of a name one by one.
fn web(host: &str) -> String {
    part(host)
}

fn email(address: &str) -> String {
    match address.split_once('@') {
        Some((name, host)) => format!("{} at {}", part(name), part(host)),
        None => part(address),
    }
}

fn part(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let word = match c {
            '.' => " dot ",
            '-' => " dash ",
            '_' => " underscore ",
            '+' => " plus ",
            c => match c.to_digit(10) {
                Some(value) => {
                    out.push(' ');
                    out.push_str(digit(value as u8));
                    out.push(' ');
                    continue;
                }
                None => {
                    out.push(c);
                    continue;
                }
            },
        };
        out.push_str(word);
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}
