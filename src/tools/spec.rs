//! A tool as its assistant's file declares it, read and checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::arguments::Schema;
use super::{HttpTool, MessageTool, TableTool};
use crate::retrieval::Index;

/// Something for each language of the assistant.
pub type ByLanguage<T> = BTreeMap<String, T>;

/// A tool.
#[derive(Debug)]
pub struct Tool {
    /// What the model calls it: letters, digits and _.
    pub name: String,
    /// What it does, for the model, in the language of the call.
    pub description: ByLanguage<String>,
    /// Its arguments.
    pub parameters: ByLanguage<Schema>,
    /// What it does.
    pub kind: Kind,
    /// What the caller is asked before it runs, a template of its arguments. Empty: they are not.
    pub confirm: ByLanguage<String>,
    /// What the caller is told of what it brought, a template (see [`super::say`]). Empty: the model
    /// finds words.
    pub say: ByLanguage<String>,
    /// Said while it takes its time.
    pub filler: ByLanguage<String>,
    /// Longest time it may take.
    pub timeout: Duration,
    /// It changes nothing: it may be stopped, and run again.
    pub reads_only: bool,
}

/// What a tool does.
#[derive(Debug)]
pub enum Kind {
    /// Asks a server that the site's egress policy allows.
    Http(HttpTool),
    /// Looks something up in a table of the assistant's folder.
    Table(ByLanguage<TableTool>),
    /// Writes a line into a file.
    Message(MessageTool),
    /// Looks into the assistant's documents.
    Search(Arc<Index>),
    /// Brings the caller to a queue of people, or to a telephone.
    Transfer {
        /// "sip:…" or "tel:…", or else the name of a queue
        to: String,
    },
    /// Ends the call.
    EndCall,
    /// Presses keys.
    Dtmf,
    /// Faked, by `sawt assistants test`.
    Fixed(String),
    /// Takes its time and is counted, for the tests of calls.
    #[cfg(test)]
    Scripted(ScriptedTool),
}

/// A tool for tests.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub struct ScriptedTool {
    /// Time that it takes.
    pub takes: Duration,
    /// How often it began.
    pub began: Arc<std::sync::atomic::AtomicUsize>,
    /// How often it came to its end.
    pub ended: Arc<std::sync::atomic::AtomicUsize>,
}

#[cfg(test)]
impl ScriptedTool {
    pub(super) async fn run(&self) -> super::Brought {
        use std::sync::atomic::Ordering::SeqCst;
        self.began.fetch_add(1, SeqCst);
        tokio::time::sleep(self.takes).await;
        self.ended.fetch_add(1, SeqCst);
        super::Brought::result("done as scripted")
    }
}

/// What belongs to `language`, else what there is.
pub fn in_language<'a, T>(all: &'a ByLanguage<T>, language: &str) -> Option<&'a T> {
    all.get(language).or_else(|| all.values().next())
}

/// Schema of a tool that takes texts, each one required, some of them one of a list.
pub fn schema_of_texts<'a>(texts: impl IntoIterator<Item = (&'a str, Vec<String>)>) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (name, allowed) in texts {
        let schema = if allowed.is_empty() {
            serde_json::json!({ "type": "string", "maxLength": 200 })
        } else {
            serde_json::json!({ "type": "string", "enum": allowed })
        };
        properties.insert(name.to_owned(), schema);
        required.push(name.to_owned());
    }
    serde_json::json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}
