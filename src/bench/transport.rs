//! The way of sound through LiveKit: from one participant's push to the other's ear, on one clock,
//! because both are in this process.
//!
//! A click every half second; the delay runs from the push of its first sample to the moment at
//! which that sample would be heard, were each frame played as it comes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::{Report, clock};
use crate::audio::FRAME_MS;
use crate::config::Config;
use crate::livekit_api::{CallerGrant, LiveKitApi};
use crate::models::Store;
use crate::transport::livekit::dev_server::{DevServer, DevServerOptions};
use crate::transport::livekit::room::{AudioStream, RoomOptions};
use crate::transport::livekit::sdk::Sdk;
use crate::transport::livekit::{AudioSource, Room, RoomEvent, RoomEvents};

const RATE_HZ: u32 = 24_000;
/// As the agent's own track has it.
const QUEUE_MS: u32 = crate::transport::livekit::transport::QUEUE_MS;
const FRAME: usize = (RATE_HZ * FRAME_MS / 1000) as usize;

/// Frames from one click to the next.
const CLICK_EVERY: u64 = 25;

/// Loud enough to be no noise, whatever the codec does to its edges.
const LOUD: u16 = 4_000;

/// Frames that come later than this after the one before leave a hole that people hear.
const GAP_MIN: Duration = Duration::from_millis(40);

const WAIT_MAX: Duration = Duration::from_secs(15);

/// Sends `clicks` clicks through a livekit-server of its own.
///
/// # Errors
/// When server or SDK do not run, or the sound does not come through.
pub async fn run(config: &Config, clicks: usize) -> anyhow::Result<Report> {
    let livekit = DevServer::start(&DevServerOptions::default()).await?;
    let api = LiveKitApi::new(livekit.url(), livekit.api_key(), livekit.api_secret())?;
    let store = Store::from_config(&config.models);
    let sdk = Sdk::load(store.resolve("livekit-sdk")?.main_file())?;
    let url = api.url().ws_base();
    let room = "bench-transport";
    let options = RoomOptions { auto_subscribe: true };
    let token = |who: &str| {
        api.caller_token(&CallerGrant {
            room: room.into(),
            identity: who.into(),
            ttl: Duration::from_secs(3600),
            ..CallerGrant::default()
        })
    };
    let (speaker, speaker_events) = Room::connect(&sdk, &url, &token("speaker")?, options).await?;
    let (listener, mut listener_events) =
        Room::connect(&sdk, &url, &token("listener")?, options).await?;
    let source = speaker.publish_audio("microphone", RATE_HZ, QUEUE_MS).await?;
    let stream = timeout(WAIT_MAX, first_track(&listener, &mut listener_events))
        .await
        .context("the listener was not given the track")??;

    let pushed = Arc::new(Mutex::new(Vec::new()));
    let talking = tokio::spawn(click(source, Arc::clone(&pushed)));
    let heard = timeout(
        Duration::from_millis(CLICK_EVERY * u64::from(FRAME_MS)) * (clicks as u32 + 8) + WAIT_MAX,
        hear(&stream, clicks + 1),
    )
    .await;
    talking.abort();
    drop((speaker_events, listener_events));
    speaker.disconnect().await;
    listener.disconnect().await;
    let heard = heard.context("the clicks did not come through")??;

    let mut report = Report::new("transport");
    report.setup.insert("clicks", clicks.to_string());
    report.setup.insert("frame", format!("{FRAME_MS} ms"));
    let pushed = pushed.lock().unwrap_or_else(PoisonError::into_inner);
    // The first click finds the codec cold.
    for at in heard.clicks.iter().skip(1) {
        // The newest click that was pushed before it was heard: they are half a second apart.
        if let Some(from) = pushed.iter().rev().find(|from| *from <= at) {
            report.add("one way", "ms", at.duration_since(*from).as_secs_f64() * 1000.0);
        }
    }
    for gap in &heard.gaps {
        report.add("holes in the sound", "ms", gap.as_secs_f64() * 1000.0);
    }
    report.notes.push(format!(
        "{} holes of more than {} ms",
        heard.gaps.len(),
        GAP_MIN.as_millis()
    ));
    Ok(report)
}

async fn first_track(room: &Room, events: &mut RoomEvents) -> anyhow::Result<AudioStream> {
    while let Some(event) = events.next().await {
        if let RoomEvent::TrackSubscribed { track, .. } = event {
            return Ok(room.hear(track, RATE_HZ, FRAME_MS)?);
        }
    }
    bail!("the room was closed")
}

/// Pushes silence with a click now and then, at the pace of life, and notes when.
async fn click(mut source: AudioSource, pushed: Arc<Mutex<Vec<Instant>>>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(u64::from(FRAME_MS)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0_u64.. {
        ticks.tick().await;
        let mut frame = vec![0_i16; FRAME];
        if n % CLICK_EVERY == CLICK_EVERY - 1 {
            // A tone at full level from its first sample: an edge that survives the codec.
            for (i, sample) in frame.iter_mut().enumerate() {
                *sample = if i / 12 % 2 == 0 { 20_000 } else { -20_000 };
            }
            pushed.lock().unwrap_or_else(PoisonError::into_inner).push(clock());
        }
        source.push(&frame);
    }
}

struct Heard {
    clicks: Vec<Instant>,
    gaps: Vec<Duration>,
}

async fn hear(stream: &AudioStream, clicks: usize) -> anyhow::Result<Heard> {
    let mut heard = Heard { clicks: Vec::new(), gaps: Vec::new() };
    let (mut last, mut quiet_frames) = (None::<Instant>, CLICK_EVERY);
    while heard.clicks.len() < clicks {
        let Some(frame) = stream.next().await else { bail!("the track ended") };
        let now = clock();
        if let Some(last) = last.replace(now) {
            let late = now.duration_since(last);
            if late > GAP_MIN + Duration::from_millis(u64::from(FRAME_MS)) {
                heard.gaps.push(late);
            }
        }
        match frame.iter().position(|s| s.unsigned_abs() > LOUD) {
            Some(first) if quiet_frames > CLICK_EVERY / 2 => {
                let played = first as u64 * 1_000_000 / u64::from(RATE_HZ);
                heard.clicks.push(now + Duration::from_micros(played));
                quiet_frames = 0;
            }
            Some(_) => quiet_frames = 0,
            None => quiet_frames += 1,
        }
    }
    Ok(heard)
}
