//! A LiveKit room: join, who is there, what they send, what we send, leave.
//!
//! Knows LiveKit's words (participants, tracks, streams), not ours (callers, calls).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::warn;

use super::ffi::LoadError;
use super::media::MediaQueue;
use super::messages::audio::{NewAudioStreamRequest, OwnedAudioStream};
use super::messages::envelope::{EventMessage, RequestMessage, ResponseMessage, RoomMessage};
use super::messages::room as wire;
use super::messages::room::{
    AttributesEntry, AudioStreamType, ConnectRequest, DisconnectRequest, PublishSipDtmfRequest,
    ReadyForRoomEventRequest, SetLocalAttributesRequest, SetSubscribedRequest,
};
pub use super::messages::room::{DisconnectReason, ParticipantKind, TrackKind, TrackSource};
use super::sdk::{Event, Handle, Sdk, SdkError};
use super::source::AudioSource;
use super::text::{TextReader, TextWriter};

/// The library tries to join three times, each this long; measured 60 to 140 ms on a calm
/// machine and up to 2.1 s on a starved one.
const CONNECT_ATTEMPT: Duration = Duration::from_secs(5);

/// Our own limit over those attempts.
const CONNECT_MAX: Duration = Duration::from_secs(20);

/// Limit for requests within a room.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(10);

/// How long leaving politely may take before the room is dropped anyway.
const DISCONNECT_MAX: Duration = Duration::from_secs(3);

/// Why a room could not be joined.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// The library is missing or wrong.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The library or the server said no.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// The token was signed with another key. The library's words repeat it, so they stay out.
    #[error(
        "LiveKit refused the token; check LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and this \
         machine's clock"
    )]
    KeyRefused,
    /// WebRTC found no road, and this machine has no network but loopback.
    #[error(
        "no media connection: WebRTC does not use the loopback interface alone, and no other \
         interface is up here. Bring one up (a veth pair will do: ip link add veth0 type veth \
         peer name veth1; ip link set veth0 up; ip link set veth1 up; ip addr add 10.77.0.1/24 \
         dev veth0)"
    )]
    OnlyLoopback,
}

/// How to join.
#[derive(Debug, Clone, Copy)]
pub struct RoomOptions {
    /// Receive every track of everybody; off: only those asked for by [`Room::subscribe`].
    pub auto_subscribe: bool,
}

/// Somebody in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Unique in the room.
    pub identity: String,
    /// For people; may be empty.
    pub name: String,
    /// Human, phone, agent, recorder.
    pub kind: ParticipantKind,
    /// What they say about themselves.
    pub attributes: HashMap<String, String>,
}

/// A track that somebody offers. Holds the right to ask for it.
#[derive(Debug)]
pub struct Publication {
    /// Unique in the room.
    pub sid: String,
    /// Sound or picture.
    pub kind: TrackKind,
    /// Microphone, camera, screen.
    pub source: TrackSource,
    /// Whether it is muted now.
    pub muted: bool,
    handle: Handle,
}

/// A track that we receive.
#[derive(Debug)]
pub struct RemoteTrack {
    /// Unique in the room.
    pub sid: String,
    /// Sound or picture.
    pub kind: TrackKind,
    handle: Handle,
}

/// What happens in a room.
#[derive(Debug)]
pub enum RoomEvent {
    /// Somebody came, or was there when we came.
    ParticipantConnected(Participant),
    /// Somebody left.
    ParticipantDisconnected { identity: String, reason: DisconnectReason },
    /// Somebody offers a track.
    TrackPublished { identity: String, publication: Publication },
    /// Somebody took a track back.
    TrackUnpublished { identity: String, sid: String },
    /// We receive a track now.
    TrackSubscribed { identity: String, track: RemoteTrack },
    /// We do not receive it any more.
    TrackUnsubscribed { identity: String, sid: String },
    /// A track fell silent on purpose, or came back.
    TrackMuted { identity: String, sid: String, muted: bool },
    /// Somebody receives our track.
    LocalTrackSubscribed { sid: String },
    /// Somebody's attributes changed: all of them.
    AttributesChanged { identity: String, attributes: HashMap<String, String> },
    /// Somebody sends a text.
    TextOpened { identity: String, reader: TextReader },
    /// The connection is lost; the library is trying to get it back.
    Reconnecting,
    /// It is back.
    Reconnected,
    /// We are out of the room.
    Disconnected(DisconnectReason),
}

/// A room that we are in. Clones are the same room; the last one dropped leaves it.
#[derive(Debug, Clone)]
pub struct Room {
    inner: Arc<Inner>,
}

struct Inner {
    sdk: Arc<Sdk>,
    name: String,
    identity: String,
    // Fields drop in this order: the participant before its room.
    local: Handle,
    room: Handle,
}

/// What happens in a room, in order.
pub struct RoomEvents {
    sdk: Arc<Sdk>,
    /// Who was there before us and what they offer.
    first: std::vec::IntoIter<RoomEvent>,
    receiver: mpsc::Receiver<Event>,
}

impl Room {
    /// Joins the room that `token` names at `url`.
    ///
    /// # Errors
    /// When server or token refuse, or no media connection comes about.
    pub async fn connect(
        sdk: &Arc<Sdk>,
        url: &str,
        token: &str,
        options: RoomOptions,
    ) -> Result<(Self, RoomEvents), RoomError> {
        let request = |async_id| {
            RequestMessage::Connect(ConnectRequest {
                url: url.to_owned(),
                token: token.to_owned(),
                options: wire::RoomOptions {
                    auto_subscribe: Some(options.auto_subscribe),
                    adaptive_stream: Some(false),
                    dynacast: Some(false),
                    join_retries: Some(1),
                    connect_timeout_ms: Some(CONNECT_ATTEMPT.as_millis() as u64),
                },
                request_async_id: Some(async_id),
            })
        };
        let what = "join the room";
        let answer = sdk.call(what, CONNECT_MAX, request).await;
        let mut event = answer.map_err(|error| explain(error.into()))?;
        let EventMessage::Connect(callback) = &mut event.message else {
            return Err(SdkError::Refused(what).into());
        };
        let Some(result) = &mut callback.result else {
            let reason = callback.error.take().unwrap_or_default();
            return Err(explain(SdkError::Failed { what, reason }.into()));
        };
        let receiver = sdk.listen_to_room(result.room.handle.id);
        let mut first = Vec::new();
        for other in &mut result.participants {
            let identity = other.participant.info.identity.clone();
            first.push(RoomEvent::ParticipantConnected(participant(&other.participant.info)));
            for publication in &mut other.publications {
                first.push(RoomEvent::TrackPublished {
                    identity: identity.clone(),
                    publication: take_publication(sdk, publication),
                });
            }
        }
        let room = Self {
            inner: Arc::new(Inner {
                sdk: Arc::clone(sdk),
                name: result.room.info.name.clone(),
                identity: result.local_participant.info.identity.clone(),
                local: sdk.take(&mut result.local_participant.handle),
                room: sdk.take(&mut result.room.handle),
            }),
        };
        let ready = ReadyForRoomEventRequest { room_handle: room.inner.room.id() };
        sdk.request(what, RequestMessage::ReadyForRoomEvent(ready))?;
        Ok((room, RoomEvents { sdk: Arc::clone(sdk), first: first.into_iter(), receiver }))
    }

    /// The room's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Who we are in it.
    pub fn identity(&self) -> &str {
        &self.inner.identity
    }

    /// Offers a microphone track that plays what is pushed into the result.
    ///
    /// # Errors
    /// When the token does not allow it, or the connection is lost.
    pub async fn publish_audio(
        &self,
        name: &str,
        rate_hz: u32,
        queue_ms: u32,
    ) -> Result<AudioSource, SdkError> {
        AudioSource::publish(&self.inner.sdk, &self.inner.local, name, rate_hz, queue_ms).await
    }

    /// Asks for a track that somebody offers, or for no more of it.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn subscribe(&self, publication: &Publication, subscribe: bool) -> Result<(), SdkError> {
        let request =
            SetSubscribedRequest { subscribe, publication_handle: publication.handle.id() };
        self.inner.sdk.request("subscribe", RequestMessage::SetSubscribed(request)).map(drop)
    }

    /// Starts hearing a track: mono at `rate_hz`, `frame_ms` a frame.
    ///
    /// # Errors
    /// When the track has gone.
    pub fn hear(
        &self,
        track: RemoteTrack,
        rate_hz: u32,
        frame_ms: u32,
    ) -> Result<AudioStream, SdkError> {
        let what = "hear a track";
        let request = NewAudioStreamRequest {
            track_handle: track.handle.id(),
            r#type: AudioStreamType::Native.into(),
            sample_rate: Some(rate_hz),
            num_channels: Some(1),
            frame_size_ms: Some(frame_ms),
            // Our own queue is bounded too; 0 would be unbounded in the library.
            queue_size_frames: Some(10),
        };
        let sdk = &self.inner.sdk;
        let response = sdk.request(what, RequestMessage::NewAudioStream(request))?;
        let Some(ResponseMessage::NewAudioStream(mut response)) = response else {
            return Err(SdkError::Refused(what));
        };
        let OwnedAudioStream { handle } = &mut response.stream;
        let handle = sdk.take(handle);
        let queue = Arc::new(MediaQueue::default());
        sdk.listen_to_stream(handle.id(), Arc::clone(&queue));
        Ok(AudioStream {
            sdk: Arc::clone(sdk),
            queue,
            sid: track.sid.clone(),
            handle,
            _track: track,
        })
    }

    /// Sends a whole text to everybody. `sender` shows it as somebody else's words.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send_text(
        &self,
        topic: &str,
        text: &str,
        attributes: HashMap<String, String>,
        sender: Option<&str>,
    ) -> Result<(), SdkError> {
        super::text::send(&self.inner.sdk, &self.inner.local, topic, text, attributes, sender).await
    }

    /// Opens a text to everybody that is written bit by bit.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn open_text(
        &self,
        topic: &str,
        attributes: HashMap<String, String>,
    ) -> Result<TextWriter, SdkError> {
        TextWriter::open(&self.inner.sdk, &self.inner.local, topic, attributes).await
    }

    /// Sets attributes of ours that others see.
    ///
    /// # Errors
    /// When the token does not allow it, or the connection is lost.
    pub async fn set_attributes(&self, attributes: &[(&str, &str)]) -> Result<(), SdkError> {
        let what = "set attributes";
        let local = self.inner.local.id();
        let attributes = attributes
            .iter()
            .map(|(key, value)| AttributesEntry { key: (*key).into(), value: (*value).into() })
            .collect();
        let event = self
            .inner
            .sdk
            .call(what, REQUEST_MAX, |async_id| {
                RequestMessage::SetLocalAttributes(SetLocalAttributesRequest {
                    local_participant_handle: local,
                    attributes,
                    request_async_id: Some(async_id),
                })
            })
            .await?;
        match &event.message {
            EventMessage::SetLocalAttributes(callback) => match &callback.error {
                None => Ok(()),
                Some(reason) => Err(SdkError::Failed { what, reason: reason.clone() }),
            },
            _ => Err(SdkError::Refused(what)),
        }
    }

    /// Presses one key of the telephone, 0-9, *, #, A-D; other characters are none.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn press_key(&self, key: char) -> Result<(), SdkError> {
        let what = "press a telephone key";
        let Some(code) = "0123456789*#ABCD".find(key) else { return Ok(()) };
        let request = PublishSipDtmfRequest {
            local_participant_handle: self.inner.local.id(),
            code: u32::try_from(code).unwrap_or_default(),
            digit: key.into(),
            destination_identities: Vec::new(),
            request_async_id: None,
        };
        let pressed = self.inner.sdk.call(what, REQUEST_MAX, |async_id| {
            let request_async_id = Some(async_id);
            RequestMessage::PublishSipDtmf(PublishSipDtmfRequest { request_async_id, ..request })
        });
        match &pressed.await?.message {
            EventMessage::PublishSipDtmf(callback) => match &callback.error {
                None => Ok(()),
                Some(reason) => Err(SdkError::Failed { what, reason: reason.clone() }),
            },
            _ => Err(SdkError::Refused(what)),
        }
    }

    /// Leaves, and waits until the server knows. Dropping the room leaves too, without waiting.
    pub async fn disconnect(&self) {
        let room_handle = self.inner.room.id();
        let left = self.inner.sdk.call("leave the room", DISCONNECT_MAX, |async_id| {
            RequestMessage::Disconnect(DisconnectRequest {
                room_handle,
                request_async_id: Some(async_id),
                reason: Some(DisconnectReason::ClientInitiated.into()),
            })
        });
        if let Err(error) = left.await {
            warn!(room = %self.inner.name, %error, "The room was not left politely.");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.sdk.forget_room(self.room.id());
        // After a polite leave this is a no-op in the library.
        let leave = DisconnectRequest {
            room_handle: self.room.id(),
            request_async_id: None,
            reason: Some(DisconnectReason::ClientInitiated.into()),
        };
        let _ = self.sdk.request("leave the room", RequestMessage::Disconnect(leave));
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({:?} as {:?}, {:?})", self.name, self.identity, self.local)
    }
}

impl RoomEvents {
    /// The next event; nothing once we are out of the room. Cancel-safe.
    pub async fn next(&mut self) -> Option<RoomEvent> {
        if let Some(event) = self.first.next() {
            return Some(event);
        }
        loop {
            let mut event = self.receiver.recv().await?;
            if let EventMessage::Room(room_event) = &mut event.message
                && let Some(message) = &mut room_event.message
            {
                if matches!(message, RoomMessage::Eos(_)) {
                    return None;
                }
                if let Some(event) = convert(&self.sdk, message) {
                    return Some(event);
                }
            }
        }
    }
}

impl fmt::Debug for RoomEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomEvents")
    }
}

/// A track being heard: mono PCM frames. Dropping it stops hearing.
#[derive(Debug)]
pub struct AudioStream {
    /// Which track.
    pub sid: String,
    sdk: Arc<Sdk>,
    queue: Arc<MediaQueue>,
    handle: Handle,
    _track: RemoteTrack,
}

impl AudioStream {
    /// The next frame; nothing once the track has ended. Cancel-safe.
    pub async fn next(&self) -> Option<Vec<i16>> {
        self.queue.next().await
    }

    /// Frames dropped so far because we were late.
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }
}

impl Drop for AudioStream {
    fn drop(&mut self) {
        self.sdk.forget_stream(self.handle.id());
    }
}

fn convert(sdk: &Arc<Sdk>, message: &mut RoomMessage) -> Option<RoomEvent> {
    use std::mem::take;
    let reason = |value| DisconnectReason::try_from(value).unwrap_or(DisconnectReason::Unknown);
    Some(match message {
        RoomMessage::ParticipantConnected(m) => {
            RoomEvent::ParticipantConnected(participant(&m.info.info))
        }
        RoomMessage::ParticipantDisconnected(m) => RoomEvent::ParticipantDisconnected {
            identity: take(&mut m.participant_identity),
            reason: reason(m.disconnect_reason),
        },
        RoomMessage::TrackPublished(m) => RoomEvent::TrackPublished {
            identity: take(&mut m.participant_identity),
            publication: take_publication(sdk, &mut m.publication),
        },
        RoomMessage::TrackUnpublished(m) => RoomEvent::TrackUnpublished {
            identity: take(&mut m.participant_identity),
            sid: take(&mut m.publication_sid),
        },
        RoomMessage::TrackSubscribed(m) => RoomEvent::TrackSubscribed {
            identity: take(&mut m.participant_identity),
            track: RemoteTrack {
                sid: take(&mut m.track.info.sid),
                kind: TrackKind::try_from(m.track.info.kind).unwrap_or(TrackKind::Unknown),
                handle: sdk.take(&mut m.track.handle),
            },
        },
        RoomMessage::TrackUnsubscribed(m) => RoomEvent::TrackUnsubscribed {
            identity: take(&mut m.participant_identity),
            sid: take(&mut m.track_sid),
        },
        RoomMessage::TrackSubscriptionFailed(m) => {
            warn!(
                identity = %m.participant_identity, track = %m.track_sid, error = %m.error,
                "A track can not be received."
            );
            return None;
        }
        RoomMessage::TrackMuted(m) => RoomEvent::TrackMuted {
            identity: take(&mut m.participant_identity),
            sid: take(&mut m.track_sid),
            muted: true,
        },
        RoomMessage::TrackUnmuted(m) => RoomEvent::TrackMuted {
            identity: take(&mut m.participant_identity),
            sid: take(&mut m.track_sid),
            muted: false,
        },
        RoomMessage::LocalTrackSubscribed(m) => {
            RoomEvent::LocalTrackSubscribed { sid: take(&mut m.track_sid) }
        }
        RoomMessage::ParticipantAttributesChanged(m) => RoomEvent::AttributesChanged {
            identity: take(&mut m.participant_identity),
            attributes: take(&mut m.attributes).into_iter().map(|a| (a.key, a.value)).collect(),
        },
        RoomMessage::TextStreamOpened(m) => RoomEvent::TextOpened {
            identity: take(&mut m.participant_identity),
            reader: TextReader::new(sdk, &mut m.reader),
        },
        RoomMessage::Reconnecting(_) => RoomEvent::Reconnecting,
        RoomMessage::Reconnected(_) => RoomEvent::Reconnected,
        RoomMessage::Disconnected(m) => RoomEvent::Disconnected(reason(m.reason)),
        // Freed with the event; no part of a voice call.
        RoomMessage::ByteStreamOpened(_)
        | RoomMessage::DataPacketReceived(_)
        | RoomMessage::DataTrackPublished(_)
        | RoomMessage::Eos(_) => return None,
    })
}

fn participant(info: &wire::ParticipantInfo) -> Participant {
    Participant {
        identity: info.identity.clone(),
        name: info.name.clone(),
        kind: ParticipantKind::try_from(info.kind).unwrap_or(ParticipantKind::Bridge),
        attributes: info.attributes.clone(),
    }
}

fn take_publication(sdk: &Arc<Sdk>, owned: &mut wire::OwnedTrackPublication) -> Publication {
    Publication {
        sid: owned.info.sid.clone(),
        kind: TrackKind::try_from(owned.info.kind).unwrap_or(TrackKind::Unknown),
        source: TrackSource::try_from(owned.info.source).unwrap_or(TrackSource::Unknown),
        muted: owned.info.muted,
        handle: sdk.take(&mut owned.handle),
    }
}

/// A connection that fails where only loopback is up has one likely cause, which its own message
/// does not tell.
fn explain(error: RoomError) -> RoomError {
    match error {
        RoomError::Sdk(SdkError::Failed { ref reason, .. }) if reason.contains("401") => {
            RoomError::KeyRefused
        }
        RoomError::Sdk(SdkError::TimedOut { .. }) if only_loopback_is_up() => {
            RoomError::OnlyLoopback
        }
        RoomError::Sdk(SdkError::Failed { ref reason, .. })
            if only_loopback_is_up() && !reason.contains("refused") =>
        {
            RoomError::OnlyLoopback
        }
        other => other,
    }
}

/// Whether every network interface but loopback is down. Where the system does not tell, no.
pub fn only_loopback_is_up() -> bool {
    let Ok(interfaces) = std::fs::read_dir("/sys/class/net") else { return false };
    interfaces.flatten().all(|interface| {
        let state = std::fs::read_to_string(interface.path().join("operstate"));
        // Loopback's own state is "unknown"; so is that of tunnels, which do carry WebRTC.
        interface.file_name() == "lo" || state.is_ok_and(|s| s.trim() == "down")
    })
}
