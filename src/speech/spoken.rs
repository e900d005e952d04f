//! A text with its spoken form: runs by language for the voices, steps for people who ask why, and the
//! way back to the written words.

use serde::Serialize;

use super::align::starts;
use super::filter::written;
use super::lexicon::Lexicon;
use super::script::{Script, language_of, script_of};
use super::tokens::tokens;
use super::verbalise::{By, Piece, Setting, verbalise};

/// How texts are to be spoken.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// Languages that have a voice, the usual one first (BCP 47 primary tags).
    pub languages: &'a [String],
    /// Language of a text that has no letters.
    pub language: &'a str,
    /// Words that are spoken otherwise than rules would.
    pub lexicon: &'a Lexicon,
}

/// Longest run. Voices take 2,000 characters at once, and a digit can be twelve of them when it is spoken.
pub(crate) const RUN_CHARS_MAX: usize = 1_200;

/// A part of a text for one voice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Words and pauses; no digits in Arabic and English.
    pub text: String,
    /// One of the manner's languages.
    pub language: String,
    /// Words that are spoken as they stand here: the lexicon's, and names. No vowels are added to them.
    #[serde(skip)]
    pub as_given: Vec<String>,
}

/// A text and how it is spoken.
#[derive(Debug, Clone)]
pub struct Spoken {
    written: String,
    pieces: Vec<Piece>,
    runs: Vec<Run>,
    /// By written word: the number of the spoken word that begins it.
    starts: Vec<usize>,
}

/// One thing that changed on the way from written to spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// As it is written.
    pub written: String,
    /// As it is spoken.
    pub spoken: String,
    /// What changed it: "lexicon", or the rule's name.
    pub by: String,
}

/// The whole path of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As it came.
    pub text: String,
    /// Without markup, emoji and controls: what captions and history keep.
    pub written: String,
    /// What the lexicon and the rules changed, in order.
    pub steps: Vec<Step>,
    /// All words as they are spoken.
    pub spoken: String,
    /// What each voice gets.
    pub runs: Vec<Run>,
}

impl Spoken {
    /// `text` as it is spoken in this manner. Takes time in proportion to its length.
    pub fn new(text: &str, manner: &Manner<'_>) -> Self {
        let written = written(text);
        let tokens = tokens(&written);
        let has_arabic = manner.languages.iter().any(|l| l == "ar");
        let latin = manner.languages.iter().find(|l| *l != "ar");
        let setting = Setting {
            lexicon: manner.lexicon,
            has_latin: latin.is_some(),
            has_arabic: has_arabic || manner.languages.is_empty(),
            script: if manner.language == "ar" { Script::Arabic } else { Script::Latin },
            latin_is_english: latin.is_none_or(|l| l == "en"),
        };
        let pieces = verbalise(&written, &tokens, &setting);
        let words = words_of(&pieces);
        let runs = runs_of(&words, manner);
        let starts = starts(&written, &pieces);
        Self { written, pieces, runs, starts }
    }

    /// What captions and history keep. Empty when there is nothing to say.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// What each voice gets, in order; empty when there is nothing to say.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// All words as they are spoken.
    pub fn text(&self) -> String {
        self.runs.iter().map(|run| run.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// When each written word starts, by when the spoken words known so far start, all runs counted
    /// on. Ends with the last written word that is known.
    pub fn written_marks(&self, spoken: &[u64]) -> Vec<(String, u64)> {
        let all: usize = self.runs.iter().map(|run| run.text.split_whitespace().count()).sum();
        let last = spoken.last().copied().unwrap_or_default();
        let at = |start: usize| match spoken.get(start) {
            Some(mark) => Some(*mark),
            None => (spoken.len() >= all).then_some(last),
        };
        self.written
            .split_whitespace()
            .zip(&self.starts)
            .map_while(|(word, start)| Some((word.to_owned(), at(*start)?)))
            .collect()
    }

    /// The path of `text`, for people.
    pub fn explain(text: &str, manner: &Manner<'_>) -> Explained {
        let spoken = Self::new(text, manner);
        let steps = spoken.pieces.iter().filter_map(|piece| {
            let by = match piece.by {
                By::Writing => return None,
                By::Lexicon => "lexicon",
                By::Rule(name) => name,
            };
            let written = spoken.written[piece.range.clone()].to_owned();
            Some(Step { written, spoken: piece.spoken.clone(), by: by.to_owned() })
        });
        Explained {
            text: text.to_owned(),
            steps: steps.collect(),
            spoken: spoken.text(),
            written: spoken.written,
            runs: spoken.runs,
        }
    }
}

/// Spoken words, each with the script that says it, and whether it is given as it stands.
fn words_of(pieces: &[Piece]) -> Vec<(&str, Script, bool)> {
    pieces
        .iter()
        .flat_map(|piece| {
            let script = piece.script;
            let given = matches!(piece.by, By::Lexicon | By::Rule("name"));
            piece.spoken.split_whitespace().map(move |word| {
                // A lexicon entry may mix scripts; a word without letters goes with its rule.
                (word, script.unwrap_or_else(|| script_of(word)), given)
            })
        })
        .collect()
}

fn runs_of(words: &[(&str, Script, bool)], manner: &Manner<'_>) -> Vec<Run> {
    let language = |script: Script| {
        let by_script =
            manner.languages.iter().find(|l| (*l == "ar") == (script == Script::Arabic));
        // English of several Latin languages, where it is the call's own.
        let own = manner.languages.iter().find(|l| *l == manner.language && *l != "ar");
        let chosen = if script == Script::Latin { own.or(by_script) } else { by_script };
        chosen.or(manner.languages.first()).map_or("en", String::as_str).to_owned()
    };
    let mut runs: Vec<Run> = Vec::new();
    let mut chars = 0;
    let parts = words.iter().flat_map(|(word, script, given)| {
        chunks(word, RUN_CHARS_MAX).map(move |part| (part, script, given))
    });
    for (word, script, given) in parts {
        let language = language(*script);
        let length = word.chars().count();
        chars += length + 1;
        match runs.last_mut() {
            Some(run) if run.language == language && chars <= RUN_CHARS_MAX => {
                run.text.push(' ');
                run.text.push_str(word);
            }
            _ => {
                chars = length;
                runs.push(Run { text: word.to_owned(), language, as_given: Vec::new() });
            }
        }
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if *given
            && !word.is_empty()
            && let Some(run) = runs.last_mut()
            && !run.as_given.iter().any(|known| known == word)
        {
            run.as_given.push(word.to_owned());
        }
    }
    if runs.len() == 1 && !runs[0].text.chars().any(char::is_alphanumeric) {
        return Vec::new();
    }
    runs
}

/// `word` in parts of at most `chars_max` characters; nearly always itself.
fn chunks(word: &str, chars_max: usize) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(chars_max).map_or(rest.len(), |(at, _)| at);
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(part)
    })
}

impl Manner<'_> {
    /// The language that most of `text` is in.
    pub fn language_of(&self, text: &str) -> &str {
        if text.chars().any(char::is_alphabetic) {
            language_of(text, self.languages)
        } else {
            self.language
        }
    }
}
