//! What an assistant can do beside talking: the tools of its file, how a model is told of them,
//! and how one is run.
//!
//! The model only asks. Whatever it asks is taken for hostile: the tool must be one of this
//! assistant's, the arguments must have the shape of its schema ([`arguments`]), what can not be
//! undone waits for the caller's yes ([`Ledger`]), and what comes back is data, bounded and marked
//! as such ([`Brought`]). Lacks the conversation around it, which is `call`'s and `cli`'s.

mod arguments;
mod brought;
mod confirm;
mod http;
mod ledger;
mod mcp;
mod message;
#[cfg(test)]
mod peer;
mod plain;
pub mod say;
pub mod spec;
mod table;
mod toolbox;
mod url;

pub use arguments::{Schema, SchemaProblem};
pub use brought::Brought;
pub use confirm::{Answer, answer_of};
pub use http::{HttpTool, Method};
pub use ledger::{Asked, Confirmed, Ledger};
pub use mcp::{McpPlace, McpServer};
pub use message::MessageTool;
pub use spec::{ByLanguage, Kind, Tool};
pub use table::{Table, TableError, TableTool};
pub use toolbox::{Declared, Refusal, Request, Step, Toolbox, Wish};
pub use url::{UrlProblem, UrlTemplate};

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

use crate::config::Config;
use crate::policy::egress::{EgressPolicy, HostPort, HttpClient};

/// The client of tools: nothing leaves but to the hosts of `webhooks.allow`.
pub fn client(config: &Config) -> Option<HttpClient> {
    let hosts: Vec<_> =
        config.webhooks.allow.iter().filter_map(|host| HostPort::parse(host)).collect();
    let policy = if hosts.is_empty() { EgressPolicy::Sealed } else { EgressPolicy::Allow(hosts) };
    HttpClient::new(policy)
        .inspect_err(|error| tracing::error!(%error, "Tools can not reach servers."))
        .ok()
}

/// Where messages are written.
pub fn messages_dir(config: &Config) -> PathBuf {
    config.tools.messages_dir.clone().unwrap_or_else(|| {
        etcetera::choose_base_strategy().map_or_else(
            |_| PathBuf::from("messages"),
            |dirs| dirs.data_dir().join("sawt/messages"),
        )
    })
}

/// What small models write of a call in the middle of their words is in braces, as nothing is that
/// people say. `depth`: of the braces that are open, 0 before the first piece of a reply.
pub(crate) fn without_braces(text: &str, depth: &mut usize) -> String {
    let outside = |c: &char| {
        let inside = *depth > 0;
        match c {
            '{' => *depth += 1,
            '}' => *depth = depth.saturating_sub(1),
            _ => return !inside,
        }
        false
    };
    text.chars().filter(outside).collect()
}
