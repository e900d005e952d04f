//! `[[tools]]` and `[retrieval]` of an assistant's file: each with its schema compiled, its table and
//! documents read, or what is wrong with it, at its line.

mod heard;
mod schemas;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use self::heard::{arguments, heard, plain, results, templates, texts, unplaced};
use self::schemas::schemas;

use super::file::File;
use super::finding::{did_you_mean, shown};
use super::section::{Placed, Section};
use crate::retrieval::{Budget, DOCUMENT_BYTES_MAX, Index, text_of};
use crate::tools::spec::schema_of_texts;
use crate::tools::{
    ByLanguage, HttpTool, Kind, McpPlace, McpServer, MessageTool, Method, Schema, Tool, Toolbox,
    UrlTemplate,
};

const TOOLS_MAX: usize = 32;
const DESCRIPTION_CHARS_MAX: usize = 600;
const QUESTION_CHARS_MAX: usize = 300;
const DOCUMENTS_MAX: usize = 200;
/// Of all documents of an assistant together.
const DOCUMENTS_BYTES_MAX: usize = 64 * 1024 * 1024;
const KINDS: [&str; 8] =
    ["table", "http", "message", "search", "transfer", "end_call", "dtmf", "mcp"];

impl File<'_> {
    /// All tools and documents; those with mistakes are in the findings.
    pub(super) fn toolbox(&mut self, root: &Section<'_>, languages: &[String]) -> Toolbox {
        let (index, always) = self.retrieval(root);
        let (mut tools, mut servers, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
        for section in root.sections("tools", TOOLS_MAX) {
            let name = section.text("name", 64);
            let Some(Placed { value: name, line }) = name else {
                section.push(
                    section.line,
                    "name",
                    "is not there; name the tool, such as \"branch\"",
                );
                continue;
            };
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
                section.push(line, "name", "use small letters, digits and _, at most 64");
            }
            if !names.insert(name.clone()) {
                section.push(line, "name", format!("{} stands there twice", shown(&name)));
            }
            let timeout = section.whole("timeout_ms", 100..=60_000).unwrap_or(8_000);
            let timeout = Duration::from_millis(timeout.unsigned_abs());
            let kind = section.text("kind", 20);
            let Some(kind) = kind.filter(|kind| KINDS.contains(&kind.value.as_str())) else {
                let wrong = section.text("kind", 20).map(|kind| kind.value).unwrap_or_default();
                let near =
                    did_you_mean(&wrong, KINDS).map(|near| format!("; did you mean {near:?}?"));
                let next = format!("is one of {}{}", KINDS.join(", "), near.unwrap_or_default());
                section.push(section.line, "kind", next);
                continue;
            };
            if kind.value == "mcp" {
                servers.extend(server(&section, name, timeout));
            } else {
                tools.extend(self.tool(&section, name, &kind, timeout, languages, index.as_ref()));
            }
            section.finish(&BTreeMap::new());
        }
        let documents = index.filter(|_| always);
        // Setting TLS up takes longer than reading an assistant.
        let outside = !servers.is_empty() || tools.iter().any(|t| matches!(t.kind, Kind::Http(_)));
        let client = if outside { crate::tools::client(self.config()) } else { None };
        Toolbox::new(tools, servers, documents, client)
    }

    fn tool(
        &mut self,
        section: &Section<'_>,
        name: String,
        kind: &Placed<String>,
        timeout: Duration,
        languages: &[String],
        index: Option<&Arc<Index>>,
    ) -> Option<Tool> {
        let description = unplaced(texts(section, "description", languages, DESCRIPTION_CHARS_MAX));
        let confirm = heard(section, "confirm", languages, QUESTION_CHARS_MAX);
        let filler = plain(section, "filler", languages, 60);
        let say = heard(section, "say", languages, DESCRIPTION_CHARS_MAX);
        if description.is_empty() {
            let next = "is not there; say what it does and when the model should call it";
            section.push(section.line, "description", next);
        }
        let same = |schema: serde_json::Value| -> ByLanguage<Schema> {
            let of = |tag: &String| Some((tag.clone(), Schema::new(schema.clone()).ok()?));
            languages.iter().filter_map(of).collect()
        };
        let none = || json!({ "type": "object", "properties": {} });
        let declared = schemas(section, languages);
        let mut reads_only = false;
        let (kind, parameters) = match kind.value.as_str() {
            "table" => {
                reads_only = true;
                let tables = self.tables(section, languages);
                let parameters = tables.iter().filter_map(|(tag, table)| {
                    let by = table.by.iter().map(|c| (c.as_str(), table.table.choices(c)));
                    Some((tag.clone(), Schema::new(schema_of_texts(by)).ok()?))
                });
                let parameters = parameters.collect();
                (Kind::Table(tables), parameters)
            }
            "http" => {
                let http = http(section, declared.as_ref())?;
                reads_only = http.method == Method::Get;
                (Kind::Http(http), declared.unwrap_or_else(|| same(none())))
            }
            "message" => {
                let file = crate::tools::messages_dir(self.config());
                let file = file.join(format!("{}.jsonl", self.stem()));
                (Kind::Message(MessageTool { file }), declared.unwrap_or_else(|| same(none())))
            }
            "search" => {
                reads_only = true;
                let Some(index) = index else {
                    let next = "needs documents: write [retrieval] with documents = [\"…\"]";
                    section.push(kind.line, "kind", next);
                    return None;
                };
                let schema = schema_of_texts([("question", Vec::new())]);
                (Kind::Search(Arc::clone(index)), same(schema))
            }
            "transfer" => {
                let to = section.text("to", 200);
                let to = to.filter(|to| !to.value.trim().is_empty());
                let Some(to) = to else {
                    let next = "is not there; write a queue's name, \"tel:+966…\" or \"sip:…\"";
                    section.push(section.line, "to", next);
                    return None;
                };
                let telephone = to.value.starts_with("tel:") || to.value.starts_with("sip:");
                if telephone && let Some(problem) = crate::rules::address_problem(&to.value) {
                    section.push(to.line, "to", problem);
                }
                (Kind::Transfer { to: to.value }, same(none()))
            }
            "end_call" => (Kind::EndCall, same(none())),
            _ => {
                let keys = json!({ "type": "object", "required": ["keys"], "properties": {
                    "keys": { "type": "string", "minLength": 1, "maxLength": 32 },
                }});
                (Kind::Dtmf, same(keys))
            }
        };
        // What is wrong with them is told already; what is said of them would be wrong for that reason only.
        let whole = languages.iter().all(|tag| parameters.contains_key(tag));
        let of_call = |tag: &str| whole.then(|| arguments(&parameters, tag));
        let confirm = templates(section, "confirm", confirm, of_call);
        let of_result = |tag: &str| results(&kind, &parameters, tag).filter(|_| whole);
        let say = templates(section, "say", say, of_result);
        Some(Tool {
            name,
            description,
            parameters,
            kind,
            confirm,
            say,
            filler,
            timeout,
            reads_only,
        })
    }

    /// The documents, and whether passages are given without being asked for.
    fn retrieval(&mut self, root: &Section<'_>) -> (Option<Arc<Index>>, bool) {
        let Some(section) = root.section("retrieval") else { return (None, false) };
        let files = section.texts("documents", DOCUMENTS_MAX, 300);
        let passages_max = section.whole("passages_max", 1..=10);
        let chars_max = section.whole("chars_max", 200..=8_000);
        let percent = section.whole("score_min_percent", 0..=100);
        let always = super::rules::yes(&section, "always").unwrap_or(true);
        let usual = Budget::default();
        let count =
            |n: Option<i64>, usual| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(usual);
        let budget = Budget {
            passages_max: count(passages_max, usual.passages_max),
            chars_max: count(chars_max, usual.chars_max),
            score_min: percent.map_or(usual.score_min, |p| p as f32 / 100.0),
        };
        section.refuse_others(&BTreeMap::new());
        let Some(Placed { value: files, line }) = files else {
            section.push(
                section.line,
                "documents",
                "is not there; name files, such as [\"bank/faq.md\"]",
            );
            return (None, false);
        };
        let (mut documents, mut left) = (Vec::new(), DOCUMENTS_BYTES_MAX);
        for file in files {
            let text = self.folder.read_bytes(&file, DOCUMENT_BYTES_MAX).map_err(|e| e.to_string());
            let text = text.and_then(|bytes| {
                self.digest_bytes(&file, &bytes);
                left = left.checked_sub(bytes.len()).ok_or("more than 64 MiB of documents")?;
                text_of(&file, &bytes).map_err(|e| format!("{} {e}", shown(&file)))
            });
            match text {
                Ok(text) => documents.push((file, text)),
                Err(problem) => section.push(line, "documents", problem),
            }
        }
        match Index::new(&documents, budget) {
            Ok(index) => (Some(Arc::new(index)), always),
            Err(problem) => {
                section.push(line, "documents", problem.to_string());
                (None, false)
            }
        }
    }
}

fn http(section: &Section<'_>, parameters: Option<&ByLanguage<Schema>>) -> Option<HttpTool> {
    let Some(url) = section.text("url", 1_000) else {
        section.push(section.line, "url", "is not there; write https://host/path/{argument}");
        return None;
    };
    let template = UrlTemplate::new(&url.value);
    let template = template.map_err(|e| section.push(url.line, "url", e.to_string())).ok()?;
    let lacks = |schema: &Schema, name: &str| {
        schema.json().get("properties").and_then(|known| known.get(name)).is_none()
    };
    for name in template.names() {
        if parameters.is_none_or(|by| by.values().any(|schema| lacks(schema, name))) {
            let message = format!("{{{name}}} is none of its parameters; declare it there");
            section.push(url.line, "url", message);
        }
    }
    let method = section.text("method", 10);
    let method = match method {
        None => Method::Get,
        Some(named) => Method::named(&named.value).unwrap_or_else(|| {
            section.push(named.line, "method", "is one of GET, POST, PUT, PATCH, DELETE");
            Method::Get
        }),
    };
    let mut headers = Vec::new();
    if let Some(section) = section.section("headers") {
        for Placed { value: name, line } in section.names() {
            let Some(value) = section.text(&name, 2_000) else { continue };
            let value = match value.value.strip_prefix("env:") {
                Some(variable) => std::env::var(variable).unwrap_or_else(|_| {
                    section.push(line, &name, format!("the variable {variable} is not set"));
                    String::new()
                }),
                None => value.value,
            };
            let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            let right = name.bytes().all(token) && !value.contains(char::is_control);
            let of_ours = ["host", "content-length", "transfer-encoding", "connection"];
            if !right || of_ours.contains(&name.to_ascii_lowercase().as_str()) {
                section.push(line, &name, "is no header that can be set");
                continue;
            }
            headers.push((name, value));
        }
    }
    let pick = section.text("pick", 200).map(|pick| pick.value).unwrap_or_default();
    Some(HttpTool { method, url: template, headers, pick })
}

fn server(section: &Section<'_>, name: String, timeout: Duration) -> Option<McpServer> {
    let command = section.texts("command", 32, 1_000);
    let url = section.text("url", 1_000);
    let allow = section.texts("allow", 64, 64).map(|allow| allow.value).unwrap_or_default();
    let reads_only = super::rules::yes(section, "reads_only").unwrap_or(false);
    if allow.is_empty() {
        section.push(section.line, "allow", "is not there; name the tools that may be called");
    }
    let place = match (command, url) {
        (Some(command), None) if !command.value.is_empty() => McpPlace::Program(command.value),
        (None, Some(url)) => McpPlace::Url(url.value),
        _ => {
            let next = "write command = [\"program\", …] or url = \"https://…\", one of the two";
            section.push(section.line, "command", next);
            return None;
        }
    };
    Some(McpServer::new(name, place, allow, reads_only, timeout))
}
