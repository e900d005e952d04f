//! Settings of what is kept of calls, and of the programs that rules and tools may tell of them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[records]`
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RecordsConfig {
    /// Folder of calls that are over, one JSON file each, readable by this user only. They hold what
    /// was said. Not set: no call is kept.
    pub dir: Option<PathBuf>,
    /// Days after which a record is deleted.
    pub keep_days: u32,
    /// Most records; the oldest go first.
    pub keep_max: u32,
    /// Whether calls are recorded, beside their records, the caller left and the agent right.
    /// "off": never. "announced": from when the caller has heard the assistant's consent line in full; where
    /// there is none, never. "after_consent": from when the caller has answered that line with nothing but a yes.
    pub audio: String,
    /// Database that calls are found in, such as postgres://sawt@localhost/sawt. Empty: SQLite's file
    /// calls.sqlite in `dir`. What it does not have, because it was down, it gets at the next start.
    pub database: String,
    /// Its password.
    pub database_password: String,
}

impl std::fmt::Debug for RecordsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordsConfig")
            .field("dir", &self.dir)
            .field("keep_days", &self.keep_days)
            .field("keep_max", &self.keep_max)
            .field("audio", &self.audio)
            .field("database", &self.database)
            .finish_non_exhaustive() // without the password
    }
}

/// What `records.audio` may be.
pub(crate) const RECORDED_AUDIO: [&str; 3] = ["off", "announced", "after_consent"];

impl Default for RecordsConfig {
    fn default() -> Self {
        Self {
            dir: None,
            keep_days: 30,
            keep_max: 10_000,
            audio: "off".into(),
            database: String::new(),
            database_password: String::new(),
        }
    }
}

/// `[webhooks]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Hosts that webhooks of rules and tools may reach, such as ["crm.example.org",
    /// "127.0.0.1:8080"]. Empty: every webhook is refused.
    pub allow: Vec<String>,
}
