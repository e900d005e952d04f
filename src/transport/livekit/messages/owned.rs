//! Which handles an event brings. Every one of them is ours to free.

use super::envelope::{EventMessage, RoomMessage};
use super::room::FfiOwnedHandle;

/// Calls `visit` with each handle in `event`.
pub fn each_handle(event: &mut EventMessage, visit: &mut dyn FnMut(&mut FfiOwnedHandle)) {
    match event {
        EventMessage::Room(event) => {
            if let Some(message) = &mut event.message {
                each_room_handle(message, visit);
            }
        }
        EventMessage::AudioStream(event) => {
            if let Some(received) = &mut event.frame_received {
                visit(&mut received.frame.handle);
            }
        }
        EventMessage::Connect(callback) => {
            if let Some(result) = &mut callback.result {
                for other in &mut result.participants {
                    visit(&mut other.participant.handle);
                    other.publications.iter_mut().for_each(|p| visit(&mut p.handle));
                }
                visit(&mut result.local_participant.handle);
                visit(&mut result.room.handle);
            }
        }
        EventMessage::PublishTrack(callback) => {
            if let Some(publication) = &mut callback.publication {
                visit(&mut publication.handle);
            }
        }
        EventMessage::TextOpen(callback) => {
            if let Some(writer) = &mut callback.writer {
                visit(&mut writer.handle);
            }
        }
        EventMessage::Disconnect(_)
        | EventMessage::CaptureAudioFrame(_)
        | EventMessage::SetLocalAttributes(_)
        | EventMessage::PublishSipDtmf(_)
        | EventMessage::Logs(_)
        | EventMessage::Panic(_)
        | EventMessage::TextReader(_)
        | EventMessage::TextWrite(_)
        | EventMessage::TextClose(_)
        | EventMessage::SendText(_) => {}
    }
}

fn each_room_handle(message: &mut RoomMessage, visit: &mut dyn FnMut(&mut FfiOwnedHandle)) {
    match message {
        RoomMessage::ParticipantConnected(m) => visit(&mut m.info.handle),
        RoomMessage::TrackPublished(m) => visit(&mut m.publication.handle),
        RoomMessage::TrackSubscribed(m) => visit(&mut m.track.handle),
        RoomMessage::TextStreamOpened(m) => visit(&mut m.reader.handle),
        RoomMessage::ByteStreamOpened(m) => visit(&mut m.reader.handle),
        RoomMessage::DataTrackPublished(m) => visit(&mut m.track.handle),
        RoomMessage::DataPacketReceived(m) => {
            if let Some(user) = &mut m.user {
                visit(&mut user.data.handle);
            }
        }
        RoomMessage::ParticipantDisconnected(_)
        | RoomMessage::LocalTrackSubscribed(_)
        | RoomMessage::TrackUnpublished(_)
        | RoomMessage::TrackUnsubscribed(_)
        | RoomMessage::TrackSubscriptionFailed(_)
        | RoomMessage::TrackMuted(_)
        | RoomMessage::TrackUnmuted(_)
        | RoomMessage::ParticipantAttributesChanged(_)
        | RoomMessage::Disconnected(_)
        | RoomMessage::Reconnecting(_)
        | RoomMessage::Reconnected(_)
        | RoomMessage::Eos(_) => {}
    }
}
