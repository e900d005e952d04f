//! What is read digit by digit: phone numbers, national ids, codes, IBANs, the tails of cards.
//!
//! Groups are the writer's where there are any, else the ones people pause at.

use super::{Fact, Found, is_tight};
use crate::speech::tokens::{Kind, Token};

/// Digits in a row that are no amount any more: people read them one by one.
const RUN_MIN: usize = 7;

/// Digits that may be one group as they are.
const GROUP_MAX: usize = 4;

/// Words and groups that a number may have at most.
const GROUPS_MAX: usize = 10;

/// Words after which a number is a name, not a quantity.
const NAMING: &[&str] = &[
    "رقم",
    "رمز",
    "كود",
    "تحويلة",
    "هاتف",
    "جوال",
    "موبايل",
    "تليفون",
    "هوية",
    "إقامة",
    "مرجع",
    "تتبع",
    "اتصل",
    "واتساب",
    "otp",
    "pin",
    "code",
    "phone",
    "mobile",
    "id",
    "extension",
    "ext",
    "reference",
    "ref",
    "tracking",
    "ending",
    "ينتهي",
    "تنتهي",
    "منتهي",
    "passcode",
    "number",
    "call",
    "dial",
    "hotline",
    "الخط",
];

/// Bare or grouped digits at `at` that are a name.
pub(crate) fn digits(tokens: &[Token], at: usize) -> Option<Found> {
    let (groups, end, joined) = groups(tokens, at);
    let total: usize = groups.iter().map(String::len).sum();
    // A booking or a flight: "SV123".
    let is_code = at > 0 && !tokens[at].spaced && {
        let before = &tokens[at - 1];
        before.kind == Kind::Latin && before.text.bytes().all(|b| b.is_ascii_uppercase())
    };
    let named = is_named(tokens, at) || is_code;
    if groups.len() > 1 && is_number_of_something(&groups, total, named, joined) {
        return Some((Fact::Digits { plus: false, groups: regroup(groups) }, end));
    }
    let run = &tokens[at].text;
    let is_fraction = is_tight(tokens, at + 1, &['.', '٫', ',', '٬'])
        && tokens.get(at + 2).is_some_and(Token::is_number);
    // "1000000 عميل": round, or with what it counts.
    let is_counted = tokens.get(at + 1).is_some_and(|next| {
        next.kind == Kind::Arabic
            && crate::speech::verbalise::ar::nouns::noun_of(&next.text).is_some()
    });
    let is_quantity =
        (is_counted || run.ends_with("000")) && !run.starts_with('0') && run.len() <= 12;
    if is_quantity && !named {
        return None;
    }
    let is_name = (named && run.len() >= 3)
        || run.len() >= RUN_MIN
        || (run.starts_with('0') && run.len() > 1);
    (is_name && !is_fraction)
        .then(|| (Fact::Digits { plus: false, groups: regroup(vec![run.clone()]) }, at + 1))
}

/// "+966 50 123 4567".
pub(crate) fn international(tokens: &[Token], at: usize) -> Option<Found> {
    let next = tokens.get(at + 1)?;
    if !tokens[at].is('+') || next.spaced || !next.is_number() {
        return None;
    }
    let (groups, end, _) = groups(tokens, at + 1);
    let total: usize = groups.iter().map(String::len).sum();
    if total < RUN_MIN {
        return None;
    }
    let groups = if groups.len() == 1 { split_country(&groups[0]) } else { regroup(groups) };
    Some((Fact::Digits { plus: true, groups }, end))
}

/// Numbers joined by single spaces, dashes or brackets; the last one says whether by dashes only.
fn groups(tokens: &[Token], at: usize) -> (Vec<String>, usize, bool) {
    let mut groups = vec![tokens[at].text.clone()];
    let mut end = at + 1;
    let mut dashed = true;
    while groups.len() < GROUPS_MAX {
        if is_tight(tokens, end, &['-', '–']) && tokens[end + 1].is_number() {
            groups.push(tokens[end + 1].text.clone());
            end += 2;
        } else if let Some(inside) = bracket(tokens, end) {
            dashed = false;
            groups.push(inside.to_owned());
            end += 3;
        } else if tokens.get(end).is_some_and(Token::is_number) {
            dashed = false;
            groups.push(tokens[end].text.clone());
            end += 1;
        } else {
            break;
        }
    }
    (groups, end, dashed)
}

/// "(555)".
fn bracket(tokens: &[Token], at: usize) -> Option<&str> {
    let [open, inside, close] = tokens.get(at..at + 3)? else { return None };
    let is_area = open.is('(') && close.is(')') && (2..=5).contains(&inside.text.len());
    (is_area && inside.is_number()).then_some(&inside.text)
}

/// "(555) 123-4567".
pub(crate) fn bracketed(tokens: &[Token], at: usize) -> Option<Found> {
    let mut all = vec![bracket(tokens, at)?.to_owned()];
    tokens.get(at + 3).filter(|t| t.is_number())?;
    let (rest, end, _) = groups(tokens, at + 3);
    all.extend(rest);
    let total: usize = all.iter().map(String::len).sum();
    (total >= RUN_MIN).then(|| (Fact::Digits { plus: false, groups: regroup(all) }, end))
}

/// Whether groups of digits are one number, and not two quantities or a range.
fn is_number_of_something(groups: &[String], total: usize, named: bool, dashed: bool) -> bool {
    if total < RUN_MIN {
        return named && total >= 3 && !dashed;
    }
    if named || groups[0].starts_with('0') || groups.len() > 2 {
        return true;
    }
    // A range of prices or years has ends of the same length, or round ones.
    let is_range = groups[0].len() == groups[1].len() || groups.iter().all(|g| g.ends_with('0'));
    dashed && !is_range
}

/// A word that names numbers stands up to three words before, in the same clause.
fn is_named(tokens: &[Token], at: usize) -> bool {
    tokens[..at]
        .iter()
        .rev()
        .take(5)
        .take_while(|t| t.is_word() || t.is(':') || t.is('#'))
        .take(4)
        .any(|t| t.is('#') || names(&t.text))
}

fn names(word: &str) -> bool {
    let word = word.to_lowercase();
    let bare = ["وال", "بال", "لل", "ال", "و", "ب", "ل"]
        .iter()
        .find_map(|prefix| word.strip_prefix(prefix))
        .unwrap_or(&word);
    let is_stem = |word: &str| {
        NAMING.iter().any(|stem| {
            word.strip_prefix(stem).is_some_and(|rest| {
                rest.is_empty() || (!rest.is_ascii() && rest.chars().count() <= 3)
            })
        })
    };
    is_stem(&word) || is_stem(bare)
}

/// Long groups are split as people pause.
fn regroup(groups: Vec<String>) -> Vec<String> {
    groups.into_iter().flat_map(|group| split(&group)).collect()
}

fn split(run: &str) -> Vec<String> {
    let length = run.len();
    let sizes: Vec<usize> = match length {
        0..=GROUP_MAX => vec![length],
        5 => vec![2, 3],
        // Egyptian mobiles: 010 1234 5678.
        11 => vec![3, 4, 4],
        _ => {
            // Threes with fours at the end: 3 3 4, never a lone digit.
            let fours = match length % 3 {
                0 => 0,
                1 => 1,
                _ => 2,
            };
            let threes = (length - 4 * fours) / 3;
            std::iter::repeat_n(3, threes).chain(std::iter::repeat_n(4, fours)).collect()
        }
    };
    let mut from = 0;
    sizes
        .into_iter()
        .map(|size| {
            from += size;
            run[from - size..from].to_owned()
        })
        .collect()
}

/// Codes of the countries we serve stand apart, and so does the network in a mobile number.
fn split_country(run: &str) -> Vec<String> {
    const CODES: &[&str] = &["966", "971", "965", "974", "973", "968", "962", "20", "44", "1"];
    let Some(code) = CODES.iter().find(|code| run.starts_with(**code)) else { return split(run) };
    let rest = &run[code.len()..];
    let mut groups = vec![(*code).to_owned()];
    if rest.len() == 9 {
        groups.extend([rest[..2].to_owned(), rest[2..5].to_owned(), rest[5..].to_owned()]);
    } else {
        groups.extend(split(rest));
    }
    groups
}

/// "SA03 8000 0000 6080 1016 7519".
pub(crate) fn iban(tokens: &[Token], at: usize) -> Option<Found> {
    const LENGTHS: &[(&str, usize)] = &[
        ("SA", 24),
        ("AE", 23),
        ("EG", 29),
        ("KW", 30),
        ("QA", 29),
        ("BH", 22),
        ("OM", 23),
        ("JO", 30),
        ("GB", 22),
        ("DE", 22),
        ("LB", 28),
    ];
    let country = tokens[at].text.as_str();
    let (_, length) = LENGTHS.iter().find(|(code, _)| *code == country)?;
    let mut all = String::new();
    let mut end = at;
    while all.len() < *length {
        let token = tokens.get(end)?;
        let is_part = token.is_number() || (token.kind == Kind::Latin && token.text.is_ascii());
        if !is_part || (end == at + 1 && token.spaced) {
            return None;
        }
        all.push_str(&token.text);
        end += 1;
    }
    let rest_is_right = all.len() == *length && all.bytes().all(|b| b.is_ascii_alphanumeric());
    rest_is_right.then(|| {
        let chars: Vec<char> = all.chars().collect();
        (Fact::Iban(chars.chunks(4).map(|group| group.iter().collect()).collect()), end)
    })
}

/// "****1234", "•••• 1234", "XXXX-1234".
pub(crate) fn tail(tokens: &[Token], at: usize) -> Option<Found> {
    let is_mask = |t: &Token| {
        t.is('*')
            || t.is('•')
            || (t.kind == Kind::Latin
                && t.text.len() >= 4
                && t.text.chars().all(|c| matches!(c, 'x' | 'X')))
    };
    let mut end = at;
    let mut masked = 0;
    while end < at + 40 && tokens.get(end).is_some_and(|t| is_mask(t) || (masked > 0 && t.is('-')))
    {
        masked += tokens[end].text.chars().count();
        end += 1;
    }
    let shown = tokens.get(end).filter(|t| t.is_number() && (2..=6).contains(&t.text.len()))?;
    (masked >= 2).then(|| (Fact::Tail(shown.text.clone()), end + 1))
}
