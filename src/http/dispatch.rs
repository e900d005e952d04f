//! `POST /api/dispatch-agent`: asks the agent into a room and says whether a worker took it.
//! LiveKit itself answers yes even when every worker is full, and the caller would wait in silence.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::error::Problem;
use super::json::Json;
use super::token::{METADATA_BYTES_MAX, check_agent};
use super::{HttpState, assistant, names};
use crate::assistants::Choice;
use crate::livekit_api::{AgentRequest, Taken};

/// Our own request, so a typo is refused.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub(super) struct DispatchRequest {
    #[serde(alias = "room_name", alias = "roomName")]
    room: Option<String>,
    metadata: Option<String>,
    #[serde(alias = "agentName")]
    agent_name: Option<String>,
    assistant: Option<String>,
    language: Option<String>,
}

#[derive(Debug, Serialize)]
struct DispatchAnswer {
    dispatch_id: String,
    accepted: bool,
    room: String,
    agent_name: String,
    agent_identity: String,
}

pub(super) async fn dispatch(
    State(state): State<HttpState>,
    Json(request): Json<DispatchRequest>,
) -> Result<impl IntoResponse, Problem> {
    let options = &state.0.options;
    check_agent("agent_name", &options.agent_name, request.agent_name.as_deref())?;
    let Some(room) = request.room else {
        return Err(Problem::field("room", "is missing; name the room that the caller is in"));
    };
    let room = names::id("room", room)?;
    let metadata = request.metadata.unwrap_or_default();
    let metadata = names::text("metadata", metadata, METADATA_BYTES_MAX)?;
    let chosen = Choice { assistant: request.assistant, language: request.language };
    let metadata = assistant::metadata(&state, chosen, "metadata", metadata)?;
    let agent = AgentRequest { agent_name: options.agent_name.clone(), metadata };

    let seen = |dispatch_id: &str| {
        let status = options.worker.borrow();
        let job = status.jobs.iter().find(|job| job.dispatch_id == dispatch_id)?;
        Some(Taken { job_id: job.job_id.clone(), agent_identity: job.identity.clone() })
    };
    let dispatch = options.api.dispatch(&room, &agent, seen).await?;
    let Some(taken) = dispatch.taken else {
        // Left in place it would bring an agent to a room that nobody waits in any more.
        if let Err(error) = options.api.delete_dispatch(&room, &dispatch.id).await {
            warn!(%error, room, dispatch_id = dispatch.id, "Could not take back a dispatch.");
        }
        return Err(Problem::no_worker());
    };
    let answer = DispatchAnswer {
        dispatch_id: dispatch.id,
        accepted: true,
        room,
        agent_name: agent.agent_name,
        agent_identity: taken.agent_identity,
    };
    Ok((StatusCode::CREATED, Answer(answer)))
}
