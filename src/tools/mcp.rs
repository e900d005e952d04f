//! Tools of an MCP server, over a child process or streamable HTTP, by the protocol's own library.
//!
//! A server is connected when a call of its assistant begins. One that is not there, or dies, takes
//! no call down: its tools are missing, what was asked of it fails, and the next call tries again.
//! Only tools that the assistant's file names are seen; what a server says of them is data.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::CallToolRequestParams;
use rmcp::service::{RunningService, ServiceError};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::{Map, Value};

use super::Brought;
use super::arguments::Schema;
use crate::policy::egress::HttpClient;

/// Starting a program and shaking hands.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// A server that has let a call wait too long answers this soon, or is started anew.
const PROBE_MAX: Duration = Duration::from_secs(2);

/// Longest description of a tool that a model is given, in characters.
const DESCRIPTION_CHARS_MAX: usize = 400;

/// Largest schema, in bytes.
const SCHEMA_BYTES_MAX: usize = 8 * 1024;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum McpPlace {
    /// A program and its arguments; it gets no variables of ours but PATH, HOME and LANG.
    Program(Vec<String>),
    /// An address that the site's egress policy allows.
    Url(String),
}

/// One tool of a server.
#[derive(Debug)]
pub(super) struct McpTool {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) schema: Schema,
}

/// A server.
pub struct McpServer {
    /// As the assistant's file calls it.
    pub name: String,
    place: McpPlace,
    allowed: Vec<String>,
    pub(super) reads_only: bool,
    pub(super) timeout: Duration,
    connect_max: Duration,
    connection: tokio::sync::Mutex<Option<RunningService<RoleClient, ()>>>,
    tools: Mutex<Arc<Vec<McpTool>>>,
    /// It let a call wait too long: slow, or hung.
    suspect: AtomicBool,
}

impl std::fmt::Debug for McpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Its command and address may hold keys.
        f.debug_struct("McpServer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl McpServer {
    /// A server whose tools `allowed` may be called; connects to nothing.
    pub fn new(
        name: String,
        place: McpPlace,
        allowed: Vec<String>,
        reads_only: bool,
        timeout: Duration,
    ) -> Self {
        let (connection, tools) = (tokio::sync::Mutex::new(None), Mutex::default());
        let (connect_max, suspect) = (CONNECT_MAX, AtomicBool::new(false));
        Self { name, place, allowed, reads_only, timeout, connect_max, connection, tools, suspect }
    }

    /// The names that its assistant's file allows.
    pub fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// A call of it took too long.
    pub(super) fn let_a_call_wait(&self) {
        self.suspect.store(true, Ordering::Relaxed);
    }

    /// The tools that it has and that are allowed, as far as is known.
    pub(super) fn tools(&self) -> Arc<Vec<McpTool>> {
        Arc::clone(&self.tools.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Connects, unless it is connected.
    pub(super) async fn connect(&self, client: Option<&HttpClient>) {
        let mut connection = self.connection.lock().await;
        if let Some(running) = connection.as_ref().filter(|running| !running.is_closed()) {
            if !self.suspect.swap(false, Ordering::Relaxed) {
                return;
            }
            let answer = tokio::time::timeout(PROBE_MAX, running.list_tools(None)).await;
            if matches!(answer, Ok(Ok(_))) {
                return;
            }
            tracing::warn!(server = self.name, "An MCP server hangs; it is started anew.");
        }
        *connection = None; // ends a program
        let server = &self.name;
        match tokio::time::timeout(self.connect_max, self.open(client)).await {
            Ok(Ok((running, tools))) => {
                tracing::info!(server, tools = tools.len(), "Connected to an MCP server.");
                *self.tools.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(tools);
                *connection = Some(running);
            }
            Ok(Err(error)) => {
                tracing::warn!(server, error, "An MCP server is not there; its tools are missing.");
            }
            Err(_) => {
                tracing::warn!(server, "An MCP server did not answer; its tools are missing.")
            }
        }
    }

    async fn open(
        &self,
        client: Option<&HttpClient>,
    ) -> Result<(RunningService<RoleClient, ()>, Vec<McpTool>), String> {
        let running = match &self.place {
            McpPlace::Program(command) => {
                let [program, arguments @ ..] = command.as_slice() else {
                    return Err("no program".into());
                };
                let mut command = tokio::process::Command::new(program);
                command.args(arguments).env_clear().stderr(Stdio::null()).kill_on_drop(true);
                for name in ["PATH", "HOME", "LANG"] {
                    if let Some(value) = std::env::var_os(name) {
                        command.env(name, value);
                    }
                }
                let transport = TokioChildProcess::new(command).map_err(|e| e.to_string())?;
                ().serve(transport).await.map_err(|e| e.to_string())?
            }
            McpPlace::Url(url) => {
                let client = client.ok_or("there is no HTTP client")?;
                let client = client.for_library(url).map_err(|e| e.to_string())?;
                let config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
                let transport = StreamableHttpClientTransport::with_client(client, config);
                ().serve(transport).await.map_err(|e| e.to_string())?
            }
        };
        let listed = running.list_all_tools().await.map_err(|e| e.to_string())?;
        let tools = listed.into_iter().filter(|tool| self.allowed.iter().any(|a| *a == tool.name));
        Ok((running, tools.filter_map(seen).collect()))
    }

    /// Calls a tool, connecting again where the connection is lost. Never twice: whether a call
    /// that was sent has been carried out can not be known.
    pub(super) async fn call(
        &self,
        client: Option<&HttpClient>,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Brought {
        self.connect(client).await;
        let peer = {
            let connection = self.connection.lock().await;
            connection.as_ref().map(|running| running.peer().clone())
        };
        let Some(peer) = peer else { return Brought::failure("the service is not there") };
        let mut request = CallToolRequestParams::new(tool.to_owned());
        request.arguments = Some(arguments);
        match peer.call_tool(request).await {
            Ok(result) => {
                let text: Vec<&str> = result
                    .content
                    .iter()
                    .filter_map(|c| Some(c.as_text()?.text.as_str()))
                    .collect();
                let text = match (text.is_empty(), &result.structured_content) {
                    (true, Some(json)) => json.to_string(),
                    _ => text.join("\n"),
                };
                if result.is_error == Some(true) {
                    Brought::failure(&text)
                } else {
                    Brought::result(&text)
                }
            }
            // The server is well; it does not do this.
            Err(ServiceError::McpError(error)) => {
                tracing::warn!(server = self.name, tool, %error, "An MCP server refused a call.");
                Brought::failure(&error.message)
            }
            Err(error) => {
                tracing::warn!(server = self.name, tool, %error, "An MCP server failed.");
                *self.connection.lock().await = None;
                Brought::failure("the service could not be reached")
            }
        }
    }
}

/// A tool as a model may see it; nothing, where the server says something that can not be used.
fn seen(tool: rmcp::model::Tool) -> Option<McpTool> {
    let name = tool.name.into_owned();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let schema = Value::Object((*tool.input_schema).clone());
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(plain)
        && schema.to_string().len() <= SCHEMA_BYTES_MAX;
    let schema = Schema::new(schema).ok().filter(|_| fits);
    let Some(schema) = schema else {
        tracing::warn!(tool = ?name.chars().take(64).collect::<String>(), "A tool can not be used.");
        return None;
    };
    let description = tool.description.unwrap_or_default();
    let description =
        Brought::result(&description).text.chars().take(DESCRIPTION_CHARS_MAX).collect();
    Some(McpTool { name, description, schema })
}

#[cfg(test)]
mod tests;
