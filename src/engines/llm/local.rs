//! Wits in an engine process of this machine.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use sawt_engine_protocol::v1::generate_event::Event;
use sawt_engine_protocol::v1::language_model_client::LanguageModelClient;
use sawt_engine_protocol::v1::{self, FinishReason};
use tonic::Streaming;

use super::{ChatMessage, Generated, Generation, GenerationStats, LanguageModel, Role, ToolCall};
use crate::engines::EngineError;
use crate::engines::rpc::{RESTART_PATIENCE, error_of};
use crate::supervisor::EngineHandle;

/// Client of `sawt-llm`. A reply that the engine dies over is written again after its restart, and
/// the words that were already given are skipped.
#[derive(Debug, Clone)]
pub struct LocalLlm {
    engine: EngineHandle,
}

impl LocalLlm {
    /// A client of `engine`.
    pub fn new(engine: EngineHandle) -> Self {
        Self { engine }
    }
}

/// A reply in the writing.
struct Writing {
    engine: EngineHandle,
    request: v1::GenerateRequest,
    events: Option<Streaming<v1::GenerateEvent>>,
    /// What was given so far.
    given: String,
    /// After a restart: letters that were given before and are not given again.
    skip_chars: usize,
    retried: bool,
    over: bool,
}

impl LanguageModel for LocalLlm {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        let messages = request.messages.into_iter().map(message).collect();
        let tools = request.tools.iter().map(|tool| v1::ToolDeclaration {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.parameters.clone(),
        });
        let writing = Writing {
            engine: self.engine.clone(),
            request: v1::GenerateRequest {
                conversation: request.conversation,
                messages,
                max_tokens: request.max_tokens,
                temperature: request.temperature,
                top_p: 0.0,
                seed: 0,
                stop: Vec::new(),
                tools: tools.collect(),
                reply_schema: request.reply_schema,
                tool_required: request.tool_required,
            },
            events: None,
            given: String::new(),
            skip_chars: 0,
            retried: false,
            over: false,
        };
        stream::unfold(writing, |mut writing| async move {
            let next = writing.next().await?;
            Some((next, writing))
        })
        .boxed()
    }

    fn read_ahead(&self, request: Generation) -> BoxFuture<'static, ()> {
        let mut tokens = self.generate(Generation { max_tokens: 1, temperature: 0.0, ..request });
        async move { while tokens.next().await.is_some() {} }.boxed()
    }
}

fn message(message: ChatMessage) -> v1::ChatMessage {
    let ChatMessage { role, content } = message;
    let (role, content, tool_call) = match role {
        Role::System => (v1::Role::System, content, None),
        Role::User => (v1::Role::User, capitalised(content), None),
        Role::Assistant => (v1::Role::Assistant, content, None),
        Role::Tool => (v1::Role::Tool, content, None),
        Role::ToolCall => {
            let call = ToolCall::of_content(&content);
            let call = call.map(|ToolCall { name, arguments }| v1::ToolCall { name, arguments });
            (v1::Role::Assistant, String::new(), call)
        }
    };
    v1::ChatMessage { role: role.into(), content, tool_call }
}

/// As people write. Ears begin with a small letter what continues a thought ("and which language…"), and small
/// models then answer something else.
fn capitalised(mut words: String) -> String {
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

impl Writing {
    async fn next(&mut self) -> Option<Result<Generated, EngineError>> {
        if self.over {
            return None;
        }
        loop {
            match self.event().await {
                Ok(Some(Event::Text(text))) => {
                    if let Some(news) = self.news(text) {
                        self.given.push_str(&news);
                        return Some(Ok(Generated::Text(news)));
                    }
                }
                Ok(Some(Event::ToolCall(v1::ToolCall { name, arguments }))) => {
                    return Some(Ok(Generated::ToolCall(ToolCall { name, arguments })));
                }
                Ok(Some(Event::Done(done))) => {
                    self.over = true;
                    return Some(Ok(Generated::Done(stats_of(&done))));
                }
                Ok(None) => {}
                Err(error) if matches!(error, EngineError::Unavailable { .. }) && !self.retried => {
                    tracing::warn!(%error, "Writing the reply once more.");
                    self.engine.notice_loss().await;
                    self.retried = true;
                    self.events = None;
                    self.skip_chars = self.given.chars().count();
                }
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
            }
        }
    }

    async fn event(&mut self) -> Result<Option<Event>, EngineError> {
        let engine = self.engine.clone();
        let error = |status: tonic::Status| error_of(&engine, &status);
        let events = match &mut self.events {
            Some(events) => events,
            None => {
                let channel = self.engine.ready(RESTART_PATIENCE).await?;
                let mut client = LanguageModelClient::new(channel);
                let request = self.request.clone();
                let events = client.generate(request).await.map_err(error)?.into_inner();
                self.events.insert(events)
            }
        };
        match events.message().await.map_err(error)? {
            Some(event) => Ok(event.event),
            None => {
                let detail = "it ended in mid-reply".to_owned();
                Err(EngineError::Unavailable { engine: "llm", detail })
            }
        }
    }

    /// What of `text` was not given before the restart. The second attempt usually has the same
    /// words; where it differs, as many letters are skipped, so that nothing is said twice.
    fn news(&mut self, text: String) -> Option<String> {
        if self.skip_chars == 0 {
            return Some(text);
        }
        let skipped = self.skip_chars.min(text.chars().count());
        self.skip_chars -= skipped;
        Some(text.chars().skip(skipped).collect()).filter(|news: &String| !news.is_empty())
    }
}

fn stats_of(done: &v1::GenerateDone) -> GenerationStats {
    GenerationStats {
        prompt_tokens: done.prompt_tokens,
        cached_tokens: done.cached_tokens,
        completion_tokens: done.completion_tokens,
        first_token_ms: done.first_token_ms,
        truncated: done.reason() != FinishReason::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_words_begin_as_a_sentence_does() {
        let read =
            |role, content: &str| message(ChatMessage { role, content: content.into() }).content;
        assert_eq!(read(Role::User, "and which language?"), "And which language?");
        for (role, same) in [
            (Role::User, "وما لغتهم؟"),
            (Role::User, "éclairs"),
            (Role::User, ""),
            (Role::Assistant, "iPhones."),
            (Role::Tool, "data"),
        ] {
            assert_eq!(read(role, same), same);
        }
    }
}
