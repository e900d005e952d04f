//! The only HTTP client of the program, and the policy it obeys: nothing leaves unless a host was
//! named. `clippy.toml` forbids building a `reqwest` client anywhere else.
//!
//! Refused whatever the policy says: plain http to anything but this machine, redirects to hosts
//! that are not allowed, proxies from the environment (they would see what the policy never
//! approved). Lacks any caller but `sawt models pull` for now, and webhooks of rules and tools.

mod ask;

use std::time::Duration;

pub use ask::Ask;
use reqwest::redirect;
use reqwest::{Url, header};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A connection that brings nothing for so long is given up; there is no limit on the whole, since
/// a model may take an hour.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 5;
/// A program that is told something has taken it in by then, or is not there.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

/// A host that may be spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// Lower case. `*.example.org` stands for every host below example.org (not for itself).
    pub host: String,
    /// 443 for https
    pub port: u16,
}

impl HostPort {
    /// The host at the port of https.
    pub fn https(host: &str) -> Self {
        Self { host: host.to_ascii_lowercase(), port: 443 }
    }

    /// As configuration names it: `crm.example.org`, at the port of https, or `127.0.0.1:8080`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() => {
                Some(Self { host: host.to_ascii_lowercase(), port: port.parse().ok()? })
            }
            Some(_) => None,
            None => Some(Self::https(text)),
        }
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        let named = match self.host.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => self.host == host,
        };
        named && self.port == port
    }
}

/// What may leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EgressPolicy {
    /// Nothing.
    #[default]
    Sealed,
    /// Requests to these hosts.
    Allow(Vec<HostPort>),
}

impl EgressPolicy {
    /// Whether a request to this address may be sent.
    ///
    /// # Errors
    /// [`EgressError::Refused`] with the reason.
    pub fn check(&self, url: &str) -> Result<(), EgressError> {
        let parsed = Url::parse(url).map_err(|error| EgressError::Refused {
            url: redacted(url),
            reason: error.to_string(),
        })?;
        self.check_url(&parsed)
    }

    fn check_url(&self, url: &Url) -> Result<(), EgressError> {
        let refuse = |reason: &str| {
            Err(EgressError::Refused { url: redacted(url.as_str()), reason: reason.to_owned() })
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return refuse("it names no host");
        };
        let loopback = matches!(host, "127.0.0.1" | "[::1]");
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return refuse("only https may leave this machine"),
        }
        match self {
            Self::Sealed => refuse("nothing may leave this machine (egress is sealed)"),
            Self::Allow(hosts) if hosts.iter().any(|allowed| allowed.covers(host, port)) => Ok(()),
            Self::Allow(_) => refuse("the host is not on the list of allowed hosts"),
        }
    }
}

/// Why a request was not sent, or brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The policy says no. Nothing was sent.
    #[error("refused to contact {url}: {reason}")]
    Refused {
        /// without its query
        url: String,
        /// why
        reason: String,
    },
    /// The network failed.
    #[error("no answer from {url}: {reason}")]
    Network {
        /// without its query
        url: String,
        /// why
        reason: String,
    },
    /// The server said no.
    #[error("{url} answered {status}")]
    Status {
        /// without its query
        url: String,
        /// HTTP status
        status: u16,
    },
}

/// The HTTP client. Refuses everything unless its policy names the host.
#[derive(Debug, Clone)]
pub struct HttpClient {
    policy: EgressPolicy,
    client: reqwest::Client,
}

impl HttpClient {
    /// A client under this policy.
    ///
    /// # Errors
    /// [`EgressError::Network`] if TLS can not be set up here.
    #[allow(clippy::disallowed_methods)] // the one place that builds a client
    pub fn new(policy: EgressPolicy) -> Result<Self, EgressError> {
        let on_redirect = policy.clone();
        let client = reqwest::Client::builder()
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .user_agent(concat!("sawt/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::custom(move |attempt| {
                if attempt.previous().len() > REDIRECTS_MAX {
                    return attempt.error("too many redirects");
                }
                match on_redirect.check_url(attempt.url()) {
                    Ok(()) => attempt.follow(),
                    Err(error) => attempt.error(error),
                }
            }))
            .build()
            .map_err(|error| EgressError::Network {
                url: "anything".into(),
                reason: reason_of(&error),
            })?;
        Ok(Self { policy, client })
    }

    /// Tells another program something as JSON; its answer is not read.
    ///
    /// # Errors
    /// [`EgressError`]; any status but 2xx is an error.
    pub async fn tell(&self, url: &str, json: String) -> Result<(), EgressError> {
        self.policy.check(url)?;
        let request = self.client.post(url).timeout(TELL_TIMEOUT);
        let request = request.header(header::CONTENT_TYPE, "application/json").body(json);
        let response = request.send().await.map_err(|error| network(url, &error))?;
        let status = response.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(());
        }
        Err(EgressError::Status { url: redacted(url), status })
    }

    /// Asks for a document, or for its part from byte `from` on.
    ///
    /// # Errors
    /// [`EgressError`]; any status but 200 and 206 is an error.
    pub async fn get(&self, url: &str, from: u64) -> Result<Download, EgressError> {
        self.policy.check(url)?;
        let mut request = self.client.get(url);
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let response = request.send().await.map_err(|error| network(url, &error))?;
        let status = response.status().as_u16();
        let starts_at = match status {
            200 => 0,
            206 => range_start(&response).unwrap_or(0),
            _ => return Err(EgressError::Status { url: redacted(url), status }),
        };
        Ok(Download { starts_at, url: url.to_owned(), response })
    }
}

/// A document on its way.
#[derive(Debug)]
pub struct Download {
    /// Which byte of the document comes first: 0 if the server would not resume.
    pub starts_at: u64,
    url: String,
    response: reqwest::Response,
}

impl Download {
    /// How many bytes will come, if the server says.
    pub fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`EgressError::Network`].
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]>>, EgressError> {
        self.response.chunk().await.map_err(|error| network(&self.url, &error))
    }
}

fn range_start(response: &reqwest::Response) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn network(url: &str, error: &reqwest::Error) -> EgressError {
    EgressError::Network { url: redacted(url), reason: reason_of(error) }
}

/// The innermost cause: "connection refused" rather than "error sending request".
fn reason_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Addresses are logged without their query, which may hold a secret.
fn redacted(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
