//! What the tools of assistants may take.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[tools]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ToolsConfig {
    /// Most tools that run for one answer; after them the model has to answer.
    pub steps_max: u32,
    /// Longest time that the tools of one answer may take together, in milliseconds.
    pub time_ms_max: u32,
    /// Folder of the messages that assistants take, one ASSISTANT.jsonl each. Default: `messages` in the
    /// user's data folder.
    pub messages_dir: Option<PathBuf>,
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self { steps_max: 3, time_ms_max: 20_000, messages_dir: None }
    }
}
