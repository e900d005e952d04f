//! Cuts a reply, as its tokens come, into pieces that a voice can speak without waiting for more.

/// Feeds on text, yields clauses. The first clause is cut short, because the caller waits for it.
#[derive(Debug, Default)]
pub struct ClauseSplitter {
    pending: String,
    cut_one: bool,
}

/// Words before a comma ends the first clause.
const FIRST_CLAUSE_WORDS_MIN: usize = 3;

/// Words before a comma ends a later clause: longer pieces sound better.
const CLAUSE_WORDS_MIN: usize = 6;

/// Characters after which a clause is cut at the next space, punctuation or not.
const CLAUSE_CHARS_MAX: usize = 240;

impl ClauseSplitter {
    /// Takes the next piece of text and returns the clauses it completes.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.pending.push_str(text);
        let mut clauses = Vec::new();
        while let Some(end) = self.boundary() {
            let rest = self.pending.split_off(end);
            let clause = std::mem::replace(&mut self.pending, rest);
            self.take(clause, &mut clauses);
        }
        clauses
    }

    /// The text is over: returns what is left.
    pub fn finish(&mut self) -> Option<String> {
        let mut clauses = Vec::new();
        let clause = std::mem::take(&mut self.pending);
        self.take(clause, &mut clauses);
        clauses.pop()
    }

    fn take(&mut self, clause: String, clauses: &mut Vec<String>) {
        let clause = clause.trim();
        if clause.chars().any(char::is_alphanumeric) {
            self.cut_one = true;
            clauses.push(clause.to_owned());
        }
    }

    /// Byte index just after the first clause in `pending`, if one is complete. A clause is known
    /// to be complete only when something follows its end: "3." may become "3.5".
    fn boundary(&self) -> Option<usize> {
        let words_min = if self.cut_one { CLAUSE_WORDS_MIN } else { FIRST_CLAUSE_WORDS_MIN };
        let mut words = 0;
        let mut in_word = false;
        let mut chars = self.pending.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c.is_whitespace() {
                words += usize::from(in_word);
                in_word = false;
                if c == '\n' && words > 0 {
                    return Some(at + c.len_utf8());
                }
                if at > CLAUSE_CHARS_MAX {
                    return Some(at);
                }
                continue;
            }
            in_word = true;
            let &(_, next) = chars.peek()?;
            let end = at + c.len_utf8();
            let ends = match c {
                '!' | '?' | '؟' | '…' | '۔' | '。' => next.is_whitespace(),
                '.' => next.is_whitespace() && !is_abbreviation(&self.pending[..at]),
                '؛' | ';' => next.is_whitespace(),
                ',' | '،' | ':' => next.is_whitespace() && words + 1 >= words_min,
                _ => false,
            };
            if ends {
                return Some(end);
            }
        }
        None
    }
}

/// Whether the full stop after `text` belongs to an abbreviation or a list number.
fn is_abbreviation(text: &str) -> bool {
    const KNOWN: [&str; 14] = [
        "dr", "mr", "mrs", "ms", "prof", "st", "no", "vs", "etc", "e.g", "i.e", "a.m", "p.m", "inc",
    ];
    let word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_start_matches(['(', '"', '\'']);
    // One letter ("J. Smith", "د. أحمد") or a list number at the start of a line ("1. First").
    word.chars().count() == 1
        || KNOWN.iter().any(|known| word.eq_ignore_ascii_case(known))
        || (word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit()) && starts_line(text, word))
}

fn starts_line(text: &str, word: &str) -> bool {
    let before = &text[..text.len() - word.len()];
    before.trim_end_matches([' ', '\t']).is_empty() || before.ends_with('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text character by character, the worst a model can do.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut splitter = ClauseSplitter::default();
        let mut clauses: Vec<String> =
            text.chars().flat_map(|c| splitter.push(&c.to_string())).collect();
        clauses.extend(splitter.finish());
        assert_eq!(clauses, expected, "{text}");
    }

    #[test]
    fn sentences_are_clauses() {
        check("Hello there. How are you?", &["Hello there.", "How are you?"]);
        check(
            "مرحبا بك. كيف أساعدك اليوم؟ أنا هنا",
            &["مرحبا بك.", "كيف أساعدك اليوم؟", "أنا هنا"],
        );
    }

    #[test]
    fn the_first_clause_ends_at_an_early_comma_and_later_ones_do_not() {
        check(
            "Well of course, I can do that, my dear friend, with real pleasure today, yes.",
            &[
                "Well of course,",
                "I can do that, my dear friend,",
                "with real pleasure today, yes.",
            ],
        );
        check("نعم بالطبع يا سيدي، يمكنني مساعدتك", &["نعم بالطبع يا سيدي،", "يمكنني مساعدتك"]);
    }

    #[test]
    fn numbers_and_abbreviations_are_not_cut() {
        check("It costs 3.50 dollars.", &["It costs 3.50 dollars."]);
        check("Ask Dr. Smith about 1,500.50 SAR.", &["Ask Dr. Smith about 1,500.50 SAR."]);
        check("1. First one\n2. Second one", &["1. First one", "2. Second one"]);
    }

    #[test]
    fn nothing_speakable_is_no_clause() {
        check("... !!! 🙂", &[]);
        check("", &[]);
        check("   \n  ", &[]);
    }

    #[test]
    fn an_endless_sentence_is_cut_at_a_space() {
        let text = "word ".repeat(200);
        let mut splitter = ClauseSplitter::default();
        let clauses = splitter.push(&text);
        assert!(clauses.len() >= 3, "{}", clauses.len());
        assert!(clauses.iter().all(|c| c.len() < CLAUSE_CHARS_MAX + 20));
    }

    proptest::proptest! {
        #[test]
        fn no_letter_is_lost(text in "[a-zA-Z0-9 .,!?،؟\n]{0,400}") {
            let letters = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            let mut splitter = ClauseSplitter::default();
            let mut clauses = splitter.push(&text);
            clauses.extend(splitter.finish());
            proptest::prop_assert_eq!(letters(&clauses.concat()), letters(&text));
        }
    }
}
