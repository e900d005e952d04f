//! `POST /api/token`: LiveKit's standard token endpoint, and its older twin for starter apps.
//!
//! A token opens one room for two minutes, to speak, hear and write. Whoever joins with it brings
//! our agent: the dispatch is in the token, and LiveKit reads it when the token creates the room.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::json::{Json, Object};
use super::{HttpState, assistant, names};
use crate::assistants::Choice;
use crate::livekit_api::{AgentRequest, CallerGrant};

/// Only the first join needs the token; LiveKit renews it for who is inside.
const TTL: Duration = Duration::from_secs(120);
pub(super) const METADATA_BYTES_MAX: usize = 16 << 10;
const ATTRIBUTES_MAX: usize = 32;

/// LiveKit's standard request. Newer fields of the standard are ignored, not refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokenRequest {
    #[serde(alias = "roomName")]
    room_name: Option<String>,
    #[serde(alias = "participantIdentity")]
    participant_identity: Option<String>,
    #[serde(alias = "participantName")]
    participant_name: Option<String>,
    #[serde(alias = "participantMetadata")]
    participant_metadata: Option<String>,
    #[serde(alias = "participantAttributes")]
    participant_attributes: Option<BTreeMap<String, String>>,
    #[serde(alias = "roomConfig")]
    room_config: Option<Object<RoomConfig>>,
    /// Ours: who answers, and in which language.
    assistant: Option<String>,
    language: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RoomConfig {
    agents: Option<Vec<Object<Agent>>>,
    egress: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Agent {
    #[serde(alias = "agentName")]
    agent_name: Option<String>,
    metadata: Option<String>,
}

/// LiveKit's standard answer, and the names that older clients read.
#[derive(Debug, Serialize)]
struct TokenAnswer {
    server_url: String,
    participant_token: String,
    room_name: String,
    participant_identity: String,
    participant_name: String,
    #[serde(rename = "serverUrl")]
    server_url_twin: String,
    #[serde(rename = "participantToken")]
    participant_token_twin: String,
    #[serde(rename = "roomName")]
    room_name_twin: String,
    #[serde(rename = "participantName")]
    participant_name_twin: String,
}

pub(super) async fn token(
    State(state): State<HttpState>,
    Json(request): Json<TokenRequest>,
) -> Result<impl IntoResponse, Problem> {
    answer(&state, request, StatusCode::CREATED)
}

pub(super) async fn details(State(state): State<HttpState>) -> Result<impl IntoResponse, Problem> {
    answer(&state, TokenRequest::default(), StatusCode::OK)
}

pub(super) async fn details_for(
    State(state): State<HttpState>,
    Json(request): Json<TokenRequest>,
) -> Result<impl IntoResponse, Problem> {
    answer(&state, request, StatusCode::OK)
}

fn answer(
    state: &HttpState,
    request: TokenRequest,
    status: StatusCode,
) -> Result<impl IntoResponse + use<>, Problem> {
    let grant = grant(state, request)?;
    let token = state.0.options.api.caller_token(&grant)?;
    let server_url = state.0.livekit_url.ws_base();
    let answer = TokenAnswer {
        server_url_twin: server_url.clone(),
        server_url,
        participant_token_twin: token.clone(),
        participant_token: token,
        room_name_twin: grant.room.clone(),
        room_name: grant.room,
        participant_name_twin: grant.name.clone(),
        participant_name: grant.name,
        participant_identity: grant.identity,
    };
    Ok((status, [(header::CACHE_CONTROL, "no-store")], Answer(answer)))
}

fn grant(state: &HttpState, request: TokenRequest) -> Result<CallerGrant, Problem> {
    let chosen = Choice {
        assistant: request.assistant.filter(|name| !name.is_empty()),
        language: request.language.filter(|tag| !tag.is_empty()),
    };
    let room = match request.room_name.filter(|r| !r.is_empty()) {
        Some(room) => names::id("room_name", room)?,
        None => names::new_room(),
    };
    let identity = match request.participant_identity.filter(|i| !i.is_empty()) {
        Some(identity) => names::identity("participant_identity", identity)?,
        None => names::new_identity(),
    };
    let name = request.participant_name.unwrap_or_default();
    let metadata = request.participant_metadata.unwrap_or_default();
    let attributes = request.participant_attributes.unwrap_or_default();
    check_attributes(&attributes)?;
    let Object(config) = request.room_config.unwrap_or_default();
    if config.egress.is_some() {
        // It would let a caller send the audio of a call somewhere else.
        return Err(Problem::field("room_config.egress", "is refused; leave it out"));
    }
    Ok(CallerGrant {
        room,
        identity,
        name: names::display_name("participant_name", name)?,
        metadata: names::text("participant_metadata", metadata, METADATA_BYTES_MAX)?,
        attributes,
        agents: agents(state, chosen, config.agents)?,
        ttl: TTL,
    })
}

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Problem> {
    let field = "participant_attributes";
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(Problem::field(field, format!("has more than {ATTRIBUTES_MAX} entries")));
    }
    for (key, value) in attributes {
        // `lk.` is how agents and LiveKit mark themselves.
        if key.is_empty() || key.len() > 64 || key.starts_with("lk.") || value.len() > 1024 {
            let detail = "keys have 1 to 64 bytes and do not start with \"lk.\", values at most \
                          1024 bytes";
            return Err(Problem::field(field, detail));
        }
    }
    Ok(())
}

/// Our agent, unless it joins every room by itself; and no other agent, ever.
fn agents(
    state: &HttpState,
    chosen: Choice,
    asked: Option<Vec<Object<Agent>>>,
) -> Result<Vec<AgentRequest>, Problem> {
    let ours = state.0.options.agent_name.as_str();
    let asked = asked.unwrap_or_default();
    if asked.len() > 1 {
        return Err(Problem::field("room_config.agents", "names more than one agent; name one"));
    }
    let Object(agent) = asked.into_iter().next().unwrap_or_default();
    check_agent("room_config.agents[0].agent_name", ours, agent.agent_name.as_deref())?;
    let metadata = agent.metadata.unwrap_or_default();
    let field = "room_config.agents[0].metadata";
    let metadata = names::text(field, metadata, METADATA_BYTES_MAX)?;
    let metadata = assistant::metadata(state, chosen, field, metadata)?;
    if ours.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![AgentRequest { agent_name: ours.to_owned(), metadata }])
}

pub(super) fn check_agent(field: &str, ours: &str, asked: Option<&str>) -> Result<(), Problem> {
    match asked {
        None | Some("") => Ok(()),
        Some(name) if name == ours => Ok(()),
        Some(_) => Err(Problem::field(field, format!("is not served here; use {ours:?}"))),
    }
}
