//! Facts in Arabic words: modern standard Arabic as people speak it on the phone.
//!
//! Conventions, with their reason. Numbers of a phone, an account or a code: digit by digit, a comma
//! between groups. Money: "ألف وخمسمئة ريال وخمسون هللة", no nationality unless it is written: who
//! calls a bank knows its riyal. A price with a rate's decimals is a decimal. Decimals: "فاصلة", then
//! the fraction as a number, digit by digit from three digits on or after a zero. Time: on twelve
//! hours with quarter, half and "إلا ربعًا". Dates: ordinal day, "من", month, "عام" and the year.

pub(crate) mod context;
pub(crate) mod letters;
pub(crate) mod nouns;
pub(crate) mod numbers;

use numbers::{CARDINAL_MAX, Case, Gender, cardinal, digit, ordinal};

use super::find::{Currency, Date, Fact, Figure, Half, Time, Unit, arabic_month};
use crate::speech::tokens::Token;
use Case::{Nominative, Oblique};
use Gender::{Feminine, Masculine};

/// Where a fact stands.
pub(crate) struct Place<'a> {
    pub(crate) tokens: &'a [Token],
    pub(crate) from: usize,
    pub(crate) end: usize,
    pub(crate) case: Case,
    /// It has an article of its own: "الـ5".
    pub(crate) definite: bool,
}

/// Words for a fact, and the token after what they are for: a noun that is counted is said along.
pub(crate) fn say(fact: &Fact, place: &Place<'_>) -> Option<(String, usize)> {
    let end = place.end;
    let words = match fact {
        Fact::Money { figure, currency, nationality } => {
            let written = place.tokens[place.from..end].last().map_or("", |t| t.text.as_str());
            money(figure, currency, nationality.as_deref().unwrap_or_default(), written, place.case)
        }
        Fact::Percent(figure) => format!("{} بالمئة", number(figure, Masculine, place.case, false)),
        Fact::Date(date) => day(date),
        Fact::Year { year, is_hijri, marked } => year_of(*year, *is_hijri, *marked, place),
        Fact::Time(time) => clock(*time),
        Fact::Digits { plus, groups } => {
            format!("{}{}", if *plus { "زائد " } else { "" }, grouped(groups))
        }
        Fact::Iban(groups) => grouped(groups),
        Fact::Tail(digits) => format!("آخر {}، {}", tail_noun(digits.len()), spelled(digits)),
        Fact::Ordinal(n) => ordinal(*n, Masculine, place.case),
        Fact::Measure { figure, unit } => measure(figure, unit, place.case),
        Fact::Dotted(parts) => {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| number(&Figure::of(part), Masculine, Nominative, false))
                .collect();
            parts.join(" نقطة ")
        }
        Fact::Number(figure) => return Some(plain(figure, place)),
        Fact::Fraction(parts) => fraction_of(*parts).to_owned(),
        Fact::Web(_) | Fact::Email(_) => return None,
    };
    let words =
        if place.definite && !words.starts_with("ال") { format!("ال{words}") } else { words };
    Some((words, end))
}

/// A number by itself, with what it counts.
fn plain(figure: &Figure, place: &Place<'_>) -> (String, usize) {
    let (tokens, end) = (place.tokens, place.end);
    let before = place.from.checked_sub(1).map_or("", |n| tokens[n].text.as_str());
    let next = tokens.get(end).filter(|_| context::counts(tokens, end));
    let noun = next.and_then(|next| Some((nouns::noun_of(&next.text)?, next.text.as_str())));
    let value = figure.value().filter(|_| !figure.negative);
    match (value, noun) {
        (Some(n), Some(((noun, written), word))) => {
            let case = match written {
                nouns::Written::Dual(case) => case,
                _ => place.case,
            };
            let words = nouns::counted(n, noun, word, case, "");
            (if place.definite { with_article(n, &words) } else { words }, end + 1)
        }
        (Some(n), None) if place.definite && next.is_none() && n > 0 => {
            let gender = match place.from.checked_sub(2).and_then(|n| tokens.get(n)) {
                Some(word) => nouns::gender_of(&word.text),
                None => Masculine,
            };
            (ordinal(n, gender, place.case), end)
        }
        // "الساعة 7" is found as a time; floors and pages are numbered, not counted.
        _ => {
            let gender = next.map_or(Masculine, |next| nouns::gender_of(&next.text));
            let leads = next.is_some() && !before.is_empty() || next.is_some();
            let words = number(figure, gender, place.case, leads);
            (if place.definite { format!("ال{words}") } else { words }, end)
        }
    }
}

/// "الأربع والعشرون ساعة": both parts of a compound below a hundred are definite.
fn with_article(n: u64, words: &str) -> String {
    let words =
        if (21..=99).contains(&n) { words.replacen(" و", " وال", 1) } else { words.to_owned() };
    format!("ال{words}")
}

/// Any figure in words.
fn number(figure: &Figure, gender: Gender, case: Case, leads: bool) -> String {
    let (sign, case) = if figure.negative { ("سالب ", Oblique) } else { ("", case) };
    if let Some(n) = figure.value().filter(|_| figure.fraction.is_empty() || figure.magnitude > 1) {
        return format!("{sign}{}", cardinal(n, gender, case, leads));
    }
    let whole = match figure.whole_value().filter(|n| *n <= CARDINAL_MAX) {
        Some(n) => cardinal(n, Masculine, case, false),
        None => spelled(&figure.whole),
    };
    if figure.fraction.is_empty() {
        return format!("{sign}{whole}");
    }
    let magnitude = match figure.magnitude {
        1_000 => " ألف",
        1_000_000 => " مليون",
        1_000_000_000 => " مليار",
        _ => "",
    };
    format!("{sign}{whole} فاصلة {}{magnitude}", fraction(&figure.fraction))
}

fn fraction(digits: &str) -> String {
    match digits.parse::<u64>() {
        Ok(n) if digits.len() <= 2 && !digits.starts_with('0') => {
            cardinal(n, Masculine, Nominative, false)
        }
        _ => spelled(digits),
    }
}

/// What people call parts of a whole; and the shop that never closes.
fn fraction_of(parts: [u8; 2]) -> &'static str {
    match parts {
        [1, 2] => "نصف",
        [1, 3] => "ثلث",
        [2, 3] => "ثلثا",
        [1, 4] => "ربع",
        [3, 4] => "ثلاثة أرباع",
        _ => "على مدار الساعة طوال أيام الأسبوع",
    }
}

/// Digit by digit; letters by name.
fn spelled(text: &str) -> String {
    let words: Vec<&str> = text
        .chars()
        .filter_map(|c| match c.to_digit(10) {
            Some(value) => Some(digit(value as u8)),
            None => letters::name(c),
        })
        .collect();
    words.join(" ")
}

fn grouped(groups: &[String]) -> String {
    groups.iter().map(|group| spelled(group)).collect::<Vec<_>>().join("، ")
}

fn tail_noun(digits: usize) -> String {
    let (noun, _) = nouns::noun_of("رقم").expect("it is listed. This is a bug.");
    nouns::counted(digits as u64, noun, "", Oblique, "")
}

/// An amount in its major and minor unit.
fn money(
    figure: &Figure,
    currency: &Currency,
    nationality: &str,
    written: &str,
    case: Case,
) -> String {
    // What follows "سالب" is its genitive.
    let (sign, case) = if figure.negative { ("سالب ", Oblique) } else { ("", case) };
    let [major, minor] = currency.ar.map(nouns::noun_of);
    let (Some((major, _)), Some((minor, _))) = (major, minor) else {
        return number(figure, Masculine, case, false);
    };
    let minor_value = minor_units(&figure.fraction, currency.minor_digits);
    match (figure.value(), figure.whole_value(), minor_value) {
        (Some(n), _, _) if figure.fraction.is_empty() || figure.magnitude > 1 => {
            format!("{sign}{}", nouns::counted(n, major, written, case, nationality))
        }
        (_, Some(n), Some(0)) => {
            format!("{sign}{}", nouns::counted(n, major, written, case, nationality))
        }
        (_, Some(0), Some(part)) => format!("{sign}{}", nouns::counted(part, minor, "", case, "")),
        (_, Some(n), Some(part)) => format!(
            "{sign}{} و{}",
            nouns::counted(n, major, written, case, nationality),
            nouns::counted(part, minor, "", case, "")
        ),
        _ => format!("{} {}", number(figure, Masculine, case, false), major.singular),
    }
}

/// The fraction in minor units: ".5" of a riyal is 50. None for more decimals than the currency has.
pub(crate) fn minor_units(fraction: &str, digits: usize) -> Option<u64> {
    let trimmed = fraction.trim_end_matches('0');
    if trimmed.len() > digits {
        return None;
    }
    format!("{trimmed:0<digits$}").parse().ok()
}

fn measure(figure: &Figure, unit: &Unit, case: Case) -> String {
    let [singular, after] = unit.ar;
    let space = if after.is_empty() { "" } else { " " };
    let Some((noun, _)) = nouns::noun_of(singular) else {
        return number(figure, Masculine, case, false);
    };
    let (adjective, after) =
        if matches!(after, "مربع" | "مئوي") { (after, "") } else { ("", after) };
    let space = if after.is_empty() { "" } else { space };
    let words = match figure.value().filter(|_| figure.fraction.is_empty()) {
        Some(n) if !figure.negative => nouns::counted(n, noun, "", case, adjective),
        Some(n) => format!("سالب {}", nouns::counted(n, noun, "", Oblique, adjective)),
        None if !adjective.is_empty() => {
            let feminine = if noun.gender == Feminine { "ة" } else { "" };
            format!(
                "{} {} {adjective}{feminine}",
                number(figure, noun.gender, case, false),
                noun.singular
            )
        }
        None => format!("{} {}", number(figure, noun.gender, case, false), noun.singular),
    };
    format!("{words}{space}{after}")
}

fn day(date: &Date) -> String {
    let month = arabic_month(date.month);
    let day = format!("{} من {month}", ordinal(date.day, Masculine, Oblique));
    match date.year {
        Some(year) if date.day == 0 => {
            format!("{month} {}", cardinal(year, Masculine, Oblique, false))
        }
        Some(year) => {
            let era = if date.marked_hijri { " للهجرة" } else { "" };
            format!("{day} عام {}{era}", cardinal(year, Masculine, Oblique, false))
        }
        None => day,
    }
}

fn year_of(year: u64, is_hijri: bool, marked: bool, place: &Place<'_>) -> String {
    let before = place.from.checked_sub(1).map_or("", |n| place.tokens[n].text.as_str());
    let gender = if before.ends_with("سنة") { Feminine } else { Masculine };
    let era = match (marked, is_hijri) {
        (true, true) => " للهجرة",
        (true, false) => " للميلاد",
        (false, _) => "",
    };
    format!("{}{era}", cardinal(year, gender, Oblique, false))
}

fn clock(time: Time) -> String {
    let hour = |hour: u64| match hour {
        1 => "الواحدة".to_owned(),
        hour => ordinal(hour, Feminine, Nominative),
    };
    let (minute, _) = nouns::noun_of("دقيقة").expect("it is listed. This is a bug.");
    let words = match time.minute {
        0 => hour(time.hour),
        15 => format!("{} والربع", hour(time.hour)),
        30 => format!("{} والنصف", hour(time.hour)),
        45 => format!("{} إلا ربعًا", hour(time.hour % 12 + 1)),
        n => format!("{} و{}", hour(time.hour), nouns::counted(n, minute, "", Nominative, "")),
    };
    let half = match (time.half, time.hour) {
        (None, _) => return words,
        (Some(Half::Morning), _) => "صباحًا",
        (Some(Half::Afternoon), 12) => "ظهرًا",
        (Some(Half::Afternoon), _) => "مساءً",
    };
    format!("{words} {half}")
}
