//! Remote engines and what stands before them, against servers on this machine that count who comes.

mod audit;
mod faults;
mod matrix;
pub(crate) mod peer;
mod sealed;
mod services;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::super::llm::{Generated, Generation, GenerationStats, LanguageModel};
use super::super::stt::{SpeechToText, Transcript, Utterance};
use super::super::tts::{Synthesis, SynthesisStats, Synthesized, TextToSpeech};
use super::super::{EngineError, Engines, Lender};
use crate::config::RemoteConfig;
use crate::engines::vad::energy::EnergyVad;
use crate::policy::residency::{Grant, Stage, Stages};

/// How a local engine fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Local {
    Serves,
    Unavailable,
    Overloaded,
    /// Says nothing, for ever.
    Hangs,
    Refuses,
    Fails,
    /// Gives its first piece and dies.
    Dies,
    /// Gives its first piece and hangs.
    Stalls,
}

impl Local {
    const ALL: [Self; 8] = [
        Self::Serves,
        Self::Unavailable,
        Self::Overloaded,
        Self::Hangs,
        Self::Refuses,
        Self::Fails,
        Self::Dies,
        Self::Stalls,
    ];

    fn error(self, engine: &'static str) -> EngineError {
        let detail = "as scripted".to_owned();
        match self {
            Self::Overloaded => EngineError::Overloaded { engine },
            Self::Refuses => EngineError::Refused { engine, detail },
            Self::Fails => EngineError::Failed { engine, detail },
            _ => EngineError::Unavailable { engine, detail },
        }
    }

    /// The pieces of its result: `first` and `rest`, as far as it gets.
    fn pieces<T: Clone + Send + 'static>(
        self,
        engine: &'static str,
        first: Vec<T>,
        rest: Vec<T>,
    ) -> BoxStream<'static, Result<T, EngineError>> {
        let first = stream::iter(first).map(Ok);
        match self {
            Self::Serves => first.chain(stream::iter(rest).map(Ok)).boxed(),
            Self::Hangs => stream::pending().boxed(),
            Self::Dies => first.chain(stream::iter([Err(self.error(engine))])).boxed(),
            Self::Stalls => first.chain(stream::pending()).boxed(),
            Self::Unavailable | Self::Overloaded | Self::Refuses | Self::Fails => {
                stream::iter([Err(self.error(engine))]).boxed()
            }
        }
    }
}

#[async_trait::async_trait]
impl SpeechToText for Local {
    async fn transcribe(&self, _: Utterance) -> Result<Transcript, EngineError> {
        let heard = Transcript { text: "from here".into(), ..Transcript::default() };
        // A transcript is one piece: to die over it is to give none.
        let mut pieces = self.pieces("stt", Vec::new(), vec![heard]);
        pieces.next().await.unwrap_or_else(|| Err(self.error("stt")))
    }
}

impl LanguageModel for Local {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        let resumed = request.messages.iter().any(|m| m.content.starts_with("(Your last message"));
        let text = |text: &str| Generated::Text(text.to_owned());
        let (first, rest) = if resumed { ("and ", "here.") } else { ("From ", "here.") };
        let done = Generated::Done(GenerationStats::default());
        self.pieces("llm", vec![text(first)], vec![text(rest), done])
    }
}

impl TextToSpeech for Local {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        // Each word has 100 ms, and is told beforehand.
        let words = request.text.split_whitespace().enumerate();
        let marks: Vec<_> = words.map(|(n, word)| (word.to_owned(), n as u64 * 2_400)).collect();
        let samples = marks.len() as u64 * 2_400;
        let stats = SynthesisStats { samples, words: marks.clone(), ..SynthesisStats::default() };
        let audio = |words: u64| Synthesized::Audio(vec![1; words as usize * 2_400]);
        let first = vec![Synthesized::Words(marks), audio(1)];
        let rest = vec![audio(samples / 2_400 - 1), Synthesized::Done(stats)];
        self.pieces("tts", first, rest)
    }
}

/// Engines of a site whose local ones fare like this, for calls with this grant.
fn engines(local: Local, site: &RemoteConfig, grant: Grant) -> Engines {
    Lender::new(here(local), site).unwrap().for_call("call-1", grant)
}

/// The engines of this machine.
fn here(local: Local) -> Engines {
    let vad: crate::engines::VadFactory = Arc::new(|| Box::new(EnergyVad::new()));
    Engines {
        stt: Arc::new(local),
        llm: Arc::new(local),
        tts: Arc::new(local),
        vad: Arc::clone(&vad),
        vad_fallback: vad,
        turn_detector: None,
    }
}

/// A site whose stages are all set up at `base_url`, with as little patience as a test can have.
fn site(base_url: &str) -> RemoteConfig {
    let mut site =
        RemoteConfig { text_may_leave: true, audio_may_leave: true, ..RemoteConfig::default() };
    for stage in [&mut site.stt, &mut site.llm, &mut site.tts] {
        stage.enabled = true;
        stage.base_url = base_url.to_owned();
        stage.take_over_ms = 150;
        stage.first_byte_ms = 1_000;
        stage.between_pieces_ms = 400;
        stage.retries_max = 0;
    }
    site
}

const ALL: Grant = Grant { text: true, audio: true, stages: Stages::ALL };

fn utterance() -> Utterance {
    Utterance {
        pcm: vec![100; 1_600],
        languages: vec!["en".into(), "ar".into()],
        prompt: "Sawt".into(),
        partial: false,
    }
}

fn clause() -> Synthesis {
    Synthesis {
        text: "my secret words".into(),
        language: "en".into(),
        sample_rate_hz: 24_000,
        ..Synthesis::default()
    }
}

fn question() -> Generation {
    let role = crate::engines::llm::Role::User;
    let content = "my secret words".to_owned();
    Generation {
        messages: vec![crate::engines::llm::ChatMessage { role, content }],
        max_tokens: 40,
        ..Generation::default()
    }
}

/// What a stage gave: words, or for the voice how much of it by whom (local samples are 1).
async fn ask(engines: &Engines, stage: Stage) -> String {
    let asked = async {
        match stage {
            Stage::Stt => match engines.stt.transcribe(utterance()).await {
                Ok(heard) => heard.text,
                Err(error) => format!("! {}", kind(&error)),
            },
            Stage::Llm => {
                let mut words = String::new();
                let mut tokens = engines.llm.generate(question());
                while let Some(token) = tokens.next().await {
                    match token {
                        Ok(Generated::Text(text)) => words += &text,
                        Ok(Generated::ToolCall(call)) => words += &call.name,
                        Ok(Generated::Done(_)) => {}
                        Err(error) => words += &format!("! {}", kind(&error)),
                    }
                }
                words
            }
            Stage::Tts => spoken(engines.tts.synthesize(clause())).await,
        }
    };
    // A call's own patience is longer, and ends so too.
    let waited = tokio::time::timeout(Duration::from_millis(2_500), asked).await;
    waited.unwrap_or_else(|_| "! the call waits in vain".to_owned())
}

async fn spoken(mut pieces: BoxStream<'static, Result<Synthesized, EngineError>>) -> String {
    let (mut here, mut afar, mut end) = (0, 0, String::new());
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(Synthesized::Audio(pcm)) => {
                let local = if pcm.iter().all(|s| *s == 1) { pcm.len() } else { 0 };
                here += local;
                afar += pcm.len() - local;
            }
            Ok(Synthesized::Words(_)) => {}
            Ok(Synthesized::Done(stats)) => {
                assert_eq!(stats.samples as usize, here + afar, "what was given is counted");
            }
            Err(error) => end = format!("! {}", kind(&error)),
        }
    }
    let part = |samples: usize, whose: &str| match samples {
        0 => String::new(),
        samples => format!("{} ms {whose} ", samples / 24),
    };
    format!("{}{}{end}", part(here, "here"), part(afar, "afar")).trim().to_owned()
}

fn kind(error: &EngineError) -> &'static str {
    match error {
        EngineError::Unavailable { .. } => "unavailable",
        EngineError::Overloaded { .. } => "overloaded",
        EngineError::TimedOut { .. } => "timed out",
        EngineError::Refused { .. } => "refused",
        EngineError::Failed { .. } => "failed",
    }
}
