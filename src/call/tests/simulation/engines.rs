//! Engines that are slow, late, wrong, gone, or answer more than they were asked; and that know who still works.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::time::sleep;

use super::caller::{NOISE, SPEECH};
use super::stage::{FIRST_SYNTHESIS, Stage, WORD_SAMPLES, name, names, said, utterances};
use crate::engines::llm::{Generated, Generation, GenerationStats, LanguageModel, Role};
use crate::engines::stt::{SpeechToText, Transcript, Utterance};
use crate::engines::tts::{Synthesis, SynthesisStats, Synthesized, TextToSpeech};
use crate::engines::turn_detector::TurnDetector;
use crate::engines::vad::{VoiceActivity, WINDOW_SAMPLES};
use crate::engines::{EngineError, Engines};
use crate::simulation::Chance;

/// So long is never.
const NEVER: Duration = Duration::from_secs(100_000);

#[derive(Clone)]
struct Simulated(Stage);

pub(super) fn engines(stage: &Stage, judges: bool) -> Engines {
    let simulated = std::sync::Arc::new(Simulated(stage.clone()));
    let vad = |fails_at: u64| -> crate::engines::VadFactory {
        std::sync::Arc::new(move || Box::new(Loudness { windows: 0, fails_at }))
    };
    let fails_at = {
        let chance = &mut stage.lock().chance;
        if chance.percent(5) { chance.below(1_000) } else { u64::MAX }
    };
    Engines {
        stt: simulated.clone(),
        llm: simulated.clone(),
        tts: simulated.clone(),
        vad: vad(fails_at),
        vad_fallback: vad(u64::MAX),
        turn_detector: judges.then_some(simulated as _),
    }
}

fn failure(chance: &mut Chance, engine: &'static str) -> EngineError {
    let detail = "as simulated".to_owned();
    match chance.below(4) {
        0 => EngineError::Unavailable { engine, detail },
        1 => EngineError::Overloaded { engine },
        2 => EngineError::Refused { engine, detail },
        _ => EngineError::Failed { engine, detail },
    }
}

/// Mostly soon, now and then late, rarely never.
fn delay(chance: &mut Chance) -> Duration {
    match chance.below(20) {
        0 => NEVER,
        1..4 => chance.ms(300, 4_000),
        _ => chance.ms(0, 300),
    }
}

struct Loudness {
    windows: u64,
    fails_at: u64,
}

impl VoiceActivity for Loudness {
    fn score(&mut self, window: &[i16]) -> Result<f32, EngineError> {
        self.windows += 1;
        if self.windows > self.fails_at {
            return Err(EngineError::Failed { engine: "vad", detail: "as simulated".into() });
        }
        Ok(match window[WINDOW_SAMPLES / 2] {
            SPEECH => 0.95,
            // In and out of doubt.
            NOISE => [0.3, 0.45, 0.6][(self.windows % 3) as usize],
            _ => 0.01,
        })
    }
}

#[async_trait]
impl SpeechToText for Simulated {
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
        let _working = self.0.work();
        let (id, delay, text) = {
            let state = &mut *self.0.lock();
            let samples = request.pcm.len();
            state.require(samples <= 30 * 16_000, || format!("{samples} samples to transcribe"));
            state.utterances += 1;
            let (id, chance) = (state.utterances, &mut state.chance);
            let text = match chance.below(16) {
                0..2 => Err(failure(chance, "stt")),
                2..4 => Ok(String::new()),
                4..6 => Ok("Mm-hm.".to_owned()),
                6 => Ok(format!("stop {}", said(id))),
                7 => Ok(format!("I would like {} and", said(id))),
                _ => Ok(format!("please tell me {}", said(id))),
            };
            (id, delay(chance), text)
        };
        sleep(delay).await;
        self.0.tell(|| format!("stt {id} partial {}: {text:?}", request.partial));
        let text = text?;
        if !request.partial && text.contains(&said(id)) {
            self.0.lock().transcribed.insert(id);
        }
        let (language, inference_ms) = ("en".into(), 1);
        Ok(Transcript {
            text,
            language,
            confidence: 0.9,
            language_probability: 0.95,
            inference_ms,
            ..Transcript::default()
        })
    }
}

#[async_trait]
impl TurnDetector for Simulated {
    async fn judge(&self, _: Vec<i16>) -> Result<f32, EngineError> {
        let _working = self.0.work();
        let (delay, judged) = {
            let chance = &mut self.0.lock().chance;
            let judged = match chance.below(10) {
                0 => Err(failure(chance, "turn")),
                1 => Ok(f32::NAN),
                _ => Ok(chance.float(-0.5, 1.5)),
            };
            (delay(chance), judged)
        };
        sleep(delay).await;
        judged
    }
}

/// Plays `script` and holds `working` for as long as somebody listens.
fn play<T: Send + 'static>(
    stage: &Stage,
    script: Vec<(Duration, Result<T, EngineError>)>,
) -> BoxStream<'static, Result<T, EngineError>> {
    let working = stage.work();
    stream::unfold((script.into_iter(), working), |(mut script, working)| async move {
        let (wait, piece) = script.next()?;
        sleep(wait).await;
        Some((piece, (script, working)))
    })
    .boxed()
}

impl LanguageModel for Simulated {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        let now = self.0.now();
        let mut script = Vec::new();
        {
            let state = &mut *self.0.lock();
            // What the model builds on was heard.
            let mut remembered = BTreeMap::<u32, u64>::new();
            for message in request.messages.iter().filter(|m| m.role == Role::Assistant) {
                for (generation, _) in names(&message.content) {
                    *remembered.entry(generation).or_default() += 1;
                }
            }
            let asked = request.messages.iter().filter(|m| m.role == Role::User);
            let mut once = BTreeSet::new();
            let twice = asked.flat_map(|m| utterances(&m.content)).find(|n| !once.insert(*n));
            state.require(twice.is_none(), || format!("utterance {twice:?} is asked twice"));
            for (generation, words) in remembered {
                let heard = state.words_heard(now, generation);
                state.require(words <= heard + 1, || {
                    format!("{words} words of {generation} are remembered, {heard} were heard")
                });
            }
            state.generations += 1;
            let (id, chance) = (state.generations, &mut state.chance);
            let words = match chance.below(20) {
                0 => 0,
                1..4 => chance.between(30, 80),
                _ => chance.between(1, 25),
            };
            let per_token = chance.ms(0, 40);
            let mut wait = delay(chance);
            for word in 1..=words {
                let mark = ["", "", "", ",", ".", "?"][chance.below(6) as usize];
                let text = format!("{}{mark} ", name(id, word as u32));
                script.push((std::mem::replace(&mut wait, per_token), Ok(Generated::Text(text))));
                if chance.below(400) == 0 {
                    wait = NEVER;
                }
                if chance.below(300) == 0 {
                    script.push((per_token, Err(failure(chance, "llm"))));
                }
            }
            match chance.below(20) {
                0 => {} // ends without a word about it
                1 => script.push((wait, Err(failure(chance, "llm")))),
                2 => {
                    // Says that it is done, and goes on.
                    script.push((wait, Ok(Generated::Done(GenerationStats::default()))));
                    script.push((per_token, Ok(Generated::Text("twice ".into()))));
                    script.push((per_token, Ok(Generated::Done(GenerationStats::default()))));
                }
                _ => script.push((wait, Ok(Generated::Done(GenerationStats::default())))),
            }
        }
        let said = request.messages.last().map(|m| m.content.clone()).unwrap_or_default();
        self.0.tell(|| format!("llm {} pieces to {said}", script.len()));
        play(&self.0, script)
    }
}

impl TextToSpeech for Simulated {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let mut script = Vec::new();
        {
            let state = &mut *self.0.lock();
            state.require(!request.text.contains("twice"), || "spoken after it was done".into());
            let generation = names(&request.text).next().map(|(generation, _)| generation);
            let id = FIRST_SYNTHESIS + i16::try_from(state.syntheses.len()).expect("few");
            let chance = &mut state.chance;
            let samples = request.text.split_whitespace().count() * WORD_SAMPLES;
            let chunk = [WORD_SAMPLES, WORD_SAMPLES, 133, 100_000][chance.below(4) as usize];
            let mut wait = delay(chance);
            let per_chunk = if chance.percent(20) { chance.ms(0, 150) } else { Duration::ZERO };
            let mut made = 0;
            if !chance.percent(3) {
                for pcm in vec![id; samples].chunks(chunk) {
                    if chance.below(300) == 0 {
                        script.push((per_chunk, Err(failure(chance, "tts"))));
                    }
                    made += pcm.len() as u64;
                    let audio = Ok(Synthesized::Audio(pcm.to_vec()));
                    script.push((std::mem::replace(&mut wait, per_chunk), audio));
                }
            }
            let stats = || SynthesisStats { samples: made, ..SynthesisStats::default() };
            match chance.below(20) {
                0 => {} // ends without a word about it
                1 => script.push((wait, Err(failure(chance, "tts")))),
                2 => {
                    script.push((wait, Ok(Synthesized::Done(stats()))));
                    script.push((wait, Ok(Synthesized::Audio(vec![id; 4_000])))); // and goes on
                }
                _ => script.push((wait, Ok(Synthesized::Done(stats())))),
            }
            state.syntheses.push(super::stage::Synthesis { generation, samples: made });
        }
        self.0.tell(|| format!("tts {}", request.text));
        play(&self.0, script)
    }
}
