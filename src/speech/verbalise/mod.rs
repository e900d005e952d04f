//! Written words into spoken ones. `find` says what something is, `ar` and `en` how it is said;
//! here they meet the sentence: its language, clitics that are joined to numbers, abbreviations,
//! marks. What no rule knows stays as it is written.

pub(crate) mod ar;
mod en;
mod find;
mod marks;
mod names;

use std::ops::Range;

use super::lexicon::Lexicon;
use super::script::{Script, script_of};
use super::tokens::{Kind, Token};
use ar::context::case_at;
use ar::numbers::Case;
use find::Fact;

/// Why a piece is spoken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Nothing to change.
    Writing,
    /// The operator's lexicon.
    Lexicon,
    /// A rule, by name.
    Rule(&'static str),
}

/// A piece of the text and what is said for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) spoken: String,
    /// Bytes of the written text.
    pub(crate) range: Range<usize>,
    pub(crate) by: By,
    /// The script that says it; `None`: as its letters tell.
    pub(crate) script: Option<Script>,
}

/// What the text is spoken with.
pub(crate) struct Setting<'a> {
    pub(crate) lexicon: &'a Lexicon,
    /// Whether there is a voice for Latin letters.
    pub(crate) has_latin: bool,
    /// Whether there is a voice for Arabic letters.
    pub(crate) has_arabic: bool,
    /// The script of a text without letters.
    pub(crate) script: Script,
    /// Whether the language of Latin letters is English, whose numbers we know.
    pub(crate) latin_is_english: bool,
}

/// All pieces of `text`, cut into `tokens`.
pub(crate) fn verbalise(text: &str, tokens: &[Token], setting: &Setting<'_>) -> Vec<Piece> {
    let scripts = sentence_scripts(tokens, setting);
    let mut verbaliser = Verbaliser {
        text,
        tokens,
        setting,
        scripts,
        pieces: Vec::new(),
        counted: None,
        time_end: None,
        fact_end: usize::MAX,
    };
    let mut at = 0;
    while at < tokens.len() {
        let next = verbaliser.piece(at);
        debug_assert!(next > at, "a rule took nothing at {at}");
        at = next.max(at + 1);
    }
    verbaliser.pieces
}

struct Verbaliser<'a> {
    text: &'a str,
    tokens: &'a [Token],
    setting: &'a Setting<'a>,
    /// By token: the script of its sentence.
    scripts: Vec<Script>,
    pieces: Vec<Piece>,
    /// The last number's end, and its case: "و" goes on with it.
    counted: Option<(usize, Case)>,
    /// Where the last time of day ends: a dash after it leads to another.
    time_end: Option<usize>,
    /// Where the last fact of any kind ends.
    fact_end: usize,
}

impl Verbaliser<'_> {
    /// Adds what starts at `at`; returns the token after it.
    fn piece(&mut self, at: usize) -> usize {
        let (tokens, setting) = (self.tokens, self.setting);
        if let Some((length, spoken)) = setting.lexicon.longest(&tokens[at..]) {
            self.push(spoken.to_owned(), at..at + length, By::Lexicon, None);
            return at + length;
        }
        let script = self.scripts[at];
        if script == Script::Arabic
            && let Some(next) = self.joined_number(at)
        {
            return next;
        }
        if let Some(next) = self.fact(at, at, "") {
            return next;
        }
        if let Some((spoken, end)) = names::abbreviation(tokens, at, script) {
            self.push(spoken.to_owned(), at..end, By::Rule("abbreviation"), Some(script));
            return end;
        }
        let token = &tokens[at];
        let is_dash = ['-', '–', '—'].iter().any(|dash| token.is(*dash));
        if is_dash && self.time_end == Some(at) && tokens.get(at + 1).is_some_and(Token::is_number)
        {
            let to = if script == Script::Arabic { "إلى" } else { "to" };
            self.push(to.to_owned(), at..at + 1, By::Rule("sign"), Some(script));
            return at + 1;
        }
        let leads_on = tokens.get(at + 1).is_some_and(|next| !next.spaced && next.is_word());
        if token.is('/') && self.fact_end == at && !token.spaced && leads_on {
            let per = if script == Script::Arabic { "لكل" } else { "per" };
            self.push(per.to_owned(), at..at + 1, By::Rule("sign"), Some(script));
            return at + 1;
        }
        if token.kind == Kind::Mark {
            match marks::say(tokens, at, script) {
                marks::Said::Word(word) => {
                    self.push(word.to_owned(), at..at + 1, By::Rule("sign"), Some(script));
                }
                marks::Said::Pause(mark) => self.pause(mark, at),
                marks::Said::Writing => {
                    self.push(token.text.clone(), at..at + 1, By::Writing, None)
                }
                marks::Said::Nothing => {}
            }
            return at + 1;
        }
        if token.kind == Kind::Latin
            && let Some((spoken, end)) = names::latin(tokens, at, script)
        {
            self.push(spoken, at..end, By::Rule("name"), Some(script));
            return end;
        }
        let raw: String =
            self.text[token.range.clone()].chars().filter(|c| *c != '\u{640}').collect();
        self.push(raw, at..at + 1, By::Writing, None);
        at + 1
    }

    /// A clitic that is written together with a number: "بـ500", "و20", "الـ3".
    fn joined_number(&mut self, at: usize) -> Option<usize> {
        const CLITICS: &[&str] =
            &["ب", "ل", "و", "ك", "ف", "ال", "بال", "لل", "وال", "وب", "ول", "فال"];
        let (token, next) = (&self.tokens[at], self.tokens.get(at + 1)?);
        if token.kind != Kind::Arabic || !CLITICS.contains(&token.text.as_str()) {
            return None;
        }
        let is_joined = !next.spaced || self.text[token.range.clone()].ends_with('\u{640}');
        (is_joined && !next.is_word()).then(|| self.fact(at, at + 1, &token.text))?
    }

    /// A fact at `at`, with a clitic from `from` on.
    fn fact(&mut self, from: usize, at: usize, clitic: &str) -> Option<usize> {
        let (fact, end) = find::find(self.tokens, at)?;
        let script = self.script_of_number(at, end);
        let rule = rule_of(&fact);
        self.fact_end = end;
        if matches!(fact, Fact::Time(_)) {
            self.time_end = Some(end);
        }
        if script == Script::Arabic {
            let before = self.counted.filter(|(end, _)| *end == from || *end + 1 == from);
            let case = match case_at(self.tokens, at, before.map(|(_, case)| case)) {
                // "من 5-10": the second end of a range follows the first.
                Case::Nominative if at > 0 && self.tokens[at - 1].is('-') => {
                    before.map_or(Case::Nominative, |(_, case)| case)
                }
                case => case,
            };
            let definite = matches!(clitic, "ال" | "بال" | "لل" | "وال" | "فال");
            let tokens = self.tokens;
            let place = ar::Place { tokens, from: at, end, case, definite };
            if let Some((words, end)) = ar::say(&fact, &place) {
                self.counted = Some((end, case));
                self.push(join(clitic, &words), from..end, By::Rule(rule), Some(script));
                return Some(end);
            }
        } else if !self.setting.latin_is_english {
            return None; // its voice reads its own numbers
        }
        let before = at.checked_sub(1).map(|n| &self.tokens[n]);
        let words = en::say(&fact, before, self.tokens.get(end));
        let spoken = if self.setting.has_latin { Script::Latin } else { script };
        self.push(join(clitic, &words), from..end, By::Rule(rule), Some(spoken));
        Some(end)
    }

    /// "iPhone 15 Pro" in an Arabic sentence is one English name.
    fn script_of_number(&self, at: usize, end: usize) -> Script {
        let is_latin = |n: Option<usize>| {
            n.and_then(|n| self.tokens.get(n))
                .is_some_and(|t| t.kind == Kind::Latin && t.text.chars().any(char::is_lowercase))
        };
        if self.setting.has_latin && is_latin(at.checked_sub(1)) && is_latin(Some(end)) {
            return Script::Latin;
        }
        self.scripts[at]
    }

    fn push(&mut self, spoken: String, tokens: Range<usize>, by: By, script: Option<Script>) {
        let range = self.tokens[tokens.start].range.start..self.tokens[tokens.end - 1].range.end;
        self.pieces.push(Piece { spoken, range, by, script });
    }

    /// A mark belongs to the word before it; one is enough.
    fn pause(&mut self, mark: char, at: usize) {
        let end = self.tokens[at].range.end;
        let Some(last) = self.pieces.last_mut().filter(|last| !last.spoken.is_empty()) else {
            return;
        };
        if last.spoken.ends_with(marks::PAUSES) {
            // A stronger mark wins: ",." is a full stop.
            if matches!(mark, '.' | '!' | '?' | '؟')
                && last.spoken.ends_with([',', '،', ':', ';', '؛'])
            {
                last.spoken.pop();
                last.spoken.push(mark);
            }
        } else {
            last.spoken.push(mark);
        }
        last.range.end = end;
    }
}

/// `words` with a clitic in front, its article joined.
fn join(clitic: &str, words: &str) -> String {
    match clitic {
        "" | "ال" | "بال" | "لل" | "وال" | "فال" => {
            let lead =
                clitic.strip_suffix("ال").unwrap_or(if clitic == "لل" { "ل" } else { "" });
            join_letter(lead, words)
        }
        _ => join_letter(clitic, words),
    }
}

fn join_letter(clitic: &str, words: &str) -> String {
    match words.strip_prefix("ال").filter(|_| clitic.ends_with('ل')) {
        Some(rest) => format!("{clitic}ل{rest}"),
        None => format!("{clitic}{words}"),
    }
}

fn rule_of(fact: &Fact) -> &'static str {
    match fact {
        Fact::Money { .. } => "money",
        Fact::Percent(_) => "percent",
        Fact::Date(_) => "date",
        Fact::Year { .. } => "year",
        Fact::Time(_) => "time",
        Fact::Digits { .. } => "digits",
        Fact::Iban(_) => "iban",
        Fact::Tail(_) => "card",
        Fact::Web(_) => "web address",
        Fact::Email(_) => "mail address",
        Fact::Ordinal(_) => "ordinal",
        Fact::Measure { .. } => "measure",
        Fact::Dotted(_) => "version",
        Fact::Fraction(_) => "fraction",
        Fact::Number(_) => "number",
    }
}

/// The script of each token's sentence: of most of its letters, an Arabic beginning counting more.
fn sentence_scripts(tokens: &[Token], setting: &Setting<'_>) -> Vec<Script> {
    let mut scripts = Vec::with_capacity(tokens.len());
    let mut last = setting.script;
    let mut from = 0;
    for end in 1..=tokens.len() {
        let ends = end == tokens.len()
            || (tokens[end].spaced && ['.', '!', '?', '؟'].iter().any(|m| tokens[end - 1].is(*m)));
        if ends {
            last = script_of_sentence(&tokens[from..end], setting).unwrap_or(last);
            scripts.resize(end, last);
            from = end;
        }
    }
    scripts
}

fn script_of_sentence(tokens: &[Token], setting: &Setting<'_>) -> Option<Script> {
    let letters = |kind: Kind| -> usize {
        tokens.iter().filter(|t| t.kind == kind).map(|t| t.text.chars().count()).sum()
    };
    let (arabic, latin) = (letters(Kind::Arabic), letters(Kind::Latin));
    if arabic + latin == 0 {
        return None;
    }
    let first = tokens.iter().find(|t| t.is_word()).map(|t| script_of(&t.text));
    let is_arabic = arabic > latin || (first == Some(Script::Arabic) && arabic * 3 >= latin);
    Some(match (is_arabic, setting.has_arabic, setting.has_latin) {
        (true, true, _) | (false, true, false) => Script::Arabic,
        _ => Script::Latin,
    })
}
