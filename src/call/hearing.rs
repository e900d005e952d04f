//! From a piece of the call's audio to words that the dialog may believe: the speech model, heard
//! again where the language is in doubt, and the transcript guard.
//!
//! Runs as a task of its own beside the call, which does not wait for it. What it learned comes back
//! with the words; it changes nothing itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::language::{Hearing, LanguageLock};
use super::listening::Sound;
use crate::engines::EngineError;
use crate::engines::stt::{SpeechToText, Transcript, Utterance};
use crate::speech::guard::{Evidence, Guard, Refusal, Verdict};
use crate::turn::CallTime;

/// A second look that takes longer keeps the caller waiting for less than it may mend.
const SECOND_LOOK_MAX: Duration = Duration::from_millis(1_500);

/// A hum, "mm-hm", is shorter than this; ears make a word of it, "them" or "firm", of which they are less sure than of short
/// words that are meant ("No." 0.51, "Why?" 0.65; hums 0.02 to 0.44).
const MURMUR_MS: u32 = 700;
const MURMUR_CONFIDENCE: f32 = 0.42;
const MURMUR_WORDS: usize = 2;

/// What was heard in a piece of audio.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    /// Words that may be answered; empty when there are none.
    pub(crate) text: String,
    /// They are few and short, and the model is unsure of them.
    pub(crate) murmur: bool,
    /// What the model heard first: which language it took the speech for.
    pub(crate) first: Transcript,
    /// What was taken away from the model's words, and why.
    pub(crate) refused: Option<(String, Refusal, Evidence)>,
}

/// Hears one piece of audio.
pub(crate) struct Ears {
    pub(crate) stt: Arc<dyn SpeechToText>,
    pub(crate) lock: LanguageLock,
    /// `None`: every transcript is believed.
    pub(crate) guard: Option<Arc<Guard>>,
    /// Where the speech began.
    pub(crate) from: CallTime,
    pub(crate) sound: Sound,
    /// What the caller's voice is usually like.
    pub(crate) usual_dbfs: Option<f32>,
}

impl Ears {
    /// The words in `request`.
    ///
    /// # Errors
    /// As the engine's.
    pub(crate) async fn hear(self, request: Utterance) -> Result<Heard, EngineError> {
        let mut first = self.stt.transcribe(request.clone()).await?;
        let mut best = first.clone();
        // A quick decision is worth one look.
        if !request.partial
            && let Hearing::Again(language) = self.lock.judge(self.from, &first)
        {
            let locked = Utterance { languages: vec![language], ..request.clone() };
            // A second look that fails or lingers costs no words.
            if let Ok(Ok(again)) = timeout(SECOND_LOOK_MAX, self.stt.transcribe(locked)).await
                && !LanguageLock::takes_first(&first, &again)
            {
                best = again;
            }
        }
        let mut verdict = self.judge(&best);
        // Arabic in Latin letters, or the reverse: said again in the caller's own language it may be
        // right.
        if verdict == Verdict::Drop(Refusal::Script) && request.languages.len() > 1 {
            let language = self.lock.current().unwrap_or(&request.languages[0]).to_owned();
            if language != best.language {
                let locked = Utterance { languages: vec![language], ..request };
                if let Ok(Ok(again)) = timeout(SECOND_LOOK_MAX, self.stt.transcribe(locked)).await
                    && self.judge(&again) == Verdict::Keep
                {
                    (best, verdict) = (again, Verdict::Keep);
                    // What was not believed says nothing about the caller's language.
                    first = Transcript::default();
                }
            }
        }
        let murmur = self.is_murmur(&best);
        let (text, refused) = match verdict {
            Verdict::Keep => (best.text, None),
            Verdict::Trim(text, why) => {
                let rest = best.text.get(text.len()..).unwrap_or_default().trim().to_owned();
                let evidence = self.evidence(&best);
                (text, Some((rest, why, evidence)))
            }
            Verdict::Drop(why) => {
                let evidence = self.evidence(&best);
                (String::new(), Some((best.text, why, evidence)))
            }
        };
        Ok(Heard { text, murmur, first, refused })
    }

    fn is_murmur(&self, heard: &Transcript) -> bool {
        heard.confidence < MURMUR_CONFIDENCE
            && self.sound.speech_ms < MURMUR_MS
            && heard.text.split_whitespace().count() <= MURMUR_WORDS
    }

    fn judge(&self, heard: &Transcript) -> Verdict {
        let Some(guard) = &self.guard else { return Verdict::Keep };
        let evidence = self.evidence(heard);
        let verdict = guard.judge(&heard.text, &evidence);
        tracing::debug!(?evidence, believed = verdict == Verdict::Keep, "Judged.");
        verdict
    }

    fn evidence(&self, heard: &Transcript) -> Evidence {
        Evidence {
            speech_ms: Some(self.sound.speech_ms),
            below_usual_db: self.usual_dbfs.map(|usual| usual - self.sound.dbfs),
            confidence: heard.confidence,
            no_speech_probability: heard.no_speech_probability,
            language_probability: heard.language_probability,
        }
    }
}

/// How loud the caller usually is: a slow average over what was believed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UsualLevel(Option<f32>);

impl UsualLevel {
    /// One believed utterance in eight is forgotten.
    const WEIGHT: f32 = 0.125;

    pub(crate) fn dbfs(self) -> Option<f32> {
        self.0
    }

    pub(crate) fn learn(&mut self, sound: Sound) {
        if sound.dbfs.is_finite() {
            let before = self.0.unwrap_or(sound.dbfs);
            self.0 = Some(before + (sound.dbfs - before) * Self::WEIGHT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::language::LanguagePolicy;
    use std::collections::HashMap;

    /// Hears what it is told to, by the languages that it is offered.
    struct ByLanguage(HashMap<String, Transcript>);

    #[async_trait::async_trait]
    impl SpeechToText for ByLanguage {
        async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
            Ok(self.0[&request.languages.join("+")].clone())
        }
    }

    fn said(text: &str, language: &str, language_probability: f32, confidence: f32) -> Transcript {
        let (text, language) = (text.to_owned(), language.to_owned());
        Transcript { text, language, language_probability, confidence, ..Transcript::default() }
    }

    async fn hear(current: &str, answers: &[(&str, Transcript)], speech_ms: u32) -> Heard {
        let languages: Vec<String> = vec!["ar".into(), "en".into()];
        let mut lock = LanguageLock::new(languages.clone(), LanguagePolicy::Follow);
        lock.learn(CallTime::ZERO, &said("before", current, 0.95, 0.9));
        let answers = answers.iter().map(|(key, heard)| ((*key).to_owned(), heard.clone()));
        let ears = Ears {
            stt: Arc::new(ByLanguage(answers.collect())),
            guard: Some(Arc::new(Guard::new(&languages, []))),
            lock,
            from: CallTime::from_millis(5_000),
            sound: Sound { speech_ms, dbfs: -20.0 },
            usual_dbfs: Some(-20.0),
        };
        let request =
            Utterance { pcm: vec![0; 16_000], languages, prompt: String::new(), partial: false };
        ears.hear(request).await.unwrap()
    }

    fn refused(heard: &Heard) -> Option<(&str, Refusal)> {
        heard.refused.as_ref().map(|(words, why, _)| (words.as_str(), *why))
    }

    #[tokio::test]
    async fn a_short_word_that_sounds_english_stays_arabic_in_an_arabic_call() {
        let answers =
            [("ar+en", said("Okay.", "en", 0.5, 0.7)), ("ar", said("أوكي", "ar", 1.0, 0.7))];
        let heard = hear("ar", &answers, 400).await;
        assert_eq!((heard.text.as_str(), heard.first.language.as_str()), ("أوكي", "en"));
    }

    #[tokio::test]
    async fn a_hum_is_told_from_a_short_word() {
        let murmur = async |text, confidence, speech_ms| {
            hear("en", &[("ar+en", said(text, "en", 0.95, confidence))], speech_ms).await.murmur
        };
        assert!(murmur("them.", 0.40, 420).await);
        assert!(!murmur("No.", 0.51, 300).await);
        assert!(!murmur("them.", 0.40, 900).await);
        assert!(!murmur("I want them", 0.40, 420).await);
    }

    #[tokio::test]
    async fn a_plain_switch_is_taken_at_once() {
        let answers = [("ar+en", said("Can you help me in English?", "en", 0.97, 0.8))];
        assert_eq!(hear("ar", &answers, 1_500).await.text, "Can you help me in English?");
    }

    #[tokio::test]
    async fn words_in_a_foreign_alphabet_are_heard_again_in_the_callers_language() {
        let answers = [
            ("ar+en", said("Добрый день", "en", 0.9, 0.6)),
            ("ar", said("صباح الخير", "ar", 1.0, 0.8)),
        ];
        let heard = hear("ar", &answers, 1_500).await;
        assert_eq!((heard.text.as_str(), refused(&heard)), ("صباح الخير", None));
        assert_eq!(heard.first.text, "", "what was not believed teaches no language");
    }

    #[tokio::test]
    async fn what_the_guard_refuses_comes_back_beside_the_words() {
        let credit = said("أريد رصيدي ترجمة نانسي قنقر", "ar", 0.99, 0.8);
        let heard = hear("ar", &[("ar+en", credit)], 2_500).await;
        assert_eq!(heard.text, "أريد رصيدي");
        assert_eq!(refused(&heard), Some(("ترجمة نانسي قنقر", Refusal::Credit)));
        let ending = said("اشتركوا في القناة", "ar", 0.99, 0.8);
        let heard = hear("ar", &[("ar+en", ending)], 200).await;
        assert_eq!(heard.text, "");
        assert_eq!(refused(&heard), Some(("اشتركوا في القناة", Refusal::Phrase)));
    }
}
