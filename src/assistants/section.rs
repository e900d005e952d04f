//! Reads a TOML file table by table and notes everything that is wrong with it, each with its
//! line. Knows no key: whoever asks for keys says what belongs there, and what nobody asked for is
//! refused.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use toml_edit::{Document, Item, TableLike};

use super::finding::{Finding, Findings, did_you_mean, shown};
use crate::config::line_at;

/// One file, and what is wrong with it so far.
pub(super) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    findings: RefCell<Vec<Finding>>,
}

/// A value and its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) line: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str) -> Self {
        Self { file, text, findings: RefCell::default() }
    }

    /// The file as TOML; `None` and a finding when it is none.
    pub(super) fn document(&self) -> Option<Document<&'a str>> {
        Document::parse(self.text)
            .inspect_err(|e| {
                let message = e.message().lines().collect::<Vec<_>>().join(", ");
                let at = e.span().map_or(0, |span| span.start);
                let next = typed(self.text.get(at..).unwrap_or_default());
                self.push(line_at(self.text.as_bytes(), at), format!("{message}{next}"));
            })
            .ok()
    }

    pub(super) fn push(&self, line: usize, message: impl Into<String>) {
        self.push_in(self.file, line, message);
    }

    /// Something is wrong in a file that this one names.
    pub(super) fn push_in(&self, file: &Path, line: usize, message: impl Into<String>) {
        let message = message.into();
        self.findings.borrow_mut().push(Finding { file: file.to_owned(), line, message });
    }

    pub(super) fn into_findings(self) -> Findings {
        Findings(self.findings.into_inner())
    }

    pub(super) fn root<'t>(&'t self, document: &'t Document<&'a str>) -> Section<'t> {
        Section::new(self, document.as_table(), String::new(), 1)
    }

    fn line_of(&self, table: &dyn TableLike, name: &str, item: &Item) -> usize {
        let span = table.key(name).and_then(|key| key.span()).or_else(|| item.span());
        line_at(self.text.as_bytes(), span.map_or(0, |span| span.start))
    }
}

/// What to do about a character that TOML has no place for, and keyboards and word processors write.
fn typed(rest: &str) -> &'static str {
    match rest.chars().next() {
        Some('“' | '”' | '„' | '«' | '»' | '‘' | '’') => "; write straight quotes: \"",
        Some('،') => "; write the Latin comma: ,",
        Some('\u{660}'..='\u{669}' | '\u{6f0}'..='\u{6f9}') => "; write numbers with 0 to 9",
        Some(c) if !c.is_ascii() && c.is_alphabetic() => {
            "; write names that are not in Latin letters in quotes: \"…\" = …"
        }
        _ => "",
    }
}

/// A table of the file.
pub(super) struct Section<'t> {
    reader: &'t Reader<'t>,
    table: &'t dyn TableLike,
    /// as errors name it, ending with a dot
    prefix: String,
    /// where it starts
    pub(super) line: usize,
    asked: RefCell<BTreeSet<String>>,
}

impl<'t> Section<'t> {
    fn new(
        reader: &'t Reader<'_>,
        table: &'t dyn TableLike,
        prefix: String,
        line: usize,
    ) -> Section<'t> {
        // The reader outlives the section; its own lifetime is of no interest here.
        Section { reader, table, prefix, line, asked: RefCell::default() }
    }

    /// The key as errors name it.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Whether this is the section `name` of the file.
    pub(super) fn is(&self, name: &str) -> bool {
        self.prefix.strip_suffix('.') == Some(name)
    }

    /// Something is wrong with `name`.
    pub(super) fn push(&self, line: usize, name: &str, message: impl AsRef<str>) {
        self.reader.push(line, format!("{}: {}", self.path(name), message.as_ref()));
    }

    /// The item under `name`, with its line.
    fn get(&self, name: &str) -> Option<Placed<&'t Item>> {
        self.asked.borrow_mut().insert(name.to_owned());
        let item = self.table.get(name).filter(|item| !item.is_none())?;
        Some(Placed { value: item, line: self.reader.line_of(self.table, name, item) })
    }

    /// All names, with their lines, in order.
    pub(super) fn names(&self) -> Vec<Placed<String>> {
        let place = |(name, item): (&str, &Item)| Placed {
            value: name.to_owned(),
            line: self.reader.line_of(self.table, name, item),
        };
        self.table.iter().map(place).collect()
    }

    fn expected(&self, found: &Placed<&Item>, name: &str, expected: &str) {
        let found_type = found.value.type_name();
        let a = if found_type.starts_with(['a', 'i']) { "an" } else { "a" };
        self.push(found.line, name, format!("expected {expected}, found {a} {found_type}"));
    }

    /// Text of at most `chars_max` characters.
    pub(super) fn text(&self, name: &str, chars_max: usize) -> Option<Placed<String>> {
        let found = self.get(name)?;
        let Some(text) = found.value.as_str() else {
            self.expected(&found, name, "text in quotes");
            return None;
        };
        let chars = text.chars().count();
        if chars > chars_max {
            self.push(found.line, name, format!("{chars} characters; at most {chars_max} fit"));
            return None;
        }
        Some(Placed { value: text.to_owned(), line: found.line })
    }

    pub(super) fn whole(&self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let found = self.get(name)?;
        let (min, max) = (range.start(), range.end());
        match found.value.as_integer() {
            Some(n) if range.contains(&n) => return Some(n),
            Some(n) => {
                self.push(found.line, name, format!("{n} is out of range: from {min} to {max}"));
            }
            None => self.expected(&found, name, &format!("a whole number from {min} to {max}")),
        }
        None
    }

    /// True or false.
    pub(super) fn truth(&self, name: &str) -> Option<bool> {
        let found = self.get(name)?;
        let value = found.value.as_bool();
        if value.is_none() {
            self.expected(&found, name, "true or false");
        }
        value
    }

    /// A list of texts; a single text is a list of one.
    pub(super) fn texts(
        &self,
        name: &str,
        items_max: usize,
        chars_max: usize,
    ) -> Option<Placed<Vec<String>>> {
        let found = self.get(name)?;
        let texts = match (found.value.as_str(), found.value.as_array()) {
            (Some(one), _) => Some(vec![one.to_owned()]),
            (None, Some(all)) => all.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
            (None, None) => None,
        };
        let Some(texts) = texts else {
            self.expected(&found, name, "a list of texts, such as [\"en\", \"ar\"]");
            return None;
        };
        let too_long = texts.iter().any(|text| text.chars().count() > chars_max);
        if texts.len() > items_max || too_long {
            let limits = format!("at most {items_max} texts of {chars_max} characters fit");
            self.push(found.line, name, limits);
            return None;
        }
        Some(Placed { value: texts, line: found.line })
    }

    /// A value for the site's table of keys, which says what belongs there.
    pub(super) fn value(&self, name: &str) -> Option<Placed<serde_json::Value>> {
        let found = self.get(name)?;
        let value = crate::config::to_json(found.value);
        if value.is_none() {
            self.push(found.line, name, "a date or a number without end is no value here");
        }
        value.map(|value| Placed { value, line: found.line })
    }

    /// A variable of the templates: text, a number, or true and false.
    pub(super) fn plain(&self, name: &str, chars_max: usize) -> Option<minijinja::Value> {
        let found = self.get(name)?;
        let item = found.value;
        if item.is_str() {
            return Some(self.text(name, chars_max)?.value.into());
        }
        let value = item.as_integer().map(minijinja::Value::from);
        let value = value.or_else(|| item.as_float().map(minijinja::Value::from));
        let value = value.or_else(|| item.as_bool().map(minijinja::Value::from));
        if value.is_none() {
            let expected = "text, a number, true or false, or a text for each language such as \
                            { ar = \"…\", en = \"…\" }";
            self.expected(&found, name, expected);
        }
        value
    }

    /// Whether `name` is a table.
    pub(super) fn is_section(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|item| item.as_table_like().is_some())
    }

    /// Whether `name` is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.line_of(name).is_some()
    }

    /// Where `name` stands.
    pub(super) fn line_of(&self, name: &str) -> Option<usize> {
        let item = self.table.get(name).filter(|item| !item.is_none())?;
        Some(self.reader.line_of(self.table, name, item))
    }

    /// The table under `name`.
    pub(super) fn section(&self, name: &str) -> Option<Section<'t>> {
        let found = self.get(name)?;
        let Some(table) = found.value.as_table_like() else {
            let path = self.path(name);
            self.expected(&found, name, &format!("a section: write [{path}] and its keys below"));
            return None;
        };
        Some(Section::new(self.reader, table, format!("{}.", self.path(name)), found.line))
    }

    /// The tables under `[[name]]`.
    pub(super) fn sections(&self, name: &str, items_max: usize) -> Vec<Section<'t>> {
        let Some(found) = self.get(name) else { return Vec::new() };
        let Some(tables) = found.value.as_array_of_tables() else {
            let path = self.path(name);
            self.expected(&found, name, &format!("sections: write [[{path}]] before each"));
            return Vec::new();
        };
        if tables.len() > items_max {
            self.push(found.line, name, format!("{} of them; at most {items_max}", tables.len()));
            return Vec::new();
        }
        let prefix = format!("{}.", self.path(name));
        let section = |table: &'t toml_edit::Table| {
            let at = table.span().map_or(0, |span| span.start);
            let line = line_at(self.reader.text.as_bytes(), at);
            Section::new(self.reader, table, prefix.clone(), line)
        };
        tables.iter().map(section).collect()
    }

    /// Refuses what nobody asked for. `not_yet` are keys that people will look for, with the reason
    /// why they are not there.
    pub(super) fn finish(self, not_yet: &BTreeMap<&str, &str>) {
        self.refuse_others(not_yet);
    }

    /// As [`Self::finish`], for a section that is looked at again.
    pub(super) fn refuse_others(&self, not_yet: &BTreeMap<&str, &str>) {
        let asked = self.asked.borrow();
        for name in self.names() {
            let Placed { value: name, line } = name;
            if asked.contains(&name) {
                continue;
            }
            if let Some(why) = not_yet.get(name.as_str()) {
                self.push(line, &name, why);
                continue;
            }
            let known = asked.iter().map(String::as_str).filter(|known| *known != name);
            let known: Vec<&str> = known.collect();
            let next = match did_you_mean(&name, known.iter().copied()) {
                Some(near) => format!("did you mean `{}`?", self.path(near)),
                None => format!("known here: {}", known.join(", ")),
            };
            let path = self.path(shown(&name).trim_matches('"'));
            self.reader.push(line, format!("unknown key `{path}`; {next}"));
        }
    }
}
