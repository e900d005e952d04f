//! One assistant's file: every key of it, what belongs there, and what becomes of it in the
//! configuration of a call. Ranges that the site's configuration has already stand there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::Value;
use sha2::{Digest as _, Sha256};

use super::finding::{Findings, did_you_mean, shown};
use super::section::{Placed, Reader, Section};
use super::voices::Voices;
use super::{Assistant, Folder, ReadError, Version, template};
use crate::config::{self, AgentConfig, Config};

const LANGUAGES_MAX: usize = 8;
const VARIABLES_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 100;
/// Of a line that is spoken: half a minute of speech.
const LINE_CHARS_MAX: usize = 500;
const VARIABLE_CHARS_MAX: usize = 2_000;
const SILENCE_PROMPTS_MAX: usize = 10;
const VERSION_DIGITS: usize = 12;

/// Keys of the site's configuration that an assistant may override under the same name.
const LLM_KEYS: &[&str] = &["temperature", "tool_choice"];
const STT_KEYS: &[&str] = &["prompt"];
const MEMORY_KEYS: &[&str] = &["turns_max", "tokens_max", "summary", "summary_tokens_max"];

/// Keys of `[turn]` that belong to the machine and not to a call.
const TURN_OF_THE_SITE: &[&str] = &["detector_threads", "speculation_calls_max"];

/// Keys of `[limits]`, each with the site's key that it overrides.
const LIMITS: &[(&str, &str)] = &[
    ("call_max_s", "agent.call_max_s"),
    ("turns_max", "agent.turns_max"),
    ("reply_tokens_max", "llm.reply_tokens_max"),
    ("silence_prompt_s", "agent.silence_prompt_s"),
];

/// What an assistant is laid over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) config: &'a Config,
    pub(super) voices: &'a Voices,
}

/// Reads the assistant in the file `name` of `folder`.
///
/// # Errors
/// All that is wrong with it and with its prompts.
pub(super) fn load(folder: &Folder, name: &str, site: Site<'_>) -> Result<Assistant, Findings> {
    let path = folder.path_of(name);
    let text = match folder.read(name) {
        Ok(text) => text,
        Err(error) => {
            let reader = Reader::new(&path, "");
            reader.push(line_of(&error), error.to_string());
            return Err(reader.into_findings());
        }
    };
    let reader = Reader::new(&path, &text);
    let mut digest = Sha256::new();
    add(&mut digest, name, &text);
    let assistant = reader.document().and_then(|document| {
        let root = reader.root(&document);
        File { folder, name, site, reader: &reader, digest }.read(root)
    });
    match assistant {
        Some(assistant) => reader.into_findings().ok_or(assistant),
        None => Err(reader.into_findings()),
    }
}

/// Each part with its length, so that no two sets of files have the same digest.
fn add(digest: &mut Sha256, name: &str, text: impl AsRef<[u8]>) {
    for part in [name.as_bytes(), text.as_ref()] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
}

fn line_of(error: &ReadError) -> usize {
    if let ReadError::NotUtf8 { line } = error { *line } else { 1 }
}

/// A setting of the site that the assistant overrides.
struct Override {
    /// as the site's configuration names it
    key: String,
    /// the section and key in this file
    section: &'static str,
    name: String,
    value: Placed<serde_json::Value>,
}

/// Texts by language, each with its line.
pub(super) type ByLanguage<T> = BTreeMap<String, Placed<T>>;

pub(super) struct File<'a> {
    pub(super) folder: &'a Folder,
    name: &'a str,
    site: Site<'a>,
    reader: &'a Reader<'a>,
    digest: Sha256,
}

impl File<'_> {
    /// `None` where there is too little to go on; what is wrong is in the reader's findings.
    fn read(mut self, root: Section<'_>) -> Option<Assistant> {
        let name = self.name.strip_suffix(".toml").unwrap_or(self.name);
        if !is_name(name) {
            let rule = "an assistant is called by its file's name: use small letters, digits, - \
                        and _, at most 64, starting with a letter or digit";
            self.reader.push(1, rule);
        }
        let title = root.text("name", NAME_CHARS_MAX).map_or_else(|| name.to_owned(), |t| t.value);
        // Without languages of its own the rest is still looked at, in the site's.
        let languages = self.languages(&root);
        let languages = languages.unwrap_or_else(|| self.site.config.agent.languages.clone());
        let variables = self.variables(&root, &languages);
        let prompts = self.prompts(&root, &languages, &variables);
        let lines = |key, required| self.lines(&root, key, &languages, &variables, required);
        let (welcome, consent) = (lines("welcome", true), lines("consent", false));
        let (goodbye, apology) = (lines("goodbye", false), lines("apology", false));
        let silence_prompts = self.silence_prompts(&root, &languages, &variables);
        let rules = Arc::new(self.rules(&root, &languages, &variables));
        let toolbox = Arc::new(self.toolbox(&root, &languages));
        let mut base = self.overridden(&root, &languages);
        self.voices(&root, &languages, &mut base);
        self.engines(&root);
        let remote = super::remote::read(&root);
        let outcome = super::outcome::read(&root);
        root.finish(&BTreeMap::new());

        let mut configs = BTreeMap::new();
        for language in &languages {
            let mut config = base.clone();
            let site = &self.site.config.agent;
            let agent = &mut config.agent;
            // The call's language first: it is what digits and single marks are read in.
            let others = languages.iter().filter(|other| *other != language);
            agent.languages = std::iter::once(language).chain(others).cloned().collect();
            let text = |texts: &ByLanguage<String>| texts.get(language).map(|t| t.value.clone());
            agent.system_prompt = text(&prompts).unwrap_or_else(|| site.system_prompt.clone());
            agent.consent = text(&consent).unwrap_or_else(|| site.consent.clone());
            agent.welcome = text(&welcome).unwrap_or_default();
            if self.is_built_in() && agent.welcome.is_empty() {
                // A language that the starter has no lines in.
                agent.welcome.clone_from(&site.welcome);
            }
            let defaults = default_lines(language, site);
            agent.goodbye = text(&goodbye).unwrap_or(defaults.goodbye);
            agent.apology = text(&apology).unwrap_or(defaults.apology);
            agent.silence_prompts = silence_prompts
                .get(language)
                .map_or(defaults.silence_prompts, |prompts| prompts.value.clone());
            if self.is_built_in() {
                yield_to(site, agent);
            }
            configs.insert(language.clone(), Arc::new(config));
        }
        let version = hex::encode(self.digest.finalize());
        let version = Version(version.chars().take(VERSION_DIGITS).collect());
        let name = name.to_owned();
        Some(Assistant {
            name,
            title,
            version,
            languages,
            configs,
            rules,
            toolbox,
            remote,
            outcome,
            consent: consent
                .into_iter()
                .filter(|(_, line)| !line.value.is_empty())
                .map(|(language, line)| (language, line.value))
                .collect(),
        })
    }

    pub(super) const fn config(&self) -> &Config {
        self.site.config
    }

    /// The assistant's name, as files of its own are called.
    pub(super) fn stem(&self) -> &str {
        self.name.strip_suffix(".toml").unwrap_or(self.name)
    }

    /// A file that the assistant consists of, beside its texts.
    pub(super) fn digest_bytes(&mut self, name: &str, bytes: &[u8]) {
        add(&mut self.digest, name, bytes);
    }

    /// The starter as we ship it speaks the site's languages, and says what it has to say in those
    /// it knows. Whoever changed its files has written an assistant of their own.
    fn is_built_in(&self) -> bool {
        self.folder.has_shipped_starter(self.name)
    }

    fn languages(&self, root: &Section<'_>) -> Option<Vec<String>> {
        let site = &self.site.config.agent.languages;
        if self.is_built_in() && *site != AgentConfig::default().languages {
            let _ = root.texts("languages", LANGUAGES_MAX, 100);
            return Some(site.clone());
        }
        let Some(languages) = root.texts("languages", LANGUAGES_MAX, 100) else {
            if !root.has("languages") {
                let next = "name at least one, such as languages = [\"ar\", \"en\"]";
                root.push(1, "languages", format!("is not there; {next}"));
            }
            return None;
        };
        let Placed { value: mut tags, line } = languages;
        for problem in tags.iter().filter_map(|tag| config::languages::problem(tag)) {
            root.push(line, "languages", problem);
        }
        let mut seen = Vec::new();
        tags.retain(|tag| {
            let twice = seen.contains(tag);
            seen.push(tag.clone());
            if twice {
                root.push(line, "languages", format!("{} stands there twice", shown(tag)));
            }
            !twice && config::languages::problem(tag).is_none()
        });
        if tags.is_empty() && seen.is_empty() {
            root.push(line, "languages", "empty; name at least one, such as ar");
        }
        Some(tags).filter(|tags| !tags.is_empty())
    }

    /// The variables of each language's templates.
    fn variables(
        &self,
        root: &Section<'_>,
        languages: &[String],
    ) -> BTreeMap<String, BTreeMap<String, Value>> {
        let mut all: BTreeMap<String, BTreeMap<String, Value>> = languages
            .iter()
            .map(|tag| (tag.clone(), [("language".to_owned(), tag.as_str().into())].into()))
            .collect();
        let Some(section) = root.section("variables") else { return all };
        let names = section.names();
        if names.len() > VARIABLES_MAX {
            let message = format!("{} of them; at most {VARIABLES_MAX}", names.len());
            root.push(section.line, "variables", message);
            return all;
        }
        for Placed { value: name, line } in names {
            let mut letters = name.bytes();
            let word = letters.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !word || name == "language" {
                let rule = "a variable is a word of letters, digits and _, and not `language`";
                section.push(line, shown(&name).trim_matches('"'), rule);
                continue;
            }
            if !section.is_section(&name) {
                if let Some(value) = section.plain(&name, VARIABLE_CHARS_MAX) {
                    for variables in all.values_mut() {
                        variables.insert(name.clone(), value.clone());
                    }
                }
                continue;
            }
            let Some(texts) = section.section(&name) else { continue };
            for tag in languages {
                match texts.plain(tag, VARIABLE_CHARS_MAX) {
                    Some(value) => {
                        if let Some(variables) = all.get_mut(tag) {
                            variables.insert(name.clone(), value);
                        }
                    }
                    None if texts.names().iter().any(|name| name.value == *tag) => {}
                    None => texts.push(line, tag, "is not there; each language needs one"),
                }
            }
            self.refuse_other_languages(&texts, languages);
        }
        all
    }

    /// The prompt of each language, its variables filled in.
    fn prompts(
        &mut self,
        root: &Section<'_>,
        languages: &[String],
        variables: &BTreeMap<String, BTreeMap<String, Value>>,
    ) -> ByLanguage<String> {
        let mut prompts = ByLanguage::new();
        let Some(section) = root.section("prompt") else {
            if !root.names().iter().any(|name| name.value == "prompt") {
                let stem = self.name.trim_end_matches(".toml");
                let tag = languages.first().map_or("en", String::as_str);
                let next = format!(
                    "write [prompt] with a file for each language, such as {tag} = \"{stem}/{tag}.md\""
                );
                root.push(1, "prompt", format!("is not there; {next}"));
            }
            return prompts;
        };
        for tag in languages {
            let Some(file) = section.text(tag, 1_000) else {
                self.missing(&section, tag);
                continue;
            };
            let text = match self.folder.read(&file.value) {
                Ok(text) => text,
                Err(error @ ReadError::NotUtf8 { .. }) => {
                    let path = self.path_of(&file.value);
                    self.reader.push_in(&path, line_of(&error), error.to_string());
                    continue;
                }
                Err(error) => {
                    section.push(file.line, tag, error.to_string());
                    continue;
                }
            };
            add(&mut self.digest, &file.value, &text);
            let none = BTreeMap::new();
            match template::render(&text, variables.get(tag).unwrap_or(&none)) {
                Ok(prompt) => {
                    self.check_prompt(&section, tag, file.line, &prompt);
                    prompts.insert(tag.clone(), Placed { value: prompt, line: file.line });
                }
                Err(problem) => {
                    let path = self.path_of(&file.value);
                    self.reader.push_in(&path, problem.line, problem.message);
                }
            }
        }
        self.refuse_other_languages(&section, languages);
        prompts
    }

    fn path_of(&self, file: &str) -> PathBuf {
        self.folder.path_of(file)
    }

    /// The prompt must leave the conversation some room, by the same guess as the history's.
    fn check_prompt(&self, section: &Section<'_>, tag: &str, line: usize, prompt: &str) {
        if prompt.is_empty() {
            section.push(line, tag, "the file is empty; write who the assistant is");
        }
        let llm = &self.site.config.llm;
        let tokens = llm.context_tokens.saturating_sub(llm.reply_tokens_max) as usize;
        // 1.5 characters for each token, and a quarter for what is said.
        let chars_max = tokens * 3 / 2 * 3 / 4;
        let chars = prompt.chars().count();
        if chars > chars_max {
            let message = format!(
                "the prompt has {chars} characters, and llm.context_tokens = {} has room for \
                 {chars_max}; shorten it or raise that",
                llm.context_tokens
            );
            section.push(line, tag, message);
        }
    }

    /// A line for each language that has one.
    pub(super) fn lines(
        &self,
        root: &Section<'_>,
        key: &'static str,
        languages: &[String],
        variables: &BTreeMap<String, BTreeMap<String, Value>>,
        required: bool,
    ) -> ByLanguage<String> {
        let mut lines = ByLanguage::new();
        let Some(section) = root.section(key) else {
            if required && !root.names().iter().any(|name| name.value == key) {
                let next = format!("write [{key}] with a text for each language");
                root.push(1, key, format!("is not there; {next} (\"\": the caller speaks first)"));
            }
            return lines;
        };
        let none = BTreeMap::new();
        for tag in languages {
            let Some(text) = section.text(tag, LINE_CHARS_MAX) else {
                // What is said in one language is said in all.
                self.missing(&section, tag);
                continue;
            };
            match template::render(&text.value, variables.get(tag).unwrap_or(&none)) {
                Ok(value) => {
                    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
                    lines.insert(tag.clone(), Placed { value, line: text.line });
                }
                // A text of several lines begins on the key's.
                Err(problem) => section.push(text.line + problem.line - 1, tag, problem.message),
            }
        }
        self.refuse_other_languages(&section, languages);
        lines
    }

    fn silence_prompts(
        &self,
        root: &Section<'_>,
        languages: &[String],
        variables: &BTreeMap<String, BTreeMap<String, Value>>,
    ) -> ByLanguage<Vec<String>> {
        let mut prompts = ByLanguage::new();
        let Some(section) = root.section("silence_prompts") else { return prompts };
        let none = BTreeMap::new();
        let mut lengths = Vec::new();
        for tag in languages {
            let Some(texts) = section.texts(tag, SILENCE_PROMPTS_MAX, LINE_CHARS_MAX) else {
                self.missing(&section, tag);
                continue;
            };
            lengths.push((texts.value.len(), texts.line));
            let rendered = texts.value.iter().map(|text| {
                template::render(text, variables.get(tag).unwrap_or(&none))
                    .map_err(|problem| section.push(texts.line, tag, problem.message))
                    .unwrap_or_default()
            });
            prompts.insert(tag.clone(), Placed { value: rendered.collect(), line: texts.line });
        }
        // The turn machine counts them once, for the whole call.
        if let [(first, _), rest @ ..] = lengths.as_slice()
            && let Some((_, line)) = rest.iter().find(|(n, _)| n != first)
        {
            let message = "each language needs as many of them as the others";
            root.push(*line, "silence_prompts", message);
        }
        self.refuse_other_languages(&section, languages);
        prompts
    }

    /// What stands beside the languages in a section by language.
    fn refuse_other_languages(&self, section: &Section<'_>, languages: &[String]) {
        if self.is_built_in() {
            return;
        }
        for Placed { value: name, line } in section.names() {
            if languages.contains(&name) || (name == "default" && section.is("voices")) {
                continue;
            }
            let near = did_you_mean(&name, languages.iter().map(String::as_str));
            let next = near.map_or_else(
                || format!("languages = {languages:?}"),
                |near| format!("did you mean `{}`?", section.path(near)),
            );
            let name = shown(&name);
            section.push(line, name.trim_matches('"'), format!("is none of the languages; {next}"));
        }
    }

    /// Nothing was said for `tag`, unless something wrong was said.
    fn missing(&self, section: &Section<'_>, tag: &str) {
        if !self.is_built_in() && !section.has(tag) {
            section.push(section.line, tag, "is not there; each of the languages needs one");
        }
    }

    /// How words are spoken and what covers a wait: what is not named here stays as the site has it.
    fn phrases(&self, root: &Section<'_>, languages: &[String]) -> Vec<Override> {
        let (agent, tts) = (&self.site.config.agent, &self.site.config.tts);
        let maps = [
            ("lexicon", &tts.lexicon, "tts.lexicon"),
            ("fillers", &agent.fillers, "agent.fillers"),
        ];
        let merged = maps.into_iter().filter_map(|(name, of_the_site, key)| {
            let section = root.section(name)?;
            let mut texts = of_the_site.clone();
            if name == "fillers" {
                self.refuse_other_languages(&section, languages);
            }
            for Placed { value: entry, line } in section.names() {
                let text = section.text(&entry, LINE_CHARS_MAX);
                let empty = |text: &str| text.trim().is_empty();
                if name == "lexicon"
                    && (empty(&entry) || text.as_ref().is_some_and(|text| empty(&text.value)))
                {
                    let next = "is empty; write a word, and how it is said, as in STC = \"S T C\"";
                    section.push(line, &entry, next);
                }
                if text.as_ref().is_some_and(|text| text.value.contains(['{', '}'])) {
                    section.push(line, &entry, "is said as it stands, and is no template");
                }
                texts.extend(text.map(|text| (entry, text.value)));
            }
            let value = Placed { value: texts.into_iter().collect(), line: section.line };
            Some(Override { key: key.into(), section: "", name: name.into(), value })
        });
        merged.collect()
    }

    /// The site's configuration with what the assistant lays over it under the site's own keys.
    fn overridden(&self, root: &Section<'_>, languages: &[String]) -> Config {
        let mut overrides = self.phrases(root, languages);
        let mut take = |section: &Section<'_>, name: &str, of: &'static str, key: String| {
            if let Some(value) = section.value(name) {
                overrides.push(Override { key, section: of, name: name.to_owned(), value });
            }
        };
        take(root, "speech_speed", "", "tts.speed".into());
        take(root, "language_policy", "", "agent.language_policy".into());
        if let Some(limits) = root.section("limits") {
            for (name, key) in LIMITS {
                take(&limits, name, "limits", (*key).to_owned());
            }
            limits.finish(&BTreeMap::new());
        }
        for (of, names) in [("llm", LLM_KEYS), ("stt", STT_KEYS), ("memory", MEMORY_KEYS)] {
            let Some(section) = root.section(of) else { continue };
            names.iter().for_each(|name| take(&section, name, of, format!("{of}.{name}")));
            let models = BTreeMap::from([(
                "model",
                "one model serves all assistants: set it in sawt.toml, and name it under [engines] \
                 where this assistant needs it",
            )]);
            section.finish(&models);
        }
        if let Some(turn) = root.section("turn") {
            for key in config::keys() {
                let Some(name) = key.path.strip_prefix("turn.") else { continue };
                if !TURN_OF_THE_SITE.contains(&name) {
                    take(&turn, name, "turn", key.path.clone());
                }
            }
            let of_the_site = TURN_OF_THE_SITE
                .iter()
                .map(|name| (*name, "belongs to the machine, not to a call: set it in sawt.toml"));
            turn.finish(&of_the_site.collect());
        }
        // Ranges are looked at only when all types are right: without those that are not, the
        // ranges of the others are told in the same go.
        self.lay_over(root, &overrides).unwrap_or_else(|wrong| {
            overrides.retain(|o| !wrong.contains(&o.key));
            self.lay_over(root, &overrides).unwrap_or_else(|_| self.site.config.clone())
        })
    }

    /// On failure, the keys that are wrong; what is wrong with them is in the findings.
    fn lay_over(&self, root: &Section<'_>, overrides: &[Override]) -> Result<Config, Vec<String>> {
        let values = overrides.iter().map(|o| (o.key.clone(), o.value.value.clone()));
        let error = match config::overlay(self.site.config, values) {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        let mut keys = Vec::new();
        for problem in error.problems() {
            let wrong = problem.key();
            keys.extend(wrong.iter().map(|(key, _)| (*key).to_owned()));
            let of = wrong.as_ref().and_then(|(key, _)| {
                // A range may depend on two keys: then the section is to blame.
                let same = overrides.iter().find(|o| o.key == *key);
                let section = key.split('.').next();
                same.or_else(|| overrides.iter().find(|o| o.key.split('.').next() == section))
            });
            match (wrong, of) {
                (Some((key, message)), Some(o)) if key == o.key => {
                    let dot = if o.section.is_empty() { "" } else { "." };
                    let name = format!("{}{dot}{}", o.section, o.name);
                    root.push(o.value.line, &name, message);
                }
                (Some((key, message)), Some(o)) => root.push(o.value.line, key, message),
                (_, _) => self.reader.push(1, problem.to_string()),
            }
        }
        Err(keys)
    }

    fn voices(&self, root: &Section<'_>, languages: &[String], config: &mut Config) {
        let Some(section) = root.section("voices") else { return };
        if !section.names().is_empty() {
            // A voice for all languages would win over the assistant's: it stays for those that
            // are not named.
            let for_all = std::mem::take(&mut config.tts.voice);
            if !for_all.is_empty() {
                config.tts.voice_map.clear();
                config.tts.voice_default = for_all;
            }
        }
        let default = "default".to_owned();
        for tag in languages.iter().chain([&default]) {
            let Some(voice) = section.text(tag, 200) else { continue };
            if let Some(problem) = self.site.voices.problem(&voice.value) {
                section.push(voice.line, tag, problem);
            }
            match tag.as_str() {
                "default" => {
                    // Comes last: of the map only what this section named is left.
                    let named = section.names();
                    config.tts.voice_map.retain(|tag, _| named.iter().any(|n| n.value == *tag));
                    config.tts.voice_default = voice.value;
                }
                tag => drop(config.tts.voice_map.insert(tag.to_owned(), voice.value)),
            }
        }
        self.refuse_other_languages(&section, languages);
    }

    /// Models that the assistant was written for. They serve all assistants, so that they are the
    /// site's to choose; a wrong one is told before a caller finds out.
    fn engines(&self, root: &Section<'_>) {
        let Some(section) = root.section("engines") else { return };
        let config = self.site.config;
        let here = [("llm", &config.llm.model), ("stt", &config.stt.model)];
        for (name, model) in here {
            let Some(wanted) = section.texts(name, 20, 200) else { continue };
            if !wanted.value.contains(model) {
                let listed = wanted.value.join(" or ");
                let message = format!(
                    "this assistant was written for {listed}, and the site runs {model}; set \
                     {name}.model in sawt.toml, or add {model:?} here"
                );
                section.push(wanted.line, name, message);
            }
        }
        section.finish(&BTreeMap::from([("tts", "voices are named under [voices]")]));
    }
}

/// Whether calls may ask for an assistant of this name.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 64
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b == b'-' || b == b'_')
}

struct Lines {
    goodbye: String,
    apology: String,
    silence_prompts: Vec<String>,
}

/// What is said in `language` where an assistant does not say: the site's words are in the site's
/// own language.
fn default_lines(language: &str, site: &AgentConfig) -> Lines {
    let own = site.languages.first().is_some_and(|own| own == language);
    match language {
        "ar" if !own => Lines {
            goodbye: "مع السلامة.".into(),
            apology: "عذرًا، حدث خطأ من جهتي. هل يمكنك إعادة ما قلته؟".into(),
            silence_prompts: site
                .silence_prompts
                .iter()
                .enumerate()
                .map(|(n, _)| {
                    if n == 0 {
                        "هل ما زلت معي؟"
                    } else {
                        "لا أسمعك. هل ما زلت معي؟"
                    }
                    .into()
                })
                .collect(),
        },
        _ => Lines {
            goodbye: site.goodbye.clone(),
            apology: site.apology.clone(),
            silence_prompts: site.silence_prompts.clone(),
        },
    }
}

/// The built-in starter says what nobody else said: an operator's own words stay.
fn yield_to(site: &AgentConfig, agent: &mut AgentConfig) {
    let default = AgentConfig::default();
    let yields = |own: &String, default: &String, here: &mut String| {
        if own != default {
            here.clone_from(own);
        }
    };
    yields(&site.system_prompt, &default.system_prompt, &mut agent.system_prompt);
    yields(&site.welcome, &default.welcome, &mut agent.welcome);
    yields(&site.goodbye, &default.goodbye, &mut agent.goodbye);
    yields(&site.apology, &default.apology, &mut agent.apology);
    if site.silence_prompts != default.silence_prompts {
        agent.silence_prompts.clone_from(&site.silence_prompts);
    }
}

/// The assistant that a path names, as its folder and the file in it.
pub(super) fn split(path: &Path) -> Option<(PathBuf, String)> {
    let name = path.file_name()?.to_str()?.to_owned();
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Some((parent.unwrap_or(Path::new(".")).to_owned(), name))
}
