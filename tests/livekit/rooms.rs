//! What a room carries, and that nothing leaks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sawt::transport::livekit::text::TextPiece;
use sawt::transport::livekit::{RoomError, RoomEvent, RoomOptions, Sdk};

use super::harness::{Server, is_loud, room_name, sdk, tone, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_side_says_the_other_hears_until_it_is_cleared() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("sound");
    let (speaker, _speaker_events) = server.join(&room, "speaker").await;
    let (listener, mut events) = server.join(&room, "listener").await;
    let mut source = speaker.publish_audio("roomio_audio", 24_000, 200).await.unwrap();
    let track = wait_for(&mut events, "the track", |event| match event {
        RoomEvent::TrackSubscribed { identity, track } if identity == "speaker" => Some(track),
        _ => None,
    })
    .await;
    let stream = listener.hear(track, 16_000, 20).unwrap();

    // A tone for a second and a half, at the pace of a call that keeps 60 ms ahead.
    let begin = Instant::now();
    let mut loud_ms = 0;
    let mut pushed_ms = 0_u32;
    while begin.elapsed() < Duration::from_millis(1500) {
        while u128::from(pushed_ms) < begin.elapsed().as_millis() + 60 {
            source.push(&tone(24_000, 20));
            pushed_ms += 20;
        }
        let frame = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
        if let Ok(Some(frame)) = frame
            && is_loud(&frame)
        {
            assert_eq!(frame.len(), 320, "20 ms at 16 kHz");
            loud_ms += 20;
        }
    }
    assert!(loud_ms > 1000, "only {loud_ms} ms of the tone arrived");

    // 150 ms more are on their way when they are cleared.
    for _ in 0..8 {
        source.push(&tone(24_000, 20));
    }
    let cleared = Instant::now();
    source.clear();
    let mut last_loud = cleared;
    while cleared.elapsed() < Duration::from_millis(600) {
        let frame = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
        if matches!(frame, Ok(Some(frame)) if is_loud(&frame)) {
            last_loud = Instant::now();
        }
    }
    let after = last_loud - cleared;
    println!("silence {} ms after the clear", after.as_millis());
    assert!(after < Duration::from_millis(200), "sound went on for {after:?} after the clear");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_arrive_whole_and_bit_by_bit_and_attributes_change() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("text");
    // The server lets agents, and nobody else, send under another's identity.
    let (agent, _agent_events) = server.join_as(&room, "agent", true).await;
    let (caller, mut events) = server.join(&room, "caller").await;
    let _source = agent.publish_audio("roomio_audio", 24_000, 200).await.unwrap();
    let opened = |event| match event {
        RoomEvent::TextOpened { identity, reader } => Some((identity, reader)),
        _ => None,
    };

    let attributes = HashMap::from([("lk.segment_id".to_owned(), "SG_1".to_owned())]);
    agent.send_text("lk.transcription", "مرحبا", attributes.clone(), Some("caller")).await.unwrap();
    let (identity, reader) = wait_for(&mut events, "the text", opened).await;
    assert_eq!(identity, "caller", "shown as the caller's own words");
    assert_eq!(reader.topic, "lk.transcription");
    assert_eq!(reader.attributes["lk.segment_id"], "SG_1");
    assert_eq!(reader.read_all(100, Duration::from_secs(5)).await.unwrap(), "مرحبا");

    let writer = agent.open_text("lk.transcription", attributes).await.unwrap();
    let (identity, mut reader) = wait_for(&mut events, "the stream", opened).await;
    assert_eq!(identity, "agent");
    writer.write("Hello ").await.unwrap();
    assert_eq!(reader.next().await.unwrap(), TextPiece::Chunk("Hello ".into()));
    writer.write("there.").await.unwrap();
    assert_eq!(reader.next().await.unwrap(), TextPiece::Chunk("there.".into()));
    writer.close(HashMap::from([("final".to_owned(), "true".to_owned())])).await.unwrap();
    let TextPiece::End(closing) = reader.next().await.unwrap() else { panic!("no end") };
    assert_eq!(closing.get("final").map(String::as_str), Some("true"));

    caller.send_text("lk.chat", &"x".repeat(3000), HashMap::new(), None).await.unwrap();
    agent.set_attributes(&[("lk.agent.state", "thinking")]).await.unwrap();
    let state = wait_for(&mut events, "the state", |event| match event {
        RoomEvent::AttributesChanged { identity, mut attributes } if identity == "agent" => {
            attributes.remove("lk.agent.state")
        }
        _ => None,
    })
    .await;
    assert_eq!(state, "thinking");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_is_refused() {
    let Some(server) = Server::start().await else { return };
    let room = room_name("long");
    let (sender, _) = server.join(&room, "sender").await;
    let (_reader_room, mut events) = server.join(&room, "reader").await;
    sender.send_text("lk.chat", &"x".repeat(100_000), HashMap::new(), None).await.unwrap();
    let reader = wait_for(&mut events, "the text", |event| match event {
        RoomEvent::TextOpened { reader, .. } => Some(reader),
        _ => None,
    })
    .await;
    let error = reader.read_all(16_384, Duration::from_secs(5)).await.unwrap_err();
    assert!(error.to_string().contains("longer than 16384 bytes"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_and_an_absent_server_are_errors_that_say_so() {
    let Some(server) = Server::start().await else { return };
    let options = RoomOptions { auto_subscribe: true };
    let error = Sdk::load(&super::harness::library()).map(|sdk| async move {
        sawt::transport::livekit::Room::connect(&sdk, server.dev.url(), "not.a.token", options)
            .await
            .map(drop)
            .unwrap_err()
    });
    let error = error.unwrap().await;
    println!("wrong token: {error}");
    assert!(matches!(error, RoomError::KeyRefused), "{error}");
    assert!(error.to_string().contains("LIVEKIT_API_KEY"), "{error}");

    let nowhere = "ws://127.0.0.1:9";
    let error = sawt::transport::livekit::Room::connect(&sdk(), nowhere, "x.y.z", options)
        .await
        .map(drop)
        .unwrap_err();
    println!("no server: {error}");
    assert!(matches!(error, RoomError::Sdk(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_visits_leave_no_descriptor_thread_or_route_behind() {
    let Some(server) = Server::start_alone().await else { return };
    let visit = async |n: u32| {
        let room = room_name("visit");
        let (a, _a_events) = server.join(&room, &format!("a{n}")).await;
        let (b, mut b_events) = server.join(&room, &format!("b{n}")).await;
        let mut source = a.publish_audio("roomio_audio", 24_000, 200).await.unwrap();
        let track = wait_for(&mut b_events, "the track", |event| match event {
            RoomEvent::TrackSubscribed { track, .. } => Some(track),
            _ => None,
        })
        .await;
        let stream = b.hear(track, 16_000, 20).unwrap();
        source.push(&tone(24_000, 20));
        stream.next().await;
        a.send_text("lk.chat", "bye", HashMap::new(), None).await.unwrap();
        // One leaves politely, the other is dropped.
        a.disconnect().await;
    };
    for n in 0..3 {
        visit(n).await; // pools and caches fill once
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = usage();
    for n in 3..23 {
        visit(n).await;
    }
    let mut after = usage();
    for _ in 0..50 {
        if after.0 <= before.0 + 8 && after.1 <= before.1 + 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        after = usage();
    }
    println!("(descriptors, threads, RSS kB): before {before:?}, after {after:?}");
    assert!(after.0 <= before.0 + 8, "descriptors: {} became {}", before.0, after.0);
    assert!(after.1 <= before.1 + 4, "threads: {} became {}", before.1, after.1);
    assert_eq!(sdk().events_lost(), 0);
}

/// Open descriptors, threads, resident kB of this process.
fn usage() -> (usize, usize, usize) {
    let count = |dir| std::fs::read_dir(dir).unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    let rss = rss.split_whitespace().next().unwrap().parse().unwrap();
    (count("/proc/self/fd"), count("/proc/self/task"), rss)
}
