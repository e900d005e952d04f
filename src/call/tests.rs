//! Whole calls with scripted engines, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use tokio_util::sync::CancellationToken;

use super::{CallEvent, CallReport, CallSetup, SpeculationGate, SpeculationReport, run, run_gated};
use crate::audio::{CALLER_RATE_HZ, rms};
use crate::config::Config;
use crate::engines::llm::ScriptedLlm;
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::engines::turn_detector::ScriptedTurnDetector;
use crate::engines::vad::{VoiceActivity, WINDOW_SAMPLES};
use crate::engines::{EngineError, Engines, VadFactory};
use crate::transport::wav::{WavOptions, WavTransport};
use crate::turn::EndReason;

mod acting;
mod after;
mod assistant;
mod feelings;
mod following;
mod hearing;
mod hostile;
mod interruption;
mod memory;
#[cfg(feature = "remote")]
mod remote;
mod routing;
mod simulation;
mod spoken;
mod tools;
mod waiting;

/// Loud is speech: enough for callers made of tones.
struct Loudness;

impl VoiceActivity for Loudness {
    fn score(&mut self, window: &[i16]) -> Result<f32, EngineError> {
        assert_eq!(window.len(), WINDOW_SAMPLES);
        Ok(if rms(window) > 0.02 { 0.95 } else { 0.01 })
    }
}

pub(super) fn engines(stt: ScriptedStt, llm: ScriptedLlm, tts: ScriptedTts) -> Engines {
    let vad: VadFactory = Arc::new(|| Box::new(Loudness));
    Engines {
        stt: Arc::new(stt),
        llm: Arc::new(llm),
        tts: Arc::new(tts),
        vad: Arc::clone(&vad),
        vad_fallback: vad,
        turn_detector: None,
    }
}

/// A caller's turn: `speech` loud, with `pause` in the middle.
pub(super) fn speech(first_ms: u32, pause_ms: u32, second_ms: u32) -> Vec<i16> {
    let samples = |ms: u32| (ms * CALLER_RATE_HZ / 1000) as usize;
    let mut pcm = vec![8_000; samples(first_ms)];
    pcm.extend(vec![0; samples(pause_ms)]);
    pcm.extend(vec![8_000; samples(second_ms)]);
    pcm
}

async fn call(config: Config, turns: Vec<Vec<i16>>, engines: Engines) -> CallReport {
    let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
    let transport = WavTransport::new(turns, options);
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(config),
        engines,
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let call = run(Box::new(transport), setup);
    tokio::time::timeout(Duration::from_secs(60), call).await.expect("a call ends")
}

#[track_caller]
fn check(report: &CallReport, expected: Expect) {
    let mut lines: Vec<String> = report
        .turns
        .iter()
        .map(|t| {
            let cut = if t.interrupted { " (cut)" } else { "" };
            format!("{} → {}{cut}", t.caller, t.agent)
        })
        .collect();
    lines.push(report.reason.as_str().to_owned());
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[tokio::test]
async fn a_conversation_of_two_turns() {
    let stt = ScriptedStt::new(["hello", "what time is it"], Duration::from_millis(1));
    let engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    let turns = vec![speech(800, 0, 0), speech(600, 300, 900)];
    let report = call(Config::default(), turns, engines).await;
    check(
        &report,
        expect![[r#"
             → Hello, this is Sawt. How can I help you?
            hello → You said: hello.
            what time is it → You said: what time is it.
            input_ended
        "#]],
    );
    let timing = report.turns[1].timing;
    let delay = timing.end_of_turn_delay.unwrap();
    assert!((480..=560).contains(&delay), "{delay}");
    assert!(timing.e2e_latency.unwrap() >= delay);
}

#[tokio::test]
async fn the_agent_stops_when_the_caller_speaks_over_it_and_remembers_what_was_heard() {
    let stt = ScriptedStt::new(["tell me a story", "stop"], Duration::ZERO);
    let story = "once upon a time there was a very long story that never came to its end";
    let llm = ScriptedLlm::new(
        move |said| Ok(if said.contains("story") { story.to_owned() } else { "Fine.".to_owned() }),
        Duration::ZERO,
        Duration::ZERO,
    );
    let mut config = Config::default();
    config.agent.welcome.clear();
    let engines = engines(stt, llm, ScriptedTts::default());
    // One clip: a turn, a pause in which the answer begins, and speech over the answer.
    let report = call(config, vec![speech(800, 2_000, 1_500)], engines).await;
    check(
        &report,
        expect![[r#"
            tell me a story → once upon a time there was (cut)
            stop → Fine.
            input_ended
        "#]],
    );
}

#[tokio::test]
async fn engines_that_fail_are_apologised_for_and_the_call_lives() {
    let broken = || EngineError::Failed { engine: "stt", detail: "as scripted".into() };
    let stt = ScriptedStt::with_results(
        [Err(broken()), Ok("hello".to_owned()), Ok("again".to_owned())],
        Duration::ZERO,
    );
    let llm = ScriptedLlm::new(
        move |said| if said.contains("again") { Ok("Yes.".into()) } else { Err(broken()) },
        Duration::ZERO,
        Duration::ZERO,
    );
    let turns = vec![speech(800, 0, 0), speech(800, 0, 0), speech(800, 0, 0)];
    let mut config = Config::default();
    config.agent.welcome = "Welcome.".into();
    config.agent.apology = "Sorry.".into();
    let report = call(config, turns, engines(stt, llm, ScriptedTts::default())).await;
    check(
        &report,
        expect![[r#"
             → Welcome.
             → Sorry.
            hello → 
             → Sorry.
            again → Yes.
            input_ended
        "#]],
    );
}

#[tokio::test]
async fn a_voice_that_fails_ends_no_call() {
    let stt = ScriptedStt::new(["hello"], Duration::ZERO);
    let tts = ScriptedTts { fails: true, ..ScriptedTts::default() };
    let report =
        call(Config::default(), vec![speech(800, 0, 0)], engines(stt, ScriptedLlm::echo(), tts))
            .await;
    assert_eq!(report.reason, EndReason::InputEnded);
}

#[tokio::test]
async fn an_arabic_turn_is_answered_in_arabic_letters() {
    let stt = ScriptedStt::new(["كم رصيدي؟"], Duration::ZERO);
    let llm = ScriptedLlm::new(
        |_| Ok("رصيدك ألف ريال. هل تريد شيئا آخر؟".to_owned()),
        Duration::ZERO,
        Duration::ZERO,
    );
    let mut config = Config::default();
    config.agent.welcome = "مرحبا".into();
    let report =
        call(config, vec![speech(900, 0, 0)], engines(stt, llm, ScriptedTts::default())).await;
    check(
        &report,
        expect![[r#"
             → مرحبا
            كم رصيدي؟ → رصيدك ألف ريال. هل تريد شيئا آخر؟
            input_ended
        "#]],
    );
}

#[tokio::test]
async fn a_call_that_is_hung_up_from_outside_ends_at_once() {
    let options = WavOptions { agent_rate_hz: 24_000, real_time: true, ..WavOptions::default() };
    let transport = WavTransport::new(vec![speech(20_000, 0, 0)], options);
    let hang_up = CancellationToken::new();
    let stt = ScriptedStt::new([""], Duration::from_secs(30));
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(Config::default()),
        engines: engines(stt, ScriptedLlm::echo(), ScriptedTts::default()),
        observer: None,
        surroundings: Default::default(),
        hang_up: hang_up.clone(),
    };
    let call = tokio::spawn(run(Box::new(transport), setup));
    tokio::time::sleep(Duration::from_millis(100)).await;
    hang_up.cancel();
    let report = tokio::time::timeout(Duration::from_secs(2), call).await.unwrap().unwrap();
    assert_eq!(report.reason, EndReason::Stopped);
}

/// As [`call`], at the pace of people on a virtual clock: here the engines' delays take time.
async fn paced_call(
    config: Config,
    turns: Vec<Vec<i16>>,
    engines: Engines,
) -> (CallReport, Vec<CallEvent>) {
    let options = WavOptions { agent_rate_hz: 24_000, real_time: true, ..WavOptions::default() };
    let (observer, mut observed) = tokio::sync::mpsc::channel(1_000);
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(config),
        engines,
        observer: Some(observer),
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let report = run(Box::new(WavTransport::new(turns, options)), setup).await;
    let mut events = Vec::new();
    while let Ok(event) = observed.try_recv() {
        events.push(event);
    }
    (report, events)
}

/// Engines that take their time: 100 ms to hear, 100 ms to think, 20 ms a word, 50 ms to speak.
fn slow_engines(heard: &[&'static str]) -> Engines {
    let ms = Duration::from_millis;
    let llm = ScriptedLlm::new(|said| Ok(format!("You said: {said}.")), ms(100), ms(20));
    let tts = ScriptedTts { first_audio: ms(50), ..ScriptedTts::default() };
    engines(ScriptedStt::new(heard.to_vec(), ms(100)), llm, tts)
}

fn quiet_config() -> Config {
    let mut config = Config::default();
    config.agent.welcome.clear();
    config
}

#[tokio::test(start_paused = true)]
async fn a_prepared_reply_is_heard_as_soon_as_the_turn_is_over() {
    let mut config = quiet_config();
    let turns = || vec![speech(800, 0, 0)];
    let (ahead, _) = paced_call(config.clone(), turns(), slow_engines(&["hello there"])).await;
    config.turn.speculation = false;
    config.turn.early_transcript_ms = 0;
    let (plain, _) = paced_call(config, turns(), slow_engines(&["hello there"])).await;

    let timing = ahead.turns[0].timing;
    let waited = timing.e2e_latency.unwrap();
    assert!(waited <= 540, "{timing:?}");
    assert_eq!((timing.llm_ttft, timing.llm_ttfs, timing.tts_ttfb), (Some(0), Some(0), Some(0)));
    assert_eq!((ahead.speculation.committed, ahead.speculation.discarded), (1, 0));
    assert_eq!(ahead.turns[0].agent, "You said: hello there.");

    let waited = plain.turns[0].timing.e2e_latency.unwrap();
    assert!(waited >= 690, "{:?}", plain.turns[0].timing);
    assert_eq!(plain.speculation, SpeculationReport::default());
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_discarded_reply_is_heard_shown_or_remembered() {
    let turns = vec![speech(800, 380, 900)];
    let heard = ["I want to", "I want to cancel"];
    let (report, events) = paced_call(quiet_config(), turns, slow_engines(&heard)).await;
    check(
        &report,
        expect![[r#"
            I want to cancel → You said: I want to cancel.
            input_ended
        "#]],
    );
    let said = report.speculation;
    assert_eq!((said.committed, said.discarded, said.failed), (1, 1, 0), "{said:?}");
    assert!(said.tokens_discarded > 0 && said.clauses_discarded <= 1, "{said:?}");
    let shown: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event {
            CallEvent::Caller { text } | CallEvent::Agent { text } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(shown, ["I want to cancel", "You said: I want to cancel."]);
}

#[tokio::test(start_paused = true)]
async fn a_prepared_reply_reads_only_a_little_ahead_of_the_commit() {
    let ms = Duration::from_millis;
    let story = "Once upon a time. ".repeat(100);
    let llm = ScriptedLlm::new(move |_| Ok(story.clone()), ms(0), ms(0));
    let stt = ScriptedStt::new(["tell me a story", "tell me a story now"], ms(0));
    let (report, _) = paced_call(
        quiet_config(),
        vec![speech(800, 380, 800)],
        engines(stt, llm, ScriptedTts::default()),
    )
    .await;
    let said = report.speculation;
    assert_eq!((said.discarded, said.clauses_discarded), (1, 1), "{said:?}");
    assert!((5..40).contains(&said.tokens_discarded), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn under_load_nothing_is_prepared() {
    let options = WavOptions { agent_rate_hz: 24_000, real_time: true, ..WavOptions::default() };
    let gate = SpeculationGate::default();
    gate.set(false);
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(quiet_config()),
        engines: slow_engines(&["hello"]),
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let transport = WavTransport::new(vec![speech(800, 0, 0)], options);
    let report = run_gated(Box::new(transport), setup, gate).await;
    assert_eq!(report.turns[0].agent, "You said: hello.");
    assert_eq!(report.speculation, SpeculationReport::default());
}

#[tokio::test(start_paused = true)]
async fn a_prepared_reply_that_fails_is_tried_once_more_at_the_turns_end() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let llm = ScriptedLlm::new(
        move |said| match tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Err(EngineError::Failed { engine: "llm", detail: "as scripted".into() }),
            _ => Ok(format!("You said: {said}.")),
        },
        Duration::ZERO,
        Duration::ZERO,
    );
    let stt = ScriptedStt::new(["hello"], Duration::ZERO);
    let engines = engines(stt, llm, ScriptedTts::default());
    let (report, _) = paced_call(quiet_config(), vec![speech(800, 0, 0)], engines).await;
    assert_eq!(report.turns[0].agent, "You said: hello.");
    assert_eq!((report.speculation.failed, report.speculation.committed), (1, 0));
}

#[tokio::test]
async fn a_voice_that_fails_while_the_model_writes_ahead_does_not_hold_the_call() {
    let stt = ScriptedStt::new(["hello"], Duration::ZERO);
    // After its first clause the model writes far ahead, and only then the voice fails.
    let long = format!("Well then. {}", "word ".repeat(60));
    let llm = ScriptedLlm::new(move |_| Ok(long.clone()), Duration::ZERO, Duration::ZERO);
    let tts = ScriptedTts {
        fails: true,
        first_audio: Duration::from_millis(50),
        ..ScriptedTts::default()
    };
    let engines = engines(stt, llm, tts);
    let report = call(quiet_config(), vec![speech(800, 0, 0)], engines).await;
    assert_eq!(report.reason, EndReason::InputEnded);
    assert_eq!(report.speculation.failed, 1, "{:?}", report.speculation);
}

#[tokio::test]
async fn a_caller_who_sounds_incomplete_is_waited_for() {
    let stt = ScriptedStt::new(["a table for", "a table for two"], Duration::ZERO);
    let mut engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    // At the pause, when it lasts, and at the end.
    let judgements = ScriptedTurnDetector::new([0.05, 0.1, 0.9], Duration::from_millis(1));
    engines.turn_detector = Some(Arc::new(judgements));
    let mut config = Config::default();
    config.agent.welcome.clear();
    let report = call(config, vec![speech(900, 800, 700)], engines).await;
    check(
        &report,
        expect![[r#"
            a table for two → You said: a table for two.
            input_ended
        "#]],
    );
    let delay = report.turns[0].timing.end_of_turn_delay.unwrap();
    assert!((440..=540).contains(&delay), "{delay}");
}

#[tokio::test]
async fn a_turn_detector_that_fails_leaves_the_decision_to_silence() {
    let stt = ScriptedStt::new(["a table for", "two"], Duration::ZERO);
    let mut engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    engines.turn_detector = Some(Arc::new(ScriptedTurnDetector::new([], Duration::ZERO)));
    let mut config = Config::default();
    config.agent.welcome.clear();
    let turns = vec![speech(900, 0, 0), speech(700, 0, 0)];
    let report = call(config, turns, engines).await;
    check(
        &report,
        expect![[r#"
            a table for → You said: a table for.
            two → You said: two.
            input_ended
        "#]],
    );
}
