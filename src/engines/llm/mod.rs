//! Language model.

mod local;
#[cfg(feature = "remote")]
pub(crate) mod openai;
mod scripted;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub use local::LocalLlm;
#[cfg(feature = "remote")]
pub use openai::OpenAiLlm;
pub use scripted::ScriptedLlm;

use super::EngineError;

/// Writes the agent's replies.
pub trait LanguageModel: Send + Sync {
    /// The reply to a conversation, piece by piece, ending with [`Generated::Done`]. Dropping the
    /// stream cancels the work.
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>>;

    /// Reads the start of a conversation ahead of the first question, so that its answer does not
    /// wait for that. Nobody needs the result: a failure shows when the question comes.
    fn read_ahead(&self, _request: Generation) -> BoxFuture<'static, ()> {
        futures::future::ready(()).boxed()
    }
}

/// A reply to write.
#[derive(Debug, Clone, Default)]
pub struct Generation {
    /// One key per call: requests with the same key share computed prefixes.
    pub conversation: String,
    /// System prompt first, then the turns as heard.
    pub messages: Vec<ChatMessage>,
    /// 0: the engine's default.
    pub max_tokens: u32,
    /// 0: greedy.
    pub temperature: f32,
    /// What may be called.
    pub tools: Arc<[ToolDeclaration]>,
    /// The whole reply is JSON of this JSON schema's shape. Empty: words. Not beside tools.
    pub reply_schema: String,
    /// One of the tools has to be called, and nothing is said.
    pub tool_required: bool,
}

/// A tool as the model is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDeclaration {
    /// Letters, digits, _ and -.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: String,
}

/// What the model wants to be called. Its arguments have the shape of the schema where the engine
/// has grammars, and are checked in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// One of the declared tools, where the engine has grammars.
    pub name: String,
    /// A JSON object.
    pub arguments: String,
}

impl ToolCall {
    /// The call as a message's content.
    pub fn to_content(&self) -> String {
        let arguments = serde_json::from_str::<serde_json::Value>(&self.arguments);
        let arguments = arguments.unwrap_or_else(|_| serde_json::json!({}));
        serde_json::json!({ "name": self.name, "arguments": arguments }).to_string()
    }

    /// The call that a message's content is.
    pub fn of_content(content: &str) -> Option<Self> {
        let call: serde_json::Value = serde_json::from_str(content).ok()?;
        let name = call.get("name")?.as_str()?.to_owned();
        Some(Self { name, arguments: call.get("arguments")?.to_string() })
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who said it.
    pub role: Role,
    /// Plain text.
    pub content: String,
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator's instructions.
    System,
    /// The caller.
    User,
    /// The agent.
    Assistant,
    /// The agent called a tool: the content is [`ToolCall::to_content`].
    ToolCall,
    /// What the tool brought.
    Tool,
}

/// A piece of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Generated {
    /// Text to append.
    Text(String),
    /// The model wants this called; only the end comes after it.
    ToolCall(ToolCall),
    /// The end, with what it took.
    Done(GenerationStats),
}

/// What a generation took.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GenerationStats {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Of these, taken from earlier work.
    pub cached_tokens: u32,
    /// Tokens written.
    pub completion_tokens: u32,
    /// Wall time to the first token.
    pub first_token_ms: u32,
    /// The reply was cut by a limit.
    pub truncated: bool,
}
