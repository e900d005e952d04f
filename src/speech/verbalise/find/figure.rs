//! Numbers with thousands and decimals, signs, magnitudes; per cent; ordinals; versions.

use super::{Fact, Found, is_one_of, is_tight};
use crate::speech::tokens::Token;

/// A written number.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Figure {
    pub(crate) negative: bool,
    /// Digits before the point, without separators.
    pub(crate) whole: String,
    /// Digits after the point.
    pub(crate) fraction: String,
    /// Thousand, million or billion, where the word follows; else 1.
    pub(crate) magnitude: u64,
    /// It was written with thousands separators.
    pub(crate) grouped: bool,
}

/// Longest number that is said as one.
const DIGITS_MAX: usize = 15;

impl Figure {
    /// Its value if it is a whole number that can be said as one.
    pub(crate) fn value(&self) -> Option<u64> {
        let shift = u32::try_from(self.fraction.len()).ok()?;
        let unit = 10_u64.checked_pow(shift)?;
        if self.whole.len() > DIGITS_MAX || !self.magnitude.is_multiple_of(unit) {
            return None;
        }
        let digits: u64 = format!("{}{}", self.whole, self.fraction).parse().ok()?;
        let value = digits.checked_mul(self.magnitude / unit)?;
        (value < 10_u64.pow(DIGITS_MAX as u32)).then_some(value)
    }

    /// The digits before the point as a number, without the magnitude.
    pub(crate) fn whole_value(&self) -> Option<u64> {
        (self.whole.len() <= DIGITS_MAX).then(|| self.whole.parse().ok())?
    }

    /// A whole number as it stands.
    pub(crate) fn of(digits: &str) -> Self {
        Self { whole: digits.to_owned(), magnitude: 1, ..Self::default() }
    }
}

/// The number at `at`, and the token after it and its magnitude.
pub(crate) fn figure(tokens: &[Token], at: usize) -> Option<(Figure, usize)> {
    let mut end = at;
    let negative = tokens.get(end).is_some_and(|t| (t.is('-') || t.is('−')) && t.spaced);
    if negative {
        end += 1;
        if tokens.get(end).is_none_or(|next| next.spaced) {
            return None;
        }
    }
    let first = tokens.get(end).filter(|t| t.is_number())?;
    let mut figure = Figure { negative, ..Figure::of(&first.text) };
    end += 1;
    if first.text.len() <= 3 && !first.text.starts_with('0') {
        while is_tight(tokens, end, &[',', '٬', '،']) && is_number_of(tokens, end + 1, 3) {
            figure.whole.push_str(&tokens[end + 1].text);
            figure.grouped = true;
            end += 2;
        }
    }
    // "1.000.000": two dots are no decimals.
    let is_dotted = figure.whole.len() <= 3
        && is_tight(tokens, end, &['.'])
        && is_number_of(tokens, end + 1, 3)
        && is_tight(tokens, end + 2, &['.'])
        && is_number_of(tokens, end + 3, 3);
    if is_dotted && !figure.grouped && !first.text.starts_with('0') {
        while is_tight(tokens, end, &['.']) && is_number_of(tokens, end + 1, 3) {
            figure.whole.push_str(&tokens[end + 1].text);
            figure.grouped = true;
            end += 2;
        }
    }
    if is_tight(tokens, end, &['.', '٫']) && tokens[end + 1].is_number() {
        figure.fraction.clone_from(&tokens[end + 1].text);
        end += 2;
    }
    if let Some((magnitude, after)) = magnitude(tokens, end) {
        figure.magnitude = magnitude;
        end = after;
    }
    Some((figure, end))
}

fn magnitude(tokens: &[Token], at: usize) -> Option<(u64, usize)> {
    let token = tokens.get(at)?;
    let magnitude = match token.text.as_str() {
        "ألف" | "الف" | "آلاف" | "الاف" | "ألفا" | "thousand" => 1_000,
        "مليون" | "ملايين" | "مليونا" | "million" => 1_000_000,
        "مليار" | "مليارات" | "مليارا" | "billion" => 1_000_000_000,
        "K" | "k" if !token.spaced => 1_000,
        "M" if !token.spaced => 1_000_000,
        _ => return None,
    };
    Some((magnitude, at + 1))
}

fn is_number_of(tokens: &[Token], at: usize, digits: usize) -> bool {
    tokens.get(at).is_some_and(|t| t.is_number() && t.text.len() == digits)
}

/// "-5".
pub(crate) fn signed(tokens: &[Token], at: usize) -> Option<Found> {
    let (figure, end) = figure(tokens, at).filter(|(figure, _)| figure.negative)?;
    percent(tokens, at)
        .or_else(|| super::unit::measure(tokens, at))
        .or(Some((Fact::Number(figure), end)))
}

/// "15%", "15 ٪", "15 في المئة" and "15 percent" stay words.
pub(crate) fn percent(tokens: &[Token], at: usize) -> Option<Found> {
    let (figure, end) = figure(tokens, at)?;
    let sign = tokens.get(end).filter(|t| t.is('%') || t.is('٪') || t.is('﹪'))?;
    debug_assert!(sign.range.start > tokens[at].range.start);
    Some((Fact::Percent(figure), end + 1))
}

/// "٪50", as Arabic is sometimes typed.
pub(crate) fn percent_first(tokens: &[Token], at: usize) -> Option<Found> {
    let is_sign = tokens[at].is('%') || tokens[at].is('٪');
    let next = tokens.get(at + 1).filter(|next| next.is_number() && !next.spaced)?;
    debug_assert!(next.range.start > 0);
    let (figure, end) = figure(tokens, at + 1)?;
    (is_sign && tokens[at].spaced).then_some((Fact::Percent(figure), end))
}

/// Parts that have names: halves, thirds, quarters.
pub(crate) fn fraction(tokens: &[Token], at: usize) -> Option<Found> {
    const KNOWN: &[[u8; 2]] = &[[1, 2], [1, 3], [2, 3], [1, 4], [3, 4], [24, 7]];
    if !is_tight(tokens, at + 1, &['/']) || is_tight(tokens, at + 3, &['/']) || !tokens[at].spaced {
        return None;
    }
    let parts = [tokens[at].text.parse().ok()?, tokens[at + 2].text.parse().ok()?];
    // After these it is a day: "حتى 1/2".
    let is_date = at > 0 && super::date::leads_to_day(tokens, at - 1);
    (KNOWN.contains(&parts) && !is_date).then_some((Fact::Fraction(parts), at + 3))
}

/// "1st", "the 22nd". Arabic ordinals are found by their article, in `ar`.
pub(crate) fn ordinal(tokens: &[Token], at: usize) -> Option<Found> {
    let suffix = tokens.get(at + 1).filter(|t| !t.spaced)?;
    let is_suffix = ["st", "nd", "rd", "th"].iter().any(|s| suffix.text.eq_ignore_ascii_case(s));
    let n = Figure::of(&tokens[at].text).value()?;
    (is_suffix && n > 0).then_some((Fact::Ordinal(n), at + 2))
}

/// Versions and addresses of machines: "2.10.3", "192.168.1.1".
pub(crate) fn dotted(tokens: &[Token], at: usize) -> Option<Found> {
    let mut parts = vec![tokens.get(at)?.text.clone()];
    let mut end = at + 1;
    while is_tight(tokens, end, &['.']) && tokens[end + 1].is_number() && parts.len() < 8 {
        parts.push(tokens[end + 1].text.clone());
        end += 2;
    }
    let is_version = parts.len() == 2 && at > 0 && is_one_of(tokens, at - 1, &["v", "version"]);
    // "1.000.000" is a number, "192.168.100.100" is not.
    let is_grouped = parts[0].len() <= 3
        && !parts[0].starts_with('0')
        && parts[1..].iter().all(|part| part.len() == 3 && part.ends_with('0'));
    ((parts.len() > 2 && !is_grouped) || is_version).then_some((Fact::Dotted(parts), end))
}
