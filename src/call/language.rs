//! Which language the caller speaks. Pure.
//!
//! Each utterance is offered to the speech model in all of the assistant's languages, and no other:
//! left free, it hears a dozen in noise. What it finds is believed with some inertia, because on a
//! short word it errs: a new language must be plain, or come twice in a row.

use crate::engines::stt::Transcript;
use crate::turn::CallTime;

/// What becomes of a caller who changes the language (`agent.language_policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LanguagePolicy {
    /// They are heard in the new one.
    Follow,
    /// They are heard in the first for the whole call.
    Stay,
}

impl From<&str> for LanguagePolicy {
    /// The configuration has been checked.
    fn from(word: &str) -> Self {
        if word == "stay" { Self::Stay } else { Self::Follow }
    }
}

/// The caller's language, as far as it is known.
#[derive(Debug, Clone)]
pub(crate) struct LanguageLock {
    languages: Vec<String>,
    policy: LanguagePolicy,
    current: Option<String>,
    /// Another language, and where the speech began that was in it.
    candidate: Option<(String, CallTime)>,
}

/// What is to be done with a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// It is in the caller's language, or the caller has changed it.
    Take,
    /// It is in another language, and the model is not sure: hear the speech again in this one.
    Again(String),
}

/// A language that the model is so sure of is switched to at once; Whisper's share of an utterance
/// in a language that it knows is above 0.9, of a short or noisy one anything.
const PLAIN: f32 = 0.8;

/// Below this a transcript says nothing about its language, unless that is plain.
const CONFIDENCE_MIN: f32 = 0.5;

/// So much more sure than in the caller's language must another be, to be taken all the same.
const CONFIDENCE_MARGIN: f32 = 0.15;

impl LanguageLock {
    pub(crate) fn new(languages: Vec<String>, policy: LanguagePolicy) -> Self {
        Self { languages, policy, current: None, candidate: None }
    }

    /// Languages for the next transcription.
    pub(crate) fn expected(&self) -> Vec<String> {
        match (&self.current, self.policy) {
            (Some(current), LanguagePolicy::Stay) => vec![current.clone()],
            _ => self.languages.clone(),
        }
    }

    /// The language that the caller speaks, once it is known.
    pub(crate) fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// What is to be done with `heard` of the speech that began at `from`.
    pub(crate) fn judge(&self, from: CallTime, heard: &Transcript) -> Hearing {
        let Some(current) = &self.current else { return Hearing::Take };
        let settles = heard.text.is_empty()
            || heard.language == *current
            || heard.language_probability >= PLAIN
            || self.is_candidate_of_before(from, &heard.language);
        if settles { Hearing::Take } else { Hearing::Again(current.clone()) }
    }

    /// Whether `first`, in another language, is to be taken over `again`, the same speech in the
    /// caller's.
    pub(crate) fn takes_first(first: &Transcript, again: &Transcript) -> bool {
        again.text.is_empty() || first.confidence > again.confidence + CONFIDENCE_MARGIN
    }

    /// Learns from what the model first heard of the speech that began at `from`; says whether the
    /// caller's language is another now. The same speech may come several times, each time longer.
    pub(crate) fn learn(&mut self, from: CallTime, heard: &Transcript) -> bool {
        let plain = heard.language_probability >= PLAIN;
        let known = self.languages.contains(&heard.language);
        if heard.text.is_empty() || !known || !(plain || heard.confidence >= CONFIDENCE_MIN) {
            return false;
        }
        if self.current.as_deref() == Some(heard.language.as_str()) {
            self.candidate = None;
            return false;
        }
        if plain || self.is_candidate_of_before(from, &heard.language) {
            self.candidate = None;
            self.current = Some(heard.language.clone());
            return true;
        }
        let same = self.candidate.as_ref().is_some_and(|(language, _)| *language == heard.language);
        if !same {
            self.candidate = Some((heard.language.clone(), from));
        }
        false
    }

    /// Whether an utterance before this one was in `language` already.
    fn is_candidate_of_before(&self, from: CallTime, language: &str) -> bool {
        self.candidate.as_ref().is_some_and(|(candidate, at)| candidate == language && *at != from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> CallTime {
        CallTime::from_millis(s * 1_000)
    }

    fn heard(language: &str, language_probability: f32) -> Transcript {
        Transcript {
            text: "words".into(),
            language: language.into(),
            language_probability,
            confidence: 0.8,
            ..Transcript::default()
        }
    }

    fn lock(policy: LanguagePolicy) -> LanguageLock {
        LanguageLock::new(vec!["en".into(), "ar".into()], policy)
    }

    #[test]
    fn a_caller_who_switches_and_switches_back_is_followed() {
        let mut lock = lock(LanguagePolicy::Follow);
        for (n, language) in ["ar", "en", "ar"].into_iter().enumerate() {
            let said = heard(language, 0.95);
            assert_eq!(lock.judge(at(n as u64), &said), Hearing::Take);
            assert!(lock.learn(at(n as u64), &said));
            assert_eq!(lock.current(), Some(language));
        }
        assert_eq!(lock.expected(), ["en", "ar"]);
    }

    #[test]
    fn a_doubtful_switch_is_heard_again_in_the_callers_language_and_believed_the_second_time() {
        let mut lock = lock(LanguagePolicy::Follow);
        lock.learn(at(1), &heard("ar", 0.9));
        let doubtful = heard("en", 0.5);
        assert_eq!(lock.judge(at(2), &doubtful), Hearing::Again("ar".into()));
        assert!(!lock.learn(at(2), &doubtful));
        // The same speech, longer, is no second time.
        assert_eq!(lock.judge(at(2), &doubtful), Hearing::Again("ar".into()));
        assert!(!lock.learn(at(2), &doubtful));
        assert_eq!(lock.judge(at(3), &doubtful), Hearing::Take);
        assert!(lock.learn(at(3), &doubtful));
        assert_eq!(lock.current(), Some("en"));
    }

    #[test]
    fn doubts_that_are_not_in_a_row_change_nothing() {
        let mut lock = lock(LanguagePolicy::Follow);
        lock.learn(at(1), &heard("ar", 0.9));
        for n in 1..5 {
            assert!(!lock.learn(at(3 * n), &heard("en", 0.5)));
            assert!(!lock.learn(at(3 * n + 1), &heard("ar", 0.6)));
        }
        assert_eq!(lock.current(), Some("ar"));
    }

    #[test]
    fn of_two_hearings_the_callers_language_wins_unless_it_makes_no_sense() {
        let sure = |confidence| Transcript { confidence, ..heard("en", 0.5) };
        assert!(!LanguageLock::takes_first(&sure(0.8), &sure(0.7)));
        assert!(LanguageLock::takes_first(&sure(0.8), &sure(0.4)));
        assert!(LanguageLock::takes_first(&sure(0.3), &Transcript::default()));
    }

    #[test]
    fn an_assistant_that_stays_hears_the_first_plain_language_for_the_whole_call() {
        let mut lock = lock(LanguagePolicy::Stay);
        assert_eq!(lock.expected(), ["en", "ar"]);
        lock.learn(at(1), &heard("ar", 0.9));
        assert_eq!(lock.expected(), ["ar"]);
    }

    #[test]
    fn noise_and_languages_that_nobody_asked_for_teach_nothing() {
        let mut lock = lock(LanguagePolicy::Follow);
        assert!(!lock.learn(at(1), &Transcript { text: String::new(), ..heard("ar", 0.99) }));
        assert!(!lock.learn(at(2), &Transcript { confidence: 0.2, ..heard("ar", 0.5) }));
        assert!(!lock.learn(at(3), &heard("ru", 0.99)));
        assert_eq!(lock.current(), None);
    }
}
