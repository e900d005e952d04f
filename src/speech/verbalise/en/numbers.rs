//! English cardinals, ordinals and years in words, the American way: no "and" after hundreds, no
//! hyphens, so that a written number and its spoken words are counted alike.

/// Above this, numbers are read as digits.
pub(crate) const CARDINAL_MAX: u64 = 999_999_999_999_999;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [(u64, &str); 4] = [
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];

/// The digit alone.
pub(crate) fn digit(value: u8) -> &'static str {
    ONES[usize::from(value.min(9))]
}

/// `n` in words. At most [`CARDINAL_MAX`].
pub(crate) fn cardinal(n: u64) -> String {
    if n == 0 {
        return ONES[0].to_owned();
    }
    let mut parts = Vec::new();
    let mut rest = n;
    for (size, name) in SCALES {
        if rest >= size {
            parts.push(format!("{} {name}", cardinal(rest / size)));
            rest %= size;
        }
    }
    if rest >= 100 {
        parts.push(format!("{} hundred", ONES[(rest / 100) as usize]));
        rest %= 100;
    }
    let rest = rest as usize;
    match rest {
        0 => {}
        1..=19 => parts.push(ONES[rest].to_owned()),
        _ if rest.is_multiple_of(10) => parts.push(TENS[rest / 10].to_owned()),
        _ => parts.push(format!("{} {}", TENS[rest / 10], ONES[rest % 10])),
    }
    parts.join(" ")
}

/// "first", "twenty third".
pub(crate) fn ordinal(n: u64) -> String {
    let words = cardinal(n);
    let (before, last) = match words.rsplit_once(' ') {
        Some((before, last)) => (format!("{before} "), last),
        None => (String::new(), words.as_str()),
    };
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", &tens[..tens.len() - 1]),
        other => format!("{other}th"),
    };
    before + &last
}

/// A year as people say it: "nineteen ninety", "two thousand five", "twenty twenty six".
pub(crate) fn year(n: u64) -> String {
    let (century, rest) = (n / 100, n % 100);
    match (n, rest) {
        (2000..=2009, _) | (0..=1000, _) | (10_000.., _) => cardinal(n),
        (_, 0) if century % 10 == 0 => cardinal(n),
        (_, 0) => format!("{} hundred", cardinal(century)),
        (_, 1..=9) => format!("{} oh {}", cardinal(century), cardinal(rest)),
        _ => format!("{} {}", cardinal(century), cardinal(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(cardinal(1_000_015), "one million fifteen");
        assert_eq!(cardinal(999), "nine hundred ninety nine");
        assert_eq!(ordinal(21), "twenty first");
        assert_eq!(ordinal(30), "thirtieth");
        assert_eq!(ordinal(112), "one hundred twelfth");
        let years = [1905, 1990, 2000, 2005, 2026, 1900].map(year);
        let said = [
            "nineteen oh five",
            "nineteen ninety",
            "two thousand",
            "two thousand five",
            "twenty twenty six",
            "nineteen hundred",
        ];
        assert_eq!(years, said);
    }
}
