//! Arabic cardinals and ordinals in words, by the grammar of modern standard Arabic as it is spoken:
//! 3 to 10 take the gender opposite to what is counted, 11 and 12 the same one, tens and duals
//! follow the case, and a dual loses its ن before its noun (مئتا ريال). "مئة" is written without
//! the old alif.

/// Gender of what is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gender {
    Masculine,
    Feminine,
}

/// As far as it can be heard: ون and ان, or ين.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Nominative,
    Oblique,
}

use Case::{Nominative, Oblique};
use Gender::{Feminine, Masculine};

/// Above this, numbers are read as digits.
pub(crate) const CARDINAL_MAX: u64 = 999_999_999_999_999;

const ONES: [[&str; 2]; 11] = [
    ["صفر", "صفر"],
    ["واحد", "واحدة"],
    ["اثنان", "اثنتان"],
    ["ثلاثة", "ثلاث"],
    ["أربعة", "أربع"],
    ["خمسة", "خمس"],
    ["ستة", "ست"],
    ["سبعة", "سبع"],
    ["ثمانية", "ثماني"],
    ["تسعة", "تسع"],
    ["عشرة", "عشر"],
];

/// Without ون and ين.
const TENS: [&str; 10] = ["", "", "عشر", "ثلاث", "أربع", "خمس", "ست", "سبع", "ثمان", "تسع"];

const HUNDREDS: [&str; 10] =
    ["", "مئة", "مئت", "ثلاثمئة", "أربعمئة", "خمسمئة", "ستمئة", "سبعمئة", "ثمانمئة", "تسعمئة"];

/// Size, singular, accusative, plural.
const SCALES: [(u64, &str, &str, &str); 4] = [
    (1_000_000_000_000, "تريليون", "تريليونًا", "تريليونات"),
    (1_000_000_000, "مليار", "مليارًا", "مليارات"),
    (1_000_000, "مليون", "مليونًا", "ملايين"),
    (1_000, "ألف", "ألفًا", "آلاف"),
];

/// The digit alone, as phone numbers are read.
pub(crate) fn digit(value: u8) -> &'static str {
    ONES[usize::from(value.min(9))][0]
}

/// `n` in words. `leads`: its noun follows at once. At most [`CARDINAL_MAX`].
pub(crate) fn cardinal(n: u64, gender: Gender, case: Case, leads: bool) -> String {
    if n == 0 {
        return ONES[0][0].to_owned();
    }
    let mut parts = Vec::new();
    let mut rest = n;
    for (size, singular, accusative, plural) in SCALES {
        let count = rest / size;
        rest %= size;
        let leads = leads && rest == 0;
        match count {
            0 => {}
            1 => parts.push(singular.to_owned()),
            2 => parts.push(format!("{singular}{}", dual_end(case, leads))),
            _ => {
                let form = match count % 100 {
                    3..=10 => plural,
                    11.. if !leads => accusative,
                    _ => singular,
                };
                parts.push(format!("{} {form}", cardinal(count, Masculine, case, true)));
            }
        }
    }
    let hundreds = (rest / 100) as usize;
    match hundreds {
        0 => {}
        2 => parts.push(format!("{}{}", HUNDREDS[2], dual_end(case, leads && rest == 200))),
        _ => parts.push(HUNDREDS[hundreds].to_owned()),
    }
    if !rest.is_multiple_of(100) {
        parts.push(below_hundred((rest % 100) as usize, gender, case));
    }
    parts.join(" و")
}

/// The end of a dual; without its ن before a noun.
pub(crate) fn dual_end(case: Case, leads: bool) -> &'static str {
    match (case, leads) {
        (Nominative, false) => "ان",
        (Oblique, false) => "ين",
        (Nominative, true) => "ا",
        (Oblique, true) => "ي",
    }
}

fn below_hundred(n: usize, gender: Gender, case: Case) -> String {
    let g = usize::from(gender == Feminine);
    match (n, gender, case) {
        (2, Masculine, Oblique) => "اثنين".to_owned(),
        (2, Feminine, Oblique) => "اثنتين".to_owned(),
        (0..=10, ..) => ONES[n][g].to_owned(),
        (11, Masculine, _) => "أحد عشر".to_owned(),
        (11, Feminine, _) => "إحدى عشرة".to_owned(),
        (12, Masculine, Nominative) => "اثنا عشر".to_owned(),
        (12, Masculine, Oblique) => "اثني عشر".to_owned(),
        (12, Feminine, Nominative) => "اثنتا عشرة".to_owned(),
        (12, Feminine, Oblique) => "اثنتي عشرة".to_owned(),
        (13..=19, ..) => format!("{} {}", ONES[n - 10][g], ["عشر", "عشرة"][g]),
        _ => {
            let tens = format!("{}{}", TENS[n / 10], plural_end(case));
            match n % 10 {
                0 => tens,
                1 if gender == Feminine => format!("إحدى و{tens}"),
                // Before its noun it would be ثماني.
                8 if gender == Feminine => format!("ثمانٍ و{tens}"),
                ones => format!("{} و{tens}", below_hundred(ones, gender, case)),
            }
        }
    }
}

fn plural_end(case: Case) -> &'static str {
    match case {
        Nominative => "ون",
        Oblique => "ين",
    }
}

const ORDINALS: [[&str; 2]; 11] = [
    ["", ""],
    ["الأول", "الأولى"],
    ["الثاني", "الثانية"],
    ["الثالث", "الثالثة"],
    ["الرابع", "الرابعة"],
    ["الخامس", "الخامسة"],
    ["السادس", "السادسة"],
    ["السابع", "السابعة"],
    ["الثامن", "الثامنة"],
    ["التاسع", "التاسعة"],
    ["العاشر", "العاشرة"],
];

/// The definite ordinal of 1 to 99; beyond, the cardinal with its article.
pub(crate) fn ordinal(n: u64, gender: Gender, case: Case) -> String {
    let g = usize::from(gender == Feminine);
    match n as usize {
        n @ 1..=10 => ORDINALS[n][g].to_owned(),
        11 => ["الحادي عشر", "الحادية عشرة"][g].to_owned(),
        n @ 12..=19 => format!("{} {}", ORDINALS[n - 10][g], ["عشر", "عشرة"][g]),
        n @ 20..=99 => {
            let tens = format!("ال{}{}", TENS[n / 10], plural_end(case));
            match n % 10 {
                0 => tens,
                1 => format!("{} و{tens}", ["الحادي", "الحادية"][g]),
                ones => format!("{} و{tens}", ORDINALS[ones][g]),
            }
        }
        _ => format!("ال{}", cardinal(n, gender, case, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(n: u64, gender: Gender, case: Case, leads: bool, expected: &str) {
        assert_eq!(cardinal(n, gender, case, leads), expected, "{n}");
    }

    #[test]
    fn gender_case_and_construct_follow_grammar() {
        check(3, Masculine, Nominative, true, "ثلاثة");
        check(3, Feminine, Nominative, true, "ثلاث");
        check(12, Feminine, Oblique, true, "اثنتي عشرة");
        check(15, Feminine, Nominative, true, "خمس عشرة");
        check(18, Masculine, Nominative, true, "ثمانية عشر");
        check(21, Feminine, Nominative, true, "إحدى وعشرون");
        check(45, Masculine, Oblique, false, "خمسة وأربعين");
        check(200, Masculine, Nominative, true, "مئتا");
        check(200, Masculine, Nominative, false, "مئتان");
        check(1_500, Masculine, Nominative, true, "ألف وخمسمئة");
        check(2_000, Masculine, Oblique, true, "ألفي");
        check(11_000, Masculine, Nominative, true, "أحد عشر ألف");
        check(11_500, Masculine, Nominative, true, "أحد عشر ألفًا وخمسمئة");
        check(200_000, Masculine, Nominative, true, "مئتا ألف");
        check(103_000, Masculine, Nominative, false, "مئة وثلاثة آلاف");
        check(2_026, Masculine, Oblique, false, "ألفين وستة وعشرين");
        check(3_000_001, Masculine, Nominative, false, "ثلاثة ملايين وواحد");
        assert_eq!(ordinal(11, Feminine, Nominative), "الحادية عشرة");
        assert_eq!(ordinal(25, Masculine, Oblique), "الخامس والعشرين");
    }

    proptest::proptest! {
        #[test]
        fn every_cardinal_has_words_and_no_digit(n in 0..=CARDINAL_MAX, leads: bool) {
            let words = cardinal(n, Feminine, Oblique, leads);
            proptest::prop_assert!(!words.is_empty() && words.chars().all(|c| !c.is_ascii_digit()));
        }
    }
}
