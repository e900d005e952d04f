//! Conversations that an assistant is tested with: what a caller says, and what is expected of the
//! answer. Reads the file and judges answers; who answers, and how, is the command line's business.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Serialize;

use super::finding::{Finding, Findings, shown};
use super::section::{Reader, Section};
use super::{Folder, file};
use crate::speech::language_of;

const CONVERSATIONS_MAX: usize = 200;
const TURNS_MAX: usize = 50;
const ITEMS_MAX: usize = 50;
const CHARS_MAX: usize = 2_000;

/// The end of a test file's name; the assistant's own comes before it.
const END: &str = ".test.toml";

/// A test file.
#[derive(Debug, Clone)]
pub struct Script {
    /// The file.
    pub path: PathBuf,
    /// The assistant's file, beside this one.
    pub assistant: PathBuf,
    /// In order.
    pub conversations: Vec<Conversation>,
    /// What tools bring in its conversations, in which none of them then does anything. Empty: they
    /// are the real ones.
    pub tool_results: BTreeMap<String, String>,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// For people.
    pub name: String,
    /// The language that the call begins in; `None`: the assistant's own.
    pub language: Option<String>,
    /// In order.
    pub turns: Vec<ScriptTurn>,
}

/// What the caller says, and what is expected.
#[derive(Debug, Clone)]
pub struct ScriptTurn {
    /// Line in the file, from 1.
    pub line: usize,
    /// The caller's words.
    pub say: String,
    /// What the scripted engine answers; a real one does not look at it.
    pub reply: String,
    /// Of the answer.
    pub expect: Expect,
    /// A tool that runs for it; the scripted engine calls none.
    pub expect_tool: Option<String>,
}

/// What is expected of an answer. Spellings that people write either way are the same.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// All of these are in it.
    pub contains: Vec<String>,
    /// At least one of these is in it.
    pub any: Vec<String>,
    /// None of these is in it.
    pub not: Vec<String>,
    /// It matches, as it was written.
    pub regex: Option<Regex>,
    /// Its letters are this language's.
    pub language: Option<String>,
    /// It is no longer.
    pub words_max: Option<usize>,
}

/// An expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Unmet(pub String);

impl Script {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Findings> {
        let wrong = |line, message: String| {
            Findings(vec![Finding { file: path.to_owned(), line, message }])
        };
        let Some((folder, name)) = file::split(path) else {
            return Err(wrong(1, "this is no name of a file".into()));
        };
        let text = Folder::Disk(folder.clone())
            .read(&name)
            .map_err(|error| wrong(1, error.to_string()))?;
        let reader = Reader::new(path, &text);
        let script = reader
            .document()
            .map(|document| Self::read(path, &folder, &name, &reader.root(&document), &reader));
        match script {
            Some(script) => reader.into_findings().ok_or(script),
            None => Err(reader.into_findings()),
        }
    }

    fn read(
        path: &Path,
        folder: &Path,
        name: &str,
        root: &Section<'_>,
        reader: &Reader<'_>,
    ) -> Self {
        let asked = root.text("assistant", 64);
        let own = name.strip_suffix(END).unwrap_or(name.trim_end_matches(".toml"));
        let (assistant, line) =
            asked.map_or_else(|| (own.to_owned(), 1), |asked| (asked.value, asked.line));
        let file = folder.join(format!("{assistant}.toml"));
        if !file::is_name(&assistant) || !file.is_file() {
            let next = "call this file NAME.test.toml, or write assistant = \"NAME\"";
            let message = format!("there is no assistant {} beside it; {next}", shown(&assistant));
            root.push(line, "assistant", message);
        }
        let mut conversations = Vec::new();
        let mut names = BTreeSet::new();
        for section in root.sections("conversation", CONVERSATIONS_MAX) {
            let line = section.line;
            let conversation = conversation(section, conversations.len() + 1);
            if !names.insert(conversation.name.clone()) {
                let message = format!("the name {} stands there twice", shown(&conversation.name));
                reader.push(line, message);
            }
            conversations.push(conversation);
        }
        if conversations.is_empty() {
            root.push(1, "conversation", "there is none; write [[conversation]] and its turns");
        }
        let mut tool_results = BTreeMap::new();
        if let Some(section) = root.section("tool_results") {
            for name in section.names() {
                if let Some(text) = section.text(&name.value, CHARS_MAX) {
                    tool_results.insert(name.value, text.value);
                }
            }
        }
        root.refuse_others(&BTreeMap::new());
        Self { path: path.to_owned(), assistant: file, conversations, tool_results }
    }
}

fn conversation(section: Section<'_>, number: usize) -> Conversation {
    let name = section.text("name", 200).map_or_else(|| number.to_string(), |text| text.value);
    let language = section.text("language", 10).map(|text| text.value);
    let turns: Vec<_> = section.sections("turn", TURNS_MAX).into_iter().map(turn).collect();
    if turns.is_empty() {
        let message = "there is none; write [[conversation.turn]] with say = \"…\"";
        section.push(section.line, "turn", message);
    }
    section.refuse_others(&BTreeMap::new());
    Conversation { name, language, turns }
}

fn turn(section: Section<'_>) -> ScriptTurn {
    let line = section.line;
    let say = section.text("say", CHARS_MAX).map_or_else(String::new, |text| text.value);
    if say.trim().is_empty() {
        section.push(line, "say", "is not there; write what the caller says");
    }
    let texts = |name| {
        let texts = section.texts(name, ITEMS_MAX, CHARS_MAX)?;
        if texts.value.iter().any(|text| fold(text).is_empty()) {
            section.push(texts.line, name, "a text without letters and digits is in every answer");
        }
        Some(texts.value)
    };
    let pattern = section.text("regex", CHARS_MAX);
    let regex = pattern.and_then(|pattern| {
        Regex::new(&pattern.value)
            .inspect_err(|e| {
                let last = e.to_string();
                let last = last.lines().last().unwrap_or_default().trim().to_owned();
                section.push(pattern.line, "regex", last);
            })
            .ok()
    });
    let expect = Expect {
        contains: texts("contains").unwrap_or_default(),
        any: texts("any").unwrap_or_default(),
        not: texts("not").unwrap_or_default(),
        regex,
        language: section.text("language", 10).map(|text| text.value),
        words_max: section.whole("words_max", 1..=1_000).and_then(|n| usize::try_from(n).ok()),
    };
    let tool = section.text("expect_tool", 64).map(|text| text.value);
    let reply = section.text("reply", CHARS_MAX).map_or_else(String::new, |text| text.value);
    section.refuse_others(&BTreeMap::new());
    let expect_tool = tool;
    ScriptTurn { line, say, reply, expect, expect_tool }
}

impl Expect {
    /// What `reply` of an assistant of these languages does not meet.
    pub fn check(&self, reply: &str, languages: &[String]) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let folded = fold(reply);
        let holds = |text: &&String| folded.contains(&fold(text));
        for text in self.contains.iter().filter(|text| !holds(text)) {
            unmet.push(Unmet(format!("does not contain {text:?}")));
        }
        if !self.any.is_empty() && !self.any.iter().any(|text| holds(&text)) {
            unmet.push(Unmet(format!("contains none of {:?}", self.any)));
        }
        for text in self.not.iter().filter(holds) {
            unmet.push(Unmet(format!("contains {text:?}")));
        }
        if let Some(regex) = &self.regex
            && !regex.is_match(reply)
        {
            unmet.push(Unmet(format!("does not match {:?}", regex.as_str())));
        }
        if let Some(language) = &self.language {
            let found = language_of(reply, languages);
            if found != language {
                unmet.push(Unmet(format!("is in {found:?}, not in {language:?}")));
            }
        }
        let words = reply.split_whitespace().count();
        if self.words_max.is_some_and(|max| words > max) {
            let max = self.words_max.unwrap_or_default();
            unmet.push(Unmet(format!("has {words} words, of {max}")));
        }
        if words == 0 {
            unmet.push(Unmet("is empty".into()));
        }
        unmet
    }
}

/// Words as they are compared: without case, marks and vowel signs; letters that people write
/// either way, and the digits of both scripts, are the same.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{64B}'..='\u{652}' | '\u{670}' | '\u{640}' | '\'' | '’' => {}
            'أ' | 'إ' | 'آ' | 'ٱ' => folded.push('ا'),
            'ى' | 'ئ' => folded.push('ي'),
            'ؤ' => folded.push('و'),
            'ة' => folded.push('ه'),
            '٠'..='٩' => folded.extend(char::from_digit(u32::from(c) - 0x660, 10)),
            c if c.is_alphanumeric() => folded.extend(c.to_lowercase()),
            _ => folded.push(' '),
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmet(expect: &Expect, reply: &str) -> Vec<String> {
        let languages = ["ar".to_owned(), "en".to_owned()];
        expect.check(reply, &languages).into_iter().map(|Unmet(text)| text).collect()
    }

    #[test]
    fn spellings_that_people_write_either_way_are_the_same() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let expect = Expect {
            contains: texts(&["الأحد", "9"]),
            any: texts(&["الساعة", "o'clock"]),
            not: texts(&["رقم سري"]),
            ..Expect::default()
        };
        assert_eq!(unmet(&expect, "من الاحد، السّاعه ٩ صباحاً."), [""; 0]);
        expect_test::expect![[r#"
            [
                "does not contain \"9\"",
                "contains none of [\"الساعة\", \"o'clock\"]",
                "contains \"رقم سري\"",
            ]
        "#]]
        .assert_debug_eq(&unmet(&expect, "يوم الأحد. أعطني رقمًا: رقمٌ سرّي"));
    }

    #[test]
    fn language_length_and_pattern_are_judged() {
        let expect = Expect {
            language: Some("ar".into()),
            words_max: Some(3),
            regex: Regex::new("[0-9]{3}").ok(),
            ..Expect::default()
        };
        assert_eq!(unmet(&expect, "اتصل على 997"), [""; 0]);
        expect_test::expect![[r#"
            [
                "does not match \"[0-9]{3}\"",
                "is in \"en\", not in \"ar\"",
                "has 5 words, of 3",
            ]
        "#]]
        .assert_debug_eq(&unmet(&expect, "Please call an ambulance now"));
        assert_eq!(unmet(&Expect::default(), " "), ["is empty"]);
    }
}
