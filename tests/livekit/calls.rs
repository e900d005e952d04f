//! The agent's transport: who is the caller, what is heard of them, how calls end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sawt::transport::livekit::{JoinOptions, LiveKitTransport, Room, RoomEvent};
use sawt::transport::{AgentState, CallTransport, Caption, CloseReason, Speaker, TransportEvent};

use super::harness::{Server, is_loud, library, room_name, tone, wait_for};

async fn agent(server: &Server, room: &str) -> LiveKitTransport {
    let token = server.token(room, "agent-1", true);
    LiveKitTransport::join(server.dev.url(), &token, JoinOptions::new(library())).await.unwrap()
}

/// Runs the call until `wanted` finds something in its events.
async fn until<T>(
    call: &mut LiveKitTransport,
    what: &str,
    mut wanted: impl FnMut(&TransportEvent) -> Option<T>,
) -> T {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        let event = call.next_event().await;
        if let Some(found) = wanted(&event) {
            return found;
        }
        assert!(!matches!(event, TransportEvent::Closed(_)), "{event:?} before {what}");
    }
    panic!("no {what} within 30 s");
}

async fn until_ready(call: &mut LiveKitTransport) -> String {
    until(call, "the caller", |event| match event {
        TransportEvent::CallerReady(caller) => Some(caller.identity.clone()),
        _ => None,
    })
    .await
}

async fn until_closed(call: &mut LiveKitTransport) -> CloseReason {
    until(call, "the end", |event| match event {
        TransportEvent::Closed(reason) => Some(reason.clone()),
        _ => None,
    })
    .await
}

/// A caller with a microphone that sends a tone until dropped.
async fn caller(
    server: &Server,
    room: &str,
    identity: &str,
) -> (Room, tokio::task::JoinHandle<()>) {
    let (caller, mut events) = server.join(room, identity).await;
    let mut source = caller.publish_audio("mic", 48_000, 200).await.unwrap();
    let speaking = tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            source.push(&tone(48_000, 20));
        }
    });
    tokio::spawn(async move { while events.next().await.is_some() {} });
    (caller, speaking)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_heard_and_their_leaving_ends_the_call() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("call");
    let (ann, speaking) = caller(&server, &room, "ann").await;
    let mut call = agent(&server, &room).await;
    assert_eq!(until_ready(&mut call).await, "ann");
    let samples = until(&mut call, "her voice", |event| match event {
        TransportEvent::CallerAudio(pcm) if is_loud(pcm) => Some(pcm.len()),
        _ => None,
    })
    .await;
    assert_eq!(samples, 320, "20 ms at 16 kHz");
    speaking.abort();
    ann.disconnect().await;
    assert_eq!(until_closed(&mut call).await, CloseReason::CallerLeft);
    call.close("test").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_caller_is_neither_heard_nor_read() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("two");
    let (ann, _events) = server.join(&room, "ann").await;
    let mut call = agent(&server, &room).await;
    assert_eq!(until_ready(&mut call).await, "ann");
    let (bob, speaking) = caller(&server, &room, "bob").await;
    bob.send_text("lk.chat", "I am bob", HashMap::new(), None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    ann.send_text("lk.chat", "I am ann", HashMap::new(), None).await.unwrap();
    let text = until(&mut call, "her text", |event| match event {
        TransportEvent::CallerText(text) => Some(text.clone()),
        TransportEvent::CallerAudio(_) => panic!("bob was heard"),
        _ => None,
    })
    .await;
    assert_eq!(text, "I am ann");
    speaking.abort();
    bob.disconnect().await;
    // Ann has no track: nothing but the passing of time comes from her.
    let mut ticks = 0;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        assert_eq!(call.next_event().await, TransportEvent::Tick);
        ticks += 1;
    }
    assert!((40..=60).contains(&ticks), "{ticks} ticks in a second");
    call.close("test").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_caller_gives_ticks_and_an_unmuted_one_is_heard_again() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("mute");
    let (ann, mut events) = server.join(&room, "ann").await;
    tokio::spawn(async move { while events.next().await.is_some() {} });
    let mut source = ann.publish_audio("mic", 48_000, 200).await.unwrap();
    let mut call = agent(&server, &room).await;
    until_ready(&mut call).await;
    let audio =
        |event: &TransportEvent| matches!(event, TransportEvent::CallerAudio(_)).then_some(());
    source.push(&tone(48_000, 100));
    until(&mut call, "her voice", audio).await;
    source.set_muted(true).unwrap();
    let mut muted_at = None;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        match call.next_event().await {
            TransportEvent::CallerAudio(_) => muted_at = None,
            _ => drop(muted_at.get_or_insert_with(Instant::now)),
        }
    }
    assert!(muted_at.is_some_and(|at| at.elapsed() > Duration::from_secs(2)), "still heard");
    source.set_muted(false).unwrap();
    source.push(&tone(48_000, 100));
    until(&mut call, "her voice again", audio).await;
    call.close("test").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_room_ends_the_call() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("deleted");
    let (_ann, _events) = server.join(&room, "ann").await;
    let mut call = agent(&server, &room).await;
    until_ready(&mut call).await;
    server.api().delete_room(&room).await.unwrap();
    let reason = until_closed(&mut call).await;
    assert!(matches!(reason, CloseReason::RoomClosed | CloseReason::CallerLeft), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("empty");
    let token = server.token(&room, "agent-1", true);
    let mut options = JoinOptions::new(library());
    options.caller_wait = Duration::from_secs(1);
    let mut call = LiveKitTransport::join(server.dev.url(), &token, options).await.unwrap();
    assert_eq!(until_closed(&mut call).await, CloseReason::NoCaller);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_for_good_ends_the_call() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("lost");
    let (_ann, _events) = server.join(&room, "ann").await;
    let mut call = agent(&server, &room).await;
    until_ready(&mut call).await;
    drop(server);
    let begin = Instant::now();
    let mut reconnecting = false;
    let reason = loop {
        match call.next_event().await {
            TransportEvent::Closed(reason) => break reason,
            TransportEvent::Reconnecting => reconnecting = true,
            _ => assert!(begin.elapsed() < Duration::from_secs(60), "the call does not end"),
        }
    };
    println!("{reason:?} after {:?}, reconnecting: {reconnecting}", begin.elapsed());
    assert!(matches!(reason, CloseReason::Lost(_)), "{reason:?}");
    assert!(reconnecting);
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_and_state_are_shown_as_livekit_pages_expect_them() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("captions");
    let (ann, mut events) = server.join(&room, "ann").await;
    let mut source = ann.publish_audio("mic", 48_000, 200).await.unwrap();
    source.push(&tone(48_000, 20));
    let mut call = agent(&server, &room).await;
    until_ready(&mut call).await;
    let caption = |speaker, text: &str, last| Caption {
        speaker,
        segment: 7,
        text: text.into(),
        whole: matches!(speaker, Speaker::Caller),
        last,
    };
    call.set_agent_state(AgentState::Speaking);
    call.send_caption(caption(Speaker::Agent, "Hello ", false));
    call.send_caption(caption(Speaker::Agent, "there.", true));
    call.send_caption(caption(Speaker::Caller, "good", false));
    call.send_caption(caption(Speaker::Caller, "good morning", true));
    let running = tokio::spawn(async move {
        for _ in 0..100 {
            call.next_event().await;
        }
        call.close("test").await;
    });
    let mut texts = Vec::new();
    let mut state = None;
    while texts.len() < 3 || state.is_none() {
        let event = wait_for(&mut events, "captions and state", Some).await;
        match event {
            RoomEvent::TextOpened { identity, reader } => {
                let attributes = reader.attributes.clone();
                assert_eq!(reader.topic, "lk.transcription");
                let text = reader.read_all(1000, Duration::from_secs(5)).await.unwrap();
                texts.push((identity, text, attributes));
            }
            RoomEvent::AttributesChanged { attributes, .. } => {
                state = attributes.get("lk.agent.state").filter(|s| *s == "speaking").cloned();
            }
            _ => {}
        }
    }
    let final_of = |n: usize| texts[n].2["lk.transcription_final"].as_str();
    let segment_of = |n: usize| texts[n].2["lk.segment_id"].as_str();
    assert_eq!((texts[0].0.as_str(), texts[0].1.as_str()), ("agent-1", "Hello there."));
    assert_eq!((texts[1].0.as_str(), texts[1].1.as_str()), ("ann", "good"));
    assert_eq!((texts[2].0.as_str(), texts[2].1.as_str()), ("ann", "good morning"));
    assert_eq!((final_of(0), final_of(1), final_of(2)), ("false", "false", "true"));
    assert_eq!(segment_of(1), segment_of(2), "an interim caption is replaced by the final one");
    assert_ne!(segment_of(0), segment_of(1));
    assert!(texts[0].2["lk.transcribed_track_id"].starts_with("TR_"));
    assert!(texts[1].2["lk.transcribed_track_id"].starts_with("TR_"));
    running.await.unwrap();
}
