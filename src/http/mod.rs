//! The HTTP side: page, token, dispatch, health, metrics. Knows no call; what it needs of the
//! worker and the engines comes in through watch channels.
//!
//! | Path | What |
//! |---|---|
//! | `GET /`, `/callcenter/call-with-audio` | the page |
//! | `GET /embed.js` | for other sites: shows the page in a frame of theirs (`http.embed_origins`) |
//! | `GET /api/assistant` | who will answer, and what a caller is to agree to first |
//! | `POST /api/token` | LiveKit's standard token endpoint |
//! | `GET`, `POST /api/connection-details` | the same for LiveKit's starter apps |
//! | `POST /api/dispatch-agent` | asks the agent into a room, says whether a worker took it |
//! | `GET /livez`, `/readyz`, `/metrics`, `/worker` | for machines |

mod about;
mod assistant;
mod dispatch;
mod error;
mod guard;
mod health;
mod json;
mod names;
mod page;
mod server;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::sync::watch;

pub use error::Problem;
pub use server::{HttpError, bind, serve};

use crate::assistants::Assistants;
use crate::livekit_api::{LiveKitApi, LiveKitApiError, LiveKitUrl};
use crate::telemetry::metrics::PrometheusHandle;
use crate::worker::WorkerStatus;

/// Why parts of the program are not ready, by part ("engines", "models", …); `None`: ready.
pub type Parts = BTreeMap<String, Option<String>>;

/// What the endpoints need.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// LiveKit and our key to it.
    pub api: LiveKitApi,
    /// LiveKit's address as browsers reach it; empty: the API's.
    pub livekit_public_url: String,
    /// The one agent that tokens and dispatches may name.
    pub agent_name: String,
    /// We listen on loopback: only its names are served, against DNS rebinding.
    pub loopback: bool,
    /// Origin under which people open the page when a proxy stands in front; may be empty.
    pub public_origin: String,
    /// Origins whose pages may show ours in a frame; none: nobody may.
    pub embed_origins: Vec<String>,
    /// The worker, for `/readyz`, `/worker` and dispatches.
    pub worker: watch::Receiver<WorkerStatus>,
    /// The rest of the program, for `/readyz`.
    pub parts: watch::Receiver<Parts>,
    /// Who may be asked for, and for `/readyz` whether changed files have mistakes.
    pub assistants: Assistants,
}

/// Shared by all requests.
#[derive(Clone)]
pub struct HttpState(Arc<Inner>);

struct Inner {
    options: HttpOptions,
    livekit_url: LiveKitUrl,
    metrics: Option<PrometheusHandle>,
    security_policy: String,
}

impl HttpState {
    /// Prepares the endpoints. Without `metrics`, `/metrics` is empty.
    ///
    /// # Errors
    /// `livekit_public_url` is no address.
    pub fn new(
        options: HttpOptions,
        metrics: Option<PrometheusHandle>,
    ) -> Result<Self, LiveKitApiError> {
        let livekit_url = match options.livekit_public_url.as_str() {
            "" => options.api.url().clone(),
            url => LiveKitUrl::parse(url)?,
        };
        let security_policy = guard::security_policy(&livekit_url, &options.embed_origins);
        Ok(Self(Arc::new(Inner { options, livekit_url, metrics, security_policy })))
    }
}

/// All endpoints.
pub fn router(state: HttpState) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/callcenter/call-with-audio", get(page::index))
        .route("/api/assistant", get(about::about))
        .route("/api/token", post(token::token))
        .route("/api/connection-details", get(token::details).post(token::details_for))
        .route("/api/dispatch-agent", post(dispatch::dispatch))
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/worker", get(health::worker))
        .fallback(get(page::asset).fallback(error::no_such_path))
        .method_not_allowed_fallback(error::no_such_method)
        .layer(from_fn_with_state(state.clone(), guard::only_our_own))
        .layer(from_fn_with_state(state.clone(), guard::with_headers))
        .route_layer(from_fn(health::count))
        .with_state(state)
}

#[cfg(test)]
mod tests;
