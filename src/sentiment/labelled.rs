//! Turns with the feeling that a person gave them, as text: our own set, and an operator's.

use super::Feeling;

/// Ours.
pub const OURS: &str = include_str!("data/labelled.tsv");

/// A turn and how a person says it feels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Which half of a set, as written.
    pub half: String,
    /// BCP 47 primary tag.
    pub language: String,
    /// As written.
    pub dialect: String,
    /// The person's word.
    pub feeling: Feeling,
    /// The caller's words.
    pub text: String,
}

/// Most turns of one file.
const TURNS_MAX: usize = 100_000;

/// Why a file can not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Too few columns.
    #[error(
        "line {0} has no five columns; write half, language, dialect, label and text with tabs between"
    )]
    Columns(usize),
    /// No such feeling.
    #[error("line {line}: {word:?} is no label; write angry, neutral or pleased")]
    Label {
        /// from 1
        line: usize,
        /// what stands there
        word: String,
    },
    /// Nothing to measure.
    #[error(
        "there is no turn in it; write half, language, dialect, label and text with tabs between"
    )]
    Empty,
    /// More than fit.
    #[error("more than {TURNS_MAX} turns; split the file")]
    TooMany,
}

/// The turns in a table with tabs: half, language, dialect, label, text. Lines that begin with #
/// and the head are skipped.
///
/// # Errors
/// The first line that is wrong.
pub fn parse(table: &str) -> Result<Vec<Labelled>, LabelError> {
    let mut turns = Vec::new();
    for (n, line) in table.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') || line.starts_with("half\tlanguage") {
            continue;
        }
        let mut columns = line.splitn(5, '\t').map(|column| column.trim().to_owned());
        let mut next = || columns.next().ok_or(LabelError::Columns(n + 1));
        let (half, language, dialect, word, text) = (next()?, next()?, next()?, next()?, next()?);
        let feeling = Feeling::ALL.into_iter().find(|feeling| feeling.as_str() == word);
        let Some(feeling) = feeling else { return Err(LabelError::Label { line: n + 1, word }) };
        if turns.len() == TURNS_MAX {
            return Err(LabelError::TooMany);
        }
        turns.push(Labelled { half, language, dialect, feeling, text });
    }
    if turns.is_empty() { Err(LabelError::Empty) } else { Ok(turns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_set_is_balanced_and_each_turn_stands_in_it_once() {
        let turns = parse(OURS).unwrap();
        assert!(turns.len() >= 200, "{}", turns.len());
        for half in ["tune", "held-out"] {
            for language in ["ar", "en"] {
                for feeling in Feeling::ALL {
                    let of = |t: &&Labelled| {
                        t.half == half && t.language == language && t.feeling == feeling
                    };
                    assert!(turns.iter().filter(of).count() >= 20, "{half} {language} {feeling:?}");
                }
            }
        }
        let mut texts: Vec<&str> = turns.iter().map(|t| t.text.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), turns.len());
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        assert_eq!(parse("a\tb\tc"), Err(LabelError::Columns(1)));
        let word = "happy".to_owned();
        assert_eq!(parse("#\nx\ten\ten\thappy\tHi"), Err(LabelError::Label { line: 2, word }));
        assert_eq!(parse("half\tlanguage\n"), Err(LabelError::Empty));
    }
}
