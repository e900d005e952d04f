//! After a call: what it was about and what it came to, by the language model, for its record. It
//! is nobody's turn any more, so this waits for slack, gives way to every caller, and gives up in time.

use std::time::Duration;

use serde::Serialize;

use super::aside::{self, Answer};
use super::report::CallReport;
use super::speculation::SpeculationGate;
use crate::assistants::Assistant;
use crate::config::Config;
use crate::dialog::Variables;
use crate::dialog::record::{
    CallOutcome, Questions, Transcript, call_outcome, call_summary, no_outcome, outcome_tokens_max,
};
use crate::engines::EngineError;
use crate::engines::llm::{ChatMessage, Generation, LanguageModel};
use crate::telemetry::metrics;

/// Tokens of the summary.
const SUMMARY_TOKENS_MAX: u32 = 160;

/// Attempts for one answer; each may be dropped because a caller waits.
const TRIES_MAX: u32 = 20;

/// Why a record is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotConcluded {
    /// Nobody wants one.
    #[error("no record is wanted")]
    NotWanted,
    /// There is nothing to write down.
    #[error("the caller said nothing")]
    NothingSaid,
    /// It was shed.
    #[error("there was no moment in which no caller waited")]
    NoSlack,
    /// The model took too long.
    #[error("the time for it was over; raise after_call.seconds_max")]
    TimedOut,
    /// The model does not run, or refused.
    #[error("the language model did not answer")]
    Failed,
}

/// What is known of a call when it is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Conclusion {
    /// In a few sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// By the assistant's `[outcome]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// Why something is not there that was wanted.
    #[serde(skip)]
    pub problem: Option<NotConcluded>,
}

/// Completes the report of a call that is over: `summary` and `outcome`. What could not be found out is
/// null, with the reason. Takes `after_call.seconds_max` at most; dropping it stops the model.
///
/// # Errors
/// Why nothing was done, or not all of it.
pub async fn conclude(
    report: &mut CallReport,
    config: &Config,
    assistant: Option<&Assistant>,
    llm: &dyn LanguageModel,
    gate: &SpeculationGate,
) -> Result<(), NotConcluded> {
    let mut transcript = Transcript::default();
    for turn in &report.turns {
        transcript.caller(&turn.caller);
        transcript.agent(&turn.agent);
    }
    let clerk = Clerk { call_id: &report.call_id, config, assistant, llm, gate };
    let Conclusion { summary, outcome, problem } =
        clerk.conclude(&transcript, &report.variables).await;
    (report.summary, report.outcome) = (summary, outcome);
    problem.map_or(Ok(()), Err)
}

/// Who writes the record of a conversation.
pub struct Clerk<'a> {
    /// Its name in the language model's cache.
    pub call_id: &'a str,
    /// Of the call.
    pub config: &'a Config,
    /// Who answered.
    pub assistant: Option<&'a Assistant>,
    /// Writes.
    pub llm: &'a dyn LanguageModel,
    /// Says when nobody waits.
    pub gate: &'a SpeculationGate,
}

impl Clerk<'_> {
    /// What this conversation came to, as [`conclude`] does for a call.
    pub async fn conclude(&self, transcript: &Transcript, known: &Variables) -> Conclusion {
        let schema = self.assistant.and_then(Assistant::outcome);
        let after = &self.config.after_call;
        let mut conclusion = Conclusion::default();
        if after.seconds_max == 0 || (schema.is_none() && !after.summary) {
            conclusion.problem = Some(NotConcluded::NotWanted);
            return conclusion;
        }
        if !transcript.has_caller() {
            conclusion.outcome = schema.map(|schema| no_outcome(schema, "the caller said nothing"));
            conclusion.problem = Some(NotConcluded::NothingSaid);
            return conclusion;
        }
        let answer_tokens = schema.map_or(0, outcome_tokens_max).max(SUMMARY_TOKENS_MAX);
        let room = self.config.llm.context_tokens.saturating_sub(answer_tokens) as usize;
        let questions = Questions::new(transcript, known, room);
        let until = tokio::time::sleep(Duration::from_secs(u64::from(after.seconds_max)));
        tokio::pin!(until);
        // What is asked for in fields is wanted more than words.
        if let Some(schema) = schema {
            let tokens_max = outcome_tokens_max(schema);
            let answer = tokio::select! {
                answer = self.write(questions.outcome(schema), tokens_max) => answer,
                () = &mut until => Err(NotConcluded::TimedOut),
            };
            conclusion.outcome = Some(match &answer {
                Ok(answer) => call_outcome(schema, &answer.text),
                Err(problem) => no_outcome(schema, &problem.to_string()),
            });
            conclusion.problem = answer.err();
        }
        if after.summary && conclusion.problem.is_none() {
            let language = self.config.agent.languages.first().map_or("", String::as_str);
            let answer = tokio::select! {
                answer = self.write(questions.summary(language), SUMMARY_TOKENS_MAX) => answer,
                () = &mut until => Err(NotConcluded::TimedOut),
            };
            match answer {
                Ok(answer) => conclusion.summary = call_summary(&answer.text, answer.cut),
                Err(why) => conclusion.problem = Some(why),
            }
        }
        let done = conclusion.problem.is_none();
        metrics::aside("record", if done { "done" } else { "failed" });
        conclusion
    }

    /// Begins again when a caller had to be given way.
    async fn write(
        &self,
        messages: Vec<ChatMessage>,
        max_tokens: u32,
    ) -> Result<Answer, NotConcluded> {
        let patience = Duration::from_secs(u64::from(self.config.after_call.seconds_max));
        for _ in 0..TRIES_MAX {
            let request = Generation {
                // The place that the call had in the engine, and nobody else's.
                conversation: self.call_id.to_owned(),
                messages: messages.clone(),
                max_tokens,
                ..Generation::default()
            };
            match aside::write(self.llm, request, self.gate, patience).await {
                Some(Ok(answer)) => return Ok(answer),
                Some(Err(EngineError::TimedOut { .. })) => return Err(NotConcluded::TimedOut),
                Some(Err(error)) => {
                    tracing::debug!(%error, "No record from the language model.");
                    return Err(NotConcluded::Failed);
                }
                None => metrics::aside("record", "dropped"),
            }
        }
        Err(NotConcluded::NoSlack)
    }
}
