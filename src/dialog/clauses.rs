//! Cuts a reply, as its tokens come, into pieces that a voice can speak without waiting for more.
//!
//! The first piece is short, because the caller waits for it; each later one may be longer, because
//! what plays by then covers the wait. Goes by words and punctuation of English and Arabic; knows no
//! grammar. Cuts between words only, so a clitic (و، ب، ال) stays with its word, and numbers, URLs
//! and abbreviations stay whole.

/// Feeds on text, yields clauses.
#[derive(Debug, Default)]
pub struct ClauseSplitter {
    pending: String,
    cut: usize,
}

/// Words before a comma ends the first clause, the second, and all later ones. Fewer than three
/// sound chopped.
const COMMA_WORDS_MIN: [usize; 3] = [3, 6, 12];

/// Words before the first clause ends in front of a conjunction.
const CONJUNCTION_WORDS_MIN: usize = 5;

/// Words after which the first clause ends between any two that need not stay together: 2 to 3 s
/// of speech. A model writes a longer sentence in more time than people wait for an answer.
const FIRST_WORDS_MAX: usize = 8;

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
        if is_word(clause) {
            self.cut += 1;
            clauses.push(clause.to_owned());
        }
    }

    /// Byte index just after the first clause in `pending`, if one is complete. A clause is known
    /// to be complete only when something follows its end: "3." may become "3.5".
    fn boundary(&self) -> Option<usize> {
        let comma_words_min = COMMA_WORDS_MIN[self.cut.min(COMMA_WORDS_MIN.len() - 1)];
        let text = self.pending.as_str();
        let mut words = 0;
        let mut start = skip_space(text, 0);
        while let Some(end) = word_end(text, start) {
            let word = &text[start..end];
            words += usize::from(is_word(word));
            let next = skip_space(text, end);
            let following = text[next..].chars().next();
            match ending(word) {
                Ending::Sentence if !is_abbreviation(&text[..start + stem(word).len()]) => {
                    return Some(end);
                }
                Ending::Clause | Ending::Comma
                    if words >= comma_words_min.min(COMMA_WORDS_MIN[0]) =>
                {
                    let is_enough =
                        words >= comma_words_min || matches!(ending(word), Ending::Clause);
                    match following {
                        // It may be a list of digits: the next character tells.
                        None if ends_in_digit(word) => return None,
                        Some(c) if ends_in_digit(word) && c.is_numeric() => {}
                        _ if is_enough => return Some(end),
                        _ => {}
                    }
                }
                Ending::Clause | Ending::Comma | Ending::Sentence | Ending::None => {}
            }
            if words > 0 && text[end..next].contains('\n') {
                return Some(next);
            }
            if end > CLAUSE_CHARS_MAX {
                return Some(end);
            }
            if self.cut == 0 && self.can_end_early(words, word, text, next) {
                return Some(end);
            }
            start = next;
        }
        None
    }

    /// Whether the first clause may end after `word`, its number `words`, without punctuation.
    fn can_end_early(&self, words: usize, word: &str, text: &str, next: usize) -> bool {
        if words < CONJUNCTION_WORDS_MIN || binds_on(word) {
            return false;
        }
        // Whole, so that "so" is not the beginning of "software".
        let Some(end) = word_end(text, next) else { return false };
        let following = &text[next..end];
        let keeps = following.chars().next().is_none_or(|c| !c.is_alphabetic());
        !keeps && (words >= FIRST_WORDS_MAX || is_conjunction(following))
    }
}

/// How a word ends.
enum Ending {
    Sentence,
    /// Semicolons: as good as a sentence end, if there is enough before.
    Clause,
    Comma,
    None,
}

fn ending(word: &str) -> Ending {
    match word.trim_end_matches(CLOSING).chars().next_back() {
        Some('.' | '!' | '?' | '؟' | '…' | '۔' | '。') => Ending::Sentence,
        Some(';' | '؛') => Ending::Clause,
        Some(',' | '،' | ':' | '—' | '–') => Ending::Comma,
        _ => Ending::None,
    }
}

/// Marks that close what a sentence or a clause ended in.
const CLOSING: [char; 8] = ['"', '\'', ')', ']', '”', '’', '»', '*'];
/// Marks before a word.
const OPENING: [char; 8] = ['"', '\'', '(', '[', '“', '‘', '«', '*'];

/// `word` without its last mark and what closes after it; whole when it does not end in one full
/// stop, so that only those are looked up as abbreviations.
fn stem(word: &str) -> &str {
    let bare = word.trim_end_matches(CLOSING);
    bare.strip_suffix('.').unwrap_or(word)
}

/// Where the word that starts at `from` ends: at white space, or after an Arabic mark that a letter
/// follows at once, as many people type it. None while the text may go on with the same word.
fn word_end(text: &str, from: usize) -> Option<usize> {
    let mut after_mark = false;
    text[from..].char_indices().find_map(|(at, c)| {
        let ends = c.is_whitespace() || (after_mark && c.is_alphabetic());
        after_mark = matches!(c, '،' | '؛' | '؟');
        (ends && at > 0).then_some(from + at)
    })
}

fn skip_space(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

fn is_word(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

fn ends_in_digit(word: &str) -> bool {
    word.trim_end_matches(|c: char| !c.is_alphanumeric()).ends_with(char::is_numeric)
}

/// Whether `word` belongs to the next one: a pause between them would sound wrong.
fn binds_on(word: &str) -> bool {
    const KNOWN: &[&str] = &[
        // Articles, pronouns that own, and pointers.
        "a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "that",
        "these", "those", "some", "any", "no", "every", "each", "all", "both",
        // Prepositions.
        "of", "to", "in", "on", "at", "by", "for", "from", "with", "into", "about", "than", "as",
        "between", "after", "before", "without", "per",
        // Verbs and pronouns that lead to the next word, and conjunctions.
        "i", "you", "he", "she", "it", "we", "they", "is", "are", "was", "were", "be", "been", "am",
        "will", "would", "can", "could", "should", "may", "must", "do", "does", "did", "have",
        "has", "had", "not", "very", "too", "so", "and", "or", "but", "if", "because", "which",
        "who", "when", "where", "while", "then", "there", "also", "just", "please", "let", "dr",
        "mr", "mrs", "thousand", "million", "billion", "number",
    ];
    const ARABIC: &[&str] = &[
        "في",
        "من",
        "إلى",
        "الى",
        "على",
        "عن",
        "مع",
        "أن",
        "ان",
        "إن",
        "لا",
        "ما",
        "لم",
        "لن",
        "قد",
        "هل",
        "هذا",
        "هذه",
        "ذلك",
        "تلك",
        "كل",
        "بين",
        "بعد",
        "قبل",
        "عند",
        "حتى",
        "أو",
        "ثم",
        "لكن",
        "يا",
        "غير",
        "أي",
        "هو",
        "هي",
        "كان",
        "التي",
        "الذي",
        "ألف",
        "آلاف",
        "مليون",
        "ملايين",
        "مليار",
        "رقم",
        "الساعة",
        "عام",
        "سنة",
    ];
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    // "25 dollars", "7 in the evening": what a number counts comes after it.
    ends_in_digit(word)
        || ARABIC.contains(&without_marks(bare).as_str())
        || KNOWN.iter().any(|known| bare.eq_ignore_ascii_case(known))
}

/// Whether a new part of a sentence starts with `word`.
fn is_conjunction(word: &str) -> bool {
    const KNOWN: &[&str] = &[
        "and", "but", "or", "because", "so", "which", "while", "when", "if", "although", "though",
        "since", "unless", "until", "whereas",
    ];
    const ARABIC: &[&str] = &[
        "لكن",
        "ولكن",
        "لأن",
        "لان",
        "حيث",
        "ثم",
        "إذا",
        "اذا",
        "عندما",
        "بينما",
        "أو",
        "كما",
        "بل",
    ];
    // و grown together with a verb to come: "and it will", "and you can". Other words may just
    // begin with that letter (وقت, وصل).
    const JOINED: &[&str] = &["وسو", "وسي", "وست", "ويمكن", "وإذا", "ولأن"];
    let bare = without_marks(word.trim_matches(|c: char| !c.is_alphanumeric()));
    KNOWN.iter().any(|known| bare.eq_ignore_ascii_case(known))
        || ARABIC.contains(&bare.as_str())
        || JOINED.iter().any(|joined| bare.starts_with(joined))
}

/// Without the vowel marks of Arabic.
fn without_marks(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '\u{064B}'..='\u{0652}' | '\u{0640}')).collect()
}

/// Whether the full stop after `text` belongs to an abbreviation or a list number.
fn is_abbreviation(text: &str) -> bool {
    const KNOWN: &[&str] = &[
        "dr", "mr", "mrs", "ms", "prof", "st", "no", "vs", "etc", "e.g", "i.e", "a.m", "p.m",
        "inc", "jr", "sr", "ext", "dept", "approx", "apt", "ltd", "co", "corp", "ave", "blvd",
        "rd", "tel", "fig",
    ];
    let word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_start_matches(OPENING);
    // "نفتح الساعة 9 ص.": after a number they are the halves of the day, and may end a sentence.
    let before = text[..text.len() - word.len()].trim_end();
    if matches!(word, "ص" | "م" | "هـ") && before.ends_with(char::is_numeric) {
        return false;
    }
    // One letter ("J. Smith", "د. أحمد"), several ("U.S.", "أ.د."), or a list number at the start of
    // a line ("1. First").
    word.split('.').all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic))
        || word.chars().count() == 1
        || KNOWN.iter().any(|known| word.eq_ignore_ascii_case(known))
        || ((1..=2).contains(&word.chars().count())
            && word.chars().all(char::is_numeric)
            && starts_line(text, word))
}

fn starts_line(text: &str, word: &str) -> bool {
    let before = text[..text.len() - word.len()].trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with('\n')
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
