//! Whether a transcript is what the caller said, or what the speech model made of no speech: line
//! after line of video endings, loops, words in another alphabet. Pure.
//!
//! Words alone convict nobody but subtitlers: whatever callers say too must have been a whole
//! utterance, and its sound must give a reason to doubt it. Knows nothing of calls; the span of
//! audio and the log are the caller's of this module.

mod phrases;
mod repetition;
#[cfg(test)]
mod tests;

use phrases::{Made, Phrases, fold};
use repetition::{longest_run, loop_at_end};

/// What is known of the sound behind a transcript.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Evidence {
    /// Milliseconds that the voice detector took for speech; `None`: it was not asked.
    pub speech_ms: Option<u32>,
    /// How far, in decibels, this speech is below what the caller usually speaks at.
    pub below_usual_db: Option<f32>,
    /// Geometric mean of token probabilities, 0..1.
    pub confidence: f32,
    /// The model's own probability that nobody spoke, 0..1; weak by itself.
    pub no_speech_probability: f32,
    /// How probable the transcript's language is among all that the model knows, 0..1; 1 where only
    /// one was offered. Speech is plainly of some language; a noise is of any.
    pub language_probability: f32,
}

/// What becomes of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The caller said it.
    Keep,
    /// The caller said this much of it.
    Trim(String, Refusal),
    /// The caller said none of it.
    Drop(Refusal),
}

/// Why a transcript, or a part of it, is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A subtitler's credits.
    Credit,
    /// What presenters say, and a sound to doubt it by.
    Phrase,
    /// The same over and over.
    Loop,
    /// Letters of none of the languages.
    Script,
    /// More words than anybody speaks in that time.
    TooManyWords,
    /// The model itself believes that nobody spoke, or nothing of what it wrote.
    NoSpeech,
}

impl Refusal {
    /// Its name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Phrase => "phrase",
            Self::Loop => "loop",
            Self::Script => "script",
            Self::TooManyWords => "too_many_words",
            Self::NoSpeech => "no_speech",
        }
    }
}

/// Voiced for less than this, a video's ending was not said: the shortest takes half a second.
const SPEECH_MS_DOUBTED: u32 = 400;
/// Whisper's own threshold for "nobody spoke".
const NO_SPEECH_DOUBTED: f32 = 0.6;
/// e to the power of −1: Whisper's own threshold for a failed decoding, as a probability.
const CONFIDENCE_DOUBTED: f32 = 0.37;
/// The share that its language has of an utterance that was spoken is above 0.9 as a rule.
const LANGUAGE_DOUBTED: f32 = 0.5;
/// Below this the model believes nothing of what it wrote. Garbage measured 0.17 to 0.35.
const CONFIDENCE_MIN: f32 = 0.15;
/// A television in the next room is this much quieter than the caller.
const BELOW_USUAL_DOUBTED_DB: f32 = 15.0;

/// Rounds of a loop that are cut to one whatever the sound: nobody says a thing so often in a turn.
const ROUNDS_MAX: usize = 8;
/// Rounds that are cut where the sound gives a reason.
const ROUNDS_DOUBTED: usize = 4;
/// Letters in a row that no language has: laughter is written shorter.
const RUN_MAX: usize = 24;

/// Words that the fastest speakers say in a second of voice: 6 to 7 in English, fewer in Arabic,
/// whose words are longer.
const WORDS_PER_S_MAX: u64 = 8;
/// Written in no time at all: the ends of words are not voiced.
const WORDS_FREE: u64 = 5;
/// Letters in a second of voice.
const CHARS_PER_S_MAX: u64 = 40;
const CHARS_FREE: u64 = 40;

impl Evidence {
    /// Whether the sound gives a reason not to believe words that others would not say either.
    fn is_doubtful(&self) -> bool {
        self.speech_ms.is_some_and(|ms| ms < SPEECH_MS_DOUBTED)
            || self.below_usual_db.is_some_and(|db| db > BELOW_USUAL_DOUBTED_DB)
            || self.no_speech_probability > NO_SPEECH_DOUBTED
            || self.confidence < CONFIDENCE_DOUBTED
            || self.language_probability < LANGUAGE_DOUBTED
    }

    /// Whether the model itself says that these are no words.
    fn is_no_speech(&self) -> bool {
        let nobody = self.no_speech_probability > NO_SPEECH_DOUBTED;
        self.confidence < CONFIDENCE_MIN || (nobody && self.confidence < CONFIDENCE_DOUBTED)
    }
}

/// Judges the transcripts of one assistant.
#[derive(Debug)]
pub struct Guard {
    phrases: Phrases,
    languages: Vec<String>,
}

/// Marks that end a sentence.
const SENTENCE_ENDS: [char; 6] = ['.', '!', '?', '؟', '…', '۔'];

impl Guard {
    /// For callers who speak `languages` (BCP 47 primary tags); `more` are an operator's own phrases.
    pub fn new<'a>(languages: &[String], more: impl IntoIterator<Item = &'a str>) -> Self {
        Self { phrases: Phrases::new(more), languages: languages.to_vec() }
    }

    /// What becomes of `text`. Takes time in proportion to it.
    pub fn judge(&self, text: &str, evidence: &Evidence) -> Verdict {
        if text.trim().is_empty() {
            return Verdict::Keep;
        }
        if too_much(text, evidence) {
            return Verdict::Drop(Refusal::TooManyWords);
        }
        if self.is_foreign(text, evidence) {
            return Verdict::Drop(Refusal::Script);
        }
        // Words as compared, each with where its original begins.
        let words: Vec<(String, usize)> = text
            .split_whitespace()
            .flat_map(|token| {
                let at = token.as_ptr() as usize - text.as_ptr() as usize;
                fold(token).into_iter().map(move |word| (word, at))
            })
            .collect();
        let folded: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        let cut = |keep: usize, why: Refusal| match words.get(keep) {
            Some((_, at)) if keep > 0 && !text[..*at].trim().is_empty() => {
                Verdict::Trim(text[..*at].trim().to_owned(), why)
            }
            _ => Verdict::Drop(why),
        };
        match self.phrases.made_of(&folded) {
            Made::CreditFrom(at) => return cut(at, Refusal::Credit),
            // "I want it translated by Monday": models write a credit as a sentence of its own.
            Made::OpenCreditFrom(at) => {
                let before = words.get(at).map_or("", |(_, from)| text[..*from].trim_end());
                let is_sentence = before.is_empty() || before.ends_with(SENTENCE_ENDS);
                if is_sentence || evidence.is_doubtful() {
                    return cut(at, Refusal::Credit);
                }
            }
            Made::Maybe if evidence.is_doubtful() || says_again(&folded) => {
                return Verdict::Drop(Refusal::Phrase);
            }
            Made::Maybe | Made::Other => {}
        }
        if evidence.is_no_speech() {
            return Verdict::Drop(Refusal::NoSpeech);
        }
        if longest_run(text) > RUN_MAX {
            return Verdict::Drop(Refusal::Loop);
        }
        let doubtful = evidence.is_doubtful();
        let rounds_min = if doubtful { ROUNDS_DOUBTED } else { ROUNDS_MAX };
        match loop_at_end(&folded, rounds_min) {
            // Nothing but the loop, and a sound to doubt: not even its first round was said.
            Some(found) if doubtful && found.keep * found.rounds <= folded.len() => {
                Verdict::Drop(Refusal::Loop)
            }
            Some(found) => cut(found.keep, Refusal::Loop),
            None => Verdict::Keep,
        }
    }

    /// Whether most letters belong to an alphabet of none of the languages. Latin is everybody's:
    /// names and brands are written so. Sentences are not, unless the model is sure of them.
    fn is_foreign(&self, text: &str, evidence: &Evidence) -> bool {
        let (mut arabic, mut latin, mut other) = (0_usize, 0_usize, 0_usize);
        for c in text.chars().filter(|c| c.is_alphabetic()) {
            match c {
                c if super::script::is_arabic(c) => arabic += 1,
                c if is_latin(c) => latin += 1,
                _ => other += 1,
            }
        }
        // Languages of other alphabets are not ours to judge.
        if !self.languages.iter().any(|l| writes_arabic(l) || writes_latin(l)) {
            return false;
        }
        let has = |writes: fn(&str) -> bool| self.languages.iter().any(|l| writes(l));
        let known = self.languages.iter().all(|l| writes_arabic(l) || writes_latin(l));
        let letters = arabic + latin + other;
        let most = |of: usize| of * 2 > letters;
        (known && most(other))
            || (known && most(arabic) && !has(writes_arabic))
            || (known && most(latin) && !has(writes_latin) && evidence.confidence < 0.5)
    }
}

/// Whether there is more text than anybody says in the time. Speech that was not measured is taken
/// to be as long as a transcription may be.
fn too_much(text: &str, evidence: &Evidence) -> bool {
    let speech_ms = u64::from(evidence.speech_ms.unwrap_or(30_000));
    let at_most = |free: u64, per_s: u64| free + per_s * speech_ms / 1000;
    text.split_whitespace().count() as u64 > at_most(WORDS_FREE, WORDS_PER_S_MAX)
        || text.chars().count() as u64 > at_most(CHARS_FREE, CHARS_PER_S_MAX)
}

/// Three times the same and nothing else.
fn says_again(words: &[&str]) -> bool {
    loop_at_end(words, 3).is_some_and(|found| found.keep * found.rounds <= words.len())
}

fn writes_arabic(language: &str) -> bool {
    matches!(language, "ar" | "fa" | "ur" | "ps" | "sd" | "ug" | "ckb")
}

fn writes_latin(language: &str) -> bool {
    matches!(
        language,
        "en" | "fr"
            | "de"
            | "es"
            | "it"
            | "pt"
            | "nl"
            | "sv"
            | "no"
            | "da"
            | "fi"
            | "pl"
            | "cs"
            | "sk"
            | "hu"
            | "ro"
            | "tr"
            | "id"
            | "ms"
            | "vi"
            | "sw"
            | "tl"
            | "so"
            | "et"
            | "lv"
            | "lt"
            | "hr"
            | "sl"
            | "sq"
            | "ca"
            | "gl"
            | "eu"
            | "is"
            | "mt"
            | "cy"
            | "ga"
            | "af"
            | "az"
            | "uz"
    )
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff5a}'
            | '\u{fb00}'..='\u{fb06}' | 'ª' | 'º')
}
