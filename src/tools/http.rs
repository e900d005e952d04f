//! Tools on a server, through the one HTTP client and its policy: only hosts that the operator
//! allowed. Reads may be tried twice, everything else once.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Brought, UrlTemplate};
use crate::policy::egress::{Ask, EgressError, HttpClient};
use crate::telemetry::metrics;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Between the two tries of a read.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Changes something.
    Post,
    /// Changes something.
    Put,
    /// Changes something.
    Patch,
    /// Changes something.
    Delete,
}

impl Method {
    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];
        all.into_iter().find(|method| method.as_str() == name)
    }
}

/// A request with places for arguments.
#[derive(Clone)]
pub struct HttpTool {
    /// How.
    pub method: Method,
    /// Where.
    pub url: UrlTemplate,
    /// The operator's own; nothing of an argument gets into them.
    pub headers: Vec<(String, String)>,
    /// Which part of a JSON answer is told, as a JSON pointer. Empty: all of it.
    pub pick: String,
}

impl std::fmt::Debug for HttpTool {
    /// Without the headers: they hold keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpTool").field("method", &self.method).field("url", &self.url).finish()
    }
}

impl HttpTool {
    pub(super) async fn run(
        &self,
        client: &HttpClient,
        tool: &str,
        arguments: &Map<String, Value>,
        timeout: Duration,
    ) -> Brought {
        let url = match self.url.fill(arguments) {
            Ok(url) => url,
            Err(problem) => return Brought::failure(&problem.to_string()),
        };
        let placed: Vec<&str> = self.url.names().collect();
        let body = (self.method != Method::Get).then(|| {
            let rest = arguments.iter().filter(|(name, _)| !placed.contains(&name.as_str()));
            let rest: Map<String, Value> = rest.map(|(n, v)| (n.clone(), v.clone())).collect();
            Value::Object(rest).to_string()
        });
        let ask = Ask {
            method: self.method.as_str(),
            url: &url,
            headers: &self.headers,
            json: body.as_deref(),
            timeout,
            bytes_max: ANSWER_BYTES_MAX,
        };
        let mut answer = client.ask(&ask).await;
        let again = match &answer {
            Err(EgressError::Network { .. }) => true,
            Err(EgressError::Status { status, .. }) => matches!(status, 429 | 502 | 503 | 504),
            Ok(_) | Err(EgressError::Refused { .. }) => false,
        };
        if again && self.method == Method::Get {
            tokio::time::sleep(RETRY_AFTER).await;
            answer = client.ask(&ask).await;
        }
        match answer {
            Ok(bytes) => self.brought(&bytes),
            Err(error) => {
                if matches!(error, EgressError::Refused { .. }) {
                    metrics::egress_refused("tool");
                    tracing::warn!(target: "sawt::audit", tool, %error, "Refused to let a tool out.");
                } else {
                    tracing::warn!(tool, %error, "A tool's server failed.");
                }
                // Addresses and reasons are the operator's to know, not the caller's.
                Brought::failure("the service could not be reached")
            }
        }
    }

    fn brought(&self, bytes: &[u8]) -> Brought {
        let text = String::from_utf8_lossy(bytes);
        if self.pick.is_empty() {
            return Brought::result(&text);
        }
        let json: Option<Value> = serde_json::from_str(&text).ok();
        match json.as_ref().and_then(|json| json.pointer(&self.pick)) {
            Some(Value::String(text)) => Brought::result(text),
            Some(part) => Brought::json(part),
            None => Brought::failure("the service answered something else than expected"),
        }
    }
}

#[cfg(test)]
mod tests;
