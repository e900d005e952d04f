//! Asks a server something, with everything bounded: for tools.

use std::time::Duration;

use reqwest::Method;

use super::{EgressError, HttpClient, network, redacted};

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// GET, POST, PUT, PATCH or DELETE.
    pub method: &'a str,
    /// Where.
    pub url: &'a str,
    /// Of the operator.
    pub headers: &'a [(String, String)],
    /// Body.
    pub json: Option<&'a str>,
    /// For all of it.
    pub timeout: Duration,
    /// What comes after so much of the answer is left out.
    pub bytes_max: usize,
}

impl HttpClient {
    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// [`EgressError`]; any status but those that begin with 2 is an error.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Vec<u8>, EgressError> {
        self.policy.check(ask.url)?;
        let url = || redacted(ask.url);
        let failed = |reason: &str| EgressError::Network { url: url(), reason: reason.to_owned() };
        let method = Method::from_bytes(ask.method.as_bytes()).map_err(|_| failed("no method"))?;
        let mut request = self.client.request(method, ask.url).timeout(ask.timeout);
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        if let Some(json) = ask.json {
            request = request.header("content-type", "application/json").body(json.to_owned());
        }
        let mut response = request.send().await.map_err(|error| network(ask.url, &error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(EgressError::Status { url: url(), status: status.as_u16() });
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| network(ask.url, &error))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= ask.bytes_max {
                bytes.truncate(ask.bytes_max);
                break;
            }
        }
        Ok(bytes)
    }

    /// The client itself, for a protocol's own library that speaks to this address; redirects stay
    /// under the policy.
    ///
    /// # Errors
    /// [`EgressError::Refused`].
    pub fn for_library(&self, url: &str) -> Result<reqwest::Client, EgressError> {
        self.policy.check(url)?;
        Ok(self.client.clone())
    }
}
