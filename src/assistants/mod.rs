//! Assistants as files: who answers, in which languages, with which words, voices and manners.
//!
//! The site's configuration says what the machine does and what holds where an assistant is
//! silent; an assistant (`assistants/NAME.toml`, its prompts beside it) lays what is a call's own
//! over that. The result is a configuration for the call, so that a call knows no assistant's file.
//!
//! [`Library`] is all assistants of a site as one value: read whole or not at all. [`Assistants`]
//! holds the current one and reads it again when files change; a call keeps the one it began with.

mod choice;
mod file;
mod finding;
mod folder;
mod library;
mod outcome;
mod reload;
mod remote;
mod rules;
pub mod script;
mod section;
mod template;
#[cfg(test)]
mod tests;
mod tools;
mod voices;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

pub use choice::{Choice, ChoiceError};
pub use finding::{Finding, Findings};
pub use folder::{ASSISTANTS_MAX, FILE_BYTES_MAX, Folder, ReadError};
pub use library::Library;
pub use outcome::{FieldKind, OutcomeField, OutcomeSchema};
pub use reload::{Assistants, ReloadState};
pub use voices::Voices;

use crate::config::Config;
use crate::policy::residency::Grant;
use crate::rules::Rules;
use crate::tools::{Declared, Toolbox};

/// The digest of an assistant's files, as short as it is still telling them apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// Hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of_test(digits: &str) -> Self {
        Self(digits.to_owned())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which assistant, and which version of its files: what the record of a call keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssistantVersion {
    /// The file's name without its end.
    pub name: String,
    /// Of the files.
    pub version: Version,
}

/// One assistant as it was read. Never changes; a changed file makes another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Assistant {
    name: String,
    title: String,
    version: Version,
    languages: Vec<String>,
    /// What a call runs with that is held in this language.
    configs: BTreeMap<String, Arc<Config>>,
    rules: Arc<Rules>,
    toolbox: Arc<Toolbox>,
    /// What its calls may send to engines elsewhere.
    remote: Grant,
    outcome: Option<OutcomeSchema>,
    /// Its `[consent]`, by language: the call says it first, and the page shows it before a call.
    consent: BTreeMap<String, String>,
}

impl Assistant {
    /// The file's name without its end: what calls ask for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Name and version, for the record.
    pub fn version(&self) -> AssistantVersion {
        AssistantVersion { name: self.name.clone(), version: self.version.clone() }
    }

    /// What is to be done when something is so.
    pub const fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What it can do beside talking.
    pub const fn toolbox(&self) -> &Arc<Toolbox> {
        &self.toolbox
    }

    /// What the model is told of its tools under `config`, which is one of its own.
    pub fn declarations(&self, config: &Config) -> Declared {
        let language = config.agent.languages.first().map_or("", String::as_str);
        self.toolbox.declarations(language)
    }

    /// The same, with other tools.
    #[must_use]
    pub fn with_toolbox(mut self, toolbox: Toolbox) -> Self {
        self.toolbox = Arc::new(toolbox);
        self
    }

    /// What is to be known about its calls when they are over.
    pub fn outcome(&self) -> Option<&OutcomeSchema> {
        self.outcome.as_ref()
    }

    /// What callers are to agree to, by language; empty where it asks for nothing.
    pub const fn consent(&self) -> &BTreeMap<String, String> {
        &self.consent
    }

    /// What it speaks; the first is its own.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// What a call runs with that is held in `language`; in the assistant's own when it does not
    /// speak that one.
    pub fn config(&self, language: &str) -> &Arc<Config> {
        self.configs
            .get(language)
            .or_else(|| self.configs.get(self.languages.first()?))
            .expect("an assistant speaks a language. This is a bug.")
    }

    /// What its calls may send to engines elsewhere, where the site allows it too.
    pub fn remote(&self) -> Grant {
        self.remote
    }

    /// The same, whose model always takes its likeliest word: for tests that give the same result
    /// twice.
    #[must_use]
    pub fn without_chance(mut self) -> Self {
        for config in self.configs.values_mut() {
            Arc::make_mut(config).llm.temperature = 0.0;
        }
        self
    }

    /// Voices that it may speak with.
    pub fn voices(&self) -> impl Iterator<Item = &str> {
        self.configs.values().flat_map(|config| {
            let tts = &config.tts;
            let default = std::iter::once(tts.voice_default.as_str());
            default.chain(tts.voice_map.values().map(String::as_str))
        })
    }
}
