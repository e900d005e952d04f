//! Abbreviations, acronyms and brands. The operator's lexicon comes first and may change any of these.

use super::ar::letters::spelled;
use crate::speech::script::Script;
use crate::speech::tokens::{Kind, Token};

/// Abbreviation, with the marks it is written with, and what is said.
const ARABIC: &[(&str, &str)] = &[
    ("د.", "الدكتور"),
    ("أ.د.", "الأستاذ الدكتور"),
    ("أ.", "الأستاذ"),
    ("م.", "المهندس"),
    ("ص.ب.", "صندوق بريد"),
    ("ص.ب", "صندوق بريد"),
    ("ر.س", "ريال سعودي"),
    ("د.إ", "درهم إماراتي"),
    ("د.ك", "دينار كويتي"),
    ("ج.م", "جنيه مصري"),
    ("ش.م.م", "شركة ذات مسؤولية محدودة"),
    ("ش.م.ع", "شركة مساهمة عامة"),
    ("إلخ", "إلى آخره"),
    ("الخ", "إلى آخره"),
    ("ق.م", "قبل الميلاد"),
    ("ﷺ", "صلى الله عليه وسلم"),
];

const ENGLISH: &[(&str, &str)] = &[
    ("Dr.", "Doctor"),
    ("Mr.", "Mister"),
    ("Mrs.", "Missus"),
    ("Ms.", "Miss"),
    ("Prof.", "Professor"),
    ("No.", "number"),
    ("e.g.", "for example"),
    ("i.e.", "that is"),
    ("etc.", "et cetera"),
    ("etc", "et cetera"),
    ("vs.", "versus"),
    ("approx.", "approximately"),
    ("ext.", "extension"),
    ("Ext.", "extension"),
    ("dept.", "department"),
    ("Dept.", "Department"),
    ("apt.", "apartment"),
    ("Inc.", "Incorporated"),
    ("Ltd.", "Limited"),
    ("St.", "Street"),
    ("w/", "with"),
    ("km", "kilometer"),
    ("P.O.", "P O"),
    ("U.S.", "U S"),
    ("U.K.", "U K"),
    ("U.A.E.", "U A E"),
];

/// Longest abbreviation, in tokens.
const TOKENS_MAX: usize = 6;

/// What an abbreviation at `at` stands for, and the token after it.
pub(crate) fn abbreviation(
    tokens: &[Token],
    at: usize,
    script: Script,
) -> Option<(&'static str, usize)> {
    let list = if script == Script::Arabic { ARABIC } else { ENGLISH };
    let follows = |n: usize| at > 0 && !tokens[at].spaced && tokens[at - 1].is_word() && n > 0;
    if follows(1) {
        return None;
    }
    let length = tokens[at..].iter().take(TOKENS_MAX).enumerate();
    let length = length.take_while(|(n, t)| *n == 0 || !t.spaced).count();
    (1..=length).rev().find_map(|length| {
        let run = &tokens[at..at + length];
        let written: String = run.iter().map(|t| t.text.as_str()).collect();
        let (_, said) = list.iter().find(|(known, _)| *known == written)?;
        let next = tokens.get(at + length);
        let ends_in_stop = written.ends_with('.');
        // A title needs its name; a word must end there.
        let is_whole = match next {
            None => !(ends_in_stop && written.chars().count() == 2),
            Some(next) => next.spaced || (!next.is_word() && !next.is_number()) || ends_in_stop,
        };
        // "No. 5" is a number, "No. Never." an answer; "King St." a street, "St. Mary" a saint.
        let fits = match written.as_str() {
            "No." => next.is_some_and(Token::is_number),
            "St." => at.checked_sub(1).is_some_and(|n| tokens[n].kind == Kind::Latin),
            _ => true,
        };
        (is_whole && fits).then_some((*said, at + length))
    })
}

/// Names that Arabic speakers say their own way.
const BRANDS: &[(&[&str], &str)] = &[
    (&["apple", "pay"], "آبل باي"),
    (&["google", "play"], "غوغل بلاي"),
    (&["app", "store"], "آب ستور"),
    (&["stc", "pay"], "إس تي سي باي"),
    (&["google", "pay"], "غوغل باي"),
    (&["samsung", "pay"], "سامسونغ باي"),
    (&["wi", "-", "fi"], "واي فاي"),
    (&["e", "-", "mail"], "إيميل"),
    (&["whatsapp"], "واتساب"),
    (&["google"], "غوغل"),
    (&["apple"], "آبل"),
    (&["visa"], "فيزا"),
    (&["mastercard"], "ماستركارد"),
    (&["mada"], "مدى"),
    (&["paypal"], "باي بال"),
    (&["instagram"], "إنستغرام"),
    (&["twitter"], "تويتر"),
    (&["facebook"], "فيسبوك"),
    (&["snapchat"], "سناب شات"),
    (&["telegram"], "تيليغرام"),
    (&["youtube"], "يوتيوب"),
    (&["netflix"], "نتفليكس"),
    (&["amazon"], "أمازون"),
    (&["noon"], "نون"),
    (&["uber"], "أوبر"),
    (&["careem"], "كريم"),
    (&["microsoft"], "مايكروسوفت"),
    (&["windows"], "ويندوز"),
    (&["android"], "أندرويد"),
    (&["iphone"], "آيفون"),
    (&["ipad"], "آيباد"),
    (&["samsung"], "سامسونغ"),
    (&["wifi"], "واي فاي"),
    (&["email"], "إيميل"),
    (&["app"], "آب"),
    (&["online"], "أونلاين"),
    (&["ok"], "أوكي"),
    (&["iban"], "آيبان"),
    (&["sim"], "سيم"),
    (&["covid"], "كوفيد"),
    (&["zoom"], "زوم"),
    (&["bluetooth"], "بلوتوث"),
];

/// Longest word that is spelled because it is all capitals.
const ACRONYM_MAX: usize = 4;

/// How a word of Latin letters is said in a sentence of `script`, where its voice would not know.
pub(crate) fn latin(tokens: &[Token], at: usize, script: Script) -> Option<(String, usize)> {
    let word = tokens[at].text.as_str();
    let is_latin =
        |n: usize| tokens.get(n).is_some_and(|t| t.kind == Kind::Latin && t.text.len() > 1);
    if script == Script::Latin {
        return is_spelled_in_english(word).then(|| {
            let letters: Vec<String> = word.chars().map(String::from).collect();
            (letters.join(" "), at + 1)
        });
    }
    if let Some((length, said)) = brand(tokens, at) {
        // Within a longer English name it stays English.
        let model = tokens.get(at + length).is_some_and(Token::is_number)
            && is_lower_latin(tokens.get(at + length + 1));
        let is_inside = model
            || is_lower_latin(tokens.get(at + length))
            || at
                .checked_sub(1)
                .is_some_and(|n| is_lower_latin(tokens.get(n)) && brand(tokens, n).is_none());
        if !is_inside {
            return Some((said.to_owned(), at + length));
        }
    }
    let is_acronym =
        (1..=ACRONYM_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase());
    let is_inside = at.checked_sub(1).is_some_and(|n| {
        is_latin(n) && is_lower_latin(tokens.get(n)) && brand(tokens, n).is_none()
    }) || is_lower_latin(tokens.get(at + 1)) && brand(tokens, at + 1).is_none();
    (is_acronym && !is_inside).then(|| spelled(word)).flatten().map(|said| (said, at + 1))
}

fn is_lower_latin(token: Option<&Token>) -> bool {
    token.is_some_and(|t| t.kind == Kind::Latin && t.text.chars().any(char::is_lowercase))
}

fn brand(tokens: &[Token], at: usize) -> Option<(usize, &'static str)> {
    let (words, said) = BRANDS.iter().find(|(words, _)| {
        tokens.len() >= at + words.len()
            && words.iter().zip(&tokens[at..]).all(|(word, t)| t.text.eq_ignore_ascii_case(word))
    })?;
    Some((words.len(), said))
}

/// All capitals and known to be letters, or not to be pronounced otherwise.
fn is_spelled_in_english(word: &str) -> bool {
    const LETTERS: &[&str] = &[
        "ATM", "OTP", "API", "VIP", "USB", "URL", "ID", "FAQ", "AI", "IT", "HR", "UAE", "USA",
        "UK", "EU", "IP", "ETA", "KSA", "CEO", "IVR", "IOS",
    ];
    let is_upper =
        (2..=ACRONYM_MAX).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase());
    let has_vowel = word.bytes().any(|b| b"AEIOUY".contains(&b));
    is_upper && (!has_vowel || LETTERS.contains(&word))
}
