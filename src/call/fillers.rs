//! What is said while an answer is late: short phrases whose audio is there before a call needs it.
//!
//! They are spoken by the same voices as the answers, as lines ([`TextToSpeech::synthesize_line`]),
//! so that the engine speaks each of them once and all calls share the audio. A phrase that can
//! not be made is missing, and nothing else: silence is what there was before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::driver::Outcome;
use super::playout::Phrase;
use crate::config::Config;
use crate::engines::Engines;
use crate::engines::tts::{Synthesis, Synthesized, TextToSpeech};
use crate::speech::{language_of, written};

/// Stands in the place of a language for what tools have of their own.
const TOOLS: &str = "(tools)";

/// Longest audio of one: a voice that speaks on is cut off here, between two words or not.
const AUDIO_MAX: Duration = Duration::from_secs(5);

/// The phrases of one call, and which came last.
#[derive(Debug, Default)]
pub(crate) struct Fillers {
    by_language: BTreeMap<String, Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    phrases: Vec<Phrase>,
    next: usize,
}

impl Fillers {
    pub(crate) fn add(&mut self, language: String, phrase: Phrase) {
        self.by_language.entry(language).or_default().phrases.push(phrase);
    }

    /// The next one of `language`, each in turn: never the same twice in a row where there are two.
    pub(crate) fn next(&mut self, language: &str) -> Option<Phrase> {
        // What a running tool has of its own comes once.
        if let Some(phrase) =
            self.by_language.remove(TOOLS).and_then(|ring| ring.phrases.into_iter().last())
        {
            return Some(phrase);
        }
        let ring = self.by_language.get_mut(language)?;
        let phrase = ring.phrases.get(ring.next % ring.phrases.len().max(1))?.clone();
        ring.next += 1;
        Some(phrase)
    }
}

/// Has `text` said in the next wait, for a tool takes its time.
pub(crate) fn spawn_for_tool(
    text: &str,
    config: &Arc<Config>,
    engines: &Engines,
    agent_rate_hz: u32,
    outcomes: mpsc::Sender<Outcome>,
) {
    let language = language_of(text, &config.agent.languages).to_owned();
    let request = Synthesis {
        text: written(text),
        voice: config.voice_for(&language).to_owned(),
        language,
        speed: config.tts.speed,
        sample_rate_hz: agent_rate_hz,
        as_given: Vec::new(),
    };
    let (config, tts) = (Arc::clone(config), Arc::clone(&engines.tts));
    tokio::spawn(async move {
        if let Some(phrase) = render(&config, tts.as_ref(), request).await {
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::Filler(TOOLS.to_owned(), phrase)).await;
        }
    });
}

/// Lets the voices speak all fillers once, so that no call has to.
pub async fn prepare(config: &Config, engines: &Engines) {
    let rate_hz = config.tts.output_sample_rate_hz;
    let mut made = 0;
    for request in requests(config, rate_hz) {
        made += usize::from(render(config, engines.tts.as_ref(), request).await.is_some());
    }
    tracing::debug!(made, "Fillers are ready.");
}

/// Gets them for one call.
pub(crate) fn spawn(
    config: Arc<Config>,
    engines: &Engines,
    agent_rate_hz: u32,
    outcomes: mpsc::Sender<Outcome>,
) -> AbortHandle {
    let tts = Arc::clone(&engines.tts);
    let task = async move {
        for request in requests(&config, agent_rate_hz) {
            let language = request.language.clone();
            if let Some(phrase) = render(&config, tts.as_ref(), request).await {
                // Fails only when the call is over.
                let _ = outcomes.send(Outcome::Filler(language, phrase)).await;
            }
        }
    };
    tokio::spawn(task).abort_handle()
}

/// One for each phrase of the agent's languages.
fn requests(config: &Config, sample_rate_hz: u32) -> Vec<Synthesis> {
    let of = |language: &String| {
        let phrases = config.agent.fillers.get(language).map_or("", String::as_str).split('|');
        let phrases = phrases.map(written).filter(|text| !text.is_empty());
        let request = |text| Synthesis {
            text,
            voice: config.voice_for(language).to_owned(),
            language: language.clone(),
            speed: config.tts.speed,
            sample_rate_hz,
            as_given: Vec::new(),
        };
        phrases.map(request).collect::<Vec<_>>()
    };
    let wanted = config.agent.filler_ms > 0;
    config.agent.languages.iter().filter(|_| wanted).flat_map(of).collect()
}

async fn render(config: &Config, tts: &dyn TextToSpeech, request: Synthesis) -> Option<Phrase> {
    let samples_max = crate::audio::samples_in(AUDIO_MAX, request.sample_rate_hz) as usize;
    let mut phrase = Phrase { text: request.text.clone(), ..Phrase::default() };
    let mut audio = tts.synthesize_line(request);
    let patience = Duration::from_millis(u64::from(config.tts.timeout_ms));
    while phrase.pcm.len() < samples_max {
        match timeout(patience, audio.next()).await {
            Ok(Some(Ok(Synthesized::Audio(pcm)))) => phrase.pcm.extend(pcm),
            Ok(Some(Ok(Synthesized::Words(words)))) => phrase.words = words,
            Ok(Some(Ok(Synthesized::Done(stats)))) => {
                phrase.words = stats.words;
                break;
            }
            Ok(Some(Err(error))) => {
                tracing::warn!(%error, "A filler could not be made.");
                return None;
            }
            Ok(None) => break,
            Err(_) => {
                tracing::warn!("A filler could not be made in time.");
                return None;
            }
        }
    }
    (!phrase.pcm.is_empty()).then_some(phrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrase(text: &str) -> Phrase {
        Phrase { text: text.into(), ..Phrase::default() }
    }

    #[test]
    fn phrases_take_turns_by_language() {
        let mut fillers = Fillers::default();
        for (language, text) in [("en", "One."), ("ar", "لحظة."), ("en", "Two.")] {
            fillers.add(language.into(), phrase(text));
        }
        let said = ["en", "en", "ar", "en", "ar"].map(|language| fillers.next(language));
        let said = said.map(|phrase| phrase.map(|phrase| phrase.text).unwrap_or_default());
        assert_eq!(said, ["One.", "Two.", "لحظة.", "One.", "لحظة."]);
        assert_eq!(fillers.next("fr"), None);
    }

    #[test]
    fn only_what_may_be_said_is_made() {
        let mut config = Config::default();
        config.agent.languages = vec!["ar".into(), "fr".into()];
        let texts = |config: &Config| {
            let made = requests(config, 24_000);
            made.into_iter().map(|r| format!("{} {}", r.voice, r.text)).collect::<Vec<_>>()
        };
        assert_eq!(texts(&config)[0], "espeak-ar لحظة من فضلك.");
        assert_eq!(texts(&config).len(), 3, "French has none");
        config.agent.fillers.insert("ar".into(), " | ثوانٍ. |".into());
        assert_eq!(texts(&config), ["espeak-ar ثوانٍ."]);
        config.agent.filler_ms = 0;
        assert!(texts(&config).is_empty());
    }
}
