//! LiveKit's server API: join tokens, dispatches, rooms. The only file that names `livekit_api`'s
//! types, and (with `worker/proto.rs`) one of two that name its messages.
//!
//! Requests are Twirp: a protobuf POST with a token of its own for each call. The client goes
//! through no proxy and follows no redirect: it talks to the configured server or to nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use ::livekit_api::access_token::{AccessToken, VideoGrants};
use livekit_protocol as lk;
use prost::Message;
use serde::Deserialize;

mod people;
mod url;

pub use people::Person;
pub use url::LiveKitUrl;

use crate::policy::server::{ServerAnswer, ServerClient, ServerError};

/// A worker is asked within milliseconds, but the server *lists* its job only after it asked every
/// node for workers, which takes 5 s once a minute (`CheckEnabledTimeout` in its agent client). A
/// dispatch that lists none by then was lost or refused, and asking again brings no second agent.
const TAKEN_WAIT: Duration = Duration::from_millis(5500);
/// The second time the server knows its workers.
const TAKEN_AGAIN_WAIT: Duration = Duration::from_secs(3);
const SEEN_POLL: Duration = Duration::from_millis(20);
/// Every so many looks at home we look at the server.
const SERVER_POLL: u32 = 10;
/// Tokens that we make for ourselves guard one request.
const OWN_TTL: Duration = Duration::from_secs(60);

/// One LiveKit server and our key to it. Cheap to clone.
#[derive(Clone)]
pub struct LiveKitApi {
    url: LiveKitUrl,
    key: String,
    secret: String,
    http: ServerClient,
}

// The secret stays out of logs.
impl std::fmt::Debug for LiveKitApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveKitApi").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What a caller may do, for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerGrant {
    /// The one room that the token opens.
    pub room: String,
    /// Unique in the room.
    pub identity: String,
    /// For people; may be empty.
    pub name: String,
    /// Free text for whoever reads it in the room.
    pub metadata: String,
    /// Named values for whoever reads them in the room.
    pub attributes: BTreeMap<String, String>,
    /// Agents that LiveKit brings when this token creates the room.
    pub agents: Vec<AgentRequest>,
    /// How long the token opens the door; who is inside stays.
    pub ttl: Duration,
}

/// An agent to bring, and what it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentRequest {
    /// Name under which the agent's worker is registered.
    pub agent_name: String,
    /// Text for the agent.
    pub metadata: String,
}

/// A dispatch as LiveKit lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// LiveKit's id.
    pub id: String,
    /// Which agent is asked for.
    pub agent_name: String,
    /// Into which room.
    pub room: String,
    /// What the agent is told.
    pub metadata: String,
    /// The worker's answer; `None`: no worker took it (yet).
    pub taken: Option<Taken>,
}

/// Who took a dispatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// LiveKit's id of the job.
    pub job_id: String,
    /// Under which identity the agent joins.
    pub agent_identity: String,
}

/// A room that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// Callers in it: LiveKit does not count agents.
    pub participants: u32,
}

/// What can go wrong with LiveKit.
#[derive(Debug, thiserror::Error)]
pub enum LiveKitApiError {
    /// `livekit.url` is no such thing.
    #[error(
        "livekit.url {url:?} {problem}; set it like ws://127.0.0.1:7880 or wss://livekit.example.com"
    )]
    Url {
        /// As configured.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No key.
    #[error(
        "no LiveKit key; set LIVEKIT_API_KEY and LIVEKIT_API_SECRET; without a server of your own, `sawt dev` and `sawt dev --call` start one with its own keys"
    )]
    NoKey,
    /// A token could not be signed.
    #[error("could not sign a LiveKit token: {0}")]
    Token(String),
    /// The key is unknown or the secret is another.
    #[error(
        "LiveKit refused the key ({0}); check LIVEKIT_API_KEY and LIVEKIT_API_SECRET, and this machine's clock"
    )]
    KeyRefused(String),
    /// No answer.
    #[error("LiveKit does not answer at {url}: {problem}; is livekit-server running there?")]
    Unreachable {
        /// Where we asked.
        url: String,
        /// What happened.
        problem: String,
    },
    /// No such room or dispatch.
    #[error("LiveKit knows no such thing: {0}")]
    NotFound(String),
    /// The server said no.
    #[error("LiveKit refused the request: {code}: {message}")]
    Refused {
        /// Twirp's code.
        code: String,
        /// The server's words.
        message: String,
    },
    /// Not what a LiveKit server answers.
    #[error("{url} does not answer like a LiveKit server ({problem}); check livekit.url")]
    Strange {
        /// Where we asked.
        url: String,
        /// What came instead.
        problem: String,
    },
}

impl LiveKitApi {
    /// Prepares to talk to the server at `url` (ws, wss, http or https). Sends nothing.
    ///
    /// # Errors
    /// The address can not be one, or the key is missing.
    pub fn new(url: &str, key: &str, secret: &str) -> Result<Self, LiveKitApiError> {
        let url = LiveKitUrl::parse(url)?;
        if key.is_empty() || secret.is_empty() {
            return Err(LiveKitApiError::NoKey);
        }
        let http =
            ServerClient::new(url.http_base()).map_err(|error| LiveKitApiError::Strange {
                url: url.http_origin(),
                problem: format!("no HTTP client: {error}"),
            })?;
        Ok(Self { url, key: key.to_owned(), secret: secret.to_owned(), http })
    }

    /// Where the server is.
    pub fn url(&self) -> &LiveKitUrl {
        &self.url
    }

    /// A token that lets one caller join one room, speak, hear and write; nothing else.
    ///
    /// # Errors
    /// The token could not be signed.
    pub fn caller_token(&self, grant: &CallerGrant) -> Result<String, LiveKitApiError> {
        let video = VideoGrants {
            room_join: true,
            room: grant.room.clone(),
            can_publish: Some(true),
            can_publish_sources: vec!["microphone".into()],
            can_subscribe: Some(true),
            can_publish_data: Some(true),
            can_update_own_metadata: Some(false),
            ..Default::default()
        };
        let mut token = AccessToken::with_api_key(&self.key, &self.secret)
            .with_ttl(grant.ttl)
            .with_identity(&grant.identity)
            .with_name(&grant.name)
            .with_metadata(&grant.metadata)
            .with_attributes(&grant.attributes)
            .with_grants(video);
        if !grant.agents.is_empty() {
            let agents = grant.agents.iter().map(|agent| lk::RoomAgentDispatch {
                agent_name: agent.agent_name.clone(),
                metadata: agent.metadata.clone(),
                ..Default::default()
            });
            token = token.with_room_config(lk::RoomConfiguration {
                agents: agents.collect(),
                ..Default::default()
            });
        }
        token.to_jwt().map_err(|e| LiveKitApiError::Token(e.to_string()))
    }

    /// A token with which a worker registers.
    ///
    /// # Errors
    /// The token could not be signed.
    pub fn worker_token(&self) -> Result<String, LiveKitApiError> {
        self.own_token(VideoGrants { agent: true, ..Default::default() })
    }

    /// Asks an agent into a room (which LiveKit creates if need be) and waits until a worker took
    /// the job. LiveKit asks around once and lets the caller wait in silence when nobody took it, so
    /// we ask a second time: a place may have become free. [`Dispatch::taken`] is `None` when none
    /// did in 8.5 s: the dispatch stays, so delete it if the caller is sent away.
    ///
    /// A yes comes from the first of three: `seen` (a worker in this very process knows its
    /// dispatches at once), a new agent in the room, LiveKit's list.
    ///
    /// # Errors
    /// LiveKit does not answer or says no.
    pub async fn dispatch(
        &self,
        room: &str,
        agent: &AgentRequest,
        seen: impl Fn(&str) -> Option<Taken>,
    ) -> Result<Dispatch, LiveKitApiError> {
        let before = match self.agents(room, &agent.agent_name).await {
            Err(LiveKitApiError::NotFound(_)) => Vec::new(),
            other => other?,
        };
        let dispatch = self.ask(room, agent, &before, &seen, TAKEN_WAIT).await?;
        if dispatch.taken.is_some() {
            return Ok(dispatch);
        }
        match self.delete_dispatch(room, &dispatch.id).await {
            Ok(()) => self.ask(room, agent, &before, &seen, TAKEN_AGAIN_WAIT).await,
            // The caller left, and the room with them.
            Err(LiveKitApiError::NotFound(_)) => Ok(dispatch),
            Err(error) => Err(error),
        }
    }

    /// Asks once and watches for `patience` whether somebody comes.
    async fn ask(
        &self,
        room: &str,
        agent: &AgentRequest,
        before: &[String],
        seen: &impl Fn(&str) -> Option<Taken>,
        patience: Duration,
    ) -> Result<Dispatch, LiveKitApiError> {
        let request = lk::CreateAgentDispatchRequest {
            agent_name: agent.agent_name.clone(),
            room: room.to_owned(),
            metadata: agent.metadata.clone(),
            ..Default::default()
        };
        let created: lk::AgentDispatch =
            self.call("AgentDispatchService/CreateDispatch", room_admin(room), &request).await?;
        let mut dispatch = dispatch_from(created);
        let deadline = tokio::time::Instant::now() + patience;
        let mut looks = 0;
        while dispatch.taken.is_none() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(SEEN_POLL).await;
            looks += 1;
            dispatch.taken = match seen(&dispatch.id) {
                None if looks % SERVER_POLL == 0 => {
                    self.look_for(&dispatch.id, room, &agent.agent_name, before).await?
                }
                taken => taken,
            };
        }
        Ok(dispatch)
    }

    /// Whether LiveKit lists a job for the dispatch, or an agent came that was not there `before`.
    async fn look_for(
        &self,
        dispatch_id: &str,
        room: &str,
        agent_name: &str,
        before: &[String],
    ) -> Result<Option<Taken>, LiveKitApiError> {
        let listed = self.dispatches(room).await?.into_iter().find(|d| d.id == dispatch_id);
        if let Some(taken) = listed.and_then(|d| d.taken) {
            return Ok(Some(taken));
        }
        let now = self.agents(room, agent_name).await?;
        Ok(now.into_iter().find(|identity| !before.contains(identity)).map(|agent_identity| {
            let job_id = agent_identity.strip_prefix("agent-").unwrap_or_default().to_owned();
            Taken { job_id, agent_identity }
        }))
    }

    /// Identities of the agents of that name that are in a room.
    async fn agents(&self, room: &str, name: &str) -> Result<Vec<String>, LiveKitApiError> {
        let request = lk::ListParticipantsRequest { room: room.to_owned() };
        let answer: lk::ListParticipantsResponse =
            self.call("RoomService/ListParticipants", room_admin(room), &request).await?;
        let is_agent = |p: &lk::ParticipantInfo| {
            p.kind() == lk::participant_info::Kind::Agent
                && p.attributes.get("lk.agent_name").is_some_and(|n| n == name)
        };
        Ok(answer.participants.into_iter().filter(is_agent).map(|p| p.identity).collect())
    }

    /// The dispatches of a room.
    ///
    /// # Errors
    /// LiveKit does not answer or knows no such room.
    pub async fn dispatches(&self, room: &str) -> Result<Vec<Dispatch>, LiveKitApiError> {
        let request = lk::ListAgentDispatchRequest { room: room.to_owned(), ..Default::default() };
        let answer: lk::ListAgentDispatchResponse =
            self.call("AgentDispatchService/ListDispatch", room_admin(room), &request).await?;
        Ok(answer.agent_dispatches.into_iter().map(dispatch_from).collect())
    }

    /// Takes a dispatch back; its agent is told to leave.
    ///
    /// # Errors
    /// LiveKit does not answer or knows no such dispatch.
    pub async fn delete_dispatch(&self, room: &str, id: &str) -> Result<(), LiveKitApiError> {
        let request =
            lk::DeleteAgentDispatchRequest { dispatch_id: id.to_owned(), room: room.to_owned() };
        let _: lk::AgentDispatch =
            self.call("AgentDispatchService/DeleteDispatch", room_admin(room), &request).await?;
        Ok(())
    }

    /// Ends a room; everybody in it is disconnected.
    ///
    /// # Errors
    /// LiveKit does not answer or knows no such room.
    pub async fn delete_room(&self, room: &str) -> Result<(), LiveKitApiError> {
        let grants = VideoGrants { room_create: true, ..Default::default() };
        let request = lk::DeleteRoomRequest { room: room.to_owned() };
        let _: lk::DeleteRoomResponse =
            self.call("RoomService/DeleteRoom", grants, &request).await?;
        Ok(())
    }

    /// The rooms that exist; also the cheapest proof that the key is good.
    ///
    /// # Errors
    /// LiveKit does not answer or refuses the key.
    pub async fn rooms(&self) -> Result<Vec<Room>, LiveKitApiError> {
        let grants = VideoGrants { room_list: true, ..Default::default() };
        let answer: lk::ListRoomsResponse =
            self.call("RoomService/ListRooms", grants, &lk::ListRoomsRequest::default()).await?;
        let rooms = answer.rooms.into_iter();
        Ok(rooms.map(|r| Room { name: r.name, participants: r.num_participants }).collect())
    }

    fn own_token(&self, grants: VideoGrants) -> Result<String, LiveKitApiError> {
        AccessToken::with_api_key(&self.key, &self.secret)
            .with_ttl(OWN_TTL)
            .with_grants(grants)
            .to_jwt()
            .map_err(|e| LiveKitApiError::Token(e.to_string()))
    }

    async fn call<Answer: Message + Default>(
        &self,
        method: &str,
        grants: VideoGrants,
        request: &impl Message,
    ) -> Result<Answer, LiveKitApiError> {
        let token = self.own_token(grants)?;
        self.call_with(method, &token, request).await
    }

    async fn call_with<Answer: Message + Default>(
        &self,
        method: &str,
        token: &str,
        request: &impl Message,
    ) -> Result<Answer, LiveKitApiError> {
        let strange =
            |problem: String| LiveKitApiError::Strange { url: self.url.http_origin(), problem };
        let path = format!("/twirp/livekit.{method}");
        let answer =
            self.http.post(&path, "application/protobuf", token, request.encode_to_vec()).await;
        let ServerAnswer { status, body } = answer.map_err(|error| match error {
            ServerError::Network(problem) => {
                LiveKitApiError::Unreachable { url: self.url.http_origin(), problem }
            }
            ServerError::TooLarge => strange(error.to_string()),
        })?;
        if status == 200 {
            return Answer::decode(&body[..]).map_err(|e| strange(e.to_string()));
        }
        Err(match serde_json::from_slice::<TwirpError>(&body) {
            Ok(e) if e.code == "unauthenticated" || e.code == "permission_denied" => {
                LiveKitApiError::KeyRefused(without_tokens(&e.msg))
            }
            Ok(e) if e.code == "not_found" => LiveKitApiError::NotFound(e.msg),
            Ok(e) => LiveKitApiError::Refused { code: e.code, message: e.msg },
            Err(_) if status == 401 => LiveKitApiError::KeyRefused(excerpt(&body)),
            Err(_) => strange(format!("status {status}: {}", excerpt(&body))),
        })
    }
}

#[derive(Deserialize)]
struct TwirpError {
    code: String,
    #[serde(default)]
    msg: String,
}

fn room_admin(room: &str) -> VideoGrants {
    VideoGrants { room_admin: true, room: room.to_owned(), ..Default::default() }
}

fn dispatch_from(dispatch: lk::AgentDispatch) -> Dispatch {
    let job = dispatch.state.and_then(|state| state.jobs.into_iter().next());
    Dispatch {
        id: dispatch.id,
        agent_name: dispatch.agent_name,
        room: dispatch.room,
        metadata: dispatch.metadata,
        taken: job.map(|job| Taken {
            job_id: job.id,
            agent_identity: job.state.unwrap_or_default().participant_identity,
        }),
    }
}

/// The start of a text from the other side, safe for a log line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = without_tokens(&String::from_utf8_lossy(bytes.get(..4096).unwrap_or(bytes)));
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut clean: String = clean.collect::<String>().trim().to_owned();
    clean.truncate(clean.floor_char_boundary(200));
    clean
}

/// `text` with no token in it: LiveKit repeats the one it refuses, and logs are read by many.
pub(crate) fn without_tokens(text: &str) -> String {
    let is_token = |word: &str| word.starts_with("eyJ") && word.matches('.').count() >= 1;
    let words = text.split(' ').map(|word| if is_token(word) { "(a token)" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
