//! Who speaks each language that callers may speak, and how well: a line for each. Looks at files; asks no engine.

use std::path::{Path, PathBuf};

use super::Finding;
use super::programs::espeak_data;
use crate::config::Config;
use crate::models::Store;
use crate::supervisor::DIACRITIZER;

const ESPEAK: &str = "espeak-";
/// Files of espeak's languages: some hundred, of some hundred bytes.
const LANGUAGES_MAX: usize = 2_000;
const LANGUAGE_BYTES_MAX: u64 = 64 * 1024;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let store = Store::from_config(&config.models);
    let known = espeak_data().map(|data| espeak_languages(&data)).unwrap_or_default();
    let languages = &config.agent.languages;
    let mut findings: Vec<_> = languages
        .iter()
        .map(|tag| {
            voice(tag, config.voice_for(tag), config.tts.voice_map.contains_key(tag), &known)
        })
        .collect();
    if languages.iter().any(|tag| tag == "ar") {
        findings.push(diacritizer(&config.tts.diacritizer, &store));
    }
    findings
}

/// `is_named`: the map or `tts.voice` names it, and it is not a default for any language.
fn voice(tag: &str, voice: &str, is_named: bool, known: &[String]) -> Finding {
    let check = format!("voice for {tag}");
    let language = match tag {
        "ar" => "Arabic",
        "en" => "English",
        tag => tag,
    };
    let Some(name) = voice.strip_prefix(ESPEAK) else {
        // Piper's own names begin with their language: "en_US-joe-medium".
        let own = voice.split(['_', '-']).next().unwrap_or_default();
        let speaks_another = !is_named && own != tag && own.len() == 2;
        return if speaks_another {
            Finding::warn(
                check,
                format!("{language} is read by {voice}, which speaks {own}"),
                format!("name a voice of {language} in tts.voice_map.{tag}, such as espeak-{tag}"),
            )
        } else {
            Finding::ok(check, voice)
        };
    };
    if !known.is_empty() && !knows(known, name) {
        let near = nearest(name, known);
        let near = near.map_or(String::new(), |near| format!("; espeak-{near} is near to it"));
        return Finding::fail(
            check,
            format!("espeak-ng has no voice {name:?}{near}"),
            format!("write tts.voice_map.{tag} with one that `espeak-ng --voices` lists"),
        );
    }
    Finding::warn(
        check,
        format!("{language} is spoken by espeak-ng ({voice}): clear, and like a machine"),
        match tag {
            "ar" => "`sawt models import PATH` of a Piper voice (ar_JO-kareem), then name it in tts.voice_map.ar".into(),
            tag => format!("`sawt models import PATH` of a Piper voice, then name it in tts.voice_map.{tag}"),
        },
    )
}

/// Calls work without it, so that its absence is a note.
fn diacritizer(setting: &str, store: &Store) -> Finding {
    let check = "vowels for ar";
    if setting == "off" {
        return Finding::ok(check, "off, as tts.diacritizer says: voices guess the vowels");
    }
    match store.resolve(DIACRITIZER) {
        Ok(model) => Finding::ok(check, format!("{} adds them before a voice speaks", model.name)),
        Err(_) => Finding::warn(
            check,
            "voices guess the vowels of Arabic, and leave many out",
            format!("run `sawt models pull {DIACRITIZER}`"),
        ),
    }
}

/// Names and tags of espeak's languages in `data`, in lower case; empty where it is not laid out as we know it.
fn espeak_languages(data: &Path) -> Vec<String> {
    let list = |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut known = Vec::new();
    for file in list(data.join("lang")).flat_map(|family| list(family.path())).take(LANGUAGES_MAX) {
        known.push(file.file_name().to_string_lossy().to_lowercase());
        if file.metadata().is_ok_and(|meta| meta.len() <= LANGUAGE_BYTES_MAX) {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            let tags = text.lines().filter_map(|line| line.strip_prefix("language "));
            known
                .extend(tags.filter_map(|tag| Some(tag.split_whitespace().next()?.to_lowercase())));
        }
    }
    known
}

/// "ar", "en-us+f3": a variant only colours the voice before it.
fn knows(known: &[String], name: &str) -> bool {
    let base = name.split('+').next().unwrap_or(name).to_lowercase();
    known.contains(&base)
}

fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let begins = |tag: &&String| name.starts_with(tag.as_str()) || tag.starts_with(&name);
    known.iter().filter(begins).max_by_key(|tag| tag.len()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    fn known() -> Vec<String> {
        ["ar", "en", "en-us", "fr"].map(str::to_owned).into()
    }

    #[test]
    fn each_language_has_a_line_that_says_who_speaks_it() {
        let findings = check(&Config::default());
        for tag in &Config::default().agent.languages {
            assert!(findings.iter().any(|f| f.check == format!("voice for {tag}")), "{findings:?}");
        }
    }

    #[test]
    fn arabic_by_espeak_is_told_and_arabic_by_piper_is_well() {
        let plain = voice("ar", "espeak-ar", true, &known());
        assert_eq!(plain.status, Status::Warn);
        assert!(plain.next.contains("kareem"), "{plain:?}");
        assert_eq!(voice("ar", "ar_JO-kareem-medium", true, &known()).status, Status::Ok);
        assert_eq!(voice("en", "en_US-joe-medium", true, &known()).status, Status::Ok);
    }

    #[test]
    fn a_language_that_falls_to_a_voice_of_another_is_told() {
        let finding = voice("fr", "en_US-joe-medium", false, &known());
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.next.contains("tts.voice_map.fr"), "{finding:?}");
    }

    #[test]
    fn a_mistyped_espeak_voice_is_found_before_a_call() {
        let finding = voice("ar", "espeak-arb", true, &known());
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.found.contains("espeak-ar is near"), "{finding:?}");
        assert_eq!(voice("en", "espeak-en-US+f3", true, &known()).status, Status::Warn);
        // Where espeak's data is not found nothing is known, and its own finding says so.
        assert_eq!(voice("ar", "espeak-arb", true, &[]).status, Status::Warn);
    }

    #[test]
    fn espeaks_languages_are_read_from_its_data() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let family = dir.path().join("lang/gmw");
        std::fs::create_dir_all(&family).expect("a folder");
        std::fs::write(family.join("en-US"), "name English\nlanguage en-us 2\nlanguage en 3\n")
            .expect("a file");
        assert_eq!(espeak_languages(dir.path()), ["en-us", "en-us", "en"]);
        assert!(espeak_languages(&dir.path().join("none")).is_empty());
    }

    #[test]
    fn a_missing_diacritizer_is_a_note_with_its_remedy() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(Some(dir.path().to_owned()));
        let finding = diacritizer("auto", &store);
        assert_eq!(finding.status, Status::Warn);
        assert!(finding.next.contains("models pull rawi-ensemble"), "{finding:?}");
        assert_eq!(diacritizer("off", &store).status, Status::Ok);
    }
}
