//! Names of Latin letters as Arabic speakers say them, for acronyms and account numbers.

/// The name of an ASCII letter.
pub(crate) fn name(letter: char) -> Option<&'static str> {
    const NAMES: [&str; 26] = [
        "إيه",
        "بي",
        "سي",
        "دي",
        "إي",
        "إف",
        "جي",
        "إتش",
        "آي",
        "جيه",
        "كيه",
        "إل",
        "إم",
        "إن",
        "أو",
        "بي",
        "كيو",
        "آر",
        "إس",
        "تي",
        "يو",
        "في",
        "دبليو",
        "إكس",
        "واي",
        "زد",
    ];
    let index = u32::from(letter.to_ascii_uppercase()).checked_sub(u32::from('A'))?;
    NAMES.get(usize::try_from(index).ok()?).copied()
}

/// A word letter by letter; `None` if it has other characters.
pub(crate) fn spelled(word: &str) -> Option<String> {
    let names: Option<Vec<&str>> = word.chars().map(name).collect();
    Some(names?.join(" "))
}
