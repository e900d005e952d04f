//! One task per reply: the model's tokens become clauses, the clauses become audio.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::driver::Outcome;
use super::speculation::Preparation;
use crate::config::Config;
use crate::dialog::ClauseSplitter;
use crate::engines::llm::{ChatMessage, Generated, Generation};
use crate::engines::tts::{Synthesis, Synthesized};
use crate::engines::{EngineError, Engines};
use crate::speech::{language_of, speakable};
use crate::turn::ReplyId;

/// What a reply's task reports, in this order for each clause.
#[derive(Debug)]
pub(crate) enum ReplyEvent {
    /// The model wrote its first token.
    FirstToken,
    /// The audio that follows says this.
    Clause(String),
    /// Mono PCM at the agent's rate.
    Audio(Vec<i16>),
    /// When the words of the clause known so far start, in samples; their audio follows.
    WordsAhead(Vec<(String, u64)>),
    /// When each word of the clause starts, in samples; all of its audio has come.
    Words(Vec<(String, u64)>),
    /// Prepared as far as it may be: it waits to be committed.
    Waits,
    /// Nothing more comes.
    Done,
    /// Nothing more comes, and not for a good reason.
    Failed(EngineError),
}

/// What the reply says.
#[derive(Debug)]
pub(crate) enum Content {
    /// The model's answer to this conversation.
    Answer { conversation: String, messages: Vec<ChatMessage> },
    /// Fixed words.
    Line(String),
}

/// Clauses that may wait for the voice: the model is faster than speech.
const CLAUSES_AHEAD: usize = 16;

/// Tokens that a prepared reply reads after its first clause and before it is committed.
const PREPARED_TOKENS_AHEAD: u32 = 16;

/// Starts the task. Aborting it cancels the engines' work. Unless `preparation` is committed it
/// makes the first clause and waits.
pub(crate) fn spawn(
    reply: ReplyId,
    content: Content,
    preparation: Preparation,
    agent_rate_hz: u32,
    config: Arc<Config>,
    engines: Engines,
    outcomes: mpsc::Sender<Outcome>,
) -> AbortHandle {
    let task = ReplyTask { reply, preparation, agent_rate_hz, config, engines, outcomes };
    tokio::spawn(task.run(content)).abort_handle()
}

struct ReplyTask {
    reply: ReplyId,
    preparation: Preparation,
    agent_rate_hz: u32,
    config: Arc<Config>,
    engines: Engines,
    outcomes: mpsc::Sender<Outcome>,
}

impl ReplyTask {
    async fn run(self, content: Content) {
        // Full: the model waits for the voice.
        let (clauses, to_speak) = mpsc::channel(CLAUSES_AHEAD);
        let fixed = matches!(content, Content::Line(_));
        let speaking = self.speak(to_speak, fixed);
        let (written, spoken) = tokio::join!(self.write(content, clauses), speaking);
        let event = match written.and(spoken) {
            Ok(()) => ReplyEvent::Done,
            Err(error) => ReplyEvent::Failed(error),
        };
        self.report(event).await;
    }

    /// Sends the words, clause by clause. Ends early when the voice has failed.
    async fn write(
        &self,
        content: Content,
        clauses: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        let (conversation, messages) = match content {
            Content::Answer { conversation, messages } => (conversation, messages),
            Content::Line(line) => {
                let _ = clauses.send(line).await;
                return Ok(());
            }
        };
        let llm = &self.config.llm;
        let mut tokens = self.engines.llm.generate(Generation {
            conversation,
            messages,
            max_tokens: llm.reply_tokens_max,
            temperature: llm.temperature,
        });
        let patience = Duration::from_millis(u64::from(llm.timeout_ms));
        let mut splitter = ClauseSplitter::default();
        let mut first = true;
        let mut cut_one = false;
        let mut ahead = 0;
        loop {
            if cut_one && !self.preparation.is_committed() {
                ahead += 1;
                if ahead > PREPARED_TOKENS_AHEAD {
                    tokio::select! {
                        () = self.preparation.commit() => {}
                        // The voice has failed and says what went wrong.
                        () = clauses.closed() => return Ok(()),
                    }
                }
            }
            let next = timeout(patience, tokens.next()).await;
            let next =
                next.map_err(|_| EngineError::TimedOut { engine: "llm", after: patience })?;
            match next.transpose()? {
                Some(Generated::Text(text)) => {
                    if std::mem::take(&mut first) {
                        self.report(ReplyEvent::FirstToken).await;
                    }
                    self.preparation.count_token();
                    for clause in splitter.push(&text) {
                        cut_one = true;
                        if clauses.send(clause).await.is_err() {
                            return Ok(()); // the voice says what went wrong
                        }
                    }
                }
                Some(Generated::Done(_)) | None => break,
            }
        }
        if let Some(clause) = splitter.finish() {
            let _ = clauses.send(clause).await;
        }
        Ok(())
    }

    /// Speaks what comes, in order.
    async fn speak(
        &self,
        mut clauses: mpsc::Receiver<String>,
        fixed: bool,
    ) -> Result<(), EngineError> {
        let mut said_anything = false;
        while let Some(clause) = clauses.recv().await {
            let text = speakable(&clause);
            if text.is_empty() {
                continue;
            }
            if said_anything {
                self.preparation.commit().await;
            }
            said_anything = true;
            self.preparation.count_clause();
            self.speak_clause(text, fixed).await?;
            if !self.preparation.is_committed() {
                self.report(ReplyEvent::Waits).await;
            }
        }
        if said_anything {
            self.preparation.commit().await;
            Ok(())
        } else {
            let detail = "the reply had no words that can be spoken".to_owned();
            Err(EngineError::Failed { engine: "llm", detail })
        }
    }

    async fn speak_clause(&self, text: String, fixed: bool) -> Result<(), EngineError> {
        self.report(ReplyEvent::Clause(text.clone())).await;
        let tts = &self.config.tts;
        let language = language_of(&text, &self.config.agent.languages).to_owned();
        let voice = self.config.voice_for(&language).to_owned();
        let request = Synthesis {
            text,
            voice,
            language,
            speed: tts.speed,
            sample_rate_hz: self.agent_rate_hz,
        };
        let voice = &self.engines.tts;
        let mut audio =
            if fixed { voice.synthesize_line(request) } else { voice.synthesize(request) };
        let patience = Duration::from_millis(u64::from(tts.timeout_ms));
        loop {
            let next = timeout(patience, audio.next()).await;
            let next =
                next.map_err(|_| EngineError::TimedOut { engine: "tts", after: patience })?;
            match next.transpose()? {
                Some(Synthesized::Words(words)) => {
                    self.report(ReplyEvent::WordsAhead(words)).await;
                }
                Some(Synthesized::Audio(pcm)) => self.report(ReplyEvent::Audio(pcm)).await,
                Some(Synthesized::Done(stats)) => {
                    self.report(ReplyEvent::Words(stats.words)).await;
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
    }

    async fn report(&self, event: ReplyEvent) {
        // Fails only when the call is over, and then this task is being aborted.
        let _ = self.outcomes.send(Outcome::Reply(self.reply, event)).await;
    }
}
