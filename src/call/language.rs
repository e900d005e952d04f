//! Which languages to listen for. Pure.

use crate::turn::CallTime;

/// Starts with all of the agent's languages and settles on the caller's: telling languages apart
/// costs a second pass of the speech model.
#[derive(Debug)]
pub(crate) struct LanguageLock {
    languages: Vec<String>,
    settled: Option<String>,
    /// Its count, and where the newest speech in it began.
    candidate: Option<(String, u32, CallTime)>,
}

/// Utterances in the same language, in a row, after which it is settled.
const UTTERANCES_TO_SETTLE: u32 = 2;

/// Below this confidence the settled language may be the wrong one.
const CONFIDENCE_MIN: f32 = 0.5;

impl LanguageLock {
    pub(crate) fn new(languages: Vec<String>) -> Self {
        Self { languages, settled: None, candidate: None }
    }

    /// Languages for the next transcription.
    pub(crate) fn expected(&self) -> Vec<String> {
        match &self.settled {
            Some(language) => vec![language.clone()],
            None => self.languages.clone(),
        }
    }

    /// Learns from a transcript of the speech that began at `from`. The same speech may come
    /// several times, each time longer: it counts once.
    pub(crate) fn heard(&mut self, from: CallTime, language: &str, confidence: f32, words: usize) {
        if confidence < CONFIDENCE_MIN {
            self.settled = None;
            self.candidate = None;
            return;
        }
        if words == 0 || self.settled.is_some() {
            return;
        }
        let times = match self.candidate.take() {
            Some((candidate, times, at)) if candidate == language => times + u32::from(at != from),
            _ => 1,
        };
        if times >= UTTERANCES_TO_SETTLE {
            self.settled = Some(language.to_owned());
        } else {
            self.candidate = Some((language.to_owned(), times, from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> CallTime {
        CallTime::from_millis(s * 1_000)
    }

    fn lock() -> LanguageLock {
        LanguageLock::new(vec!["en".into(), "ar".into()])
    }

    #[test]
    fn the_callers_language_is_settled_after_two_utterances() {
        let mut lock = lock();
        lock.heard(at(1), "ar", 0.8, 3);
        lock.heard(at(1), "ar", 0.8, 5);
        assert_eq!(lock.expected(), ["en", "ar"], "the same speech counts once");
        lock.heard(at(2), "ar", 0.8, 3);
        assert_eq!(lock.expected(), ["ar"]);
    }

    #[test]
    fn doubt_opens_it_again() {
        let mut lock = lock();
        lock.heard(at(1), "en", 0.9, 2);
        lock.heard(at(2), "en", 0.9, 2);
        lock.heard(at(3), "en", 0.2, 2);
        assert_eq!(lock.expected(), ["en", "ar"]);
    }

    #[test]
    fn changing_languages_does_not_settle() {
        let mut lock = lock();
        for n in 0..5 {
            lock.heard(at(2 * n), "en", 0.9, 2);
            lock.heard(at(2 * n + 1), "ar", 0.9, 2);
        }
        assert_eq!(lock.expected(), ["en", "ar"]);
    }
}
