//! The agent's side of a LiveKit call: one room, one caller, one track each way.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::captions::{Captions, TrackCaption};
use super::link::{Change, Link};
use super::messages::room::{DisconnectReason, TrackKind, TrackSource};
use super::room::{AudioStream, Publication, Room, RoomError, RoomEvent, RoomEvents, RoomOptions};
use super::sdk::Sdk;
use super::source::AudioSource;
use crate::audio::{AGENT_RATE_HZ, CALLER_RATE_HZ, FRAME_MS};
use crate::transport::{AgentState, CallTransport, Caption, CloseReason, Speaker, TransportEvent};
use crate::turn::CallTime;

/// Name that LiveKit's own agents give their track; some pages look for it.
const TRACK_NAME: &str = "roomio_audio";

/// Topic of what callers write.
const CHAT_TOPIC: &str = "lk.chat";

/// How much the library holds of the agent's audio. More than [`LEAD_MS`], so that a push within
/// the lead never waits, and little enough that a lost `clear` costs a fifth of a second.
pub const QUEUE_MS: u32 = 200;

/// Three frames: a wake-up that is two frames late is not heard. After an interruption the
/// library drops what it holds, and the caller hears silence 50 to 65 ms later (measured), no
/// matter how large this is; but what was pushed counts as heard, so small is honest.
const LEAD_MS: u32 = 60;

/// LiveKit says when somebody subscribes to our track; if that does not come, speak anyway.
const SUBSCRIPTION_WAIT: Duration = Duration::from_secs(3);

/// How long a caller whose connection was lost may stay away.
const RETURN_WAIT: Duration = Duration::from_secs(20);

/// How long the library may try to get our own connection back.
const RECONNECT_WAIT: Duration = Duration::from_secs(30);

/// Longest chat message, in bytes; longer ones are refused.
const CHAT_BYTES_MAX: usize = 16 * 1024;

/// How long a chat message may take to arrive.
const CHAT_WAIT: Duration = Duration::from_secs(10);

/// Chat messages read and not taken by the call yet; a reader beyond that waits.
const CHATS_MAX: usize = 8;

/// Chat messages being read at once; more are refused.
const CHATS_READING_MAX: usize = 4;

/// Telephone keys pressed in one go.
const DTMF_MAX: usize = 32;

/// Between two telephone keys: menus miss those that come faster.
const DTMF_GAP: Duration = Duration::from_millis(250);

/// How to join.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// The SDK library's file; see [`super::library_path`].
    pub library: PathBuf,
    /// Serve this caller only; otherwise the first one.
    pub caller_identity: Option<String>,
    /// How long to wait for a caller.
    pub caller_wait: Duration,
    /// Rate of the agent's audio.
    pub agent_rate_hz: u32,
}

impl JoinOptions {
    /// The usual: first caller, one minute, 24 kHz.
    pub fn new(library: PathBuf) -> Self {
        Self {
            library,
            caller_identity: None,
            caller_wait: Duration::from_secs(60),
            agent_rate_hz: AGENT_RATE_HZ,
        }
    }
}

/// A call carried by a LiveKit room.
#[derive(Debug)]
pub struct LiveKitTransport {
    started: Instant,
    last_event: Instant,
    caller_wait: Duration,
    link: Link,
    /// When the caller was linked; they can hear us when the track is subscribed, or some
    /// seconds later.
    linked_at: Option<Instant>,
    subscribed: bool,
    ready: bool,
    away_since: Option<Instant>,
    reconnecting_since: Option<Instant>,
    /// What was reported last.
    lost: bool,
    microphone: Option<Publication>,
    hearing: Option<AudioStream>,
    pending: VecDeque<TransportEvent>,
    chats: mpsc::Receiver<String>,
    chat_sender: mpsc::Sender<String>,
    captions: Captions,
    source: AudioSource,
    events: RoomEvents,
    room: Room,
}

impl LiveKitTransport {
    /// Joins the room that `token` names, publishes the agent's track and shows its first state.
    ///
    /// # Errors
    /// When the library is missing, or server or token refuse.
    pub async fn join(url: &str, token: &str, options: JoinOptions) -> Result<Self, RoomError> {
        let sdk = Sdk::load(&options.library)?;
        // Only the caller's microphone is wanted; receiving every camera would cost the machine.
        let room_options = RoomOptions { auto_subscribe: false };
        let (room, events) = Room::connect(&sdk, url, token, room_options).await?;
        let captions = Captions::start(&room);
        let source = room.publish_audio(TRACK_NAME, options.agent_rate_hz, QUEUE_MS).await?;
        let (chat_sender, chats) = mpsc::channel(CHATS_MAX);
        let now = clock();
        Ok(Self {
            started: now,
            last_event: now,
            caller_wait: options.caller_wait,
            link: Link::new(room.identity(), options.caller_identity),
            linked_at: None,
            subscribed: false,
            ready: false,
            away_since: None,
            reconnecting_since: None,
            lost: false,
            microphone: None,
            hearing: None,
            pending: VecDeque::new(),
            chats,
            chat_sender,
            captions,
            source,
            events,
            room,
        })
    }

    /// The room's name.
    pub fn room_name(&self) -> &str {
        self.room.name()
    }

    fn on_room_event(&mut self, event: Option<RoomEvent>, now: Instant) {
        match event {
            None => self.close_with(CloseReason::Lost("the room's events ended".into())),
            Some(RoomEvent::ParticipantConnected(who)) => {
                let change = self.link.joined(&who);
                if change == Change::None && !self.link.is_caller(&who.identity) {
                    info!(identity = %who.identity, kind = ?who.kind, "Not our caller.");
                }
                self.on_change(change, now);
            }
            Some(RoomEvent::ParticipantDisconnected { identity, reason }) => {
                let change = self.link.left(&identity, reason);
                if change != Change::None {
                    info!(?reason, "The caller left the room.");
                }
                self.on_change(change, now);
            }
            Some(RoomEvent::TrackPublished { identity, publication }) => {
                if self.link.is_caller(&identity) && is_microphone(&publication) {
                    if let Err(error) = self.room.subscribe(&publication, true) {
                        warn!(%error, "The caller's microphone can not be heard.");
                    }
                    self.microphone = Some(publication);
                }
            }
            Some(RoomEvent::TrackUnpublished { sid, .. }) => {
                if self.microphone.as_ref().is_some_and(|m| m.sid == sid) {
                    self.microphone = None;
                    self.hearing = None;
                }
            }
            Some(RoomEvent::TrackSubscribed { track, .. }) => {
                if self.microphone.as_ref().is_some_and(|m| m.sid == track.sid) {
                    match self.room.hear(track, CALLER_RATE_HZ, FRAME_MS) {
                        Ok(stream) => self.hearing = Some(stream),
                        Err(error) => warn!(%error, "The caller's microphone can not be heard."),
                    }
                }
            }
            Some(RoomEvent::TrackUnsubscribed { sid, .. }) => {
                self.hearing.take_if(|stream| stream.sid == sid);
            }
            Some(RoomEvent::TrackMuted { sid, muted, .. }) => {
                if let Some(microphone) = self.microphone.as_mut().filter(|m| m.sid == sid) {
                    debug!(muted, "The caller's microphone.");
                    microphone.muted = muted;
                }
            }
            Some(RoomEvent::LocalTrackSubscribed { .. }) => self.subscribed = true,
            Some(RoomEvent::TextOpened { identity, reader }) => {
                if reader.topic == CHAT_TOPIC && self.link.is_caller(&identity) {
                    self.read_chat(reader);
                } else if reader.topic == CHAT_TOPIC {
                    info!(%identity, "A chat message that is not our caller's was ignored.");
                }
            }
            Some(RoomEvent::Reconnecting) => {
                self.reconnecting_since.get_or_insert(now);
                self.report_connection();
            }
            Some(RoomEvent::Reconnected) => {
                self.reconnecting_since = None;
                // While we were out, the library called everybody gone; the caller's time to
                // return begins now.
                self.away_since = self.away_since.map(|_| now);
                self.report_connection();
            }
            Some(RoomEvent::Disconnected(reason)) => self.close_with(match reason {
                DisconnectReason::RoomDeleted
                | DisconnectReason::RoomClosed
                | DisconnectReason::ParticipantRemoved
                | DisconnectReason::DuplicateIdentity => CloseReason::RoomClosed,
                other => CloseReason::Lost(format!("LiveKit ended the connection ({other:?})")),
            }),
            Some(RoomEvent::AttributesChanged { .. }) => {}
        }
    }

    fn on_change(&mut self, change: Change, now: Instant) {
        match change {
            Change::None => {}
            Change::Linked(caller) => {
                info!(identity = %caller.identity, "The caller is here.");
                self.linked_at = Some(now);
            }
            Change::Away => {
                self.away_since = Some(now);
                self.hearing = None;
                self.microphone = None;
                self.report_connection();
            }
            Change::Returned => {
                self.away_since = None;
                self.report_connection();
            }
            Change::Left => self.close_with(CloseReason::CallerLeft),
        }
    }

    fn on_time(&mut self, now: Instant) {
        let passed = |since: Option<Instant>, limit: Duration| {
            since.is_some_and(|since| now.duration_since(since) >= limit)
        };
        if let Some(caller) = self.link.caller() {
            let heard = self.subscribed || passed(self.linked_at, SUBSCRIPTION_WAIT);
            if !self.ready && heard && !self.link.is_away() {
                self.ready = true;
                self.pending.push_back(TransportEvent::CallerReady(caller.clone()));
            }
        } else if now.duration_since(self.started) >= self.caller_wait {
            self.close_with(CloseReason::NoCaller);
        }
        if self.reconnecting_since.is_none() && passed(self.away_since, RETURN_WAIT) {
            self.close_with(CloseReason::CallerLeft);
        }
        if passed(self.reconnecting_since, RECONNECT_WAIT) {
            let seconds = RECONNECT_WAIT.as_secs();
            self.close_with(CloseReason::Lost(format!("no connection for {seconds} s")));
        }
    }

    /// Our connection and the caller's are one to the call: lost when either is.
    fn report_connection(&mut self) {
        let lost = self.reconnecting_since.is_some() || self.away_since.is_some();
        if lost != self.lost {
            self.lost = lost;
            self.pending.push_back(match lost {
                true => TransportEvent::Reconnecting,
                false => TransportEvent::Reconnected,
            });
        }
    }

    /// Everything before the end is still reported, nothing after it.
    fn close_with(&mut self, reason: CloseReason) {
        if !self.pending.iter().any(|e| matches!(e, TransportEvent::Closed(_))) {
            self.pending.push_back(TransportEvent::Closed(reason));
        }
    }

    fn read_chat(&self, reader: super::TextReader) {
        // Each reading task holds one clone of the sender beside our own.
        if self.chat_sender.strong_count() > CHATS_READING_MAX {
            warn!("The caller writes too many messages at once; one was refused.");
            return;
        }
        let sender = self.chat_sender.clone();
        // Ends within `CHAT_WAIT`, or when the transport is dropped and takes the receiver along.
        tokio::spawn(async move {
            match reader.read_all(CHAT_BYTES_MAX, CHAT_WAIT).await {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    let _ = sender.send(text).await;
                }
                Err(error) => warn!(%error, "A chat message was not read."),
            }
        });
    }

    fn is_muted(&self) -> bool {
        self.microphone.as_ref().is_none_or(|m| m.muted)
    }
}

#[async_trait]
impl CallTransport for LiveKitTransport {
    fn now(&self) -> CallTime {
        let micros = clock().duration_since(self.started).as_micros();
        CallTime::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    async fn next_event(&mut self) -> TransportEvent {
        loop {
            let now = clock();
            self.on_time(now);
            if let Some(event) = self.pending.pop_front() {
                self.last_event = now;
                return event;
            }
            let tick = self.last_event + Duration::from_millis(u64::from(FRAME_MS));
            tokio::select! {
                // What has come before that nothing came: a late wake-up finds both.
                biased;
                event = self.events.next() => self.on_room_event(event, now),
                frame = hear(self.hearing.as_ref()) => match frame {
                    // A muted track still yields frames of concealment; they are not the caller.
                    Some(_) if self.is_muted() => {}
                    Some(frame) => self.pending.push_back(TransportEvent::CallerAudio(frame)),
                    None => self.hearing = None,
                },
                Some(text) = self.chats.recv() => {
                    self.pending.push_back(TransportEvent::CallerText(text));
                }
                () = tokio::time::sleep_until(tick) => {
                    self.last_event = clock();
                    return TransportEvent::Tick;
                }
            }
        }
    }

    fn agent_rate_hz(&self) -> u32 {
        self.source.rate_hz()
    }

    fn lead_ms(&self) -> u32 {
        LEAD_MS
    }

    fn push_audio(&mut self, pcm: &[i16]) {
        self.source.push(pcm);
    }

    fn clear_audio(&mut self) {
        self.source.clear();
    }

    fn send_caption(&mut self, caption: Caption) {
        let track_sid = match caption.speaker {
            Speaker::Agent => self.source.track_sid.clone(),
            Speaker::Caller => self.microphone.as_ref().map(|m| m.sid.clone()).unwrap_or_default(),
        };
        let caller = self.link.caller().map(|c| c.identity.clone()).unwrap_or_default();
        self.captions.send(TrackCaption { caption, track_sid, caller });
    }

    fn set_agent_state(&mut self, state: AgentState) {
        self.captions.set_state(state);
    }

    fn show(&mut self, key: &'static str, value: &str) {
        let (room, value) = (self.room.clone(), value.to_owned());
        // Ends by the request's own limit.
        tokio::spawn(async move {
            if let Err(error) = room.set_attributes(&[(key, &value)]).await {
                warn!(%error, key, "A value was not shown.");
            }
        });
    }

    fn send_dtmf(&mut self, digits: &str) -> bool {
        let (room, digits) = (self.room.clone(), digits.to_owned());
        // Bounded by the digits, each by the request's own limit.
        tokio::spawn(async move {
            for key in digits.chars().take(DTMF_MAX) {
                if let Err(error) = room.press_key(key).await {
                    warn!(%error, "A telephone key was not pressed.");
                    return;
                }
                tokio::time::sleep(DTMF_GAP).await;
            }
        });
        true
    }

    async fn close(&mut self, reason: &str) {
        info!(reason, room = %self.room.name(), "Leaving the room.");
        self.captions.finish().await;
        self.room.disconnect().await;
    }
}

async fn hear(stream: Option<&AudioStream>) -> Option<Vec<i16>> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

fn is_microphone(publication: &Publication) -> bool {
    publication.kind == TrackKind::Audio
        && matches!(publication.source, TrackSource::Microphone | TrackSource::Unknown)
}

/// The transport owns the call's clock; this is the one place that reads it.
#[allow(clippy::disallowed_methods)] // a live call counts on a monotonic clock
fn clock() -> Instant {
    Instant::now()
}
