//! Wits for tests and load: answer as told, word by word, after stated delays.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::{Generated, Generation, GenerationStats, LanguageModel, Role};
use crate::engines::EngineError;

/// From the caller's last words to the answer.
type Answer = Box<dyn Fn(&str) -> Result<String, EngineError> + Send + Sync>;

/// Answers every conversation with the same function of the caller's last words.
pub struct ScriptedLlm {
    answer: Answer,
    first_token: Duration,
    per_token: Duration,
}

impl ScriptedLlm {
    /// `answer` makes the reply; its words come `per_token` apart after `first_token`.
    pub fn new(
        answer: impl Fn(&str) -> Result<String, EngineError> + Send + Sync + 'static,
        first_token: Duration,
        per_token: Duration,
    ) -> Self {
        Self { answer: Box::new(answer), first_token, per_token }
    }

    /// Repeats what the caller said.
    pub fn echo() -> Self {
        Self::new(|said| Ok(format!("You said: {said}.")), Duration::ZERO, Duration::ZERO)
    }
}

impl LanguageModel for ScriptedLlm {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        let said = request.messages.iter().rfind(|m| m.role == Role::User);
        let answer = (self.answer)(said.map_or("", |m| m.content.as_str()));
        let (first_token, per_token) = (self.first_token, self.per_token);
        let pieces: Vec<Result<Generated, EngineError>> = match answer {
            Ok(answer) => {
                let words = answer.split_inclusive(' ').map(|w| Ok(Generated::Text(w.to_owned())));
                let done = Ok(Generated::Done(GenerationStats::default()));
                words.chain([done]).collect()
            }
            Err(error) => vec![Err(error)],
        };
        stream::iter(pieces.into_iter().enumerate())
            .then(move |(n, piece)| async move {
                tokio::time::sleep(if n == 0 { first_token } else { per_token }).await;
                piece
            })
            .boxed()
    }
}
