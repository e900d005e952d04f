//! The three outermost messages: a request, its response, and what comes by callback.

use super::audio::*;
use super::envelopes;
use super::room::*;
use super::text::*;

envelopes! {
    /// What we ask of the library.
    FfiRequest {}
    one of RequestMessage {
        Connect(ConnectRequest) connect = 3,
        Disconnect(DisconnectRequest) disconnect = 4,
        PublishTrack(PublishTrackRequest) publish_track = 5,
        SetSubscribed(SetSubscribedRequest) set_subscribed = 8,
        SetLocalAttributes(SetLocalAttributesRequest) set_local_attributes = 11,
        PublishSipDtmf(PublishSipDtmfRequest) publish_sip_dtmf = 14,
        CreateAudioTrack(CreateAudioTrackRequest) create_audio_track = 16,
        LocalTrackMute(LocalTrackMuteRequest) local_track_mute = 17,
        NewAudioStream(NewAudioStreamRequest) new_audio_stream = 25,
        NewAudioSource(NewAudioSourceRequest) new_audio_source = 26,
        CaptureAudioFrame(CaptureAudioFrameRequest) capture_audio_frame = 27,
        ClearAudioBuffer(ClearAudioBufferRequest) clear_audio_buffer = 28,
        TextReadIncremental(TextStreamReaderReadIncrementalRequest) text_read_incremental = 57,
        SendText(StreamSendTextRequest) send_text = 60,
        TextStreamOpen(TextStreamOpenRequest) text_stream_open = 64,
        TextStreamWrite(TextStreamWriterWriteRequest) text_stream_write = 65,
        TextStreamClose(TextStreamWriterCloseRequest) text_stream_close = 66,
        ReadyForRoomEvent(ReadyForRoomEventRequest) ready_for_room_event = 83,
    }

    /// The library's answer to a request. Those that only repeat the async id are left out.
    FfiResponse {}
    one of ResponseMessage {
        CreateAudioTrack(CreateAudioTrackResponse) create_audio_track = 16,
        NewAudioStream(NewAudioStreamResponse) new_audio_stream = 25,
        NewAudioSource(NewAudioSourceResponse) new_audio_source = 26,
    }

    /// What the library reports on its own threads.
    FfiEvent {}
    one of EventMessage {
        Room(RoomEvent) room_event = 1,
        AudioStream(AudioStreamEvent) audio_stream_event = 4,
        Connect(ConnectCallback) connect = 5,
        Disconnect(DisconnectCallback) disconnect = 7,
        PublishTrack(PublishTrackCallback) publish_track = 9,
        CaptureAudioFrame(CaptureAudioFrameCallback) capture_audio_frame = 13,
        SetLocalAttributes(SetLocalAttributesCallback) set_local_attributes = 16,
        Logs(LogBatch) logs = 18,
        Panic(Panic) panic = 20,
        PublishSipDtmf(PublishSipDtmfCallback) publish_sip_dtmf = 21,
        TextReader(TextStreamReaderEvent) text_stream_reader_event = 35,
        TextOpen(TextStreamOpenCallback) text_stream_open = 37,
        TextWrite(TextStreamWriterWriteCallback) text_stream_writer_write = 38,
        TextClose(TextStreamWriterCloseCallback) text_stream_writer_close = 39,
        SendText(StreamSendTextCallback) send_text = 40,
    }

    /// Something that happened in a room.
    RoomEvent { room_handle: u64 = (uint64, required) 1, }
    one of RoomMessage {
        ParticipantConnected(ParticipantConnected) participant_connected = 2,
        ParticipantDisconnected(ParticipantDisconnected) participant_disconnected = 3,
        LocalTrackSubscribed(LocalTrackSubscribed) local_track_subscribed = 6,
        TrackPublished(TrackPublished) track_published = 7,
        TrackUnpublished(TrackUnpublished) track_unpublished = 8,
        TrackSubscribed(TrackSubscribed) track_subscribed = 9,
        TrackUnsubscribed(TrackUnsubscribed) track_unsubscribed = 10,
        TrackSubscriptionFailed(TrackSubscriptionFailed) track_subscription_failed = 11,
        TrackMuted(TrackMuted) track_muted = 12,
        TrackUnmuted(TrackUnmuted) track_unmuted = 13,
        ParticipantAttributesChanged(ParticipantAttributesChanged) participant_attributes_changed = 19,
        Disconnected(Disconnected) disconnected = 22,
        Reconnecting(Reconnecting) reconnecting = 23,
        Reconnected(Reconnected) reconnected = 24,
        Eos(RoomEos) eos = 26,
        DataPacketReceived(DataPacketReceived) data_packet_received = 27,
        ByteStreamOpened(ByteStreamOpened) byte_stream_opened = 34,
        TextStreamOpened(TextStreamOpened) text_stream_opened = 35,
        DataTrackPublished(DataTrackPublished) data_track_published = 43,
    }
}

impl EventMessage {
    /// Which request this answers; nothing for what comes unasked.
    pub fn async_id(&self) -> Option<u64> {
        match self {
            Self::Connect(m) => Some(m.async_id),
            Self::Disconnect(m) => Some(m.async_id),
            Self::PublishTrack(m) => Some(m.async_id),
            Self::CaptureAudioFrame(m) => Some(m.async_id),
            Self::SetLocalAttributes(m) => Some(m.async_id),
            Self::PublishSipDtmf(m) => Some(m.async_id),
            Self::TextOpen(m) => Some(m.async_id),
            Self::TextWrite(m) => Some(m.async_id),
            Self::TextClose(m) => Some(m.async_id),
            Self::SendText(m) => Some(m.async_id),
            Self::Room(_)
            | Self::AudioStream(_)
            | Self::Logs(_)
            | Self::Panic(_)
            | Self::TextReader(_) => None,
        }
    }
}
