//! Sounds that nobody speaks in reach the agent, in Arabic mode, and no words of a caller come of
//! them: the real voice detector, the real speech engine, the guard, a whole call for each clip.
//! A sample in each run; `SAWT_NOISES=200` hears all of them, and tells which gate held each back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sawt::call::{CallEvent, CallReport, CallSetup};
use sawt::config::Config;
use sawt::engines::llm::ScriptedLlm;
use sawt::engines::tts::ScriptedTts;
use sawt::engines::vad::energy::EnergyVad;
use sawt::engines::vad::silero::{SileroModel, SileroVad};
use sawt::engines::{Engines, RunningEngines, VadFactory};
use sawt::models::Store;
use sawt::supervisor::EngineKind;
use sawt::transport::wav::{WavOptions, WavTransport};
use tokio_util::sync::CancellationToken;

use super::noises::noise;
use super::programs::bin_dir;

/// All clips, and how many of them each run hears, by an assistant for Arabic and by one for both
/// languages.
const NOISES: usize = 200;
const SAMPLE: usize = 20;

/// Where a sound ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gate {
    /// The voice detector took none of it for speech.
    Voice,
    /// The engine wrote nothing.
    Engine,
    /// The guard believed nothing of what it wrote.
    Guard,
    /// None: a caller who said nothing was answered.
    Invented,
}

/// A call with the real ears, and wits and voice that cost nothing.
struct House {
    running: RunningEngines,
    config: Config,
    vad: VadFactory,
}

impl House {
    async fn new(silero: bool) -> Option<Self> {
        if std::env::var_os("SAWT_SKIP_LIVEKIT_TESTS").is_some() {
            return None;
        }
        let mut config = Config::default();
        config.engines.dir = Some(bin_dir());
        config.agent.welcome.clear();
        config.agent.silence_prompt_s = 600; // nothing but the clip
        if let Ok(model) = std::env::var("SAWT_TEST_STT") {
            config.stt.model = model;
        }
        let running = RunningEngines::start(&config, &[EngineKind::Stt]).unwrap();
        running.ready().await.unwrap();
        let store = Store::from_config(&config.models);
        let vad: VadFactory = if silero {
            let file = |name| store.resolve(name).unwrap().main_file().to_owned();
            let model = SileroModel::load(&file("onnxruntime"), &file("silero-vad")).unwrap();
            Arc::new(move || Box::new(SileroVad::new(Arc::clone(&model))))
        } else {
            Arc::new(|| Box::new(EnergyVad::new()))
        };
        Some(Self { running, config, vad })
    }

    async fn hear(&self, pcm: Vec<i16>, languages: &[&str]) -> (CallReport, Gate) {
        let mut config = self.config.clone();
        config.agent.languages = languages.iter().map(|l| (*l).to_owned()).collect();
        let engines = Engines {
            stt: Arc::new(self.running.stt().unwrap()),
            llm: Arc::new(ScriptedLlm::echo()),
            tts: Arc::new(ScriptedTts::default()),
            vad: Arc::clone(&self.vad),
            vad_fallback: Arc::new(|| Box::new(EnergyVad::new())),
            turn_detector: None,
        };
        let (observer, mut events) = tokio::sync::mpsc::channel(1_000);
        let setup = CallSetup {
            assistant: None,
            call_id: "noise".into(),
            config: Arc::new(config),
            engines,
            observer: Some(observer),
            surroundings: Default::default(),
            hang_up: CancellationToken::new(),
        };
        let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
        let call = sawt::call::run(Box::new(WavTransport::new(vec![pcm], options)), setup);
        let report = tokio::time::timeout(Duration::from_secs(120), call).await.unwrap();
        let mut unanswered = false;
        while let Ok(event) = events.try_recv() {
            unanswered |= matches!(event, CallEvent::Unanswered { .. });
        }
        let gate = match &report {
            report if report.turns.iter().any(|turn| !turn.caller.is_empty()) => Gate::Invented,
            report if !report.refused.is_empty() => Gate::Guard,
            _ if unanswered => Gate::Engine,
            _ => Gate::Voice,
        };
        (report, gate)
    }

    /// Every `step`th of the clips; says where they ended, and what was invented.
    async fn hear_noises(&self, step: usize, languages: &[&str]) -> Vec<String> {
        println!("-- {languages:?}");
        let begin = Instant::now();
        let mut gates: BTreeMap<(&str, Gate), usize> = BTreeMap::new();
        let mut invented = Vec::new();
        for nth in (0..NOISES).step_by(step) {
            let clip = noise(nth);
            let (report, gate) = self.hear(clip.pcm, languages).await;
            *gates.entry((clip.kind, gate)).or_default() += 1;
            for refused in &report.refused {
                let (why, e) = (refused.reason.as_str(), refused.evidence);
                println!("{nth} {}: {why} {:?} {e:?}", clip.kind, refused.text);
            }
            for turn in report.turns.iter().filter(|turn| !turn.caller.is_empty()) {
                println!("{nth} {}: INVENTED {:?}", clip.kind, turn.caller);
                invented.push(format!("{nth} {}: {}", clip.kind, turn.caller));
            }
        }
        for ((kind, gate), count) in &gates {
            println!("{kind:8} {gate:?}: {count}");
        }
        println!("{} clips, {:.0} s", gates.values().sum::<usize>(), begin.elapsed().as_secs_f64());
        invented
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sounds_that_nobody_speaks_in_become_no_words_of_a_caller() {
    let Some(house) = House::new(true).await else { return };
    let wanted = std::env::var("SAWT_NOISES").ok().and_then(|n| n.parse().ok()).unwrap_or(SAMPLE);
    let step = NOISES.div_ceil(wanted.clamp(1, NOISES));
    let mut invented = house.hear_noises(step, &["ar"]).await;
    invented.extend(house.hear_noises(step, &["ar", "en"]).await);
    // What the guard alone does: loudness lets through what Silero holds back. Measured, not promised.
    if wanted >= NOISES {
        println!("-- with loudness as the voice detector");
        House::new(false).await.unwrap().hear_noises(1, &["ar", "en"]).await;
    }
    house.running.stop().await;
    assert!(invented.is_empty(), "{invented:#?}");
}

/// Recordings of people, a path each in `SAWT_SPEECH` with colons between: how much of them the guard
/// takes away. A measurement, for who has recordings.
#[tokio::test(flavor = "multi_thread")]
async fn people_are_believed() {
    let Some(files) = std::env::var_os("SAWT_SPEECH") else {
        println!("no recordings: SAWT_SPEECH=a.wav:b.wav names some");
        return;
    };
    let Some(house) = House::new(true).await else { return };
    let (mut answered, mut refused) = (0, 0);
    for file in std::env::split_paths(&files) {
        let pcm = sawt::audio::wav::read(&file, sawt::audio::CALLER_RATE_HZ).unwrap();
        let (report, gate) = house.hear(pcm, &["ar", "en"]).await;
        answered += usize::from(gate == Gate::Invented); // which here is right
        refused += report.refused.len();
        let said: Vec<_> = report.turns.iter().map(|turn| turn.caller.as_str()).collect();
        println!("{} {gate:?} {said:?} refused {:?}", file.display(), report.refused);
    }
    println!("{answered} answered, {refused} refusals");
    assert_eq!(refused, 0);
    house.running.stop().await;
}
