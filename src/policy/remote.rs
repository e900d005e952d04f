//! The HTTP client of remote engines: speaks to the one server that the operator named for a stage,
//! over TLS that is always verified, and nowhere else.
//!
//! It follows no redirect, uses no proxy but the configured one, reads no more than its caller's
//! bound, and keeps its key out of everything that is printed. Whether a call may use it at all is
//! decided before, by [`super::residency`]. Lacks retries and patience: `engines/fallback` has them.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Url, redirect};

use super::egress::{EgressError, EgressPolicy, HostPort};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection is kept for the next turn: a handshake costs two journeys.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// Of an answer that says no: more than its error code is not wanted.
const REFUSAL_BYTES_MAX: usize = 16 * 1024;
const CODE_CHARS_MAX: usize = 40;

/// A key that is sent and never shown.
#[derive(Clone)]
pub struct Secret(HeaderValue);

impl Secret {
    /// The value of a header.
    ///
    /// # Errors
    /// [`RemoteError::Key`] when it has characters that no header may have.
    pub fn new(value: &str) -> Result<Self, RemoteError> {
        let mut value = HeaderValue::from_str(value).map_err(|_| RemoteError::Key)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why there is no answer, or no more of it. Never holds what was sent, what was answered, or a key.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// The address, the proxy or TLS can not be used.
    #[error("{0}")]
    Setup(String),
    /// The key can not be sent.
    #[error("the key has characters that no key has; copy it anew, without line breaks")]
    Key,
    /// No connection, or it broke.
    #[error("{0}")]
    Network(String),
    /// The server said no.
    #[error("it answered status {status}{}", code_of(code))]
    Status {
        /// HTTP status
        status: u16,
        /// the service's word for it, such as insufficient_quota; may be empty
        code: String,
        /// when it asks to be tried again
        retry_after: Option<Duration>,
    },
    /// Not what was asked for.
    #[error("{0}")]
    Format(String),
    /// More than the request can need.
    #[error("it answered more than {bytes_max} bytes")]
    TooLarge {
        /// our bound
        bytes_max: usize,
    },
}

fn code_of(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

impl RemoteError {
    /// Whether the same request may succeed on a second try.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Network(_) => true,
            Self::Status { status, .. } => {
                matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 529)
            }
            Self::Setup(_) | Self::Key | Self::Format(_) | Self::TooLarge { .. } => false,
        }
    }
}

/// Speaks to one server.
#[derive(Debug, Clone)]
pub struct RemoteClient {
    base: Url,
    policy: EgressPolicy,
    auth: Option<(HeaderName, Secret)>,
    http: reqwest::Client,
}

impl RemoteClient {
    /// For the server at `base_url`, with the key under `auth`'s header.
    ///
    /// # Errors
    /// When the address or the proxy can not be used, or TLS can not be set up here.
    #[allow(clippy::disallowed_methods)] // policy/ is where clients are built
    pub fn new(
        base_url: &str,
        auth: Option<(HeaderName, Secret)>,
        plain_http_hosts: &[String],
        proxy_url: &str,
    ) -> Result<Self, RemoteError> {
        let setup = |reason: String| RemoteError::Setup(reason);
        let base = base_url.trim_end_matches('/');
        let base = Url::parse(base).map_err(|e| setup(e.to_string()))?;
        let (Some(host), Some(port)) = (base.host_str(), base.port_or_known_default()) else {
            return Err(setup("the address names no host".into()));
        };
        let address = format!("{host}:{port}");
        let only = HostPort { host: host.to_ascii_lowercase(), port };
        let policy = EgressPolicy::Allow(vec![only]);
        let plain = base.scheme() == "http" && plain_http_hosts.contains(&address);
        if !plain {
            policy.check(base.as_str()).map_err(|e: EgressError| setup(e.to_string()))?;
        }
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .referer(false)
            .redirect(redirect::Policy::none())
            .https_only(base.scheme() == "https")
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("sawt/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // No certificate is of use there, and reading the system's takes a while.
            builder = builder.tls_certs_only([]);
        }
        if !proxy_url.is_empty() {
            let proxy = reqwest::Proxy::all(proxy_url).map_err(|e| setup(root_cause(&e)))?;
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(|e| setup(root_cause(&e)))?;
        Ok(Self { base, policy, auth, http })
    }

    /// Whom it speaks to, as `host:port`: what the audit log names.
    pub fn target(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        format!("{host}:{}", self.base.port_or_known_default().unwrap_or_default())
    }

    /// Posts `body` to `path`, which starts with a slash and may have a query. The answer's head has
    /// come when this returns.
    ///
    /// # Errors
    /// No answer, or one that says no.
    pub async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<Answer, RemoteError> {
        let url = format!("{}{path}", self.base.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|e| RemoteError::Setup(e.to_string()))?;
        // A path can not lead to another server; if it ever could, this is where it ends.
        if (url.scheme(), url.host_str(), url.port()) != self.server() {
            return Err(RemoteError::Setup("the path leads to another server".into()));
        }
        let mut request = self.http.post(url).header(CONTENT_TYPE, content_type).body(body);
        if let Some((name, Secret(value))) = &self.auth {
            request = request.header(name, value.clone());
        }
        let response = request.send().await.map_err(|e| network(&e))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(Answer { response, bytes_left: bytes_max, bytes_max });
        }
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| {
            let seconds: f64 = value.to_str().ok()?.trim().parse().ok()?;
            (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
        });
        let mut refusal =
            Answer { response, bytes_left: REFUSAL_BYTES_MAX, bytes_max: REFUSAL_BYTES_MAX };
        let body = refusal.whole().await.unwrap_or_default();
        Err(RemoteError::Status { status, code: error_code(&body), retry_after })
    }

    fn server(&self) -> (&str, Option<&str>, Option<u16>) {
        (self.base.scheme(), self.base.host_str(), self.base.port())
    }

    /// What the policy of this client lets through; for tests and the doctor.
    pub fn policy(&self) -> &EgressPolicy {
        &self.policy
    }
}

/// An answer on its way; dropping it ends the request.
#[derive(Debug)]
pub struct Answer {
    response: reqwest::Response,
    bytes_left: usize,
    bytes_max: usize,
}

impl Answer {
    /// Its content type, lower case and without parameters; empty if the server does not say.
    pub fn content_type(&self) -> String {
        let value = self.response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let value = value.unwrap_or_default().split(';').next().unwrap_or_default();
        value.trim().to_ascii_lowercase()
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// The connection broke, or more came than may.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, RemoteError> {
        let Some(chunk) = self.response.chunk().await.map_err(|e| network(&e))? else {
            return Ok(None);
        };
        let Some(left) = self.bytes_left.checked_sub(chunk.len()) else {
            return Err(RemoteError::TooLarge { bytes_max: self.bytes_max });
        };
        self.bytes_left = left;
        Ok(Some(chunk.to_vec()))
    }

    /// All of it.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub async fn whole(&mut self) -> Result<Vec<u8>, RemoteError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }
}

/// The service's own word for what is wrong. Its message is left out: it may repeat what was sent.
fn error_code(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let word = |path: &str| {
        json.pointer(path).and_then(|value| value.as_str()).filter(|word| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            !word.is_empty() && word.len() <= CODE_CHARS_MAX && word.chars().all(plain)
        })
    };
    let found =
        ["/error/code", "/error/type", "/detail/status", "/code"].into_iter().find_map(word);
    found.unwrap_or_default().to_owned()
}

fn network(error: &reqwest::Error) -> RemoteError {
    RemoteError::Network(root_cause(error))
}

/// The innermost error says what happened ("connection refused"), and has no address in it.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_for_one_server_and_shows_no_key() {
        let key = Secret::new("sk-hush-hush").unwrap();
        let auth = Some((HeaderName::from_static("x-test"), key));
        let client = RemoteClient::new("https://voices.example/v1/", auth, &[], "").unwrap();
        assert_eq!(client.target(), "voices.example:443");
        assert!(client.policy().check("https://voices.example/v1/x").is_ok());
        assert!(client.policy().check("https://other.example/").is_err());
        assert!(!format!("{client:?}").contains("hush"));
        assert!(Secret::new("two\nlines").is_err());
    }

    #[test]
    fn plain_http_is_for_this_machine_and_the_named_ones() {
        let named = ["10.1.2.3:8000".to_owned()];
        let new = |url: &str| RemoteClient::new(url, None, &named, "");
        assert!(new("http://10.1.2.3:8000/v1").is_ok());
        assert!(new("http://127.0.0.1:8000/v1").is_ok());
        assert!(new("http://10.1.2.4:8000/v1").is_err());
        assert!(new("http://voices.example/v1").is_err());
    }

    #[test]
    fn of_a_refusal_only_the_services_word_is_kept() {
        let body = r#"{"error": {"message": "you said: my card is 4111", "code": "rate_limit"}}"#;
        assert_eq!(error_code(body.as_bytes()), "rate_limit");
        let body = r#"{"error": {"code": "my card is 4111"}}"#;
        assert_eq!(error_code(body.as_bytes()), "");
        assert_eq!(error_code(b"<html>"), "");
    }
}
