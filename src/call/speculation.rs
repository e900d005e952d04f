//! The reply that is made ahead of the end of the caller's turn, and what became of such work.
//!
//! A prepared reply's task stops by itself after its first clause's audio and waits for
//! [`Preparation::commit`]; what it made until then is held back here, bounded by that clause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use super::replying::ReplyEvent;
use crate::telemetry::metrics;
use crate::turn::ReplyId;

/// Says whether there is power to spare for work that may be thrown away, and whether anybody waits
/// for an answer. Clones share it: whoever sees the load turns such work off for all calls at once.
#[derive(Debug, Clone)]
pub struct SpeculationGate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: watch::Sender<GateState>,
    /// Work for nobody in particular is done one piece at a time.
    asides: Semaphore,
}

#[derive(Debug, Clone, Copy)]
struct GateState {
    open: bool,
    /// Calls in which somebody waits.
    waiting: usize,
}

impl Default for SpeculationGate {
    fn default() -> Self {
        let (state, _) = watch::channel(GateState { open: true, waiting: 0 });
        Self(Arc::new(Shared { state, asides: Semaphore::new(1) }))
    }
}

impl SpeculationGate {
    /// From now on calls prepare replies and ask for early transcripts, or do not.
    pub fn set(&self, open: bool) {
        self.0.state.send_if_modified(|state| std::mem::replace(&mut state.open, open) != open);
    }

    /// Whether they do.
    pub fn is_open(&self) -> bool {
        self.0.state.borrow().open
    }

    /// A call that says whether somebody waits in it.
    pub(crate) fn call(&self) -> CallWaits {
        CallWaits { gate: self.clone(), waits: false }
    }

    /// Does `work` in a moment in which nobody waits, in no call. `None` when somebody came to wait
    /// before its end: then it is dropped where it stands.
    pub(crate) async fn in_slack<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let slack = |state: &GateState| state.open && state.waiting == 0;
        let mut state = self.0.state.subscribe();
        // The semaphore is never closed, and the gate lives as long as we do. Whoever waits for slack
        // keeps nobody else from using it.
        let _alone = loop {
            drop(state.wait_for(slack).await.ok()?);
            let alone = self.0.asides.acquire().await.ok()?;
            if slack(&state.borrow_and_update()) {
                break alone;
            }
        };
        tokio::select! {
            biased;
            _ = state.wait_for(|state| !slack(state)) => None,
            done = work => Some(done),
        }
    }
}

/// Whether somebody waits in one call; as long as it says so, no call does work aside.
#[derive(Debug)]
pub(crate) struct CallWaits {
    gate: SpeculationGate,
    waits: bool,
}

impl CallWaits {
    pub(crate) fn set(&mut self, waits: bool) {
        if waits != self.waits {
            self.waits = waits;
            self.gate.0.state.send_modify(|state| match waits {
                true => state.waiting += 1,
                false => state.waiting = state.waiting.saturating_sub(1),
            });
        }
    }
}

impl Drop for CallWaits {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// What became of the work that a call did ahead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SpeculationReport {
    /// Prepared replies that answered the caller.
    pub committed: u32,
    /// Prepared replies that were thrown away because the caller went on.
    pub discarded: u32,
    /// Prepared replies that the engines could not make.
    pub failed: u32,
    /// Tokens of those that were thrown away, as far as they were read.
    pub tokens_discarded: u64,
    /// Clauses of those that had been given to the voice.
    pub clauses_discarded: u64,
    /// Transcripts that nobody waited for any more, most because the caller went on.
    pub transcripts_dropped: u32,
}

/// What a reply's task and the call's task share.
#[derive(Debug, Clone)]
pub(crate) struct Preparation {
    committed: watch::Receiver<bool>,
    tokens: Arc<AtomicU64>,
    clauses: Arc<AtomicU64>,
}

impl Preparation {
    /// For a reply that is wanted, or that waits for the sender to say so.
    pub(crate) fn new(committed: bool) -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(committed);
        (sender, Self { committed: receiver, tokens: Arc::default(), clauses: Arc::default() })
    }

    pub(crate) fn is_committed(&self) -> bool {
        *self.committed.borrow()
    }

    /// Waits until the reply is wanted; for ever when it is not, for then the task is aborted.
    pub(crate) async fn commit(&self) {
        if self.committed.clone().wait_for(|committed| *committed).await.is_err()
            && !self.is_committed()
        {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn count_token(&self) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_clause(&self) {
        self.clauses.fetch_add(1, Ordering::Relaxed);
    }
}

/// A reply that nobody hears yet.
#[derive(Debug)]
pub(crate) struct PreparedReply {
    pub(crate) id: ReplyId,
    pub(crate) to: String,
    pub(crate) task: AbortHandle,
    pub(crate) commit: watch::Sender<bool>,
    pub(crate) shared: Preparation,
    /// What it has made, in order: its first clause.
    pub(crate) made: Vec<ReplyEvent>,
    /// It does nothing more before it is committed.
    pub(crate) rests: bool,
}

impl PreparedReply {
    /// Throws it away.
    pub(crate) fn discard(self, report: &mut SpeculationReport) {
        self.task.abort();
        report.discarded += 1;
        let tokens = self.shared.tokens.load(Ordering::Relaxed);
        let clauses = self.shared.clauses.load(Ordering::Relaxed);
        report.tokens_discarded += tokens;
        report.clauses_discarded += clauses;
        metrics::speculation("discarded");
        metrics::speculation_discarded(tokens, clauses);
    }
}

impl Drop for PreparedReply {
    fn drop(&mut self) {
        // A committed one lives on as the call's reply.
        if !*self.commit.borrow() {
            self.task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_aside_waits_for_slack_and_is_dropped_when_somebody_comes_to_wait() {
        let gate = SpeculationGate::default();
        assert_eq!(gate.in_slack(async { 1 }).await, Some(1));
        let (mut one, mut two) = (gate.call(), gate.call());
        one.set(true);
        one.set(true);
        two.set(true);
        let work = {
            let gate = gate.clone();
            tokio::spawn(async move {
                let long = tokio::time::sleep(std::time::Duration::from_secs(5));
                (gate.in_slack(long).await, gate.in_slack(async { 2 }).await)
            })
        };
        let pause = || tokio::time::sleep(std::time::Duration::from_secs(1));
        pause().await;
        one.set(false);
        pause().await;
        drop(two);
        pause().await;
        one.set(true); // in the middle of it
        pause().await;
        gate.set(false);
        one.set(false);
        pause().await;
        assert!(!work.is_finished(), "under load nothing is done aside");
        gate.set(true);
        assert_eq!(work.await.unwrap(), (None, Some(2)));
    }
}
