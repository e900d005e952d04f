//! Who in the room is the caller. Pure: no clock, no library.

use super::messages::room::{DisconnectReason, ParticipantKind};
use super::room::Participant;
use crate::transport::Caller;

/// Set by helpers (avatars) that publish for somebody else, with that one's identity.
const PUBLISH_ON_BEHALF: &str = "lk.publish_on_behalf";

/// What a coming or going means for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Not the caller.
    None,
    /// This is the caller from now on.
    Linked(Caller),
    /// The caller is back after a lost connection.
    Returned,
    /// The caller's connection is lost; they may come back.
    Away,
    /// The caller hung up, or was removed.
    Left,
}

/// The link between the agent and its one caller.
#[derive(Debug)]
pub(super) struct Link {
    own_identity: String,
    wanted: Option<String>,
    caller: Option<Caller>,
    away: bool,
}

impl Link {
    /// Waits for the first caller, or for the one named `wanted`.
    pub(super) fn new(own_identity: &str, wanted: Option<String>) -> Self {
        Self { own_identity: own_identity.to_owned(), wanted, caller: None, away: false }
    }

    /// The caller, once known.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Whether `identity` is the caller.
    pub(super) fn is_caller(&self, identity: &str) -> bool {
        self.caller.as_ref().is_some_and(|c| c.identity == identity)
    }

    /// Whether the caller is linked but not in the room.
    pub(super) fn is_away(&self) -> bool {
        self.away
    }

    /// Somebody came.
    pub(super) fn joined(&mut self, who: &Participant) -> Change {
        if let Some(caller) = &self.caller {
            if caller.identity == who.identity && self.away {
                self.away = false;
                return Change::Returned;
            }
            return Change::None;
        }
        let human = matches!(
            who.kind,
            ParticipantKind::Standard | ParticipantKind::Sip | ParticipantKind::Connector
        );
        let ours = who.attributes.get(PUBLISH_ON_BEHALF).is_some_and(|v| *v == self.own_identity);
        let meant = self.wanted.as_ref().is_none_or(|wanted| *wanted == who.identity);
        if !human || ours || !meant {
            return Change::None;
        }
        let caller = Caller { identity: who.identity.clone(), name: who.name.clone() };
        self.caller = Some(caller.clone());
        Change::Linked(caller)
    }

    /// Somebody left.
    pub(super) fn left(&mut self, identity: &str, reason: DisconnectReason) -> Change {
        if !self.is_caller(identity) {
            return Change::None;
        }
        match reason {
            DisconnectReason::ClientInitiated
            | DisconnectReason::RoomDeleted
            | DisconnectReason::UserRejected
            | DisconnectReason::ParticipantRemoved => Change::Left,
            _ => {
                self.away = true;
                Change::Away
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody(identity: &str, kind: ParticipantKind) -> Participant {
        Participant {
            identity: identity.into(),
            name: String::new(),
            kind,
            attributes: Default::default(),
        }
    }

    #[test]
    fn the_first_human_is_the_caller_and_a_second_is_not() {
        let mut link = Link::new("agent", None);
        assert_eq!(link.joined(&somebody("egress", ParticipantKind::Egress)), Change::None);
        assert_eq!(link.joined(&somebody("other", ParticipantKind::Agent)), Change::None);
        assert!(matches!(link.joined(&somebody("ann", ParticipantKind::Sip)), Change::Linked(_)));
        assert_eq!(link.joined(&somebody("bob", ParticipantKind::Standard)), Change::None);
        assert_eq!(link.left("bob", DisconnectReason::ClientInitiated), Change::None);
        assert!(link.is_caller("ann") && !link.is_caller("bob"));
    }

    #[test]
    fn a_named_caller_is_waited_for() {
        let mut link = Link::new("agent", Some("bob".into()));
        assert_eq!(link.joined(&somebody("ann", ParticipantKind::Standard)), Change::None);
        let bob = somebody("bob", ParticipantKind::Standard);
        assert!(matches!(link.joined(&bob), Change::Linked(_)));
    }

    #[test]
    fn who_publishes_for_us_is_not_the_caller() {
        let mut link = Link::new("agent", None);
        let mut avatar = somebody("avatar", ParticipantKind::Standard);
        avatar.attributes.insert(PUBLISH_ON_BEHALF.into(), "agent".into());
        assert_eq!(link.joined(&avatar), Change::None);
    }

    #[test]
    fn a_lost_caller_may_return_and_one_who_hung_up_is_gone() {
        let mut link = Link::new("agent", None);
        let ann = somebody("ann", ParticipantKind::Standard);
        link.joined(&ann);
        assert_eq!(link.left("ann", DisconnectReason::ConnectionTimeout), Change::Away);
        assert_eq!(link.joined(&somebody("bob", ParticipantKind::Standard)), Change::None);
        assert_eq!(link.joined(&ann), Change::Returned);
        assert_eq!(link.left("ann", DisconnectReason::ClientInitiated), Change::Left);
    }
}
