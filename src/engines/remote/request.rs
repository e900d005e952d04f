//! What the remote engines share: a request that is tried again while nothing has been answered, and
//! what a server's failure means to a call.

use std::time::Duration;

use rand::RngExt as _;

use crate::engines::EngineError;
use crate::policy::remote::{Answer, RemoteClient, RemoteError};

/// Pause before the first repeated try; doubled for each further one, and between half and one and a
/// half of that by chance, so that many calls do not come back at the same moment.
const PAUSE: Duration = Duration::from_millis(200);

/// A server that wants to be left alone for longer is: the caller can not wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// A server of a stage, and how often it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) client: RemoteClient,
    /// "stt", "llm" or "tts"
    pub(crate) engine: &'static str,
    pub(crate) retries_max: u32,
}

impl Server {
    /// Posts, and posts again after a failure that may pass. Whoever calls limits the time.
    pub(crate) async fn post(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<Answer, EngineError> {
        let mut tries = 0;
        loop {
            let answer = self.client.post(path, content_type, body.clone(), bytes_max).await;
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(pause) = pause_before(tries, &error).filter(|_| tries < self.retries_max)
            else {
                return Err(self.failure(&error));
            };
            tries += 1;
            tracing::debug!(engine = self.engine, %error, tries, "Asking the remote again.");
            tokio::time::sleep(pause).await;
        }
    }

    /// Posts JSON.
    pub(crate) async fn post_json(
        &self,
        path: &str,
        body: &serde_json::Value,
        bytes_max: usize,
    ) -> Result<Answer, EngineError> {
        self.post(path, "application/json", body.to_string().into_bytes(), bytes_max).await
    }

    /// What an error of the server means to a call.
    pub(crate) fn failure(&self, error: &RemoteError) -> EngineError {
        let engine = self.engine;
        let detail = format!("remote {}: {error}", self.client.target());
        match error {
            RemoteError::Status { status: 401 | 403, .. } => {
                let next = "check its key in .env and the account behind it";
                EngineError::Failed { engine, detail: format!("{detail}; {next}") }
            }
            _ if error.is_transient() => EngineError::Unavailable { engine, detail },
            _ => EngineError::Failed { engine, detail },
        }
    }

    /// An answer that is not what was asked for.
    pub(crate) fn unexpected(&self, what: impl Into<String>) -> EngineError {
        self.failure(&RemoteError::Format(what.into()))
    }

    /// An answer that ended too early.
    pub(crate) fn broken_off(&self, what: &str) -> EngineError {
        self.failure(&RemoteError::Network(what.to_owned()))
    }
}

/// How long to wait before the next try; `None`: another one would be in vain.
fn pause_before(tries: u32, error: &RemoteError) -> Option<Duration> {
    if !error.is_transient() {
        return None;
    }
    let by_chance = rand::rng().random_range(0.5..1.5);
    let pause = PAUSE.saturating_mul(1 << tries.min(5)).mul_f64(by_chance);
    match error {
        RemoteError::Status { retry_after: Some(asked), .. } => {
            (*asked <= RETRY_AFTER_MAX).then_some((*asked).max(pause))
        }
        _ => Some(pause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, retry_after: Option<u64>) -> RemoteError {
        let retry_after = retry_after.map(Duration::from_secs);
        RemoteError::Status { status, code: String::new(), retry_after }
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_never_at_the_same_moment() {
        for error in [status(401, None), status(400, None), RemoteError::Key] {
            assert_eq!(pause_before(0, &error), None, "{error}");
        }
        assert_eq!(pause_before(0, &status(429, Some(30))), None, "callers do not wait that long");
        let asked = pause_before(0, &status(429, Some(1))).unwrap();
        assert!(asked >= Duration::from_secs(1), "{asked:?}");
        let pauses: Vec<_> =
            (0..20).map(|_| pause_before(1, &status(503, None)).unwrap()).collect();
        let expected = Duration::from_millis(200)..Duration::from_millis(600);
        assert!(pauses.iter().all(|p| expected.contains(p)), "{pauses:?}");
        assert!(pauses.iter().any(|p| *p != pauses[0]), "{pauses:?}");
    }
}
