//! Can this machine run Sawt? Small checks, grouped by what they ask about; each tells what it
//! found and, where it is not well, what to do. Changes nothing and downloads nothing.

mod leaving;
mod livekit;
mod machine;
mod models;
mod network;
mod programs;
mod voices;

use serde::Serialize;

use crate::config::Config;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// as it should be
    Ok,
    /// calls can run, but something is worth knowing
    Warn,
    /// calls can not run
    Fail,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// what was looked at, such as "port 8080"
    pub check: String,
    /// how it ended
    pub status: Status,
    /// what was found
    pub found: String,
    /// what to do about it; empty where nothing is to be done
    pub next: String,
}

impl Finding {
    fn ok(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(check, Status::Ok, found, "")
    }

    fn warn(check: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, found, next)
    }

    fn fail(check: impl Into<String>, found: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, found, next)
    }

    fn new(
        check: impl Into<String>,
        status: Status,
        found: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { check: check.into(), status, found: found.into(), next: next.into() }
    }
}

/// Runs every check, in the order in which a newcomer would mend things.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = machine::check(config);
    findings.extend(programs::check(config));
    findings.extend(models::check(config));
    findings.extend(voices::check(config));
    findings.extend(network::check(config));
    findings.push(leaving::check(config));
    findings.extend(livekit::check(config).await);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_finding_that_is_not_well_says_what_to_do() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();
        config.models.dir = Some(dir.path().join("nothing"));
        config.engines.dir = Some(dir.path().join("nothing"));
        let findings = examine(&config).await;
        for finding in &findings {
            assert_eq!(finding.status == Status::Ok, finding.next.is_empty(), "{finding:?}");
        }
        let fails = |check: &str| {
            findings.iter().any(|f| f.check.contains(check) && f.status == Status::Fail)
        };
        assert!(fails("whisper-base") && fails("sawt-stt"), "{findings:?}");
    }
}
