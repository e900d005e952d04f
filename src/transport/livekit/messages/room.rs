//! Rooms, participants, tracks, and the library's own reports.

use std::collections::HashMap;

use super::{enums, messages};

messages! {
    /// Something in the library that is ours to free; 0 is nothing.
    FfiOwnedHandle = "FfiOwnedHandle" {
        id: u64 = (uint64, required) 1,
    }
    /// Joins a room.
    ConnectRequest = "ConnectRequest" {
        url: String = (string, required) 1,
        token: String = (string, required) 2,
        options: RoomOptions = (message, required) 3,
        request_async_id: Option<u64> = (uint64, optional) 4,
    }
    /// How to join.
    RoomOptions = "RoomOptions" {
        auto_subscribe: Option<bool> = (bool, optional) 1,
        adaptive_stream: Option<bool> = (bool, optional) 2,
        dynacast: Option<bool> = (bool, optional) 3,
        join_retries: Option<u32> = (uint32, optional) 6,
        connect_timeout_ms: Option<u64> = (uint64, optional) 9,
    }
    /// Joined, or not.
    ConnectCallback = "ConnectCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<String> = (string, optional) 2,
        result: Option<ConnectResult> = (message, optional) 3,
    }
    /// The room and who is in it.
    ConnectResult = "ConnectCallback.Result" {
        room: OwnedRoom = (message, required) 1,
        local_participant: OwnedParticipant = (message, required) 2,
        participants: Vec<ParticipantWithTracks> = (message, repeated) 3,
    }
    /// Somebody who was there before us.
    ParticipantWithTracks = "ConnectCallback.ParticipantWithTracks" {
        participant: OwnedParticipant = (message, required) 1,
        publications: Vec<OwnedTrackPublication> = (message, repeated) 2,
    }
    /// A room that is ours.
    OwnedRoom = "OwnedRoom" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: RoomInfo = (message, required) 2,
    }
    /// What a room is called.
    RoomInfo = "RoomInfo" {
        sid: Option<String> = (string, optional) 1,
        name: String = (string, required) 2,
    }
    /// Room events are held back until this.
    ReadyForRoomEventRequest = "ReadyForRoomEventRequest" {
        room_handle: u64 = (uint64, required) 1,
    }
    /// Leaves a room.
    DisconnectRequest = "DisconnectRequest" {
        room_handle: u64 = (uint64, required) 1,
        request_async_id: Option<u64> = (uint64, optional) 2,
        reason: Option<i32> = (enumeration(DisconnectReason), optional) 3,
    }
    /// Left.
    DisconnectCallback = "DisconnectCallback" {
        async_id: u64 = (uint64, required) 1,
    }
    /// A participant that is ours to free.
    OwnedParticipant = "OwnedParticipant" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: ParticipantInfo = (message, required) 2,
    }
    /// Who somebody is.
    ParticipantInfo = "ParticipantInfo" {
        sid: String = (string, required) 1,
        name: String = (string, required) 2,
        identity: String = (string, required) 3,
        attributes: HashMap<String, String> = (map(string, string)) 6,
        kind: i32 = (enumeration(ParticipantKind), required) 7,
    }
    /// A track that somebody offers.
    OwnedTrackPublication = "OwnedTrackPublication" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: TrackPublicationInfo = (message, required) 2,
    }
    /// What a track is.
    TrackPublicationInfo = "TrackPublicationInfo" {
        sid: String = (string, required) 1,
        name: String = (string, required) 2,
        kind: i32 = (enumeration(TrackKind), required) 3,
        source: i32 = (enumeration(TrackSource), required) 4,
        muted: bool = (bool, required) 9,
    }
    /// A track that is ours to free.
    OwnedTrack = "OwnedTrack" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: TrackInfo = (message, required) 2,
    }
    /// What a track is.
    TrackInfo = "TrackInfo" {
        sid: String = (string, required) 1,
        name: String = (string, required) 2,
        kind: i32 = (enumeration(TrackKind), required) 3,
        muted: bool = (bool, required) 5,
    }
    /// Offers a track to the room.
    PublishTrackRequest = "PublishTrackRequest" {
        local_participant_handle: u64 = (uint64, required) 1,
        track_handle: u64 = (uint64, required) 2,
        options: TrackPublishOptions = (message, required) 3,
        request_async_id: Option<u64> = (uint64, optional) 4,
    }
    /// How to offer it.
    TrackPublishOptions = "TrackPublishOptions" {
        dtx: Option<bool> = (bool, optional) 4,
        red: Option<bool> = (bool, optional) 5,
        source: Option<i32> = (enumeration(TrackSource), optional) 7,
    }
    /// Offered, or not.
    PublishTrackCallback = "PublishTrackCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<String> = (string, optional) 2,
        publication: Option<OwnedTrackPublication> = (message, optional) 3,
    }
    /// Mutes one of our tracks.
    LocalTrackMuteRequest = "LocalTrackMuteRequest" {
        track_handle: u64 = (uint64, required) 1,
        mute: bool = (bool, required) 2,
    }
    /// Asks for a track, or for no more of it.
    SetSubscribedRequest = "SetSubscribedRequest" {
        subscribe: bool = (bool, required) 1,
        publication_handle: u64 = (uint64, required) 2,
    }
    /// Sets what others see beside our name.
    SetLocalAttributesRequest = "SetLocalAttributesRequest" {
        local_participant_handle: u64 = (uint64, required) 1,
        attributes: Vec<AttributesEntry> = (message, repeated) 2,
        request_async_id: Option<u64> = (uint64, optional) 3,
    }
    /// One attribute.
    AttributesEntry = "AttributesEntry" {
        key: String = (string, required) 1,
        value: String = (string, required) 2,
    }
    /// Set, or not.
    SetLocalAttributesCallback = "SetLocalAttributesCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<String> = (string, optional) 2,
    }
    /// Presses a key of the telephone for others in the room.
    PublishSipDtmfRequest = "PublishSipDtmfRequest" {
        local_participant_handle: u64 = (uint64, required) 1,
        code: u32 = (uint32, required) 2,
        digit: String = (string, required) 3,
        destination_identities: Vec<String> = (string, repeated) 4,
        request_async_id: Option<u64> = (uint64, optional) 5,
    }
    /// Pressed, or not.
    PublishSipDtmfCallback = "PublishSipDtmfCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<String> = (string, optional) 2,
    }
    /// Somebody came.
    ParticipantConnected = "ParticipantConnected" {
        info: OwnedParticipant = (message, required) 1,
    }
    /// Somebody left.
    ParticipantDisconnected = "ParticipantDisconnected" {
        participant_identity: String = (string, required) 1,
        disconnect_reason: i32 = (enumeration(DisconnectReason), required) 2,
    }
    /// Somebody subscribed to our track.
    LocalTrackSubscribed = "LocalTrackSubscribed" {
        track_sid: String = (string, required) 2,
    }
    /// Somebody offers a track.
    TrackPublished = "TrackPublished" {
        participant_identity: String = (string, required) 1,
        publication: OwnedTrackPublication = (message, required) 2,
    }
    /// Somebody took a track back.
    TrackUnpublished = "TrackUnpublished" {
        participant_identity: String = (string, required) 1,
        publication_sid: String = (string, required) 2,
    }
    /// We can hear a track now.
    TrackSubscribed = "TrackSubscribed" {
        participant_identity: String = (string, required) 1,
        track: OwnedTrack = (message, required) 2,
    }
    /// We can not hear a track any more.
    TrackUnsubscribed = "TrackUnsubscribed" {
        participant_identity: String = (string, required) 1,
        track_sid: String = (string, required) 2,
    }
    /// We asked for a track and do not get it.
    TrackSubscriptionFailed = "TrackSubscriptionFailed" {
        participant_identity: String = (string, required) 1,
        track_sid: String = (string, required) 2,
        error: String = (string, required) 3,
    }
    /// A track fell silent on purpose.
    TrackMuted = "TrackMuted" {
        participant_identity: String = (string, required) 1,
        track_sid: String = (string, required) 2,
    }
    /// A track is back.
    TrackUnmuted = "TrackUnmuted" {
        participant_identity: String = (string, required) 1,
        track_sid: String = (string, required) 2,
    }
    /// Somebody's attributes changed.
    ParticipantAttributesChanged = "ParticipantAttributesChanged" {
        participant_identity: String = (string, required) 1,
        attributes: Vec<AttributesEntry> = (message, repeated) 2,
        changed_attributes: Vec<AttributesEntry> = (message, repeated) 3,
    }
    /// The library gave the room up, or was told to.
    Disconnected = "Disconnected" {
        reason: i32 = (enumeration(DisconnectReason), required) 1,
    }
    /// The library is trying to get the connection back.
    Reconnecting = "Reconnecting" {}
    /// It got it back.
    Reconnected = "Reconnected" {}
    /// Nothing more comes from this room.
    RoomEos = "RoomEOS" {}
    /// A data packet; we only free it.
    DataPacketReceived = "DataPacketReceived" {
        participant_identity: String = (string, required) 2,
        user: Option<UserPacket> = (message, optional) 4,
    }
    /// A data packet's content.
    UserPacket = "UserPacket" {
        data: OwnedBuffer = (message, required) 1,
    }
    /// Bytes that are ours to free.
    OwnedBuffer = "OwnedBuffer" {
        handle: FfiOwnedHandle = (message, required) 1,
    }
    /// A data track; we only free it.
    DataTrackPublished = "DataTrackPublished" {
        track: OwnedRemoteDataTrack = (message, required) 1,
    }
    /// A data track that is ours to free.
    OwnedRemoteDataTrack = "OwnedRemoteDataTrack" {
        handle: FfiOwnedHandle = (message, required) 1,
    }
    /// Lines of the library's log.
    LogBatch = "LogBatch" {
        records: Vec<LogRecord> = (message, repeated) 1,
    }
    /// One line of the library's log.
    LogRecord = "LogRecord" {
        level: i32 = (enumeration(LogLevel), required) 1,
        target: String = (string, required) 2,
        message: String = (string, required) 6,
    }
    /// The library broke; nothing in it can be trusted any more.
    Panic = "Panic" {
        message: String = (string, required) 1,
    }
}

enums! {
    /// What a participant is.
    ParticipantKind {
        Standard PARTICIPANT_KIND_STANDARD = 0,
        Ingress PARTICIPANT_KIND_INGRESS = 1,
        Egress PARTICIPANT_KIND_EGRESS = 2,
        Sip PARTICIPANT_KIND_SIP = 3,
        Agent PARTICIPANT_KIND_AGENT = 4,
        Connector PARTICIPANT_KIND_CONNECTOR = 5,
        Bridge PARTICIPANT_KIND_BRIDGE = 6,
    }
    /// Why somebody (or we) left.
    DisconnectReason {
        Unknown UNKNOWN_REASON = 0,
        ClientInitiated CLIENT_INITIATED = 1,
        DuplicateIdentity DUPLICATE_IDENTITY = 2,
        ServerShutdown SERVER_SHUTDOWN = 3,
        ParticipantRemoved PARTICIPANT_REMOVED = 4,
        RoomDeleted ROOM_DELETED = 5,
        StateMismatch STATE_MISMATCH = 6,
        JoinFailure JOIN_FAILURE = 7,
        Migration MIGRATION = 8,
        SignalClose SIGNAL_CLOSE = 9,
        RoomClosed ROOM_CLOSED = 10,
        UserUnavailable USER_UNAVAILABLE = 11,
        UserRejected USER_REJECTED = 12,
        SipTrunkFailure SIP_TRUNK_FAILURE = 13,
        ConnectionTimeout CONNECTION_TIMEOUT = 14,
        MediaFailure MEDIA_FAILURE = 15,
        AgentError AGENT_ERROR = 16,
    }
    /// Sound or picture.
    TrackKind {
        Unknown KIND_UNKNOWN = 0,
        Audio KIND_AUDIO = 1,
        Video KIND_VIDEO = 2,
    }
    /// Where a track comes from.
    TrackSource {
        Unknown SOURCE_UNKNOWN = 0,
        Camera SOURCE_CAMERA = 1,
        Microphone SOURCE_MICROPHONE = 2,
        Screenshare SOURCE_SCREENSHARE = 3,
        ScreenshareAudio SOURCE_SCREENSHARE_AUDIO = 4,
    }
    /// How samples come out.
    AudioStreamType {
        Native AUDIO_STREAM_NATIVE = 0,
    }
    /// How samples go in.
    AudioSourceType {
        Native AUDIO_SOURCE_NATIVE = 0,
    }
    /// How bad a log line is.
    LogLevel {
        Error LOG_ERROR = 0,
        Warn LOG_WARN = 1,
        Info LOG_INFO = 2,
        Debug LOG_DEBUG = 3,
        Trace LOG_TRACE = 4,
    }
}
