//! Which voices there are, and what to say about one that is not. Knows no engine.

use std::collections::BTreeSet;

use super::finding::{did_you_mean, shown};
use crate::config::{Config, TtsConfig};
use crate::models::{ModelKind, Store};

/// Prefix of the voices that espeak-ng itself speaks.
const ESPEAK: &str = "espeak-";

/// Voices that an assistant may name.
#[derive(Debug, Clone)]
pub struct Voices {
    names: BTreeSet<String>,
    /// Engines run: what they have not loaded can not be had before a restart.
    loaded: bool,
}

impl Voices {
    /// Those that are installed; espeak-ng's come with the engine.
    pub fn installed(store: &Store) -> Self {
        let voices = store.installed().into_iter().filter(|model| model.kind == ModelKind::Tts);
        Self { names: voices.map(|model| model.name).collect(), loaded: false }
    }

    /// Those that an engine has loaded which was started for `config`.
    pub fn loaded(config: &Config) -> Self {
        Self { names: voices_of(&config.tts).map(str::to_owned).collect(), loaded: true }
    }

    /// These and no others.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { names: names.into_iter().map(str::to_owned).collect(), loaded: false }
    }

    /// What is wrong with `voice`; `None`: it can be had.
    pub(super) fn problem(&self, voice: &str) -> Option<String> {
        let espeak = voice.strip_prefix(ESPEAK);
        if self.names.contains(voice) || (!self.loaded && espeak.is_some_and(is_tag)) {
            return None;
        }
        let what = match (espeak, self.loaded) {
            (Some(_), false) => {
                "is no voice of espeak-ng; write it with a language's tag, as in \"espeak-ar\""
            }
            (_, true) => "was not loaded when the engines started; restart sawt to use it",
            (None, false) => "is not installed; `sawt models list` has what is",
        };
        let near = did_you_mean(voice, self.names.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        Some(format!("the voice {} {what}{near}", shown(voice)))
    }
}

/// All voices that `tts` names.
pub(super) fn voices_of(tts: &TtsConfig) -> impl Iterator<Item = &str> {
    let single = [tts.voice.as_str(), tts.voice_default.as_str()].into_iter();
    single.chain(tts.voice_map.values().map(String::as_str)).filter(|voice| !voice.is_empty())
}

/// A language as espeak-ng names it: "ar", "en-us".
fn is_tag(tag: &str) -> bool {
    let (language, rest) = tag.split_once('-').unwrap_or((tag, "x"));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (2..=3).contains(&language.len()) && plain(language) && !rest.is_empty() && plain(rest)
}
