//! Lends the site's engines to a call: with the feature `remote`, those elsewhere stand behind the
//! local ones as far as the policy lets them; without it, there are the local ones and nothing else.

use std::fmt;

use super::Engines;
#[cfg(feature = "remote")]
use super::remote::Remotes;
use crate::config::RemoteConfig;
use crate::policy::residency::{Data, Grant, Stage, judge};

/// A remote engine that can not be used as it was set up.
#[derive(Debug, thiserror::Error)]
#[error("[remote.{stage}] can not be used: {detail}")]
pub struct RemoteSetupError {
    pub(super) stage: Stage,
    pub(super) detail: String,
}

/// The engines of a site.
#[derive(Clone)]
pub struct Lender {
    local: Engines,
    #[cfg(feature = "remote")]
    remotes: Remotes,
}

impl std::fmt::Debug for Lender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lender").finish_non_exhaustive()
    }
}

impl Lender {
    /// Lends `local`, and what `site` has set up elsewhere. Sends nothing.
    ///
    /// # Errors
    /// When a remote engine can not be used as it was set up.
    pub fn new(local: Engines, site: &RemoteConfig) -> Result<Self, RemoteSetupError> {
        #[cfg(feature = "remote")]
        return Ok(Self { local, remotes: Remotes::new(site)? });
        #[cfg(not(feature = "remote"))]
        {
            let _ = site; // its stages can not be enabled in this build
            Ok(Self { local })
        }
    }

    /// The engines here alone: for what belongs to no call.
    pub fn local(&self) -> &Engines {
        &self.local
    }

    /// The engines of the call `call_id`, whose assistant lets leave what `grant` says.
    pub fn for_call(&self, call_id: &str, grant: Grant) -> Engines {
        #[cfg(feature = "remote")]
        return self.remotes.for_call(&self.local, call_id, grant);
        #[cfg(not(feature = "remote"))]
        {
            let _ = (call_id, grant);
            self.local.clone()
        }
    }
}

/// Where `stage` would send to, as `host:port`; `None` where nothing is set up, or in a build that
/// can send nothing.
///
/// # Errors
/// When it can not be used as it was set up.
fn remote_server(site: &RemoteConfig, stage: Stage) -> Result<Option<String>, RemoteSetupError> {
    #[cfg(feature = "remote")]
    return super::remote::server_of(site, stage);
    #[cfg(not(feature = "remote"))]
    {
        let _ = (site, stage);
        Ok(None)
    }
}

/// What may leave this machine in calls: a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MayLeave {
    /// For which stage.
    pub stage: Stage,
    /// To where, as `host:port`.
    pub server: String,
    /// In calls of these assistants.
    pub assistants: Vec<String>,
}

impl fmt::Display for MayLeave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = match self.stage.sends() {
            Data::Audio => "audio",
            Data::Text => "text",
        };
        let Self { stage, server, assistants } = self;
        write!(f, "{data} to {server} for {stage}, in calls of {}", assistants.join(", "))
    }
}

/// All that may leave this machine in calls of these assistants; empty: nothing.
///
/// # Errors
/// When a remote engine can not be used as it was set up.
pub fn what_may_leave(
    site: &RemoteConfig,
    assistants: &[(&str, Grant)],
) -> Result<Vec<MayLeave>, RemoteSetupError> {
    let mut leaving = Vec::new();
    for stage in Stage::ALL {
        let Some(server) = remote_server(site, stage)? else { continue };
        let allowed = assistants.iter().filter(|(_, grant)| judge(site, *grant, stage).is_ok());
        let assistants: Vec<String> = allowed.map(|(name, _)| (*name).to_owned()).collect();
        if !assistants.is_empty() {
            leaving.push(MayLeave { stage, server, assistants });
        }
    }
    Ok(leaving)
}
