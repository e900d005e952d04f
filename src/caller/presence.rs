//! The caller's mouth and ears: tasks that speak and listen on one clock while the script waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::debug;

use super::measure::Meter;
use super::{RATE_HZ, Recording};
use crate::audio::FRAME_MS;
use crate::transport::livekit::room::{AudioStream, ParticipantKind};
use crate::transport::livekit::text::TextPiece;
use crate::transport::livekit::{AudioSource, Room, RoomEvent, RoomEvents, TextReader};

/// Samples of one frame.
const FRAME: usize = (RATE_HZ * FRAME_MS / 1000) as usize;

/// Longest recording: an hour. What comes later is not kept.
const RECORDING_MAX: usize = RATE_HZ as usize * 3600;

/// Longest caption that is kept, in bytes.
const CAPTION_MAX: usize = 64 * 1024;

/// What the tasks know, and the script reads.
#[derive(Debug)]
pub(super) struct Shared {
    begin: Instant,
    record: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// When the agent's track could be heard first.
    pub(super) agent_heard_ms: Option<f64>,
    pub(super) agent_identity: Option<String>,
    pub(super) agent_left: bool,
    /// The agent's `lk.agent.state`.
    pub(super) agent_state: Option<String>,
    pub(super) meter: Meter,
    pub(super) captions: Vec<Segment>,
    pub(super) recording: Recording,
    to_say: VecDeque<i16>,
    /// When the first sample of the latest utterance was said.
    pub(super) said_from_ms: Option<f64>,
}

/// One caption line.
#[derive(Debug)]
pub(super) struct Segment {
    id: String,
    pub(super) by_agent: bool,
    pub(super) text: String,
}

impl Shared {
    pub(super) fn new(record: bool) -> Arc<Self> {
        Arc::new(Self { begin: clock(), record, state: Mutex::default() })
    }

    /// Milliseconds since the call began.
    pub(super) fn now_ms(&self) -> f64 {
        clock().duration_since(self.begin).as_secs_f64() * 1000.0
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say(&self, pcm: &[i16]) {
        let mut state = self.state();
        state.said_from_ms = None;
        state.to_say = pcm.iter().copied().collect();
    }
}

/// A microphone that is always on: says what there is to say, else silence, 20 ms every 20 ms.
pub(super) async fn speak(shared: Arc<Shared>, mut source: AudioSource) {
    let mut ticks = tokio::time::interval(Duration::from_millis(u64::from(FRAME_MS)));
    // After a late wake-up the missed frames follow at once: pace is by the clock, not by us.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let due = ticks.tick().await;
        let frame = {
            let mut state = shared.state();
            let len = state.to_say.len().min(FRAME);
            let mut frame: Vec<i16> = state.to_say.drain(..len).collect();
            if len > 0 && state.said_from_ms.is_none() {
                let at = due.duration_since(shared.begin).as_secs_f64() * 1000.0;
                state.said_from_ms = Some(at);
            }
            frame.resize(FRAME, 0);
            if shared.record && state.recording.caller.len() < RECORDING_MAX {
                let from = due.duration_since(shared.begin).as_secs_f64() * f64::from(RATE_HZ);
                append_at(&mut state.recording.caller, &frame, from as usize);
            }
            frame
        };
        source.push(&frame);
    }
}

/// Ears and eyes: who comes, what they say, what they show. Ends when the room does.
pub(super) async fn listen(shared: Arc<Shared>, room: Room, mut events: RoomEvents) {
    // Its tasks end with this one.
    let mut tasks = JoinSet::new();
    while let Some(event) = events.next().await {
        while tasks.try_join_next().is_some() {}
        match event {
            RoomEvent::ParticipantConnected(who) if who.kind == ParticipantKind::Agent => {
                let mut state = shared.state();
                state.agent_state = who.attributes.get("lk.agent.state").cloned();
                state.agent_identity.get_or_insert(who.identity);
            }
            RoomEvent::AttributesChanged { identity, attributes } => {
                let mut state = shared.state();
                if state.agent_identity.as_ref() == Some(&identity) {
                    state.agent_state = attributes.get("lk.agent.state").cloned();
                }
            }
            RoomEvent::ParticipantDisconnected { identity, .. } => {
                let mut state = shared.state();
                if state.agent_identity.as_ref() == Some(&identity) {
                    state.agent_left = true;
                }
            }
            RoomEvent::TrackSubscribed { identity, track } => {
                let is_agent = shared.state().agent_identity.as_ref() == Some(&identity);
                if is_agent {
                    match room.hear(track, RATE_HZ, FRAME_MS) {
                        Ok(stream) => {
                            shared.state().agent_heard_ms.get_or_insert(shared.now_ms());
                            tasks.spawn(hear(Arc::clone(&shared), stream));
                        }
                        Err(error) => debug!(%error, "The agent can not be heard."),
                    }
                }
            }
            RoomEvent::TextOpened { identity, reader } if reader.topic == "lk.transcription" => {
                let by_agent = identity != room.identity();
                tasks.spawn(read_caption(Arc::clone(&shared), reader, by_agent));
            }
            RoomEvent::Disconnected(_) => shared.state().agent_left = true,
            _ => {}
        }
    }
    shared.state().agent_left = true;
}

async fn hear(shared: Arc<Shared>, stream: AudioStream) {
    while let Some(frame) = stream.next().await {
        let end_ms = shared.now_ms();
        let start_ms = end_ms - f64::from(FRAME_MS);
        let mut state = shared.state();
        state.meter.push(&frame, start_ms, end_ms);
        let agent = &mut state.recording.agent;
        if agent.len() < RECORDING_MAX {
            append_at(agent, &frame, (start_ms.max(0.0) * f64::from(RATE_HZ) / 1000.0) as usize);
        }
    }
}

/// Appends to a recording: in sequence while the clock agrees, after a gap where it does not.
fn append_at(track: &mut Vec<i16>, frame: &[i16], from: usize) {
    const JITTER: usize = RATE_HZ as usize / 10;
    if from > track.len() + JITTER && from < RECORDING_MAX {
        track.resize(from, 0);
    }
    track.extend_from_slice(frame);
}

async fn read_caption(shared: Arc<Shared>, mut reader: TextReader, by_agent: bool) {
    let id = reader.attributes.get("lk.segment_id").cloned().unwrap_or_default();
    let mut text = String::new();
    {
        let mut state = shared.state();
        if !state.captions.iter().any(|s| s.id == id) {
            state.captions.push(Segment { id: id.clone(), by_agent, text: String::new() });
        }
    }
    while let Ok(TextPiece::Chunk(chunk)) = reader.next().await {
        if text.len() + chunk.len() > CAPTION_MAX {
            return;
        }
        text.push_str(&chunk);
        let mut state = shared.state();
        if let Some(segment) = state.captions.iter_mut().find(|s| s.id == id) {
            segment.text.clone_from(&text); // a new text of the same segment replaces the old one
        }
    }
}

#[allow(clippy::disallowed_methods)] // the caller times a live call
fn clock() -> Instant {
    Instant::now()
}
