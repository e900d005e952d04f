//! How an error is told on a terminal: what went wrong, why, and what to do next.
//!
//! Most messages of ours end with the next step by themselves. Where it belongs to the command and
//! not to what failed below it, [`OrNext`] adds it.

use std::fmt;
use std::process::ExitCode;

use crate::assistants::Findings;
use crate::config::ConfigError;
use crate::service::ServiceError;

/// sysexits(3) EX_CONFIG: something was found in an unconfigured or misconfigured state. A service
/// manager is told not to try again.
pub const EXIT_CONFIG: u8 = 78;

/// What to do about an error.
#[derive(Debug, Clone)]
pub struct NextStep(pub String);

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds the next step to an error.
pub trait OrNext<T> {
    /// On failure, tells `next` on a line of its own.
    ///
    /// # Errors
    /// The same error, with its next step.
    fn or_next(self, next: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> OrNext<T> for Result<T, E> {
    fn or_next(self, next: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| error.into().context(NextStep(next.into())))
    }
}

/// Prints `error` and chooses the exit code: 78 for a wrong configuration, 1 for all else.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    eprint!("{}", text(error));
    ExitCode::from(exit_code(error))
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let wrong = error.downcast_ref::<ConfigError>().is_some()
        || error.downcast_ref::<Findings>().is_some()
        || matches!(error.downcast_ref::<ServiceError>(), Some(ServiceError::Assistants(_)));
    if wrong { EXIT_CONFIG } else { 1 }
}

/// `error: … / caused by … / next: …`, one line each.
fn text(error: &anyhow::Error) -> String {
    let next = error.downcast_ref::<NextStep>().map(ToString::to_string);
    let mut out = String::new();
    let mut told: Option<String> = None;
    let messages = error.chain().map(ToString::to_string).filter(|m| Some(m) != next.as_ref());
    for message in messages {
        match &told {
            None => out.push_str(&format!("error: {message}\n")),
            // An error that shows its source in its own message says it once.
            Some(before) if before.contains(&message) => {}
            Some(_) => out.push_str(&format!("  caused by {message}\n")),
        }
        told = Some(message);
    }
    if let Some(next) = next {
        out.push_str(&format!("next: {next}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn an_error_tells_its_causes_and_its_next_step() {
        let low = std::io::Error::other("connection refused");
        let error = Err::<(), _>(low)
            .context("livekit-server does not answer")
            .or_next("start it")
            .context("no call could be placed")
            .expect_err("an error");
        expect_test::expect![[r#"
            error: no call could be placed
              caused by livekit-server does not answer
              caused by connection refused
            next: start it
        "#]]
        .assert_eq(&text(&error));
        assert_eq!(exit_code(&error), 1);
    }

    #[test]
    fn a_wrong_configuration_exits_with_78() {
        let wrong = crate::config::Config::default().require_livekit().expect_err("no key is set");
        let error = anyhow::Error::from(wrong).context("serve could not start");
        assert_eq!(exit_code(&error), EXIT_CONFIG);
    }
}
