//! `GET /api/assistant`: what the page shows of who will answer, before anybody joins.
//!
//! The consent is the assistant's own line, in each of its languages: the page changes language
//! without asking again. The call says it too, for callers who come by other doors.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::error::Problem;
use super::{HttpState, assistant};
use crate::assistants::Choice;

/// As in the address of the page: who answers, and in which language.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    assistant: Option<String>,
    language: Option<String>,
}

#[derive(Debug, Serialize)]
struct About {
    name: String,
    title: String,
    languages: Vec<String>,
    /// Whether a request may name assistant and language: not where the agent joins every room.
    choosable: bool,
    /// By language; empty: there is nothing to agree to.
    consent: BTreeMap<String, String>,
}

pub(super) async fn about(
    State(state): State<HttpState>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Query(asked) = asked.map_err(|_| {
        let detail = "is read from ?assistant=…&language=…, each at most once, in UTF-8";
        Problem::new(StatusCode::BAD_REQUEST, "query", "Not such a query", detail)
    })?;
    let chosen = Choice { assistant: asked.assistant, language: asked.language };
    let chosen = assistant::chosen(&state, &chosen.without_blanks())?;
    let about = About {
        name: chosen.name().to_owned(),
        title: chosen.title().to_owned(),
        languages: chosen.languages().to_vec(),
        choosable: !state.0.options.agent_name.is_empty(),
        consent: chosen.consent().clone(),
    };
    // Files of assistants change while we run, and an old consent is none.
    Ok(([(header::CACHE_CONTROL, "no-store")], Answer(about)))
}
