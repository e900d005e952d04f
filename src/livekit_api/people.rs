//! Who is in a room, and moving a telephone caller out of it.

use ::livekit_api::access_token::{AccessToken, SIPGrants};
use livekit_protocol as lk;

use super::{LiveKitApi, LiveKitApiError, OWN_TTL, room_admin};

/// Somebody in a room, as the server sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique in the room.
    pub identity: String,
    /// They publish a track of sound, muted or not.
    pub has_audio: bool,
    /// Named values that they show.
    pub attributes: Vec<(String, String)>,
}

impl LiveKitApi {
    /// Everybody in a room: callers, agents, telephones.
    ///
    /// # Errors
    /// LiveKit does not answer or knows no such room.
    pub async fn people(&self, room: &str) -> Result<Vec<Person>, LiveKitApiError> {
        let request = lk::ListParticipantsRequest { room: room.to_owned() };
        let answer: lk::ListParticipantsResponse =
            self.call("RoomService/ListParticipants", room_admin(room), &request).await?;
        let person = |p: lk::ParticipantInfo| Person {
            has_audio: p.tracks.iter().any(|track| track.r#type() == lk::TrackType::Audio),
            identity: p.identity,
            attributes: p.attributes.into_iter().collect(),
        };
        Ok(answer.participants.into_iter().map(person).collect())
    }

    /// Moves a telephone caller's own line to `to` (`tel:+966…`, `sip:user@host`) by REFER: they
    /// leave the room.
    ///
    /// # Errors
    /// LiveKit does not answer, has no SIP service, or the caller is no telephone.
    pub async fn transfer_sip(
        &self,
        room: &str,
        caller: &str,
        to: &str,
    ) -> Result<(), LiveKitApiError> {
        let request = lk::TransferSipParticipantRequest {
            participant_identity: caller.to_owned(),
            room_name: room.to_owned(),
            transfer_to: to.to_owned(),
            ..Default::default()
        };
        let token = AccessToken::with_api_key(&self.key, &self.secret)
            .with_ttl(OWN_TTL)
            .with_grants(room_admin(room))
            .with_sip_grants(SIPGrants { call: true, ..Default::default() })
            .to_jwt()
            .map_err(|e| LiveKitApiError::Token(e.to_string()))?;
        let _: lk::TransferSipParticipantResponse =
            self.call_with("SIP/TransferSIPParticipant", &token, &request).await?;
        Ok(())
    }
}
