//! What a caller hears and reads while an answer is late, and while it is spoken. Voice and room are
//! real; what is said is told by a script, so that it is late or long when it has to be.

use std::sync::Arc;
use std::time::Duration;

use sawt::call::CallReport;
use sawt::config::Config;
use sawt::engines::llm::ScriptedLlm;
use sawt::engines::stt::ScriptedStt;
use sawt::engines::tts::KeptLines;
use sawt::engines::vad::energy::EnergyVad;
use sawt::engines::{Engines, RunningEngines, VadFactory};
use sawt::supervisor::EngineKind;
use sawt::transport::livekit::dev_server::DevServer;
use tokio::task::JoinHandle;

use super::house::{agent, enter, setup};
use super::phone::{Mic, Phone};
use super::programs::{Serve, bin_dir, signal};

const LONG: &str = "The harbour opens at seven in the morning and closes when the last boat \
                    has come home in the evening.";

/// An agent in `room` whose answers come after `thinks`, and a caller who types.
async fn talk(
    server: &DevServer,
    room: &str,
    thinks: Duration,
) -> (Phone, RunningEngines, JoinHandle<CallReport>) {
    let mut config = Config::default();
    config.engines.dir = Some(bin_dir());
    config.agent.welcome = "Hello.".into();
    let running = RunningEngines::start(&config, &[EngineKind::Tts]).unwrap();
    running.ready().await.unwrap();
    let vad: VadFactory = Arc::new(|| Box::new(EnergyVad::new()));
    let answer = |said: &str| Ok(if said.contains("harbour") { LONG } else { "It is ten." }.into());
    let engines = Engines {
        stt: Arc::new(ScriptedStt::new([""], Duration::ZERO)),
        llm: Arc::new(ScriptedLlm::new(answer, thinks, Duration::ZERO)),
        tts: Arc::new(KeptLines::new(running.tts().unwrap())),
        vad: Arc::clone(&vad),
        vad_fallback: vad,
        turn_detector: None,
    };
    sawt::call::prepare_fillers(&config, &engines).await;
    let phone = Phone::join(server, room, Mic::None).await;
    let agent = agent(server, room, setup(room, Arc::new(config), engines)).await;
    phone.hear_welcome().await;
    (phone, running, agent)
}

async fn report_of(
    phone: Phone,
    running: RunningEngines,
    agent: JoinHandle<CallReport>,
) -> CallReport {
    phone.hang_up().await;
    let report = tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
    running.stop().await;
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_covered_by_a_phrase_in_the_agents_voice() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let (phone, running, agent) = talk(server, "late", Duration::from_millis(3_500)).await;
    let mark = phone.mark();
    phone.type_text("What time is it?").await;
    let typed_ms = phone.now_ms();
    let filler_ms = phone.until_speech(mark, "filler", 5).await - typed_ms;
    let state = phone.heard().state().to_owned();
    phone.hear_out(mark, "answer", 10).await;
    let (lines, spans) = {
        let heard = phone.heard();
        let lines: Vec<_> = heard.lines[mark.lines..].iter().map(|l| l.text.clone()).collect();
        (lines, heard.meter.spans()[mark.spans..].to_vec())
    };
    let report = report_of(phone, running, agent).await;
    let answer_ms = spans.last().unwrap().start_ms - typed_ms;
    println!("filler after {filler_ms:.0} ms, answer after {answer_ms:.0} ms: {lines:?}");
    assert!((1_100.0..answer_ms - 500.0).contains(&filler_ms), "{filler_ms} {answer_ms}");
    assert!(answer_ms > 3_400.0, "{answer_ms}");
    assert_eq!(state, "thinking", "while the filler is heard");
    assert_eq!(lines, ["One moment.", "It is ten."]);
    let turn = report.turns.last().unwrap();
    assert_eq!((turn.agent.as_str(), turn.filler.as_str()), ("It is ten.", "One moment."));
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_keep_time_with_the_voice_and_end_where_it_was_cut() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let (phone, running, agent) = talk(server, "paced", Duration::ZERO).await;
    let mark = phone.mark();
    phone.type_text("When does the harbour open?").await;
    let began_ms = phone.until_speech(mark, "answer", 10).await;
    // When each further word came, as long as the agent speaks.
    let mut words_ms = Vec::new();
    while phone.heard().state() != "listening" {
        let words = phone.heard().words(mark.lines, true).split_whitespace().count();
        words_ms.resize(words.max(words_ms.len()), phone.now_ms() - began_ms);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let spoken_ms = {
        let heard = phone.heard();
        heard.meter.spans().last().unwrap().end_ms - began_ms
    };
    let whole = phone.heard().words(mark.lines, true);
    // An answer that follows at once would be no other to the meter.
    phone.hear_out(mark, "end of the answer", 10).await;
    // The same again, cut by another question.
    let mark = phone.mark();
    phone.type_text("Is the harbour open?").await;
    phone.until_speech(mark, "answer", 10).await;
    tokio::time::sleep(Duration::from_millis(2_000)).await;
    phone.type_text("What time is it?").await;
    phone.until("the other answer", 10, |h| h.words(mark.lines, true).ends_with("ten.")).await;
    phone.hear_out(mark, "answer", 10).await;
    let cut = phone.heard().lines[mark.lines].text.clone();
    let report = report_of(phone, running, agent).await;
    println!("{spoken_ms:.0} ms of speech; words after {words_ms:.0?} ms\ncut: {cut}");
    assert_eq!(whole, LONG);
    assert!(words_ms.first().is_some_and(|ms| *ms < 1_000.0), "{words_ms:?}");
    let spread = words_ms.windows(2).filter(|pair| pair[1] - pair[0] > 20.0).count();
    assert!(spread >= 6, "one after another: {words_ms:?}");
    let middle = words_ms[words_ms.len() / 2] / spoken_ms;
    assert!((0.2..0.8).contains(&middle), "half of the words at {middle:.2} of the speech");
    let heard = report.turns.iter().find(|turn| turn.interrupted).expect("it was cut");
    assert_eq!(cut, heard.agent, "what is shown is what was heard");
    assert!(LONG.starts_with(&cut) && (3..19).contains(&cut.split(' ').count()), "{cut}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_in_mid_turn_is_covered_while_it_comes_back() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let serve = Serve::start(server, &["livekit.agent_name=covered", "agent.filler_ms=400"]).await;
    let phone = Phone::call_agent(server, "covered", Mic::None, "covered").await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.type_text("What is the capital of France?").await;
    let typed_ms = phone.now_ms();
    signal("-KILL", serve.engine("sawt-llm").expect("it runs"));
    let filler_ms = phone.until_speech(mark, "filler", 10).await - typed_ms;
    phone.until("answer", 40, |h| h.words(mark.lines, true).contains("Paris")).await;
    let lines: Vec<_> = {
        let heard = phone.heard();
        heard.lines[mark.lines..].iter().map(|line| line.text.clone()).collect()
    };
    println!("filler after {filler_ms:.0} ms: {lines:?}");
    phone.hang_up().await;
    assert!(filler_ms < 1_500.0, "{filler_ms}");
    assert_eq!(lines[0], "One moment.");
    assert_eq!(serve.metric("sawt_fillers_total").await, 1.0);
}
