//! Which assistant a request asks for, as metadata for the agent. An unknown one is refused here,
//! where somebody reads the answer; later a caller would only hear nothing.

use std::sync::Arc;

use axum::http::StatusCode;

use super::HttpState;
use super::error::Problem;
use crate::assistants::{Assistant, Choice, ChoiceError};

/// What the agent is told: `metadata`, or what was chosen where there is none.
pub(super) fn metadata(
    state: &HttpState,
    chosen: Choice,
    field: &str,
    metadata: String,
) -> Result<String, Problem> {
    let library = state.0.options.assistants.current();
    let chosen = chosen.without_blanks();
    let nothing = chosen == Choice::default();
    if nothing {
        // Others write metadata too, and what they write is theirs; a name of ours is checked.
        let choice = Choice::from_metadata(&metadata).map_err(|error| refused(field, &error))?;
        library.choose(&choice).map_err(|error| refused(field, &error))?;
        return Ok(metadata);
    }
    self::chosen(state, &chosen)?;
    if !metadata.is_empty() {
        let detail =
            "stands beside `assistant`; put \"assistant\" and \"language\" into it instead";
        return Err(Problem::field(field, detail));
    }
    if state.0.options.agent_name.is_empty() {
        let detail = "can not be chosen here: livekit.agent_name is empty, so the agent joins every \
                      room by itself; write it into the room's metadata";
        return Err(Problem::field("assistant", detail));
    }
    Ok(chosen.to_metadata())
}

/// Who answers such a request, in a language that it speaks.
pub(super) fn chosen(state: &HttpState, chosen: &Choice) -> Result<Arc<Assistant>, Problem> {
    let library = state.0.options.assistants.current();
    let assistant = library.choose(chosen).map_err(|error| refused("assistant", &error))?;
    let spoken = assistant.languages();
    if let Some(language) = chosen.language.as_ref().filter(|l| !spoken.contains(l)) {
        let language: String = language.chars().take(16).collect();
        let detail = format!(
            "{language:?} is not spoken by {}; it speaks {}",
            assistant.name(),
            spoken.join(", ")
        );
        return Err(Problem::field("language", detail));
    }
    Ok(assistant.clone())
}

fn refused(field: &str, error: &ChoiceError) -> Problem {
    match error {
        ChoiceError::NoText { .. } => Problem::field(field, error.to_string()),
        ChoiceError::Unknown { .. } => {
            let status = StatusCode::NOT_FOUND;
            Problem::new(status, "unknown-assistant", "No such assistant", error.to_string())
        }
    }
}
