//! Finds what a voice cannot read as it is written: amounts, dates, times, numbers of phones and
//! accounts, addresses. Says what it is, in no language; `ar` and `en` put it into words. Each finder
//! looks a bounded number of tokens ahead, so a text takes time in proportion to its length.

mod address;
mod currency;
mod date;
mod digits;
mod figure;
mod month;
mod time;
mod unit;

pub(crate) use currency::Currency;
pub(crate) use date::Date;
pub(crate) use figure::Figure;
pub(crate) use month::{arabic as arabic_month, english as english_month};
pub(crate) use time::{Half, Time};
pub(crate) use unit::Unit;

use crate::speech::tokens::Token;

/// Something found in a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// `nationality` is the adjective written after an Arabic currency.
    Money {
        figure: Figure,
        currency: &'static Currency,
        nationality: Option<String>,
    },
    Percent(Figure),
    Date(Date),
    Year {
        year: u64,
        is_hijri: bool,
        marked: bool,
    },
    Time(Time),
    /// To be read digit by digit, in groups.
    Digits {
        plus: bool,
        groups: Vec<String>,
    },
    Iban(Vec<String>),
    /// What shows of a masked card number.
    Tail(String),
    Web(String),
    Email(String),
    Ordinal(u64),
    Measure {
        figure: Figure,
        unit: &'static Unit,
    },
    /// 1/2 and its like, and 24/7.
    Fraction([u8; 2]),
    /// 1.2.3
    Dotted(Vec<String>),
    Number(Figure),
}

/// A fact and the number of the token after it.
pub(crate) type Found = (Fact, usize);

/// What starts at token `at`, if it is one of these.
pub(crate) fn find(tokens: &[Token], at: usize) -> Option<Found> {
    let token = tokens.get(at)?;
    if !token.is_number() && !token.is_word() {
        return currency::money(tokens, at)
            .or_else(|| digits::international(tokens, at))
            .or_else(|| digits::tail(tokens, at))
            .or_else(|| digits::bracketed(tokens, at))
            .or_else(|| figure::percent_first(tokens, at))
            .or_else(|| figure::signed(tokens, at));
    }
    if token.is_word() {
        return address::address(tokens, at)
            .or_else(|| digits::iban(tokens, at))
            .or_else(|| digits::tail(tokens, at))
            .or_else(|| currency::money(tokens, at))
            .or_else(|| date::month_first(tokens, at));
    }
    address::address(tokens, at)
        .or_else(|| figure::fraction(tokens, at))
        .or_else(|| date::numeric(tokens, at))
        .or_else(|| date::day_first(tokens, at))
        .or_else(|| time::time(tokens, at))
        .or_else(|| currency::money(tokens, at))
        .or_else(|| figure::percent(tokens, at))
        .or_else(|| date::year(tokens, at))
        .or_else(|| unit::measure(tokens, at))
        .or_else(|| figure::ordinal(tokens, at))
        .or_else(|| figure::dotted(tokens, at))
        .or_else(|| digits::digits(tokens, at))
        .or_else(|| figure::figure(tokens, at).map(|(figure, end)| (Fact::Number(figure), end)))
}

/// Whether the token at `at` is `word`, whatever its case.
pub(crate) fn is_one_of(tokens: &[Token], at: usize, words: &[&str]) -> bool {
    tokens.get(at).is_some_and(|t| words.iter().any(|word| t.text.eq_ignore_ascii_case(word)))
}

/// Whether a mark stands at `at` without space on either side.
pub(crate) fn is_tight(tokens: &[Token], at: usize, marks: &[char]) -> bool {
    tokens.get(at).is_some_and(|t| !t.spaced && marks.iter().any(|mark| t.is(*mark)))
        && tokens.get(at + 1).is_some_and(|next| !next.spaced)
}
