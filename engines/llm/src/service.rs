//! Serves the engine contract: checks requests, gives them a place in line, streams the replies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sawt_engine_protocol::server::rss_bytes;
use sawt_engine_protocol::v1;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::engine::{Command, Event, Job, Sampling, now};
use crate::fit::{Fitted, fit};
use crate::grammar::{self, Tool};
use crate::model::{BACKEND, Model};
use crate::template::{Call, Message, Role};

const MESSAGES_MAX: usize = 1_000;
const MESSAGES_BYTES_MAX: usize = 512 * 1024;
const CONVERSATION_BYTES_MAX: usize = 256;
const STOPS_MAX: usize = 16;
const STOP_BYTES_MAX: usize = 256;
const TOOLS_MAX: usize = 64;
const TOOL_NAME_BYTES_MAX: usize = 64;
/// Of all schemas of a request together.
const SCHEMA_BYTES_MAX: usize = 64 * 1024;
const TEMPERATURE_MAX: f32 = 5.0;
const MAX_TOKENS_DEFAULT: usize = 512;

/// What does not change while the engine runs.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) model_name: String,
    pub(crate) threads: u32,
    pub(crate) context_tokens: usize,
    pub(crate) slots: usize,
    pub(crate) load: Duration,
}

#[derive(Clone)]
pub(crate) struct Service {
    shared: Arc<Shared>,
}

struct Shared {
    model: &'static Model,
    facts: Facts,
    commands: mpsc::Sender<Command>,
    /// One permit per slot and per waiting place.
    line: Arc<Semaphore>,
    line_length: usize,
}

impl Service {
    pub(crate) fn new(
        model: &'static Model,
        facts: Facts,
        commands: mpsc::Sender<Command>,
        line_length: usize,
    ) -> Self {
        let line = Arc::new(Semaphore::new(line_length));
        Self { shared: Arc::new(Shared { model, facts, commands, line, line_length }) }
    }

    fn send(&self, command: Command) -> Result<(), Status> {
        self.shared.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                Status::resource_exhausted("the engine has too many requests; try again later")
            }
            mpsc::error::TrySendError::Closed(_) => {
                Status::unavailable("the engine is stopping; try again when it has restarted")
            }
        })
    }

    async fn job(
        &self,
        request: v1::GenerateRequest,
        received_at: Instant,
        events: impl FnOnce(usize) -> mpsc::Sender<Event>,
    ) -> Result<Job, Status> {
        let shared = &self.shared;
        let checked = Checked::new(request).map_err(Status::invalid_argument)?;
        let permit = Arc::clone(&shared.line).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{} requests run or wait, which is the limit; try again later",
                shared.line_length
            ))
        })?;
        // A long history takes milliseconds to tokenize, too long for the async threads.
        let model = shared.model;
        let context = shared.facts.context_tokens;
        let (messages, max_tokens) = (checked.messages, checked.max_tokens.min(context));
        let (tools, told) = (checked.tools.clone(), checked.tools);
        let call_begun = checked.tool_required;
        let fitting =
            move || fit(messages, context, max_tokens, |m| model.prompt(m, &told, call_begun));
        let Fitted { prompt, forgotten } = tokio::task::spawn_blocking(fitting)
            .await
            .map_err(|_| Status::internal("the prompt could not be tokenized; change its text"))?
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        if forgotten > 0 {
            tracing::warn!(forgotten, context, "The conversation outgrew the context.");
        }
        if prompt.len() > context {
            let refused = crate::plan::Refused::PromptTooLong { prompt: prompt.len(), context };
            return Err(Status::invalid_argument(refused.to_string()));
        }
        Ok(Job {
            conversation: checked.conversation,
            prompt,
            max_tokens,
            sampling: checked.sampling,
            stops: checked.stops,
            tools,
            call_begun,
            grammar: checked.reply_schema.as_ref().map(grammar::of_reply),
            forgotten,
            events: events(max_tokens),
            received_at,
            permit: Some(permit),
        })
    }
}

/// A request whose every field is within its bounds.
#[derive(Debug)]
struct Checked {
    conversation: String,
    messages: Vec<Message>,
    max_tokens: usize,
    sampling: Sampling,
    stops: Vec<String>,
    tools: Vec<Tool>,
    tool_required: bool,
    reply_schema: Option<Value>,
}

impl Checked {
    fn new(request: v1::GenerateRequest) -> Result<Self, String> {
        let v1::GenerateRequest { conversation, messages, max_tokens, temperature, top_p, .. } =
            request;
        if messages.is_empty() {
            return Err("there are no messages; send at least one".into());
        }
        if messages.len() > MESSAGES_MAX {
            let count = messages.len();
            return Err(format!("{count} messages; send at most {MESSAGES_MAX}"));
        }
        let call = |m: &v1::ChatMessage| m.tool_call.as_ref().map_or(0, |c| c.arguments.len());
        let bytes: usize = messages.iter().map(|m| m.content.len() + call(m)).sum();
        if bytes > MESSAGES_BYTES_MAX {
            return Err(format!("messages of {bytes} bytes; send at most {MESSAGES_BYTES_MAX}"));
        }
        if conversation.len() > CONVERSATION_BYTES_MAX {
            return Err(format!("the conversation key is over {CONVERSATION_BYTES_MAX} bytes"));
        }
        // Written so that NaN is refused too.
        if !(0.0..=TEMPERATURE_MAX).contains(&temperature) {
            return Err(format!("temperature {temperature}; give 0 to {TEMPERATURE_MAX}"));
        }
        if !(0.0..=1.0).contains(&top_p) {
            return Err(format!("top_p {top_p}; give 0 to 1"));
        }
        if request.stop.len() > STOPS_MAX {
            return Err(format!("{} stop strings; give at most {STOPS_MAX}", request.stop.len()));
        }
        if request.stop.iter().any(|s| s.is_empty() || s.len() > STOP_BYTES_MAX) {
            return Err(format!("stop strings have 1 to {STOP_BYTES_MAX} bytes each"));
        }
        let messages = messages.into_iter().map(message).collect::<Result<_, _>>()?;
        let (tools, reply_schema) = schemas(request.tools, &request.reply_schema)?;
        let max_tokens = match max_tokens {
            0 => MAX_TOKENS_DEFAULT,
            n => n as usize,
        };
        let sampling = Sampling { temperature, top_p, seed: request.seed };
        let tool_required = request.tool_required;
        if tool_required && tools.is_empty() {
            return Err("a tool is required and there is none; declare one".into());
        }
        let stops = request.stop;
        Ok(Self {
            conversation,
            messages,
            max_tokens,
            sampling,
            stops,
            tools,
            tool_required,
            reply_schema,
        })
    }
}

fn message(message: v1::ChatMessage) -> Result<Message, String> {
    let role = match v1::Role::try_from(message.role) {
        Ok(v1::Role::System) => Role::System,
        Ok(v1::Role::User) => Role::User,
        Ok(v1::Role::Assistant) => Role::Assistant,
        Ok(v1::Role::Tool) => Role::Tool,
        Err(_) => return Err(format!("unknown role {}", message.role)),
    };
    let call = message.tool_call.map(|v1::ToolCall { name, arguments }| {
        if role != Role::Assistant || !is_tool_name(&name) {
            return Err("only an assistant calls a tool, by its name".to_owned());
        }
        let arguments = object("arguments of a call", &arguments)?;
        Ok(Call { name, arguments })
    });
    Ok(Message { role, content: message.content, call: call.transpose()? })
}

fn schemas(
    tools: Vec<v1::ToolDeclaration>,
    reply: &str,
) -> Result<(Vec<Tool>, Option<Value>), String> {
    if tools.len() > TOOLS_MAX {
        return Err(format!("{} tools; declare at most {TOOLS_MAX}", tools.len()));
    }
    let told = |tool: &v1::ToolDeclaration| tool.parameters.len() + tool.description.len();
    let bytes = tools.iter().map(told).sum::<usize>() + reply.len();
    if bytes > SCHEMA_BYTES_MAX {
        return Err(format!("schemas of {bytes} bytes; send at most {SCHEMA_BYTES_MAX}"));
    }
    if !tools.is_empty() && !reply.is_empty() {
        return Err("tools and a schema of the reply; send one or the other".into());
    }
    let tool = |tool: v1::ToolDeclaration| {
        let v1::ToolDeclaration { name, description, parameters } = tool;
        if !is_tool_name(&name) {
            let rule = "letters, digits, _ and -, at most 64";
            return Err(format!("a tool's name is {name:?}; use {rule}"));
        }
        let parameters = object("parameters of a tool", &parameters)?;
        Ok(Tool { name, description, parameters })
    };
    let tools = tools.into_iter().map(tool).collect::<Result<_, _>>()?;
    let reply = (!reply.is_empty()).then(|| object("schema of the reply", reply));
    Ok((tools, reply.transpose()?))
}

fn object(what: &str, json: &str) -> Result<Value, String> {
    match serde_json::from_str(json) {
        Ok(schema @ Value::Object(_)) => Ok(schema),
        Ok(_) => Err(format!("the {what} must be a JSON object")),
        Err(error) => Err(format!("the {what} is no JSON: {error}")),
    }
}

fn is_tool_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=TOOL_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

#[tonic::async_trait]
impl v1::language_model_server::LanguageModel for Service {
    type GenerateStream = ReceiverStream<Event>;

    async fn generate(
        &self,
        request: Request<v1::GenerateRequest>,
    ) -> Result<Response<ReceiverStream<Event>>, Status> {
        let mut receiver = None;
        let job = self
            .job(request.into_inner(), now(), |max_tokens| {
                // Room for a whole reply: a piece per token, a held rest, and the end.
                let (events, stream) = mpsc::channel(max_tokens + 2);
                receiver = Some(stream);
                events
            })
            .await?;
        self.send(Command::Generate(Box::new(job)))?;
        let stream = receiver.ok_or_else(|| Status::internal("no stream. This is a bug."))?;
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tonic::async_trait]
impl v1::engine_server::Engine for Service {
    async fn info(
        &self,
        _: Request<v1::InfoRequest>,
    ) -> Result<Response<v1::InfoResponse>, Status> {
        let facts = &self.shared.facts;
        Ok(Response::new(v1::InfoResponse {
            kind: "llm".into(),
            engine_version: env!("CARGO_PKG_VERSION").into(),
            backend: BACKEND.into(),
            model: facts.model_name.clone(),
            device: "cpu".into(),
            threads: facts.threads,
            context_tokens: facts.context_tokens as u32,
            slots: facts.slots as u32,
            load_ms: facts.load.as_millis() as u64,
            ..Default::default()
        }))
    }

    async fn probe(
        &self,
        _: Request<v1::ProbeRequest>,
    ) -> Result<Response<v1::ProbeResponse>, Status> {
        let (answer, probed) = oneshot::channel();
        self.send(Command::Probe(answer))?;
        let probed = probed
            .await
            .map_err(|_| Status::unavailable("the engine is stopping; try again later"))?
            .map_err(|e| Status::internal(format!("the probe failed: {e}; restart the engine")))?;
        Ok(Response::new(v1::ProbeResponse {
            inference_us: probed.inference.as_micros() as u64,
            queue_depth: probed.queue_depth as u32,
            rss_bytes: rss_bytes(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> v1::GenerateRequest {
        let message =
            v1::ChatMessage { role: v1::Role::User.into(), content: "Hi".into(), tool_call: None };
        v1::GenerateRequest { messages: vec![message], ..Default::default() }
    }

    #[track_caller]
    fn refused(change: impl FnOnce(&mut v1::GenerateRequest), want: &str) {
        let mut request = request();
        change(&mut request);
        let error = Checked::new(request).unwrap_err();
        assert!(error.contains(want), "{error}");
    }

    #[test]
    fn plain_request_gets_the_defaults() {
        let checked = Checked::new(request()).unwrap();
        assert_eq!(checked.max_tokens, MAX_TOKENS_DEFAULT);
        assert_eq!(checked.messages.len(), 1);
    }

    #[test]
    fn what_can_never_succeed_is_refused_with_its_reason() {
        refused(|r| r.messages.clear(), "no messages");
        refused(|r| r.messages = vec![r.messages[0].clone(); 1_001], "1001 messages");
        refused(|r| r.messages[0].content = "x".repeat(600_000), "600000 bytes");
        refused(|r| r.messages[0].role = 9, "unknown role 9");
        refused(|r| r.temperature = f32::NAN, "temperature NaN");
        refused(|r| r.temperature = -1.0, "temperature -1");
        refused(|r| r.top_p = f32::INFINITY, "top_p inf");
        refused(|r| r.conversation = "k".repeat(257), "conversation key");
        refused(|r| r.stop = vec!["s".into(); 17], "17 stop strings");
        refused(|r| r.stop = vec![String::new()], "stop strings have");
        let tool = |name: &str, parameters: &str| v1::ToolDeclaration {
            name: name.into(),
            description: String::new(),
            parameters: parameters.into(),
        };
        refused(|r| r.tools = vec![tool("a", "{}"); 65], "65 tools");
        refused(|r| r.tool_required = true, "there is none");
        refused(|r| r.tools = vec![tool("a b\"", "{}")], "a tool's name");
        refused(|r| r.tools = vec![tool("a", "[]")], "must be a JSON object");
        refused(|r| r.tools = vec![tool("a", &"[".repeat(500))], "no JSON");
        refused(|r| r.reply_schema = "x".repeat(70_000), "70000 bytes");
        refused(
            |r| (r.tools, r.reply_schema) = (vec![tool("a", "{}")], "{}".into()),
            "one or the other",
        );
        let call = v1::ToolCall { name: "a".into(), arguments: "{}".into() };
        refused(|r| r.messages[0].tool_call = Some(call), "only an assistant");
    }
}
