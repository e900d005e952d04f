//! Turns what went wrong into an answer: RFC 9457 problem+json. The only file that maps domain
//! errors to status codes.

use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::livekit_api::LiveKitApiError;

/// One answer that is not what was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What is wrong, and what to do.
    detail: String,
    /// Where in the body, like `room_config.agents[0].agent_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        kind: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind: format!("urn:sawt:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            retry_after_s: None,
        }
    }

    /// A value in the body that does not fit.
    pub(super) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let mut problem = Self::new(status, "invalid-field", "A value does not fit", detail);
        problem.field = Some(field.into());
        problem
    }

    /// Nobody could take the call.
    pub(super) fn no_worker() -> Self {
        let mut problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no-worker",
            "No worker took the call",
            "every worker is full or gone; try again in a few seconds, and look at /readyz for \
             the reason",
        );
        problem.retry_after_s = Some(5);
        problem
    }

    pub(super) fn forbidden(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, kind, "Not from here", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = (header::CONTENT_TYPE, "application/problem+json");
        let mut response = (status, [kind], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<LiveKitApiError> for Problem {
    fn from(error: LiveKitApiError) -> Self {
        let (status, kind, title) = match error {
            LiveKitApiError::Unreachable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "livekit-away", "LiveKit does not answer")
            }
            LiveKitApiError::NotFound(_) => {
                (StatusCode::NOT_FOUND, "not-found", "LiveKit knows no such thing")
            }
            LiveKitApiError::KeyRefused(_) | LiveKitApiError::Strange { .. } => {
                (StatusCode::BAD_GATEWAY, "livekit-refused", "LiveKit refused us")
            }
            LiveKitApiError::Refused { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "livekit-refused", "LiveKit refused the request")
            }
            LiveKitApiError::Url { .. } | LiveKitApiError::NoKey | LiveKitApiError::Token(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "misconfigured", "Sawt is misconfigured")
            }
        };
        let mut problem = Self::new(status, kind, title, error.to_string());
        problem.retry_after_s = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(5);
        problem
    }
}

pub(super) async fn no_such_path(_: Method, _: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "No such path",
        "the page is at /, the API under /api/",
    )
}

pub(super) async fn no_such_method(method: Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "Not with this method",
        format!("{} is not for this path; see the Allow header", method.as_str()),
    )
}
