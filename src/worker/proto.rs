//! The agent worker protocol on the wire: our words on one side, LiveKit's protobuf on the other.
//! The only file that names LiveKit's agent messages. Decides nothing.

use livekit_protocol as lk;
use prost::Message as _;

/// What the server says to a worker.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FromServer {
    /// We are registered.
    Registered { worker_id: String, server_version: String },
    /// Will you take this job?
    Offer(Offer),
    /// The job is yours; join with this token.
    Assigned { offer: Offer, url: Option<String>, token: String },
    /// End this job.
    Terminated { job_id: String },
    /// The server is going down; register elsewhere.
    GoAway { reason: String },
    /// Answer to a ping, or something newer than we are.
    Other,
}

/// A job as it is offered and assigned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) job_id: String,
    pub(super) dispatch_id: String,
    pub(super) room: String,
    pub(super) metadata: String,
    pub(super) room_metadata: String,
}

/// What a worker says to the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ToServer {
    /// Who we are; the first message of every connection.
    Register { agent_name: String, version: String },
    /// Yes, and this is who will join.
    Accept { job_id: String, identity: String, name: String, agent_name: String },
    /// No; ask the next worker.
    Decline { job_id: String },
    /// How busy we are.
    Status { full: bool, load: f32, calls: u32 },
    /// How a job is doing.
    Job { job_id: String, state: JobState },
    /// Jobs that went on while we were away.
    Migrate { job_ids: Vec<String> },
}

/// How a job is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JobState {
    Running,
    Success,
    Failed(String),
}

/// A frame that is no message of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProtoError {
    /// Not protobuf, or not this message.
    #[error("not a server message: {0}")]
    Malformed(String),
    /// A message without what makes it usable.
    #[error("{message} without {field}")]
    Incomplete { message: &'static str, field: &'static str },
}

/// Reads one frame.
pub(super) fn decode(frame: &[u8]) -> Result<FromServer, ProtoError> {
    use lk::server_message::Message;
    let message =
        lk::ServerMessage::decode(frame).map_err(|e| ProtoError::Malformed(e.to_string()))?;
    Ok(match message.message {
        Some(Message::Register(r)) => {
            need(&r.worker_id, "register", "worker_id")?;
            let server_version = r.server_info.map(|i| i.version).unwrap_or_default();
            FromServer::Registered { worker_id: r.worker_id, server_version }
        }
        Some(Message::Availability(a)) => FromServer::Offer(offer(a.job, "availability")?),
        Some(Message::Assignment(a)) => {
            need(&a.token, "assignment", "token")?;
            FromServer::Assigned {
                offer: offer(a.job, "assignment")?,
                url: a.url.filter(|u| !u.is_empty()),
                token: a.token,
            }
        }
        Some(Message::Termination(t)) => {
            need(&t.job_id, "termination", "job_id")?;
            FromServer::Terminated { job_id: t.job_id }
        }
        Some(Message::GoAway(g)) => FromServer::GoAway { reason: g.reason },
        Some(Message::Pong(_)) | None => FromServer::Other,
    })
}

fn need(value: &str, message: &'static str, field: &'static str) -> Result<(), ProtoError> {
    if value.is_empty() { Err(ProtoError::Incomplete { message, field }) } else { Ok(()) }
}

fn offer(job: Option<lk::Job>, message: &'static str) -> Result<Offer, ProtoError> {
    let job = job.ok_or(ProtoError::Incomplete { message, field: "job" })?;
    need(&job.id, message, "job.id")?;
    let (room, room_metadata) = job.room.map(|r| (r.name, r.metadata)).unwrap_or_default();
    need(&room, message, "job.room.name")?;
    Ok(Offer {
        job_id: job.id,
        dispatch_id: job.dispatch_id,
        room,
        metadata: job.metadata,
        room_metadata,
    })
}

/// Writes one frame.
pub(super) fn encode(message: &ToServer) -> Vec<u8> {
    use lk::worker_message::Message;
    let message = match message {
        ToServer::Register { agent_name, version } => {
            Message::Register(lk::RegisterWorkerRequest {
                r#type: lk::JobType::JtRoom as i32,
                agent_name: agent_name.clone(),
                version: version.clone(),
                ping_interval: 30,
                allowed_permissions: Some(permissions()),
                ..Default::default()
            })
        }
        ToServer::Accept { job_id, identity, name, agent_name } => {
            Message::Availability(lk::AvailabilityResponse {
                job_id: job_id.clone(),
                available: true,
                participant_identity: identity.clone(),
                participant_name: name.clone(),
                participant_attributes: [("lk.agent.name".to_owned(), agent_name.clone())].into(),
                ..Default::default()
            })
        }
        // `terminate` would mark the job as done and leave the caller alone; without it the server
        // asks the next worker.
        ToServer::Decline { job_id } => Message::Availability(lk::AvailabilityResponse {
            job_id: job_id.clone(),
            available: false,
            terminate: false,
            ..Default::default()
        }),
        ToServer::Status { full, load, calls } => {
            let status =
                if *full { lk::WorkerStatus::WsFull } else { lk::WorkerStatus::WsAvailable };
            Message::UpdateWorker(lk::UpdateWorkerStatus {
                status: Some(status as i32),
                load: *load,
                job_count: *calls,
                ..Default::default()
            })
        }
        ToServer::Job { job_id, state } => {
            let (status, error) = match state {
                JobState::Running => (lk::JobStatus::JsRunning, String::new()),
                JobState::Success => (lk::JobStatus::JsSuccess, String::new()),
                JobState::Failed(why) => (lk::JobStatus::JsFailed, why.clone()),
            };
            Message::UpdateJob(lk::UpdateJobStatus {
                job_id: job_id.clone(),
                status: status as i32,
                error,
            })
        }
        ToServer::Migrate { job_ids } => {
            Message::MigrateJob(lk::MigrateJobRequest { job_ids: job_ids.clone() })
        }
    };
    lk::WorkerMessage { message: Some(message) }.encode_to_vec()
}

/// What the agent may do in a room.
#[allow(deprecated)] // servers before 1.8 know the agent by this flag
fn permissions() -> lk::ParticipantPermission {
    lk::ParticipantPermission {
        can_subscribe: true,
        can_publish: true,
        can_publish_data: true,
        can_update_metadata: true, // `lk.agent.state` is an attribute of ours
        agent: true,
        ..Default::default()
    }
}

/// The server's side of the protocol, for tests.
#[cfg(test)]
pub(super) mod server_side {
    use super::*;

    /// Reads what a worker sent, in our words; `None` for what we never send.
    pub(in super::super) fn decode_worker(frame: &[u8]) -> Option<ToServer> {
        use lk::worker_message::Message;
        let full = lk::WorkerStatus::WsFull as i32;
        Some(match lk::WorkerMessage::decode(frame).ok()?.message? {
            Message::Register(r) => {
                ToServer::Register { agent_name: r.agent_name, version: r.version }
            }
            Message::Availability(a) if a.available => ToServer::Accept {
                job_id: a.job_id,
                identity: a.participant_identity,
                name: a.participant_name,
                agent_name: a.participant_attributes.get("lk.agent.name")?.clone(),
            },
            Message::Availability(a) if !a.terminate => ToServer::Decline { job_id: a.job_id },
            Message::UpdateWorker(u) => {
                ToServer::Status { full: u.status? == full, load: u.load, calls: u.job_count }
            }
            Message::UpdateJob(u) => ToServer::Job {
                job_id: u.job_id,
                state: match u.status {
                    1 => JobState::Running,
                    2 => JobState::Success,
                    3 => JobState::Failed(u.error),
                    _ => return None,
                },
            },
            Message::MigrateJob(m) => ToServer::Migrate { job_ids: m.job_ids },
            _ => return None,
        })
    }

    /// Writes what the server says.
    pub(in super::super) fn encode_server(message: &FromServer) -> Vec<u8> {
        use lk::server_message::Message;
        let message = match message.clone() {
            FromServer::Registered { worker_id, server_version } => {
                Some(Message::Register(lk::RegisterWorkerResponse {
                    worker_id,
                    server_info: Some(lk::ServerInfo {
                        version: server_version,
                        ..Default::default()
                    }),
                    ..Default::default()
                }))
            }
            FromServer::Offer(offer) => Some(Message::Availability(lk::AvailabilityRequest {
                job: Some(job(offer)),
                resuming: false,
            })),
            FromServer::Assigned { offer, url, token } => {
                Some(Message::Assignment(lk::JobAssignment { job: Some(job(offer)), url, token }))
            }
            FromServer::Terminated { job_id } => {
                Some(Message::Termination(lk::JobTermination { job_id }))
            }
            FromServer::GoAway { reason } => {
                Some(Message::GoAway(lk::agent_http::GoAway { reason }))
            }
            FromServer::Other => None,
        };
        lk::ServerMessage { message }.encode_to_vec()
    }

    fn job(offer: Offer) -> lk::Job {
        lk::Job {
            id: offer.job_id,
            dispatch_id: offer.dispatch_id,
            room: Some(lk::Room { name: offer.room, ..Default::default() }),
            metadata: offer.metadata,
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::server_side::{decode_worker, encode_server};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_server_says_is_read_back() {
        let offer = Offer {
            job_id: "AJ_1".into(),
            dispatch_id: "AD_1".into(),
            room: "room".into(),
            metadata: "{}".into(),
            room_metadata: String::new(),
        };
        for message in [
            FromServer::Registered { worker_id: "AW_1".into(), server_version: "1.13.5".into() },
            FromServer::Offer(offer.clone()),
            FromServer::Assigned { offer, url: None, token: "t".into() },
            FromServer::Terminated { job_id: "AJ_1".into() },
            FromServer::GoAway { reason: "drain".into() },
            FromServer::Other,
        ] {
            assert_eq!(decode(&encode_server(&message)), Ok(message));
        }
    }

    #[test]
    fn what_we_say_is_read_back() {
        for message in [
            ToServer::Register { agent_name: "sawt".into(), version: "1".into() },
            ToServer::Accept {
                job_id: "AJ_1".into(),
                identity: "agent-AJ_1".into(),
                name: "Sawt".into(),
                agent_name: "sawt".into(),
            },
            ToServer::Decline { job_id: "AJ_1".into() },
            ToServer::Status { full: true, load: 0.7, calls: 2 },
            ToServer::Job { job_id: "AJ_1".into(), state: JobState::Failed("why".into()) },
            ToServer::Migrate { job_ids: vec!["AJ_1".into()] },
        ] {
            assert_eq!(decode_worker(&encode(&message)), Some(message));
        }
    }

    #[test]
    fn messages_without_their_ids_are_refused() {
        let empty = Offer { room: "room".into(), ..Offer::default() };
        let error = decode(&encode_server(&FromServer::Offer(empty))).unwrap_err();
        assert_eq!(error.to_string(), "availability without job.id");
        let nowhere = Offer { job_id: "AJ_1".into(), ..Offer::default() };
        let error = decode(&encode_server(&FromServer::Offer(nowhere))).unwrap_err();
        assert_eq!(error.to_string(), "availability without job.room.name");
    }

    proptest! {
        #[test]
        fn no_frame_makes_us_panic(frame in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = decode(&frame);
        }
    }
}
