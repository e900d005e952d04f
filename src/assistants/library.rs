//! All assistants of a site, as one value that never changes. Read whole or not at all: a call
//! never meets the half of a change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::file::{self, Site};
use super::finding::{Finding, Findings, did_you_mean, shown};
use super::voices::{Voices, voices_of};
use super::{ASSISTANTS_MAX, Assistant, Choice, ChoiceError, Folder};
use crate::config::Config;

/// The folder that is looked for where none is configured.
const FOLDER: &str = "assistants";

/// Who answers where nobody says who.
const STARTER: &str = "starter";

/// All assistants.
#[derive(Debug, Clone, PartialEq)]
pub struct Library {
    assistants: BTreeMap<String, Arc<Assistant>>,
    default: String,
}

impl Library {
    /// Where `config` says that assistants are.
    pub fn folder(config: &Config) -> Folder {
        match &config.assistants.dir {
            Some(dir) => Folder::Disk(dir.clone()),
            None if Path::new(FOLDER).is_dir() => Folder::Disk(FOLDER.into()),
            None => Folder::BuiltIn,
        }
    }

    /// Reads all assistants of `folder` over the site's `config`.
    ///
    /// # Errors
    /// All that is wrong with all of them.
    pub fn load(folder: &Folder, config: &Config, voices: &Voices) -> Result<Self, Findings> {
        let place = folder.path_of("");
        let wrong = |message: String| Finding { file: place.clone(), line: 1, message };
        let names = match folder.assistants() {
            Ok(names) => names,
            Err(error) => {
                let next = "set assistants.dir to the folder of the assistants";
                return Err(Findings(vec![wrong(format!("{error}; {next}"))]));
            }
        };
        let mut findings = Findings::default();
        if names.len() > ASSISTANTS_MAX {
            let message = format!("{} assistants; at most {ASSISTANTS_MAX}", names.len());
            return Err(Findings(vec![wrong(message)]));
        }
        let site = Site { config, voices };
        let mut assistants = BTreeMap::new();
        for name in &names {
            match file::load(folder, name, site) {
                Ok(assistant) => {
                    assistants.insert(assistant.name().to_owned(), Arc::new(assistant));
                }
                Err(wrong) => findings.0.extend(wrong.0),
            }
        }
        let mut library = Self { assistants, default: String::new() };
        if names.is_empty() {
            let next = "write NAME.toml, or leave the folder out and the built-in starter answers";
            findings.0.push(wrong(format!("there is no assistant in this folder; {next}")));
        } else if findings.0.is_empty() {
            // An assistant that has mistakes is not missing.
            match library.find_default(&config.assistants.default) {
                Ok(name) => library.default = name,
                Err(message) => findings.0.push(wrong(message)),
            }
        }
        findings.ok_or(library)
    }

    /// Reads one assistant, wherever its file is.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load_one(path: &Path, config: &Config, voices: &Voices) -> Result<Assistant, Findings> {
        let Some((folder, name)) = file::split(path) else {
            let message = "this is no name of a file".to_owned();
            return Err(Findings(vec![Finding { file: path.to_owned(), line: 1, message }]));
        };
        file::load(&Folder::Disk(folder), &name, Site { config, voices })
    }

    fn find_default(&self, asked: &str) -> Result<String, String> {
        let known = || self.assistants.keys().map(String::as_str);
        if !asked.is_empty() {
            if self.assistants.contains_key(asked) {
                return Ok(asked.to_owned());
            }
            let near = did_you_mean(asked, known()).map(|n| format!("; did you mean {n:?}?"));
            let near = near.unwrap_or_default();
            return Err(format!("assistants.default is {}, which is not here{near}", shown(asked)));
        }
        if self.assistants.contains_key(STARTER) {
            return Ok(STARTER.to_owned());
        }
        match self.assistants.keys().collect::<Vec<_>>().as_slice() {
            [one] => Ok((*one).clone()),
            _ => {
                let known = known().collect::<Vec<_>>().join(", ");
                Err(format!("set assistants.default to one of {known}: nobody says who answers"))
            }
        }
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Assistant>> {
        self.assistants.values()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Assistant>> {
        self.assistants.get(name)
    }

    /// Who answers a call that asks for nobody.
    pub fn default(&self) -> &Arc<Assistant> {
        self.get(&self.default).expect("the default was found when it was set. This is a bug.")
    }

    /// Who answers a call that asks for this.
    ///
    /// # Errors
    /// There is no such assistant: a caller of one must not reach another.
    pub fn choose(&self, choice: &Choice) -> Result<&Arc<Assistant>, ChoiceError> {
        let Some(name) = &choice.assistant else { return Ok(self.default()) };
        self.get(name).ok_or_else(|| ChoiceError::Unknown {
            name: shown(name),
            near: did_you_mean(name, self.assistants.keys().map(String::as_str)).map(str::to_owned),
        })
    }

    /// The site's configuration with every voice that an assistant speaks with, for the engines:
    /// a voice is loaded when the engine starts, or not at all.
    pub fn engines_config(&self, config: &Config) -> Config {
        let mut config = config.clone();
        let assistants = self.all().flat_map(|assistant| {
            assistant.voices().map(|voice| (assistant.name(), voice.to_owned()))
        });
        for (n, (name, voice)) in assistants.enumerate() {
            if !voices_of(&config.tts).any(|loaded| loaded == voice) {
                // The name stands for no language; it only has to be another one.
                config.tts.voice_map.insert(format!("{name}/{n}"), voice);
            }
        }
        config
    }
}
