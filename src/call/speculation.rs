//! The reply that is made ahead of the end of the caller's turn, and what became of such work.
//!
//! A prepared reply's task stops by itself after its first clause's audio and waits for
//! [`Preparation::commit`]; what it made until then is held back here, bounded by that clause.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::replying::ReplyEvent;
use crate::telemetry::metrics;
use crate::turn::ReplyId;

/// Says whether there is power to spare for work that may be thrown away. Clones share it: whoever
/// sees the load turns it off for all calls at once.
#[derive(Debug, Clone)]
pub struct SpeculationGate(Arc<AtomicBool>);

impl Default for SpeculationGate {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl SpeculationGate {
    /// From now on calls prepare replies and ask for early transcripts, or do not.
    pub fn set(&self, open: bool) {
        self.0.store(open, Ordering::Relaxed);
    }

    /// Whether they do.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed)
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
