//! What callers hear of a tool, `confirm`, `say` and `filler`: one text for each language, and templates
//! that ask only for what there is.

use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::did_you_mean;
use super::super::section::{Placed, Section};
use crate::tools::say::{check, writable};
use crate::tools::{ByLanguage, Kind, Schema};

/// A text for each language, with its line. Empty: there is none, or it is wrong.
pub(super) fn texts(
    section: &Section<'_>,
    name: &str,
    languages: &[String],
    chars_max: usize,
) -> ByLanguage<Placed<String>> {
    if !section.is_section(name) {
        let text = section.text(name, chars_max).filter(|text| is_there(section, name, text));
        let text = text.map(|text| languages.iter().map(move |tag| (tag.clone(), text.clone())));
        return text.into_iter().flatten().collect();
    }
    let Some(by_language) = section.section(name) else { return ByLanguage::new() };
    let mut texts = ByLanguage::new();
    for tag in languages {
        match by_language.text(tag, chars_max) {
            Some(text) if is_there(&by_language, tag, &text) => {
                drop(texts.insert(tag.clone(), text));
            }
            Some(_) => {}
            None => {
                by_language.push(by_language.line, tag, "is not there; each language needs one")
            }
        }
    }
    by_language.finish(&BTreeMap::new());
    texts
}

/// A question without words would be no question, and its tool run unasked.
fn is_there(section: &Section<'_>, name: &str, text: &Placed<String>) -> bool {
    let there = !text.value.trim().is_empty();
    if !there {
        section.push(text.line, name, "is empty; write the words, or leave it out");
    }
    there
}

/// As [`texts`], for words that a caller hears: words of one language are none for the others.
pub(super) fn heard(
    section: &Section<'_>,
    name: &str,
    languages: &[String],
    chars_max: usize,
) -> ByLanguage<Placed<String>> {
    let texts = texts(section, name, languages, chars_max);
    if let (false, [first, second, ..]) = (section.is_section(name), languages)
        && let Some(text) = texts.values().next()
        && literal(&text.value).contains(char::is_alphabetic)
    {
        let next = format!(
            "callers of each language hear it; write one for each: {name} = {{ {first} = \"…\", {second} = \"…\" }}"
        );
        section.push(text.line, name, next);
    }
    texts
}

/// As [`heard`], for words that are said as they stand.
pub(super) fn plain(
    section: &Section<'_>,
    name: &str,
    languages: &[String],
    chars_max: usize,
) -> ByLanguage<String> {
    let texts = heard(section, name, languages, chars_max);
    if let Some(text) = texts.values().find(|text| text.value.contains(['{', '}'])) {
        section.push(text.line, name, "is said as it stands, and is no template");
    }
    unplaced(texts)
}

/// A template's text without what it computes.
fn literal(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        out.push_str(&rest[..at]);
        let ends = rest[at..].find("}}").into_iter().chain(rest[at..].find("%}")).min();
        rest = ends.map_or("", |end| &rest[at + end + 2..]);
    }
    out + rest
}

/// The templates without their lines; what is wrong with one is told. `known`: the names that a template may
/// ask for in a language; `None`: nobody knows before it runs.
pub(super) fn templates(
    section: &Section<'_>,
    name: &str,
    texts: ByLanguage<Placed<String>>,
    known: impl Fn(&str) -> Option<BTreeSet<String>>,
) -> ByLanguage<String> {
    let by_language = section.is_section(name);
    for (tag, text) in &texts {
        let key = if by_language { format!("{name}.{tag}") } else { name.to_owned() };
        let asked = match check(&text.value) {
            Ok(asked) => asked,
            Err(problem) => {
                section.push(text.line, &key, problem);
                continue;
            }
        };
        let Some(known) = known(tag) else { continue };
        let mut known: Vec<String> = known.iter().map(|name| writable(name)).collect();
        known.sort();
        for unknown in asked.iter().filter(|asked| !known.contains(asked)) {
            let near = did_you_mean(unknown, known.iter().map(String::as_str));
            let next = match near {
                Some(near) => format!("did you mean {{{{ {near} }}}}?"),
                None if known.is_empty() => "this tool has no arguments".to_owned(),
                None => format!("known here: {}", known.join(", ")),
            };
            let message = format!("{{{{ {unknown} }}}} is nothing that it is given; {next}");
            section.push(text.line, &key, message);
        }
    }
    unplaced(texts)
}

/// The texts without their lines.
pub(super) fn unplaced<T>(texts: ByLanguage<Placed<T>>) -> ByLanguage<T> {
    texts.into_iter().map(|(tag, text)| (tag, text.value)).collect()
}

/// The arguments of a tool.
pub(super) fn arguments(parameters: &ByLanguage<Schema>, tag: &str) -> BTreeSet<String> {
    let schema = crate::tools::spec::in_language(parameters, tag);
    let properties = schema.and_then(|schema| schema.json().get("properties")?.as_object());
    properties.into_iter().flat_map(|properties| properties.keys().cloned()).collect()
}

/// What a template may say of what a tool of this kind brings; `None`: whatever a server answers.
pub(super) fn results(
    kind: &Kind,
    parameters: &ByLanguage<Schema>,
    tag: &str,
) -> Option<BTreeSet<String>> {
    let mut known = arguments(parameters, tag);
    let of_kind: &[&str] = match kind {
        Kind::Table(tables) => {
            if let Some(table) = crate::tools::spec::in_language(tables, tag) {
                let told = if table.tell.is_empty() { table.table.columns() } else { &table.tell };
                known.extend(told.iter().cloned());
            }
            &["result", "found", "known", "rows", "more"]
        }
        Kind::Message(_) => &["result", "reference", "saved"],
        Kind::Search(_) | Kind::Transfer { .. } | Kind::EndCall | Kind::Dtmf => &["result"],
        _ => return None,
    };
    known.extend(of_kind.iter().map(|&name| name.to_owned()));
    Some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_computes_is_no_text() {
        let only = |template| literal(template).trim().to_owned();
        assert_eq!(only("{{ result }}"), "");
        assert_eq!(only("{% if a %}{{ b }}{% endif %} و{{ c }}."), "و.");
        assert_eq!(only("open {{ a"), "open");
    }
}
