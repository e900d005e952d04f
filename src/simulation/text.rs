//! Texts that a seed makes up: what models and operators write, what rules look for, and what nobody should send.

use super::Chance;

/// Sentences that rules were made for; a simulated text is often one of them with something broken.
const CORPORA: [&str; 3] = [
    include_str!("../../tests/data/speech/ar.tsv"),
    include_str!("../../tests/data/speech/en.tsv"),
    include_str!("../../tests/data/speech/held_out.tsv"),
];

/// Words and marks that rules look for.
const WORDS: &[&str] = &[
    "ر.س",
    "SAR",
    "$",
    "€",
    "ريال",
    "درهم",
    "دينار",
    "هللة",
    "USD",
    "الساعة",
    "ص",
    "م",
    "مساءً",
    "AM",
    "p.m.",
    "هـ",
    "رقم",
    "مارس",
    "رمضان",
    "March",
    "Jan",
    "بـ",
    "ال",
    "و",
    "لل",
    "مليون",
    "ألف",
    "بعد",
    "خلال",
    "تم",
    "SA03",
    "IBAN",
    "AE07",
    "****",
    "XXXX",
    "كم",
    "ملغ",
    "kg",
    "km/h",
    "%",
    "٪",
    "No.",
    "Dr.",
    "د.",
    "أ.د.",
    "إلخ",
    "etc.",
    "http://",
    "https://a.b/c?d=1",
    "www.",
    "a@b.co",
    ".com",
    "[x](",
    "](http://x)",
    "![",
    "**",
    "__",
    "`",
    "```",
    "~~~",
    "# ",
    "- ",
    "1. ",
    "> ",
    "|",
    "---",
    "<b>",
    "</",
    "&amp;",
    "&#1575;",
    "&lt;",
    "\\*",
    "iPhone",
    "OTP",
    "Wi-Fi",
    "apple pay",
    "ATM",
    "U.A.E.",
    "ﷺ",
    "ﻻ",
    "ﷲ",
    "½",
    "²",
    "Ⅳ",
    "①",
    "ǆ",
    "ß",
    "İ",
    "と",
    "你好",
    "привет",
    "😀",
    "👍🏽",
    "🇸🇦",
    "1️⃣",
    "\u{200b}",
    "\u{200c}",
    "\u{200f}",
    "\u{202e}",
    "\u{2066}",
    "\u{feff}",
    "\u{ad}",
    "\u{0}",
    "\u{7f}",
    "\u{fffd}",
    "\u{e000}",
    "\u{10ffff}",
    "\u{301}",
    "\u{64e}\u{651}",
    "ـ",
    "\u{670}",
    "\u{6dd}",
    "\n",
    "\r\n",
    "\t",
    "\u{2028}",
    "\u{a0}",
    "\u{3000}",
    " ",
    "  ",
    "؟",
    "!",
    ".",
    "...",
    "…",
    "،",
    ",",
    "؛",
    ";",
    ":",
    "-",
    "–",
    "/",
    "\\",
    "(",
    ")",
    "«",
    "»",
    "\"",
    "'",
    "’",
    "+",
    "=",
    "#",
    "*",
    "_",
    "@",
    "٫",
    "٬",
];

const ARABIC: &str = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيٱپچگیک";
const SIGNS: &str =
    "\u{64b}\u{64c}\u{64d}\u{64e}\u{64f}\u{650}\u{651}\u{652}\u{653}\u{654}\u{655}\u{670}ـ";
const DIGITS: [&str; 4] = ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９"];

fn pick(chance: &mut Chance, of: &str) -> char {
    let count = of.chars().count() as u64;
    of.chars().nth(chance.below(count) as usize).unwrap_or(' ')
}

/// A text of at most 10,000 characters; most are short.
pub(crate) fn text(chance: &mut Chance) -> String {
    let mut text = match chance.below(10) {
        0..=2 => made_up(chance, 12),
        3..=6 => sentence(chance),
        7 => format!("{} {}", sentence(chance), made_up(chance, 8)),
        8 => format!("{}\n{}", made_up(chance, 8), sentence(chance)),
        _ => repeated(chance),
    };
    if chance.percent(60) {
        break_something(&mut text, chance);
    }
    text.chars().take(10_000).collect()
}

fn sentence(chance: &mut Chance) -> String {
    let corpus = CORPORA[chance.below(3) as usize];
    let lines: Vec<&str> =
        corpus.lines().filter_map(|line| Some(line.split_once('\t')?.0)).collect();
    let at = chance.below(lines.len() as u64) as usize;
    lines.get(at).copied().unwrap_or_default().to_owned()
}

fn made_up(chance: &mut Chance, parts_max: u64) -> String {
    let mut text = String::new();
    for _ in 0..chance.below(parts_max + 1) {
        match chance.below(8) {
            0 | 1 => text.push_str(WORDS[chance.below(WORDS.len() as u64) as usize]),
            2 => (0..chance.between(1, 8)).for_each(|_| text.push(pick(chance, ARABIC))),
            3 => {
                for _ in 0..chance.between(1, 6) {
                    text.push(pick(chance, ARABIC));
                    (0..chance.below(3)).for_each(|_| text.push(pick(chance, SIGNS)));
                }
            }
            4 => {
                let latin = "abcdefghijklmnopqrstuvwxyzABCXYZéüñ";
                (0..chance.between(1, 9)).for_each(|_| text.push(pick(chance, latin)));
            }
            5 => number(&mut text, chance),
            6 => text.push(' '),
            // Any character there is.
            _ => text.extend(char::from_u32(chance.below(0x11_0000) as u32)),
        }
        if chance.percent(50) {
            text.push(' ');
        }
    }
    text
}

/// Digits in groups, as amounts, dates, times and cards have them.
fn number(text: &mut String, chance: &mut Chance) {
    let digits = DIGITS[(chance.below(8) as usize).saturating_sub(4)];
    for group in 0..chance.between(1, 5) {
        if group > 0 {
            text.push(pick(chance, ".,:/-٫٬ "));
        }
        (0..chance.between(1, 6)).for_each(|_| text.push(pick(chance, digits)));
    }
}

/// One thing many times over: where a rule looks ahead, it must not look ahead from each of them.
fn repeated(chance: &mut Chance) -> String {
    let unit = made_up(chance, 3);
    let times = if chance.percent(5) { 10_000 } else { chance.between(1, 60) as usize };
    unit.chars().cycle().take((unit.chars().count() * times).min(10_000)).collect()
}

/// Takes something out, puts something in, doubles or swaps.
fn break_something(text: &mut String, chance: &mut Chance) {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..chance.between(1, 4) {
        let at = chance.below(chars.len() as u64 + 1) as usize;
        match chance.below(5) {
            0 if at < chars.len() => drop(chars.remove(at)),
            1 if at < chars.len() => chars.insert(at, chars[at]),
            2 if at + 1 < chars.len() => chars.swap(at, at + 1),
            3 => chars.truncate(at.max(1)),
            _ => {
                let word = WORDS[chance.below(WORDS.len() as u64) as usize];
                chars.splice(at..at, word.chars());
            }
        }
    }
    *text = chars.into_iter().collect();
}
