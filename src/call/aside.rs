//! Work of the language model that nobody waits for: written in one piece, in slack, in bounded time.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::timeout;

use super::speculation::SpeculationGate;
use crate::engines::EngineError;
use crate::engines::llm::{Generated, Generation, LanguageModel};

/// Most characters of an answer that are kept; what is longer is cut.
const ANSWER_CHARS_MAX: usize = 20_000;

/// An answer, as far as it came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    /// A limit ended it.
    pub(crate) cut: bool,
}

/// What became of the work; `None` when somebody came to wait before its end.
pub(crate) type AsideOutcome = Option<Result<Answer, EngineError>>;

/// Has the model write in slack, for `patience` at most.
pub(crate) async fn write(
    llm: &dyn LanguageModel,
    request: Generation,
    gate: &SpeculationGate,
    patience: Duration,
) -> AsideOutcome {
    let work = async {
        let whole = timeout(patience, whole(llm, request)).await;
        whole.unwrap_or(Err(EngineError::TimedOut { engine: "llm", after: patience }))
    };
    gate.in_slack(work).await
}

async fn whole(llm: &dyn LanguageModel, request: Generation) -> Result<Answer, EngineError> {
    let mut pieces = llm.generate(request);
    let mut answer = Answer::default();
    while let Some(piece) = pieces.next().await {
        match piece? {
            Generated::Text(text) => answer.text.push_str(&text),
            // None was offered.
            Generated::ToolCall(_) => {}
            Generated::Done(stats) => {
                answer.cut = stats.truncated;
                break;
            }
        }
        if answer.text.len() > ANSWER_CHARS_MAX {
            answer.cut = true;
            break;
        }
    }
    Ok(answer)
}
