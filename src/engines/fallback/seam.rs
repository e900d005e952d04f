//! Where a reply that one model broke off goes on in another's words: nothing that was given before is
//! given again. Pure.

/// Longest part of a continuation that is held back until it is known how it begins.
const HELD_CHARS_MAX: usize = 4_000;

/// Lets a continuation through, without what repeats the words before it.
#[derive(Debug)]
pub(crate) struct Seam {
    /// The words before; `None` once it is known how the continuation begins.
    before: Option<String>,
    held: String,
}

impl Seam {
    pub(crate) fn after(before: &str) -> Self {
        let before = Some(before.to_owned()).filter(|before| !before.trim().is_empty());
        Self { before, held: String::new() }
    }

    /// Takes the next piece; returns what of it is new and known to be.
    pub(crate) fn push(&mut self, text: String) -> String {
        let Some(before) = &self.before else { return text };
        self.held.push_str(&text);
        let held = self.held.trim_start();
        // Until the first word is whole, and while it may be the reply from its start again.
        let repeats = before.trim_start().starts_with(held.trim_end());
        let first_word_is_whole = held.contains(char::is_whitespace);
        if (repeats || !first_word_is_whole) && held.len() < HELD_CHARS_MAX {
            return String::new();
        }
        self.finish()
    }

    /// What was held back.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match self.before.take() {
            Some(before) => join(&before, &held),
            None => held,
        }
    }
}

fn join(before: &str, after: &str) -> String {
    let (whole, after) = (before.trim(), after.trim_start());
    if whole.starts_with(after.trim_end()) {
        return String::new();
    }
    // The reply from its start once more: as much as was given is skipped.
    let ends_a_word = before.ends_with(char::is_whitespace);
    if let Some(rest) = after.strip_prefix(whole) {
        return if ends_a_word { rest.trim_start() } else { rest }.to_owned();
    }
    let last_word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let first_word = after.split(char::is_whitespace).next().unwrap_or_default();
    // The word that was cut, written whole.
    if !ends_a_word
        && last_word.chars().count() > 1
        && let Some(rest) = after.strip_prefix(last_word)
    {
        return rest.to_owned();
    }
    let joins = ends_a_word || first_word.starts_with(|c: char| !c.is_alphanumeric());
    if joins { after.to_owned() } else { format!(" {after}") }
}

#[cfg(test)]
mod tests {
    use super::Seam;

    #[track_caller]
    fn check(before: &str, continuation: &str, expected: &str) {
        for size in [1, 3, 100] {
            let mut seam = Seam::after(before);
            let letters: Vec<char> = continuation.chars().collect();
            let mut all = before.to_owned();
            for piece in letters.chunks(size) {
                all.push_str(&seam.push(piece.iter().collect()));
            }
            all.push_str(&seam.finish());
            assert_eq!(all, expected, "pieces of {size}");
        }
    }

    #[test]
    fn a_reply_goes_on_without_saying_anything_twice() {
        let whole = "Your balance is fifteen riyals.";
        check("Your balance is ", "fifteen riyals.", whole);
        check("Your balance is", "fifteen riyals.", whole);
        check("Your balance is fif", "fifteen riyals.", whole);
        check("Your balance is", "is fifteen riyals.", whole);
        check("Your balance is", whole, whole);
        check("Your balance is ", whole, whole);
        check("Your balance is fifteen riyals", ".", whole);
        check("رصيدك ", "خمسة عشر ريالًا.", "رصيدك خمسة عشر ريالًا.");
        check("", "Hello there.", "Hello there.");
    }

    #[test]
    fn a_continuation_that_only_repeats_adds_nothing() {
        check("Your balance is fifteen", "Your balance is", "Your balance is fifteen");
        check(" ", "Hello.", " Hello.");
    }
}
