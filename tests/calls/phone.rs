//! A caller in a test's hands: joins, speaks or types when told to, and notes what comes back.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sawt::caller::measure::Meter;
use sawt::livekit_api::{AgentRequest, CallerGrant};
use sawt::transport::livekit::dev_server::DevServer;
use sawt::transport::livekit::room::{AudioStream, ParticipantKind};
use sawt::transport::livekit::text::TextPiece;
use sawt::transport::livekit::{AudioSource, Room, RoomEvent, RoomEvents, RoomOptions, Sdk};
use sawt::transport::livekit::{TextReader, library_path};
use tokio::task::JoinSet;

use super::house::api;

/// Rate at which the phone speaks and hears.
pub(super) const RATE_HZ: u32 = 24_000;
const FRAME_MS: u32 = 20;
const FRAME: usize = (RATE_HZ * FRAME_MS / 1000) as usize;

/// Silence that ends an answer.
const GAP_MS: f64 = 900.0;

/// What the caller brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mic {
    On,
    Muted,
    None,
}

/// One caption as it stands.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) by_agent: bool,
    pub(super) text: String,
    id: String,
}

/// What came to the phone.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) agent: Option<String>,
    /// The agent's track is there.
    pub(super) audible: bool,
    pub(super) agent_left: bool,
    /// We were thrown out, or the server went away.
    pub(super) cut_off: bool,
    pub(super) reconnecting: bool,
    pub(super) reconnected: bool,
    /// Tracks of the agent that we were given.
    pub(super) tracks: u32,
    /// Values of `lk.agent.state`, in order.
    pub(super) states: Vec<String>,
    pub(super) lines: Vec<Line>,
    pub(super) meter: Meter,
    pub(super) pcm: Vec<i16>,
    to_say: VecDeque<i16>,
}

impl Heard {
    /// What one side's captions from line `from` on say.
    pub(super) fn words(&self, from: usize, by_agent: bool) -> String {
        let lines = self.lines.iter().skip(from).filter(|l| l.by_agent == by_agent);
        lines.map(|l| l.text.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// The agent's state now.
    pub(super) fn state(&self) -> &str {
        self.states.last().map_or("", String::as_str)
    }
}

/// How much was heard at some moment; what comes later belongs to the next turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) spans: usize,
    pub(super) lines: usize,
    pub(super) states: usize,
    pub(super) samples: usize,
}

pub(super) struct Phone {
    room: Room,
    begin: Instant,
    heard: Arc<Mutex<Heard>>,
    /// Mouth and ears; they end with the phone.
    _tasks: JoinSet<()>,
}

pub(super) fn library() -> PathBuf {
    library_path(sawt::models::Store::open(None).dir())
}

impl Phone {
    /// Joins `room` and asks for the agent `sawt`.
    pub(super) async fn call(server: &DevServer, room: &str, mic: Mic) -> Self {
        Self::call_agent(server, room, mic, "sawt").await
    }

    pub(super) async fn call_agent(server: &DevServer, room: &str, mic: Mic, agent: &str) -> Self {
        let phone = Self::join(server, room, mic).await;
        let request = AgentRequest { agent_name: agent.into(), ..Default::default() };
        let dispatch = api(server).dispatch(room, &request, |_| None).await.unwrap();
        let log = || server.log_tail();
        assert!(dispatch.taken.is_some(), "no worker took the call in {room}:\n{}", log());
        phone
    }

    /// Joins `room` and asks for nobody.
    pub(super) async fn join(server: &DevServer, room: &str, mic: Mic) -> Self {
        Self::join_as(server, room, "caller", mic).await
    }

    pub(super) async fn join_as(server: &DevServer, room: &str, identity: &str, mic: Mic) -> Self {
        let grant = CallerGrant {
            room: room.into(),
            identity: identity.into(),
            name: identity.into(),
            attributes: BTreeMap::from([("lk.simulator".into(), "true".into())]),
            ttl: Duration::from_secs(600),
            ..Default::default()
        };
        let token = api(server).caller_token(&grant).unwrap();
        let sdk = Sdk::load(&library()).unwrap();
        let options = RoomOptions { auto_subscribe: true };
        let (room, events) = Room::connect(&sdk, server.url(), &token, options).await.unwrap();
        let (begin, heard) = (Instant::now(), Arc::<Mutex<Heard>>::default());
        let mut tasks = JoinSet::new();
        if mic != Mic::None {
            let source = room.publish_audio("microphone", RATE_HZ, 200).await.unwrap();
            if mic == Mic::Muted {
                source.set_muted(true).unwrap();
            }
            tasks.spawn(speak(Arc::clone(&heard), source));
        }
        tasks.spawn(listen(Arc::clone(&heard), begin, room.clone(), events));
        Self { room, begin, heard, _tasks: tasks }
    }

    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap()
    }

    pub(super) fn now_ms(&self) -> f64 {
        self.begin.elapsed().as_secs_f64() * 1000.0
    }

    pub(super) fn mark(&self) -> Mark {
        let heard = self.heard();
        Mark {
            spans: heard.meter.spans().len(),
            lines: heard.lines.len(),
            states: heard.states.len(),
            samples: heard.pcm.len(),
        }
    }

    /// Speaks `pcm` to its end.
    pub(super) async fn say(&self, pcm: &[i16]) {
        self.heard().to_say = pcm.iter().copied().collect();
        self.until("everything said", 60, |h| h.to_say.is_empty()).await;
    }

    pub(super) async fn type_text(&self, text: &str) {
        self.room.send_text("lk.chat", text, Default::default(), None).await.unwrap();
    }

    pub(super) async fn hang_up(&self) {
        self.room.disconnect().await;
    }

    /// Waits until `done`, at most `seconds`; returns how long that took.
    pub(super) async fn until(
        &self,
        what: &str,
        seconds: u64,
        done: impl Fn(&Heard) -> bool,
    ) -> Duration {
        let begin = Instant::now();
        while !done(&self.heard()) {
            if begin.elapsed() > Duration::from_secs(seconds) {
                let heard = self.heard();
                panic!(
                    "no {what} within {seconds} s; states {:?}, captions {:?}, agent left: {}, \
                     spans {:?}",
                    heard.states,
                    heard.lines,
                    heard.agent_left,
                    heard.meter.spans()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begin.elapsed()
    }

    /// Waits until the agent's speech after `mark` has begun; milliseconds since the call began.
    pub(super) async fn until_speech(&self, mark: Mark, what: &str, seconds: u64) -> f64 {
        self.until(what, seconds, |h| h.meter.spans().len() > mark.spans).await;
        self.heard().meter.spans()[mark.spans].start_ms
    }

    /// Waits until the agent has spoken after `mark`, fallen silent and listens again.
    pub(super) async fn hear_out(&self, mark: Mark, what: &str, seconds: u64) {
        self.until_speech(mark, what, seconds).await;
        self.until("end of what it says", 90, |h| {
            let end_ms = h.meter.spans().last().map_or(0.0, |s| s.end_ms);
            let idle = h.agent_left || h.state() == "listening";
            idle && self.now_ms() - end_ms > GAP_MS
        })
        .await;
    }

    /// Says `speech` and hears the answer out; what both sides' captions show of it since `mark`.
    pub(super) async fn ask(&self, mark: Mark, speech: &[i16]) -> (String, String) {
        self.say(speech).await;
        self.until_speech(mark, "answer", 40).await;
        self.hear_out(mark, "answer", 2).await;
        let heard = self.heard();
        (heard.words(mark.lines, false), heard.words(mark.lines, true))
    }

    /// Waits for the agent and its welcome.
    pub(super) async fn hear_welcome(&self) {
        let nothing = Mark { spans: 0, lines: 0, states: 0, samples: 0 };
        self.hear_out(nothing, "welcome", 30).await;
    }
}

/// A microphone that is always on: says what there is to say, else silence, at the pace of life.
async fn speak(heard: Arc<Mutex<Heard>>, mut source: AudioSource) {
    let mut ticks = tokio::time::interval(Duration::from_millis(u64::from(FRAME_MS)));
    loop {
        ticks.tick().await;
        let mut frame: Vec<i16> = {
            let mut heard = heard.lock().unwrap();
            let len = heard.to_say.len().min(FRAME);
            heard.to_say.drain(..len).collect()
        };
        frame.resize(FRAME, 0);
        source.push(&frame);
    }
}

async fn listen(heard: Arc<Mutex<Heard>>, begin: Instant, room: Room, mut events: RoomEvents) {
    let mut tasks = JoinSet::new();
    while let Some(event) = events.next().await {
        let mut now = heard.lock().unwrap();
        match event {
            RoomEvent::ParticipantConnected(who) if who.kind == ParticipantKind::Agent => {
                now.states.extend(who.attributes.get("lk.agent.state").cloned());
                (now.agent, now.agent_left) = (Some(who.identity), false);
            }
            RoomEvent::AttributesChanged { identity, attributes } => {
                let state = attributes.get("lk.agent.state").cloned();
                if now.agent.as_ref() == Some(&identity) && state.as_ref() != now.states.last() {
                    now.states.extend(state);
                }
            }
            RoomEvent::ParticipantDisconnected { identity, .. } => {
                now.agent_left |= now.agent.as_ref() == Some(&identity);
            }
            RoomEvent::TrackSubscribed { identity, track }
                if now.agent.as_ref() == Some(&identity) =>
            {
                now.audible = true;
                now.tracks += 1;
                let stream = room.hear(track, RATE_HZ, FRAME_MS).unwrap();
                tasks.spawn(hear(Arc::clone(&heard), begin, stream));
            }
            RoomEvent::TextOpened { identity, reader } if reader.topic == "lk.transcription" => {
                let by_agent = identity != room.identity();
                tasks.spawn(read(Arc::clone(&heard), reader, by_agent));
            }
            RoomEvent::Reconnecting => now.reconnecting = true,
            RoomEvent::Reconnected => now.reconnected = true,
            RoomEvent::Disconnected(_) => now.cut_off = true,
            _ => {}
        }
    }
    heard.lock().unwrap().cut_off = true;
}

async fn hear(heard: Arc<Mutex<Heard>>, begin: Instant, stream: AudioStream) {
    while let Some(frame) = stream.next().await {
        let end_ms = begin.elapsed().as_secs_f64() * 1000.0;
        let mut heard = heard.lock().unwrap();
        heard.meter.push(&frame, end_ms - f64::from(FRAME_MS), end_ms);
        heard.pcm.extend_from_slice(&frame);
    }
}

async fn read(heard: Arc<Mutex<Heard>>, mut reader: TextReader, by_agent: bool) {
    let id = reader.attributes.get("lk.segment_id").cloned().unwrap_or_default();
    let mut text = String::new();
    while let Ok(TextPiece::Chunk(chunk)) = reader.next().await {
        text.push_str(&chunk);
        let mut heard = heard.lock().unwrap();
        match heard.lines.iter_mut().find(|line| line.id == id) {
            Some(line) => line.text.clone_from(&text), // a new text replaces the old one
            None => heard.lines.push(Line { by_agent, text: text.clone(), id: id.clone() }),
        }
    }
}
