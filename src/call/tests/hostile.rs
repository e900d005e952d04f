//! Sounds and silences that nobody hopes for, against whole calls. The loudness detector hears them, which takes more
//! for speech than Silero does, and the ears make words of everything, as Whisper would.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;

use super::*;
use crate::engines::stt::{SpeechToText, Transcript, Utterance};
use crate::engines::vad::energy::EnergyVad;

const RATE: f32 = CALLER_RATE_HZ as f32;

/// Hears a new number in every utterance, or nothing at all.
#[derive(Default)]
struct Inventive {
    deaf: bool,
    heard: AtomicU32,
    lengths_ms: Mutex<Vec<usize>>,
}

#[async_trait]
impl SpeechToText for Inventive {
    async fn transcribe(&self, request: Utterance) -> Result<Transcript, EngineError> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.lengths_ms.lock().unwrap().push(request.pcm.len() / 16);
        let text = match (self.deaf, request.partial) {
            (true, _) => String::new(),
            (false, true) => "so far".to_owned(),
            (false, false) => format!("number {}", self.heard.fetch_add(1, Ordering::Relaxed)),
        };
        let (language, inference_ms) = ("en".into(), 100);
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

fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split_whitespace().filter_map(|word| word.parse().ok())
}

/// What a call promises whatever it hears.
#[track_caller]
fn check_promises(what: &str, stt: &Inventive, report: &CallReport, events: &[CallEvent]) {
    let mut answered = BTreeSet::new();
    for turn in &report.turns {
        let fresh = numbers(&turn.caller).all(|number| answered.insert(number));
        assert!(fresh, "{what}: answered twice: {:?}", report.turns);
    }
    let unanswered = events.iter().filter(|e| matches!(e, CallEvent::Unanswered { .. })).count();
    let dropped = report.speculation.transcripts_dropped as usize;
    let left = stt.heard.load(Ordering::Relaxed) as usize - answered.len();
    assert!(left <= unanswered + dropped, "{what}: {left} without answer or reason: {events:?}");
    let longest_ms = stt.lengths_ms.lock().unwrap().iter().copied().max().unwrap_or(0);
    assert!(longest_ms <= 30_000, "{what}: {longest_ms} ms in one go");
    assert_eq!(report.reason, EndReason::InputEnded, "{what}");
}

/// Calls with `pcm` as the caller's only turn, and returns what was answered.
async fn hear(what: &str, pcm: Vec<i16>, deaf: bool) -> (CallReport, usize) {
    let stt = Arc::new(Inventive { deaf, ..Inventive::default() });
    let nothing = ScriptedStt::new([""], Duration::ZERO);
    let mut engines = engines(nothing, ScriptedLlm::echo(), ScriptedTts::default());
    engines.stt = stt.clone();
    engines.vad = Arc::new(|| Box::new(EnergyVad::new()));
    let (report, events) = paced_call(quiet_config(), vec![pcm], engines).await;
    check_promises(what, &stt, &report, &events);
    let asked = stt.lengths_ms.lock().unwrap().len();
    (report, asked)
}

fn samples(ms: u32) -> usize {
    (ms * (CALLER_RATE_HZ / 1000)) as usize
}

/// Sines at once.
fn tones(hz: &[f32], ms: u32) -> Vec<i16> {
    let one = |n: usize, hz: f32| (n as f32 * hz * std::f32::consts::TAU / RATE).sin();
    let all = |n: usize| hz.iter().map(|hz| one(n, *hz)).sum::<f32>() / hz.len() as f32;
    (0..samples(ms)).map(|n| (all(n) * 9_000.0) as i16).collect()
}

/// Keys pressed, 100 ms each.
fn dtmf() -> Vec<i16> {
    let keys = [[697.0, 1209.0], [770.0, 1336.0], [852.0, 1477.0], [941.0, 1336.0]];
    keys.iter().flat_map(|key| [tones(key, 100), vec![0; samples(100)]].concat()).collect()
}

/// Chords that follow one another without a pause.
fn music() -> Vec<i16> {
    let chords = [[261.6, 329.6, 392.0], [293.7, 349.2, 440.0], [246.9, 311.1, 370.0]];
    (0..12).flat_map(|n| tones(&chords[n % 3], 500)).collect()
}

fn noise(ms: u32, loudness: i64) -> Vec<i16> {
    let mut chance = crate::simulation::Chance::new(1);
    let mut one = || chance.below(2 * loudness as u64 + 1) as i64 - loudness;
    (0..samples(ms)).map(|_| one() as i16).collect()
}

fn recorded_speech() -> Vec<i16> {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hello-joe-16k.wav");
    crate::audio::wav::read(&path, CALLER_RATE_HZ).unwrap()
}

/// Driven 20 times too loud.
fn clipped(pcm: &[i16]) -> Vec<i16> {
    pcm.iter().map(|s| (i32::from(*s) * 20).clamp(-32_768, 32_767) as i16).collect()
}

#[tokio::test(start_paused = true)]
async fn no_sound_makes_a_call_say_anything_twice_or_nothing_at_all() {
    let clip = recorded_speech();
    let sounds = [
        ("a tenth of a second", speech(100, 0, 0)),
        ("clipped speech", clipped(&clip)),
        ("noise", noise(5_000, 6_000)),
        ("full scale", noise(3_000, 32_767)),
        ("music", music()),
        ("keys", dtmf()),
        ("music under speech", music().iter().zip(&clip).map(|(a, b)| a / 4 + b / 2).collect()),
    ];
    for (what, pcm) in sounds {
        for deaf in [false, true] {
            let (report, _) = hear(what, pcm.clone(), deaf).await;
            let answers = report.turns.iter().filter(|turn| !turn.caller.is_empty());
            assert!(!deaf || answers.count() == 0, "{what}: {:?}", report.turns);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_never_transcribed() {
    for (what, pcm) in
        [("silence", vec![0; samples(5_000)]), ("a whisper of noise", noise(5_000, 30))]
    {
        let (report, asked) = hear(what, pcm, false).await;
        assert_eq!(asked, 0, "{what}: {:?}", report.turns);
    }
}

#[tokio::test(start_paused = true)]
async fn clipped_speech_is_answered_like_any_other() {
    let (report, _) = hear("clipped speech", clipped(&recorded_speech()), false).await;
    assert!(!report.turns.is_empty(), "it is speech");
}

async fn speak_for(ms: u32) -> CallReport {
    let stt = Arc::new(Inventive::default());
    let nothing = ScriptedStt::new([""], Duration::ZERO);
    let mut engines = engines(nothing, ScriptedLlm::echo(), ScriptedTts::default());
    engines.stt = stt.clone();
    let (report, events) =
        paced_call(quiet_config(), vec![vec![8_000; samples(ms)]], engines).await;
    check_promises("long speech", &stt, &report, &events);
    report
}

#[tokio::test(start_paused = true)]
async fn a_minute_without_a_pause_is_one_turn_in_several_pieces() {
    let report = speak_for(60_000).await;
    let [turn] = report.turns.as_slice() else { panic!("{:?}", report.turns) };
    assert!(numbers(&turn.caller).count() >= 2, "{}", turn.caller);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_never_stops_is_answered_meanwhile() {
    let report = speak_for(400_000).await;
    assert!(report.turns.len() >= 2, "{:?}", report.turns);
}

#[tokio::test(start_paused = true)]
async fn engines_that_never_answer_are_given_up_and_apologised_for() {
    let never = Duration::from_secs(100_000);
    let mut config = quiet_config();
    (config.stt.timeout_ms, config.llm.timeout_ms) = (2_000, 2_000);
    config.agent.apology = "Sorry.".into();
    let no_ears =
        engines(ScriptedStt::new(["hello"], never), ScriptedLlm::echo(), ScriptedTts::default());
    let answer = |_: &str| Ok("Yes.".to_owned());
    let no_wits = engines(
        ScriptedStt::new(["hello"], Duration::ZERO),
        ScriptedLlm::new(answer, never, Duration::ZERO),
        ScriptedTts::default(),
    );
    for (engines, why) in [(no_ears, "TranscriptFailed"), (no_wits, "ReplyFailed")] {
        let (report, events) = paced_call(config.clone(), vec![speech(800, 0, 0)], engines).await;
        let why = CallEvent::Unanswered { why: why.to_owned() };
        assert_eq!(events.iter().filter(|event| **event == why).count(), 1, "{events:?}");
        assert_eq!(report.turns.last().unwrap().agent, "Sorry.");
    }
}
