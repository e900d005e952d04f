//! What a call does while nobody waits in it: asks the model how the caller feels, and sums up the
//! start of a long conversation. One thing at a time, after everything else, and dropped at once when
//! the caller speaks or a reply is wanted.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::{Call, Outcome};
use crate::call::aside::{self, Answer, AsideOutcome};
use crate::call::speculation::{CallWaits, SpeculationGate};
use crate::dialog::summary_of;
use crate::engines::llm::{ChatMessage, Generation, Role};
use crate::sentiment::verdict;
use crate::telemetry::metrics;
use crate::turn::CallTime;

/// So long nobody must have waited: a shorter lull is only the seam between two steps of a turn.
const CALM: Duration = Duration::from_millis(200);

/// Speech that came to nothing is forgotten after this.
const SPOKE_MAX: Duration = Duration::from_secs(45);

/// After so many attempts that were dropped or failed, a summary waits until the conversation has grown.
const TRIES_MAX: u32 = 6;

/// All verdicts of all calls begin alike: under this name the model finds that start.
const VERDICTS: &str = "sawt-verdict";

/// What may be done aside, and what is being done.
#[derive(Debug)]
pub(super) struct Asides {
    /// Tells the other calls.
    waits: CallWaits,
    calm_since: Option<CallTime>,
    /// The caller spoke, and nothing has come of it yet.
    spoke: Option<CallTime>,
    running: Option<Running>,
    started: u64,
    /// The newest turn and its words, to be judged.
    to_judge: Option<(u32, String)>,
    /// A summary that is wanted up to here has been tried so many times.
    tries: (usize, u32),
}

#[derive(Debug)]
struct Running {
    id: u64,
    what: Aside,
    task: AbortHandle,
}

#[derive(Debug, Clone)]
enum Aside {
    Verdict(u32, String),
    Summary { upto: usize },
}

impl Aside {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Verdict(..) => "verdict",
            Self::Summary { .. } => "summary",
        }
    }
}

impl Asides {
    pub(super) fn new(gate: &SpeculationGate) -> Self {
        Self {
            waits: gate.call(),
            calm_since: None,
            spoke: None,
            running: None,
            started: 0,
            to_judge: None,
            tries: (0, 0),
        }
    }

    pub(super) fn caller_spoke(&mut self, now: CallTime) {
        self.spoke = Some(now);
    }

    /// What the caller said has got its reply, or its reason.
    pub(super) fn nobody_waits(&mut self) {
        self.spoke = None;
    }

    /// The model is to say how this turn felt; an older one is of no interest any more.
    pub(super) fn judge(&mut self, turn: u32, words: &str) {
        self.to_judge = Some((turn, words.to_owned()));
    }

    /// Drops what runs; what was wanted is wanted still.
    pub(super) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.task.abort();
            metrics::aside(running.what.kind(), "dropped");
            self.want_again(running.what);
        }
    }

    fn want_again(&mut self, what: Aside) {
        if let Aside::Verdict(turn, words) = what {
            self.to_judge.get_or_insert((turn, words));
        }
    }

    fn may_try_summary(&mut self, upto: usize) -> bool {
        if self.tries.0 != upto {
            self.tries = (upto, 0);
        }
        self.tries.1 += 1;
        self.tries.1 <= TRIES_MAX
    }
}

impl Drop for Asides {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Call {
    /// Whether anybody waits, or soon will.
    fn somebody_waits(&self, now: CallTime) -> bool {
        let reading = self.reading_ahead.as_ref().is_some_and(|task| !task.is_finished());
        let spoke = self.asides.spoke.is_some_and(|at| now.since(at) < SPOKE_MAX);
        spoke
            || reading
            || !self.transcriptions.is_empty()
            || self.judging.is_busy()
            || self.prepared.is_some()
            || self.reply.as_ref().is_some_and(|reply| !reply.complete)
    }

    /// Begins what may be done aside, or drops it.
    pub(super) fn use_slack(&mut self, now: CallTime) {
        let waits = self.somebody_waits(now);
        self.asides.waits.set(waits);
        if waits {
            self.asides.calm_since = None;
            self.asides.stop();
            return;
        }
        let calm_since = *self.asides.calm_since.get_or_insert(now);
        if now.since(calm_since) >= CALM && self.asides.running.is_none() && self.gate.is_open() {
            self.begin_aside();
        }
    }

    fn begin_aside(&mut self) {
        let (what, request) = if let Some((turn, words)) = self.asides.to_judge.take() {
            let message = |role, content: String| ChatMessage { role, content };
            let request = Generation {
                conversation: VERDICTS.to_owned(),
                messages: vec![
                    message(Role::System, verdict::INSTRUCTIONS.to_owned()),
                    message(Role::User, verdict::question(&words)),
                ],
                max_tokens: verdict::TOKENS_MAX,
                ..Generation::default()
            };
            (Aside::Verdict(turn, words), request)
        } else if self.config.memory.summary
            && let Some(task) = self.history.summary_task()
            && self.asides.may_try_summary(task.upto)
        {
            // In the call's own name: all but the request is in the model's memory, and stays there.
            let request = Generation {
                conversation: self.conversation.clone(),
                messages: task.messages,
                max_tokens: self.config.memory.summary_tokens_max,
                ..Generation::default()
            };
            (Aside::Summary { upto: task.upto }, request)
        } else {
            return;
        };
        self.asides.started += 1;
        let id = self.asides.started;
        let patience = Duration::from_millis(u64::from(self.config.llm.timeout_ms)) * 2;
        let (llm, gate) = (Arc::clone(&self.engines.llm), self.gate.clone());
        let outcomes = self.outcomes.clone();
        let task = tokio::spawn(async move {
            let outcome = aside::write(llm.as_ref(), request, &gate, patience).await;
            // Fails only when the call is over.
            let _ = outcomes.send(Outcome::Aside(id, outcome)).await;
        });
        self.asides.running = Some(Running { id, what, task: task.abort_handle() });
    }

    /// Work aside is over. A caller who has begun to speak meanwhile does not wait for what follows.
    pub(super) fn aside_over(&mut self, now: CallTime, id: u64, outcome: AsideOutcome) {
        let Some(Running { what, .. }) = self.asides.running.take_if(|r| r.id == id) else {
            return;
        };
        let kind = what.kind();
        match outcome {
            None => {
                // Somebody in another call.
                metrics::aside(kind, "dropped");
                self.asides.want_again(what);
            }
            Some(Err(error)) => {
                metrics::aside(kind, "failed");
                tracing::debug!(%error, kind, "Work aside failed.");
            }
            Some(Ok(answer)) => {
                let used = match what {
                    Aside::Verdict(turn, _) => self.judged_by_model(turn, &answer),
                    Aside::Summary { upto } => self.summed_up(now, upto, &answer),
                };
                metrics::aside(kind, if used { "done" } else { "useless" });
            }
        }
    }

    fn judged_by_model(&mut self, turn: u32, answer: &Answer) -> bool {
        let feeling = verdict::parse(&answer.text);
        feeling.into_iter().for_each(|feeling| self.feel_again(turn, feeling));
        feeling.is_some()
    }

    fn summed_up(&mut self, now: CallTime, upto: usize, answer: &Answer) -> bool {
        let Some(summary) = summary_of(&answer.text, answer.cut) else { return false };
        tracing::debug!(call_id = %self.conversation, chars = summary.len(), "Summed up.");
        self.history.summarised(upto, summary);
        // The turns stand behind other words now: they are read anew before the next question.
        if !self.somebody_waits(now) {
            self.read_on();
        }
        true
    }
}
