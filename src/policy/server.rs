//! The client for one server that the operator configured: the LiveKit server. It can not be
//! pointed anywhere else, goes through no proxy and follows no redirect, so it needs no allow-list.

use std::time::Duration;

const CONNECT_WAIT: Duration = Duration::from_secs(3);
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Speaks to one server and no other.
#[derive(Debug, Clone)]
pub struct ServerClient {
    base: String,
    http: reqwest::Client,
}

/// What the server said, whatever its status.
#[derive(Debug)]
pub struct ServerAnswer {
    /// HTTP status.
    pub status: u16,
    /// At most 4 MiB.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No connection, or it broke.
    #[error("{0}")]
    Network(String),
    /// More than any answer has.
    #[error("an answer of more than 4 MiB")]
    TooLarge,
}

impl ServerClient {
    /// For the server at `base`, `http://host:port/path` without a slash at its end.
    ///
    /// # Errors
    /// TLS can not be set up here.
    #[allow(clippy::disallowed_methods)] // policy/ is where clients are built
    pub fn new(base: String) -> Result<Self, ServerError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            .build()
            .map_err(|error| ServerError::Network(root_cause(&error)))?;
        Ok(Self { base, http })
    }

    /// Posts to a path on the server, which starts with a slash.
    ///
    /// # Errors
    /// There is no answer. A refusal is an answer.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        bearer: &str,
        body: Vec<u8>,
    ) -> Result<ServerAnswer, ServerError> {
        let network = |error: reqwest::Error| ServerError::Network(root_cause(&error));
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header("content-type", content_type).bearer_auth(bearer).body(body);
        let mut response = request.send().await.map_err(network)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(ServerError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(ServerAnswer { status, body })
    }
}

/// The innermost error says what happened ("connection refused"); the outer ones that a request
/// was made.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
