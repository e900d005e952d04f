//! Names of months, Gregorian and Hijri, in Arabic and English, by number.

use crate::speech::tokens::Token;

/// Gregorian months as Egypt and the Gulf call them.
pub(crate) const ARABIC: [&str; 12] = [
    "يناير",
    "فبراير",
    "مارس",
    "أبريل",
    "مايو",
    "يونيو",
    "يوليو",
    "أغسطس",
    "سبتمبر",
    "أكتوبر",
    "نوفمبر",
    "ديسمبر",
];

/// After من, as they are said within a date.
pub(crate) const HIJRI: [&str; 12] = [
    "محرم",
    "صفر",
    "ربيع الأول",
    "ربيع الآخر",
    "جمادى الأولى",
    "جمادى الآخرة",
    "رجب",
    "شعبان",
    "رمضان",
    "شوال",
    "ذي القعدة",
    "ذي الحجة",
];

pub(crate) const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(crate) const HIJRI_ENGLISH: [&str; 12] = [
    "Muharram",
    "Safar",
    "Rabi al Awwal",
    "Rabi al Thani",
    "Jumada al Ula",
    "Jumada al Akhira",
    "Rajab",
    "Shaaban",
    "Ramadan",
    "Shawwal",
    "Dhul Qadah",
    "Dhul Hijjah",
];

/// Other spellings, with the month's number.
const ALSO: &[(&str, usize)] = &[
    ("ابريل", 4),
    ("إبريل", 4),
    ("اغسطس", 8),
    ("اكتوبر", 10),
    ("كانون الثاني", 1),
    ("شباط", 2),
    ("آذار", 3),
    ("نيسان", 4),
    ("أيار", 5),
    ("حزيران", 6),
    ("تموز", 7),
    ("آب", 8),
    ("أيلول", 9),
    ("تشرين الأول", 10),
    ("تشرين الثاني", 11),
    ("كانون الأول", 12),
    ("Jan", 1),
    ("Feb", 2),
    ("Mar", 3),
    ("Apr", 4),
    ("Jun", 6),
    ("Jul", 7),
    ("Aug", 8),
    ("Sep", 9),
    ("Sept", 9),
    ("Oct", 10),
    ("Nov", 11),
    ("Dec", 12),
];

const ALSO_HIJRI: &[(&str, usize)] = &[
    ("المحرم", 1),
    ("ربيع اول", 3),
    ("ربيع الاول", 3),
    ("ربيع الثاني", 4),
    ("ربيع الاخر", 4),
    ("جمادى الثانية", 6),
    ("جمادى الاولى", 5),
    ("جمادى الاخرة", 6),
    ("ذو القعدة", 11),
    ("ذو الحجة", 12),
];

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Month {
    /// 1 to 12.
    pub(crate) number: usize,
    pub(crate) is_hijri: bool,
    /// The name as it is written in Arabic, so that آذار stays آذار.
    pub(crate) name: Option<&'static str>,
}

/// English months have a capital: "may" and "mar" are words.
fn is_month(month: &str, name: &str) -> bool {
    month == name || (name.len() > 3 && month.to_uppercase() == name)
}

/// The month named at `at`, and the token after it.
pub(crate) fn named(tokens: &[Token], at: usize) -> Option<(Month, usize)> {
    let one = tokens.get(at)?.text.as_str();
    let two = tokens.get(at + 1).map(|next| format!("{one} {}", next.text));
    let by_name = |name: &str| {
        let in_list = |list: &[&'static str; 12], is_hijri: bool, keeps: bool| {
            let number = list.iter().position(|m| is_month(m, name))?;
            let name = keeps.then_some(list[number]);
            Some(Month { number: number + 1, is_hijri, name })
        };
        let also = |list: &[(&'static str, usize)], is_hijri: bool| {
            let (known, number) = list.iter().find(|(m, _)| is_month(m, name))?;
            // Levantine names stay; other spellings are put right.
            let is_misspelled = ["ابريل", "إبريل", "اغسطس", "اكتوبر"].iter().any(|m| m == known);
            let keeps = !is_hijri && !is_misspelled && !known.is_ascii();
            Some(Month { number: *number, is_hijri, name: keeps.then_some(*known) })
        };
        in_list(&ARABIC, false, false)
            .or_else(|| in_list(&ENGLISH, false, false))
            .or_else(|| in_list(&HIJRI, true, false))
            .or_else(|| in_list(&HIJRI_ENGLISH, true, false))
            .or_else(|| also(ALSO, false))
            .or_else(|| also(ALSO_HIJRI, true))
    };
    two.and_then(|two| by_name(&two)).map(|month| (month, at + 2)).or_else(|| {
        // "May I" and "Mar" are no dates by themselves; the finders of dates want a number beside.
        by_name(one).map(|month| (month, at + 1))
    })
}

/// The month in Arabic, within a date.
pub(crate) fn arabic(month: Month) -> &'static str {
    let list = if month.is_hijri { &HIJRI } else { &ARABIC };
    month.name.unwrap_or(list[(month.number - 1).min(11)])
}

/// The month in English.
pub(crate) fn english(month: Month) -> &'static str {
    let list = if month.is_hijri { &HIJRI_ENGLISH } else { &ENGLISH };
    list[(month.number - 1).min(11)]
}
