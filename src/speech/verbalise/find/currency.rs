//! Amounts of money: SAR, AED, EGP, KWD, QAR, BHD, OMR, JOD, USD, EUR, GBP by code, symbol,
//! abbreviation or name, before or after the number.

use super::figure::figure;
use super::{Fact, Found};
use crate::speech::tokens::{Kind, Token};

/// A currency, and what it is called.
#[derive(Debug, PartialEq)]
pub(crate) struct Currency {
    /// Codes and symbols, exactly.
    codes: &'static [&'static str],
    /// Letters of an Arabic abbreviation: "ر.س".
    letters: &'static [[&'static str; 2]],
    /// Adjective by which the currency is told from others of its name, without ending.
    nationality: &'static [&'static str],
    /// Decimals of the minor unit: 2, or 3 for dinars and the riyal of Oman.
    pub(crate) minor_digits: usize,
    /// Arabic singulars of the major and the minor unit; `ar::nouns` inflects them.
    pub(crate) ar: [&'static str; 2],
    /// English, one and many of each.
    pub(crate) en: [[&'static str; 2]; 2],
}

const RIYALS: [[&str; 2]; 2] = [["riyal", "riyals"], ["halala", "halalas"]];
const FILS: [&str; 2] = ["fils", "fils"];
const DINARS: [[&str; 2]; 2] = [["dinar", "dinars"], FILS];
const CENTS: [&str; 2] = ["cent", "cents"];

/// The first of each name is what the bare name means.
const CURRENCIES: &[Currency] = &[
    Currency {
        codes: &["SAR", "SR", "﷼", "\u{20c1}", "S.R"],
        letters: &[["ر", "س"]],
        nationality: &["سعودي", "Saudi"],
        minor_digits: 2,
        ar: ["ريال", "هللة"],
        en: RIYALS,
    },
    Currency {
        codes: &["AED", "Dhs", "DHS", "Dh", "\u{20c3}"],
        letters: &[["د", "إ"], ["د", "ا"]],
        nationality: &["إماراتي", "اماراتي", "UAE", "Emirati"],
        minor_digits: 2,
        ar: ["درهم", "فلس"],
        en: [["dirham", "dirhams"], FILS],
    },
    Currency {
        codes: &["EGP", "LE", "E£"],
        letters: &[["ج", "م"]],
        nationality: &["مصري", "Egyptian"],
        minor_digits: 2,
        ar: ["جنيه", "قرش"],
        en: [["pound", "pounds"], ["piaster", "piasters"]],
    },
    Currency {
        codes: &["KWD", "KD"],
        letters: &[["د", "ك"]],
        nationality: &["كويتي", "Kuwaiti"],
        minor_digits: 3,
        ar: ["دينار", "فلس"],
        en: DINARS,
    },
    Currency {
        codes: &["QAR", "QR"],
        letters: &[["ر", "ق"]],
        nationality: &["قطري", "Qatari"],
        minor_digits: 2,
        ar: ["ريال", "درهم"],
        en: [["riyal", "riyals"], ["dirham", "dirhams"]],
    },
    Currency {
        codes: &["BHD", "BD"],
        letters: &[["د", "ب"]],
        nationality: &["بحريني", "Bahraini"],
        minor_digits: 3,
        ar: ["دينار", "فلس"],
        en: DINARS,
    },
    Currency {
        codes: &["OMR"],
        letters: &[["ر", "ع"]],
        nationality: &["عماني", "Omani"],
        minor_digits: 3,
        ar: ["ريال", "بيسة"],
        en: [["riyal", "riyals"], ["baisa", "baisas"]],
    },
    Currency {
        codes: &["JOD", "JD"],
        letters: &[["د", "أ"]],
        nationality: &["أردني", "اردني", "Jordanian"],
        minor_digits: 3,
        ar: ["دينار", "فلس"],
        en: DINARS,
    },
    Currency {
        codes: &["USD", "US$", "$"],
        letters: &[],
        nationality: &["أمريكي", "أميركي", "امريكي", "US"],
        minor_digits: 2,
        ar: ["دولار", "سنت"],
        en: [["dollar", "dollars"], CENTS],
    },
    Currency {
        codes: &["EUR", "€"],
        letters: &[],
        nationality: &[],
        minor_digits: 2,
        ar: ["يورو", "سنت"],
        en: [["euro", "euros"], CENTS],
    },
    Currency {
        codes: &["GBP", "£"],
        letters: &[],
        nationality: &["إسترليني", "استرليني", "British"],
        minor_digits: 2,
        ar: ["جنيه", "بنس"],
        en: [["pound", "pounds"], ["penny", "pence"]],
    },
];

/// Words for minor units stay words: "50 هللة" is a measure.
struct Named {
    currency: &'static Currency,
    nationality: Option<String>,
    end: usize,
}

/// An amount that starts at `at`.
pub(crate) fn money(tokens: &[Token], at: usize) -> Option<Found> {
    if let Some(named) = by_code(tokens, at)
        && let Some((figure, end)) = figure(tokens, named.end)
        && tokens[named.end].range.start - tokens[named.end - 1].range.end <= 1
    {
        return Some((Fact::Money { figure, currency: named.currency, nationality: None }, end));
    }
    let (figure, end) = figure(tokens, at)?;
    let named = by_code(tokens, end).or_else(|| by_name(tokens, end))?;
    let Named { currency, nationality, end } = named;
    Some((Fact::Money { figure, currency, nationality }, end))
}

/// A code, a symbol or an abbreviation.
fn by_code(tokens: &[Token], at: usize) -> Option<Named> {
    let token = tokens.get(at)?;
    if token.kind == Kind::Arabic {
        return abbreviated(tokens, at);
    }
    let found = |code: &str| CURRENCIES.iter().find(|c| c.codes.contains(&code));
    let named = |currency, end| Named { currency, nationality: None, end };
    if let Some(next) = tokens.get(at + 1).filter(|next| next.is('$') && !next.spaced)
        && let Some(currency) = found(&format!("{}{}", token.text, next.text))
    {
        return Some(named(currency, at + 2));
    }
    found(&token.text).map(|currency| named(currency, at + 1))
}

/// "ر.س" and "ر.س.".
fn abbreviated(tokens: &[Token], at: usize) -> Option<Named> {
    let (first, second) = (tokens.get(at)?, tokens.get(at + 2)?);
    let is_dotted = tokens[at + 1].is('.') && !second.spaced;
    let currency = CURRENCIES.iter().find(|c| {
        c.letters.iter().any(|[a, b]| is_dotted && first.text == *a && second.text == *b)
    })?;
    // The last full stop belongs to it when the sentence goes on.
    let stop = tokens.get(at + 3).is_some_and(|t| t.is('.') && !t.spaced);
    let goes_on = tokens.get(at + 4).is_some();
    Some(Named { currency, nationality: None, end: at + 3 + usize::from(stop && goes_on) })
}

/// A name, with its nationality where that follows (in Arabic) or leads (in English).
fn by_name(tokens: &[Token], at: usize) -> Option<Named> {
    let token = tokens.get(at)?;
    let next = |at: usize| tokens.get(at).map_or("", |t| t.text.as_str());
    let is_from = |currency: &Currency, adjective: &str| {
        let adjective = adjective.strip_suffix('ا').unwrap_or(adjective);
        let adjective = adjective.strip_suffix('ة').unwrap_or(adjective);
        let adjective = adjective.strip_suffix("ان").unwrap_or(adjective);
        let adjective = adjective.strip_suffix("ين").unwrap_or(adjective);
        currency.nationality.iter().any(|known| known.eq_ignore_ascii_case(adjective))
    };
    if token.kind == Kind::Arabic {
        let (noun, _) = crate::speech::verbalise::ar::nouns::noun_of(&token.text)?;
        let bears = |c: &&Currency| c.ar[0] == noun.singular;
        let from = CURRENCIES.iter().filter(bears).find(|c| is_from(c, next(at + 1)));
        if let Some(currency) = from {
            let nationality = currency.nationality.first().map(|n| (*n).to_owned());
            return Some(Named { currency, nationality, end: at + 2 });
        }
        let currency = CURRENCIES.iter().find(bears)?;
        return Some(Named { currency, nationality: None, end: at + 1 });
    }
    let bears = |c: &&Currency, word: &str| c.en[0].iter().any(|n| n.eq_ignore_ascii_case(word));
    let leads = CURRENCIES.iter().filter(|c| bears(c, next(at + 1)));
    if let Some(currency) = leads.clone().find(|c| is_from(c, &token.text)) {
        let nationality = Some(token.text.clone());
        return Some(Named { currency, nationality, end: at + 2 });
    }
    let currency = CURRENCIES.iter().find(|c| bears(c, &token.text))?;
    Some(Named { currency, nationality: None, end: at + 1 })
}
