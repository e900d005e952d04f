//! For machines: alive, ready and why not, numbers, and LiveKit's worker summary.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::HttpState;
use crate::assistants::Findings;
use crate::telemetry;

/// The process answers; says nothing about LiveKit or the engines, so that an orchestrator does not
/// restart us for their sake.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    parts: BTreeMap<String, Part>,
    /// What does not keep calls away and wants somebody's eye.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    notes: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Part {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Whether a call that comes now would be answered; each part says why not.
pub(super) async fn readyz(State(state): State<HttpState>) -> Response {
    let mut problems = state.0.options.parts.borrow().clone();
    problems.insert("livekit".into(), state.0.options.worker.borrow().problem());
    let ready = problems.values().all(Option::is_none);
    let parts = problems
        .into_iter()
        .map(|(name, reason)| (name, Part { ready: reason.is_none(), reason }))
        .collect();
    let mut notes = BTreeMap::new();
    let findings = state.0.options.assistants.state().borrow().findings.clone();
    if !findings.is_empty() {
        let note = format!(
            "an older version answers, because the files have mistakes: {}",
            Findings(findings)
        );
        notes.insert("assistants", note);
    }
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (status, no_store, Answer(Ready { ready, parts, notes })).into_response()
}

pub(super) async fn metrics(State(state): State<HttpState>) -> Response {
    let text = state.0.metrics.as_ref().map(|m| m.render()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// In the words of LiveKit's own workers.
#[derive(Serialize)]
struct WorkerSummary {
    worker_type: &'static str,
    agent_name: String,
    active_jobs: u32,
    worker_load: f32,
    sdk_version: &'static str,
    protocol_version: u32,
}

pub(super) async fn worker(State(state): State<HttpState>) -> impl IntoResponse {
    let status = state.0.options.worker.borrow().clone();
    Answer(WorkerSummary {
        worker_type: "JT_ROOM",
        agent_name: state.0.options.agent_name.clone(),
        active_jobs: status.calls,
        worker_load: status.load,
        sdk_version: env!("CARGO_PKG_VERSION"),
        protocol_version: 1,
    })
}

/// Counts answers by route, never by path: paths come from outside and have no end.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    if let Some(route) = route {
        telemetry::metrics::http_answer(route, response.status().as_u16());
    }
    response
}
