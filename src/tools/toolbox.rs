//! All tools of an assistant: what a model is told of them, whether what it asks may be done, and
//! the doing. Shared by the assistant's calls.

use std::sync::Arc;
use std::time::Duration;

use minijinja::UndefinedBehavior;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::Brought;
use super::mcp::McpServer;
use super::spec::{self, Kind, Tool};
use super::{plain, say};
use crate::engines::llm::{ToolCall, ToolDeclaration};
use crate::policy::egress::HttpClient;
use crate::retrieval::Index;

/// Longest question that a caller is asked, in characters.
const QUESTION_CHARS_MAX: usize = 400;

/// What a model is told of tools.
pub type Declared = Arc<[ToolDeclaration]>;

/// The tools of an assistant.
#[derive(Debug, Default)]
pub struct Toolbox {
    tools: Vec<Tool>,
    servers: Vec<McpServer>,
    /// Documents whose passages are given without being asked for.
    documents: Option<Arc<Index>>,
    client: Option<HttpClient>,
}

/// A call whose tool and arguments are right.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The tool.
    pub tool: String,
    /// Its arguments, of its schema.
    pub arguments: Map<String, Value>,
    /// It changes nothing.
    pub reads_only: bool,
    /// Longest time it may take.
    pub timeout: Duration,
}

/// What is to be done about a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Run it.
    Run(Request),
    /// Ask the caller first.
    Ask(Request, String),
}

/// Why a call is not run: the model is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not one of this assistant's.
    #[error("there is no such tool")]
    NoTool,
    /// Not of its schema.
    #[error("{0}")]
    Arguments(String),
}

/// Something that only the call itself can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Bring the caller there: an address with `sip:` or `tel:`, else a queue.
    Transfer(String),
    /// End the call.
    EndCall,
    /// Press keys.
    Dtmf(String),
}

impl Toolbox {
    /// A toolbox of these.
    pub fn new(
        tools: Vec<Tool>,
        servers: Vec<McpServer>,
        documents: Option<Arc<Index>>,
        client: Option<HttpClient>,
    ) -> Self {
        Self { tools, servers, documents, client }
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.servers.is_empty()
    }

    /// All tools of the assistant's file.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The MCP servers.
    pub fn servers(&self) -> &[McpServer] {
        &self.servers
    }

    fn server_of(&self, tool: &str) -> Option<&McpServer> {
        self.servers.iter().find(|server| server.tools().iter().any(|t| t.name == tool))
    }

    /// The assistant's documents, where passages are given without being asked for.
    pub const fn documents(&self) -> Option<&Arc<Index>> {
        self.documents.as_ref()
    }

    /// The assistant's documents, however they are used.
    pub fn index(&self) -> Option<&Arc<Index>> {
        self.documents.as_ref().or_else(|| {
            self.tools.iter().find_map(|tool| match &tool.kind {
                Kind::Search(index) => Some(index),
                _ => None,
            })
        })
    }

    /// Connects to the servers that are not connected. Takes seconds at worst; a call does not wait.
    pub async fn connect(&self) {
        let each = self.servers.iter().map(|server| server.connect(self.client.as_ref()));
        futures::future::join_all(each).await;
    }

    /// What a model is told of them in `language`.
    pub fn declarations(&self, language: &str) -> Arc<[ToolDeclaration]> {
        let declare = |tool: &Tool| {
            let schema = spec::in_language(&tool.parameters, language)?;
            Some(ToolDeclaration {
                name: tool.name.clone(),
                description: spec::in_language(&tool.description, language)?.clone(),
                parameters: schema.json().to_string(),
            })
        };
        let mut declared: Vec<_> = self.tools.iter().filter_map(declare).collect();
        for server in &self.servers {
            for tool in server.tools().iter() {
                // A server can not take the place of a tool that is there.
                if declared.iter().all(|other| other.name != tool.name) {
                    declared.push(ToolDeclaration {
                        name: tool.name.clone(),
                        description: tool.description.clone(),
                        parameters: tool.schema.json().to_string(),
                    });
                }
            }
        }
        declared.into()
    }

    /// Whether `call` may be run, and whether the caller is asked. `read_results`: the model has
    /// read something from outside in this turn, so that what it wants may be somebody else's wish.
    ///
    /// # Errors
    /// It may not.
    pub fn check(
        &self,
        call: &ToolCall,
        language: &str,
        read_results: bool,
    ) -> Result<Step, Refusal> {
        if let Some(tool) = self.tools.iter().find(|tool| tool.name == call.name) {
            let schema = spec::in_language(&tool.parameters, language).ok_or(Refusal::NoTool)?;
            let arguments = schema.check(&call.arguments).map_err(Refusal::Arguments)?;
            let request = Request {
                tool: tool.name.clone(),
                arguments,
                reads_only: tool.reads_only,
                timeout: tool.timeout,
            };
            return Ok(match spec::in_language(&tool.confirm, language) {
                Some(question) => {
                    let question = fill(question, &request.arguments);
                    Step::Ask(request, question)
                }
                None if read_results && !tool.reads_only && !tool.kind.is_of_the_call() => {
                    let question = default_question(&tool.name, language);
                    Step::Ask(request, question)
                }
                None => Step::Run(request),
            });
        }
        for server in &self.servers {
            let tools = server.tools();
            let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else { continue };
            let arguments = tool.schema.check(&call.arguments).map_err(Refusal::Arguments)?;
            let request = Request {
                tool: tool.name.clone(),
                arguments,
                reads_only: server.reads_only,
                timeout: server.timeout,
            };
            return Ok(if server.reads_only {
                Step::Run(request)
            } else {
                let question = default_question(&tool.name, language);
                Step::Ask(request, question)
            });
        }
        Err(Refusal::NoTool)
    }

    /// What is said while `tool` takes its time.
    pub fn filler(&self, tool: &str, language: &str) -> Option<&str> {
        let tool = self.tools.iter().find(|t| t.name == tool)?;
        spec::in_language(&tool.filler, language).map(String::as_str)
    }

    /// What the caller is told of what `tool` brought, where the operator has words for it.
    pub fn words(
        &self,
        tool: &str,
        language: &str,
        arguments: &Map<String, Value>,
        brought: &Brought,
    ) -> Option<String> {
        let tool = self.tools.iter().find(|t| t.name == tool)?;
        say::words(spec::in_language(&tool.say, language)?, arguments, brought)
    }

    /// What the caller is told of what `tool` brought, where neither the operator nor the model has words.
    pub fn plain_words(&self, tool: &str, language: &str, brought: &Brought) -> Option<String> {
        let found = self.tools.iter().find(|t| t.name == tool);
        let reads_only = found.map(|t| t.reads_only);
        let reads_only = reads_only.or_else(|| Some(self.server_of(tool)?.reads_only));
        plain::words(brought, reads_only?, language)
    }

    /// Runs what was checked. A wish is left to the call.
    pub async fn run(
        &self,
        call_id: &str,
        language: &str,
        request: &Request,
    ) -> (Brought, Option<Wish>) {
        let run = self.run_now(call_id, language, request);
        let (brought, wish) = timeout(request.timeout, run).await.unwrap_or_else(|_| {
            self.server_of(&request.tool).into_iter().for_each(McpServer::let_a_call_wait);
            (Brought::failure("it took too long"), None)
        });
        let outcome = if brought.failed { "failed" } else { "done" };
        crate::telemetry::metrics::tool(outcome);
        tracing::info!(call_id, tool = request.tool, outcome, "A tool ran.");
        (brought, wish)
    }

    async fn run_now(
        &self,
        call_id: &str,
        language: &str,
        request: &Request,
    ) -> (Brought, Option<Wish>) {
        let Request { tool, arguments, .. } = request;
        let Some(found) = self.tools.iter().find(|t| t.name == *tool) else {
            let client = self.client.as_ref();
            let brought = match self.server_of(tool) {
                Some(server) => server.call(client, tool, arguments.clone()).await,
                None => Brought::failure("there is no such tool"),
            };
            return (brought, None);
        };
        let brought = match &found.kind {
            Kind::Http(http) => match &self.client {
                Some(client) => http.run(client, tool, arguments, request.timeout).await,
                None => Brought::failure("the service could not be reached"),
            },
            Kind::Table(tables) => match spec::in_language(tables, language) {
                Some(table) => table.run(arguments),
                None => Brought::failure("there is no table"),
            },
            Kind::Message(message) => {
                let (message, call) = (message.clone(), call_id.to_owned());
                let (tool, arguments) = (tool.clone(), arguments.clone());
                let saved = move || message.run(&call, &tool, &arguments);
                let saved = tokio::task::spawn_blocking(saved).await;
                saved.unwrap_or_else(|_| Brought::failure("it could not be saved"))
            }
            Kind::Search(index) => {
                let question =
                    arguments.get("question").and_then(Value::as_str).unwrap_or_default();
                let told = index.told(question);
                if told.is_empty() {
                    Brought::result("nothing was found")
                } else {
                    Brought::result(&told)
                }
            }
            Kind::Transfer { to } => {
                let done = Brought::result("The caller is being connected.");
                return (done, Some(Wish::Transfer(to.clone())));
            }
            Kind::EndCall => {
                return (Brought::result("The call ends after your goodbye."), Some(Wish::EndCall));
            }
            Kind::Dtmf => {
                let keys = arguments.get("keys").and_then(Value::as_str).unwrap_or_default();
                let right = |b: u8| b.is_ascii_digit() || matches!(b, b'*' | b'#' | b'A'..=b'D');
                if keys.is_empty() || keys.len() > 32 || !keys.bytes().all(right) {
                    Brought::failure("keys are 0-9, *, # and A-D, at most 32")
                } else {
                    return (Brought::result("pressed"), Some(Wish::Dtmf(keys.to_owned())));
                }
            }
            Kind::Fixed(result) => Brought::result(result),
            #[cfg(test)]
            Kind::Scripted(scripted) => scripted.run().await,
        };
        (brought, None)
    }

    /// The same tools, of which none does anything: each brings what is said here, or that it is
    /// done.
    #[must_use]
    pub fn faked(&self, results: &std::collections::BTreeMap<String, String>) -> Self {
        let fake = |tool: &Tool| {
            let done = || "{\"done\": true}".to_owned();
            let again = |(tag, schema): (&String, &super::arguments::Schema)| {
                Some((tag.clone(), super::arguments::Schema::new(schema.json().clone()).ok()?))
            };
            Tool {
                name: tool.name.clone(),
                description: tool.description.clone(),
                parameters: tool.parameters.iter().filter_map(again).collect(),
                kind: Kind::Fixed(results.get(&tool.name).cloned().unwrap_or_else(done)),
                confirm: tool.confirm.clone(),
                say: tool.say.clone(),
                filler: tool.filler.clone(),
                timeout: tool.timeout,
                reads_only: tool.reads_only,
            }
        };
        let tools = self.tools.iter().map(fake).collect();
        Self::new(tools, Vec::new(), self.documents.clone(), None)
    }
}

impl Kind {
    /// The caller hears what it does, and can hang up: nobody asks before.
    const fn is_of_the_call(&self) -> bool {
        matches!(self, Self::Transfer { .. } | Self::EndCall | Self::Dtmf | Self::Fixed(_))
    }
}

/// A toolbox is the same when its assistant's files are, and their digest is compared beside it.
impl PartialEq for Toolbox {
    fn eq(&self, other: &Self) -> bool {
        let names =
            |toolbox: &Self| toolbox.tools.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
        names(self) == names(other)
    }
}

/// The question with the arguments in it. What a caller is asked is what is going to be done.
fn fill(question: &str, arguments: &Map<String, Value>) -> String {
    let filled = say::rendered(question, arguments, UndefinedBehavior::default());
    let filled = filled.unwrap_or_else(|error| {
        tracing::warn!(%error, "A question could not be filled in.");
        question.to_owned()
    });
    filled.chars().take(QUESTION_CHARS_MAX).collect()
}

fn default_question(tool: &str, language: &str) -> String {
    let tool = tool.replace('_', " ");
    match language {
        "ar" => format!("هل أنفذ هذا الآن: {tool}؟ قل نعم أو لا."),
        _ => format!("Shall I do this now: {tool}? Say yes or no."),
    }
}
