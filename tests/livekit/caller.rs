//! The synthetic caller against a scripted agent: a tone is its welcome and its every answer.

use std::time::Duration;

use sawt::caller::{CallError, CallPlan, RATE_HZ, Turn, Utterance, call};
use sawt::transport::livekit::{JoinOptions, LiveKitTransport};
use sawt::transport::{AgentState, CallTransport, Caption, Speaker, TransportEvent};

use super::harness::{Server, is_loud, library, room_name, tone};

/// Silence after the caller's tone that this agent takes for the end of the turn.
const ENDPOINTING_MS: u64 = 300;

fn plan(server: &Server, room: &str, turns: Vec<Turn>) -> CallPlan {
    CallPlan {
        api: server.api(),
        library: library(),
        room: room.to_owned(),
        identity: "caller".into(),
        agent_name: String::new(),
        turns,
        answer_max: Duration::from_secs(8),
        answer_gap: sawt::caller::ANSWER_GAP,
        barge_in_after: None,
        record: true,
    }
}

fn question() -> Turn {
    let mut pcm = tone(RATE_HZ, 800);
    pcm.extend(vec![0; RATE_HZ as usize / 2]);
    Turn::Speech(Utterance { name: "question".into(), pcm, speech_end_ms: 800.0 })
}

/// An agent that answers with a tone, 300 ms after the caller's tone ends, and stops when
/// interrupted.
async fn scripted_agent(
    server: &Server,
    room: &str,
    answer_ms: u32,
) -> tokio::task::JoinHandle<()> {
    let token = server.token(room, "agent-1", true);
    let options = JoinOptions::new(library());
    let mut call = LiveKitTransport::join(server.dev.url(), &token, options).await.unwrap();
    tokio::spawn(async move {
        let mut last_loud = None;
        let mut segment = 0;
        let mut say: Vec<i16> = Vec::new();
        let mut pushed_ms = 0;
        loop {
            match call.next_event().await {
                TransportEvent::CallerReady(_) => say = tone(24_000, answer_ms),
                TransportEvent::CallerAudio(pcm) if is_loud(&pcm) => {
                    last_loud = Some(call.now());
                    say.clear();
                    call.clear_audio();
                }
                TransportEvent::CallerText(_) => say = tone(24_000, answer_ms),
                TransportEvent::Closed(_) => break,
                _ => {}
            }
            let now = call.now();
            if last_loud.is_some_and(|at| now.since(at).as_millis() as u64 >= ENDPOINTING_MS) {
                last_loud = None;
                segment += 1;
                say = tone(24_000, answer_ms);
                let caption = |speaker, text: &str| Caption {
                    speaker,
                    segment,
                    text: text.into(),
                    whole: matches!(speaker, Speaker::Caller),
                    last: true,
                };
                call.send_caption(caption(Speaker::Caller, "a question"));
                call.send_caption(caption(Speaker::Agent, "an answer"));
                call.set_agent_state(AgentState::Speaking);
            }
            pushed_ms = pushed_ms.max(now.as_millis());
            while !say.is_empty() && pushed_ms < now.as_millis() + u64::from(call.lead_ms()) {
                let frame: Vec<i16> = say.drain(..say.len().min(480)).collect();
                call.push_audio(&frame);
                pushed_ms += 20;
                if say.is_empty() {
                    call.set_agent_state(AgentState::Listening);
                }
            }
        }
        call.close("test").await;
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_timed_from_the_audio() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("caller");
    let agent = scripted_agent(&server, &room, 500).await;
    let turns = vec![question(), question(), Turn::Text("and in writing?".into())];
    let report = call(&plan(&server, &room, turns)).await.unwrap();
    let times: Vec<_> = report.turns.iter().map(|t| (t.v2v_ms, t.answer_ms)).collect();
    println!("(v2v, answer) in ms: {times:?}");
    assert_eq!((report.turns.len(), report.unanswered()), (3, 0));
    for turn in &report.turns[..2] {
        let v2v_ms = turn.v2v_ms.unwrap();
        // 300 ms of endpointing, and the road both ways.
        assert!((330.0..900.0).contains(&v2v_ms), "{v2v_ms} ms");
        assert!((400.0..700.0).contains(&turn.answer_ms), "{} ms", turn.answer_ms);
        assert_eq!((turn.heard.as_str(), turn.answer.as_str()), ("a question", "an answer"));
        assert!(turn.answer_pcm.len() > RATE_HZ as usize / 3);
    }
    let recording = report.recording.unwrap();
    assert!(recording.caller.len().abs_diff(recording.agent.len()) < RATE_HZ as usize * 4);
    tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_is_timed_too() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("barge");
    let _agent = scripted_agent(&server, &room, 1500).await;
    let mut plan = plan(&server, &room, vec![question(), question()]);
    plan.barge_in_after = Some(Duration::from_millis(400));
    let report = call(&plan).await.unwrap();
    let turns: Vec<_> =
        report.turns.iter().map(|t| (t.v2v_ms, t.answer_ms, t.stopped_ms)).collect();
    println!("(v2v, answer, stopped) in ms: {turns:?}");
    let stopped_ms = report.turns[0].stopped_ms.unwrap();
    assert!((20.0..500.0).contains(&stopped_ms), "{stopped_ms}");
    assert!((400.0..1200.0).contains(&report.turns[0].answer_ms));
    assert_eq!(report.turns[1].stopped_ms, None);
    assert!(report.turns[1].answer_ms > 1300.0, "the last answer is heard out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_takes_says_so() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("nobody");
    let mut plan = plan(&server, &room, vec![question()]);
    plan.agent_name = "absent".into();
    let error = call(&plan).await.unwrap_err();
    println!("{error}");
    assert!(matches!(error, CallError::NoAgent { .. }), "{error}");
    assert!(error.to_string().contains("found no free worker"), "{error}");
}
