//! Language model.

mod local;
#[cfg(feature = "remote")]
pub(crate) mod openai;
mod scripted;

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
    fn read_ahead(
        &self,
        _conversation: String,
        _messages: Vec<ChatMessage>,
    ) -> BoxFuture<'static, ()> {
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
}

/// A piece of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Generated {
    /// Text to append.
    Text(String),
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
