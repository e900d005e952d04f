//! The words of a reply: what the model writes, clause by clause, and the tools that it calls between.
//! Nothing of a call is ever a word.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Content, ReplyEvent, ReplyTask};
use crate::call::fillers;
use crate::call::hands::Next;
use crate::dialog::ClauseSplitter;
use crate::engines::EngineError;
use crate::engines::llm::{Generated, Generation, ToolCall};
use crate::tools::without_braces;

/// Tokens that a prepared reply reads after its first clause and before it is committed.
const PREPARED_TOKENS_AHEAD: u32 = 16;

/// Tokens that a call of a tool may take beside those of a reply: a cut call is none.
const CALL_TOKENS: u32 = 200;

/// What has been written.
struct Writing<'a> {
    clauses: &'a mpsc::Sender<String>,
    splitter: ClauseSplitter,
    first: bool,
    cut_one: bool,
    ahead: u32,
    /// Words were written since a tool ran, or since the start.
    words: bool,
    /// Braces that are open.
    depth: usize,
}

/// How a generation ended.
enum Wrote {
    Words,
    Call(ToolCall),
    /// The voice has failed and says what went wrong.
    NobodySpeaks,
}

/// Sends words that nobody has to write. A voice that has failed says so itself.
async fn tell(clauses: &mpsc::Sender<String>, words: &str) {
    let mut splitter = ClauseSplitter::default();
    for clause in splitter.push(words).into_iter().chain(splitter.finish()) {
        let _ = clauses.send(clause).await;
    }
}

impl ReplyTask {
    /// Sends the words, clause by clause. Ends early when the voice has failed.
    pub(super) async fn write(
        &self,
        content: Content,
        clauses: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        let (conversation, mut messages, to) = match content {
            Content::Answer { conversation, messages, to } => (conversation, messages, to),
            Content::Line(line) => {
                let _ = clauses.send(line).await;
                return Ok(());
            }
        };
        if let Some(hands) = &self.hands {
            messages = hands.with_passages(messages);
        }
        let mut hands = self.hands.as_ref().map(|hands| hands.turn(self.reply, &self.config));
        let mut writing = Writing {
            clauses: &clauses,
            splitter: ClauseSplitter::default(),
            first: true,
            cut_one: false,
            ahead: 0,
            words: false,
            depth: 0,
        };
        if let Some(hands) = hands.as_mut().filter(|hands| hands.may_confirm(&to)) {
            self.wait_until_wanted().await;
            if let Next::Say(words) = hands.run_confirmed(&mut messages).await {
                tell(&clauses, &words).await;
                return Ok(());
            }
        }
        loop {
            let llm = &self.config.llm;
            let (tools, tool_required) = hands.as_ref().map(|h| h.offered()).unwrap_or_default();
            let more = if tools.is_empty() { 0 } else { CALL_TOKENS };
            let generation = Generation {
                conversation: conversation.clone(),
                messages: messages.clone(),
                max_tokens: llm.reply_tokens_max + more,
                temperature: llm.temperature,
                tools,
                tool_required,
                ..Generation::default()
            };
            let call = match self.generate(generation, &mut writing).await? {
                Wrote::Words => break,
                Wrote::NobodySpeaks => return Ok(()),
                Wrote::Call(call) => call,
            };
            let Some(hands) = &mut hands else { break };
            // What was said before the call is heard while the tool works.
            if let Some(clause) = writing.splitter.finish() {
                let _ = clauses.send(clause).await;
            }
            writing.splitter = ClauseSplitter::default();
            self.wait_until_wanted().await;
            if let Some(filler) = hands.filler(&call) {
                let outcomes = self.outcomes.clone();
                let rate_hz = self.agent_rate_hz;
                fillers::spawn_for_tool(filler, &self.config, &self.engines, rate_hz, outcomes);
            }
            match hands.take(call, &mut messages).await {
                Next::Model => writing.words = false,
                Next::Say(words) => {
                    tell(&clauses, &words).await;
                    return Ok(());
                }
            }
        }
        if let Some(clause) = writing.splitter.finish() {
            let _ = clauses.send(clause).await;
        }
        let silent = hands.filter(|_| !writing.words);
        if let Some(words) = silent.and_then(|hands| hands.in_place_of_silence()) {
            tell(&clauses, &words).await;
        }
        Ok(())
    }

    /// What is done cannot be taken back: nothing is, before the caller's turn is known to be over.
    async fn wait_until_wanted(&self) {
        if !self.preparation.is_committed() {
            self.report(ReplyEvent::Waits).await;
            self.preparation.commit().await;
        }
    }

    async fn generate(
        &self,
        generation: Generation,
        writing: &mut Writing<'_>,
    ) -> Result<Wrote, EngineError> {
        let patience = Duration::from_millis(u64::from(self.config.llm.timeout_ms));
        let mut tokens = self.engines.llm.generate(generation);
        loop {
            if writing.cut_one && !self.preparation.is_committed() {
                writing.ahead += 1;
                if writing.ahead > PREPARED_TOKENS_AHEAD {
                    tokio::select! {
                        biased;
                        () = self.preparation.commit() => {}
                        // The voice has failed and says what went wrong.
                        () = writing.clauses.closed() => return Ok(Wrote::NobodySpeaks),
                    }
                }
            }
            let next = timeout(patience, tokens.next()).await;
            let next =
                next.map_err(|_| EngineError::TimedOut { engine: "llm", after: patience })?;
            match next.transpose()? {
                Some(Generated::Text(text)) => {
                    if std::mem::take(&mut writing.first) {
                        self.report(ReplyEvent::FirstToken).await;
                    }
                    self.preparation.count_token();
                    let text = match &self.hands {
                        Some(_) => without_braces(&text, &mut writing.depth),
                        None => text,
                    };
                    writing.words |= text.contains(char::is_alphanumeric);
                    for clause in writing.splitter.push(&text) {
                        writing.cut_one = true;
                        if writing.clauses.send(clause).await.is_err() {
                            return Ok(Wrote::NobodySpeaks);
                        }
                    }
                }
                Some(Generated::ToolCall(call)) => return Ok(Wrote::Call(call)),
                Some(Generated::Done(_)) | None => return Ok(Wrote::Words),
            }
        }
    }
}
