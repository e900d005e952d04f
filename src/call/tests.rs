//! Whole calls with scripted engines, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};
use tokio_util::sync::CancellationToken;

use super::{CallReport, CallSetup, run};
use crate::audio::{CALLER_RATE_HZ, rms};
use crate::config::Config;
use crate::engines::llm::ScriptedLlm;
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::engines::vad::{VoiceActivity, WINDOW_SAMPLES};
use crate::engines::{EngineError, Engines, VadFactory};
use crate::transport::wav::{WavOptions, WavTransport};
use crate::turn::EndReason;

/// Loud is speech: enough for callers made of tones.
struct Loudness;

impl VoiceActivity for Loudness {
    fn score(&mut self, window: &[i16]) -> Result<f32, EngineError> {
        assert_eq!(window.len(), WINDOW_SAMPLES);
        Ok(if rms(window) > 0.02 { 0.95 } else { 0.01 })
    }
}

fn engines(stt: ScriptedStt, llm: ScriptedLlm, tts: ScriptedTts) -> Engines {
    let vad: VadFactory = Arc::new(|| Box::new(Loudness));
    Engines {
        stt: Arc::new(stt),
        llm: Arc::new(llm),
        tts: Arc::new(tts),
        vad: Arc::clone(&vad),
        vad_fallback: vad,
    }
}

/// A caller's turn: `speech` loud, with `pause` in the middle.
fn speech(first_ms: u32, pause_ms: u32, second_ms: u32) -> Vec<i16> {
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
        config: Arc::new(config),
        engines,
        observer: None,
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
            tell me a story → once upon a time there was a (cut)
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
        config: Arc::new(Config::default()),
        engines: engines(stt, ScriptedLlm::echo(), ScriptedTts::default()),
        observer: None,
        hang_up: hang_up.clone(),
    };
    let call = tokio::spawn(run(Box::new(transport), setup));
    tokio::time::sleep(Duration::from_millis(100)).await;
    hang_up.cancel();
    let report = tokio::time::timeout(Duration::from_secs(2), call).await.unwrap().unwrap();
    assert_eq!(report.reason, EndReason::Stopped);
}
