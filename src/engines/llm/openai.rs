//! Wits of OpenAI, or of any server that speaks its chat protocol with streams: vLLM, llama-server.
//! The only place that knows that protocol. Takes text only: a tool that a remote model wants to call
//! is passed over.

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{ChatMessage, Generated, Generation, GenerationStats, LanguageModel, Role};
use crate::engines::EngineError;
use crate::engines::remote::{Events, Server};
use crate::policy::remote::Answer;

pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";
pub(crate) const MODEL: &str = "gpt-4o-mini";

/// Events of a reply, with their envelopes.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// A reply that is spoken has a few hundred.
const REPLY_CHARS_MAX: usize = 32_000;

/// Client of `/chat/completions`.
#[derive(Debug, Clone)]
pub struct OpenAiLlm {
    server: Server,
    model: String,
    /// The newer name of the limit, which other servers may not know.
    limit_name: &'static str,
}

impl OpenAiLlm {
    pub(crate) fn new(server: Server, model: String, at_openai: bool) -> Self {
        let limit_name = if at_openai { "max_completion_tokens" } else { "max_tokens" };
        Self { server, model, limit_name }
    }

    fn body(&self, request: &Generation) -> serde_json::Value {
        let message = |message: &ChatMessage| {
            let role = match message.role {
                Role::System => "system",
                Role::User => "user",
                // Tools run here; elsewhere the model reads what was called, and what that brought.
                Role::Assistant | Role::ToolCall => "assistant",
                Role::Tool => "user",
            };
            json!({ "role": role, "content": message.content })
        };
        let mut body = json!({
            "model": self.model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "stream": true,
            "stream_options": { "include_usage": true },
            "temperature": request.temperature,
        });
        if request.max_tokens > 0 {
            body[self.limit_name] = request.max_tokens.into();
        }
        body
    }
}

#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: u32,
}

struct Writing {
    engine: OpenAiLlm,
    body: serde_json::Value,
    started: Instant,
    answer: Option<Answer>,
    events: Events,
    waiting: std::collections::VecDeque<String>,
    chars: usize,
    stats: GenerationStats,
    /// The model said that it is done; statistics may follow.
    finished: bool,
    over: bool,
}

impl LanguageModel for OpenAiLlm {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        let writing = Writing {
            body: self.body(&request),
            engine: self.clone(),
            started: Instant::now(),
            answer: None,
            events: Events::default(),
            waiting: Default::default(),
            chars: 0,
            stats: GenerationStats::default(),
            finished: false,
            over: false,
        };
        stream::unfold(writing, |mut writing| async move {
            if writing.over {
                return None;
            }
            let next = writing.next().await;
            writing.over |= !matches!(next, Ok(Generated::Text(_)));
            Some((next, writing))
        })
        .boxed()
    }
}

impl Writing {
    async fn next(&mut self) -> Result<Generated, EngineError> {
        let engine = self.engine.clone();
        let server = &engine.server;
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if event.trim() == "[DONE]" {
                    return Ok(self.done());
                }
                if let Some(text) = self.text_of(&event)? {
                    return Ok(Generated::Text(text));
                }
            }
            let answer = match &mut self.answer {
                Some(answer) => answer,
                None => {
                    let path = "/chat/completions";
                    let answer = server.post_json(path, &self.body, ANSWER_BYTES_MAX).await?;
                    if answer.content_type() != "text/event-stream" {
                        return Err(server.unexpected("it answered no stream of events"));
                    }
                    self.answer.insert(answer)
                }
            };
            match answer.chunk().await.map_err(|e| server.failure(&e))? {
                Some(bytes) => {
                    let events = self.events.push(&bytes);
                    self.waiting.extend(events.map_err(|e| server.unexpected(e.to_string()))?);
                }
                // Some servers close without their last word.
                None if self.finished => return Ok(self.done()),
                None => return Err(server.broken_off("it ended in mid-reply")),
            }
        }
    }

    fn text_of(&mut self, event: &str) -> Result<Option<String>, EngineError> {
        let server = &self.engine.server;
        let chunk: Chunk = serde_json::from_str(event)
            .map_err(|_| server.unexpected("it answered an event that is no part of a reply"))?;
        if chunk.error.is_some() {
            return Err(server.broken_off("it reported an error in mid-reply"));
        }
        if let Some(usage) = chunk.usage {
            self.stats.prompt_tokens = usage.prompt_tokens;
            self.stats.completion_tokens = usage.completion_tokens;
            self.stats.cached_tokens =
                usage.prompt_tokens_details.unwrap_or_default().cached_tokens;
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(None) };
        if let Some(reason) = choice.finish_reason {
            self.finished = true;
            self.stats.truncated = reason != "stop";
        }
        let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if self.chars == 0 {
            let took = self.started.elapsed().as_millis();
            self.stats.first_token_ms = u32::try_from(took).unwrap_or(u32::MAX);
        }
        self.chars += text.chars().count();
        if self.chars > REPLY_CHARS_MAX {
            return Err(server.unexpected("its reply has no end"));
        }
        Ok(Some(text))
    }

    fn done(&mut self) -> Generated {
        Generated::Done(std::mem::take(&mut self.stats))
    }
}
