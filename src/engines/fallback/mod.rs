//! A stage that two engines can serve: the local one, and one elsewhere where site, assistant and
//! stage allow it. Each wrapper has its engine's own trait, so that a call cannot tell.
//!
//! [`Lane`] is what all calls share of a stage; [`Route`] is the way of one request: who is asked, in
//! which order, with how much patience, and what is counted and audited. Where nothing may leave, the
//! local engine is asked as if there were no wrapper. Lacks any choice among several remotes.

mod breaker;
mod llm;
mod seam;
mod stt;
mod tts;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

pub(crate) use llm::FallbackLlm;
pub(crate) use stt::FallbackStt;
pub(crate) use tts::FallbackTts;

use super::EngineError;
use crate::config::RemoteConfig;
use crate::policy::residency::{Grant, Refusal, Stage, judge};
use crate::telemetry::metrics;
use breaker::{Attempt, Breaker};

/// A stage's remote engine, and what is known of both engines; shared by all calls.
pub(crate) struct Lane<T: ?Sized> {
    pub(crate) stage: Stage,
    pub(crate) site: Arc<RemoteConfig>,
    /// `None` where the site has set up none.
    pub(crate) remote: Option<Arc<T>>,
    /// Where it is, as `host:port`: for the audit.
    pub(crate) server: String,
    local_breaker: Arc<Breaker>,
    remote_breaker: Arc<Breaker>,
}

impl<T: ?Sized> Lane<T> {
    pub(crate) fn new(
        stage: Stage,
        site: Arc<RemoteConfig>,
        remote: Option<(Arc<T>, String)>,
    ) -> Self {
        let (remote, server) = remote.unzip();
        let server = server.unwrap_or_default();
        let (local_breaker, remote_breaker) = Default::default();
        Self { stage, site, remote, server, local_breaker, remote_breaker }
    }
}

/// What one call may do, and what it is called in the audit.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    pub(crate) call_id: Arc<str>,
    pub(crate) grant: Grant,
}

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Local,
    Remote,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// The way of one request.
pub(crate) struct Route<T: ?Sized> {
    lane: Arc<Lane<T>>,
    permit: Permit,
    /// Why nothing may leave; `None`: it may.
    refusal: Option<Refusal>,
    to_ask: VecDeque<Side>,
    /// The local engine rests after failures, and is still better than nothing.
    local_rests: bool,
}

impl<T: ?Sized> Route<T> {
    pub(crate) fn new(lane: &Arc<Lane<T>>, permit: &Permit) -> Self {
        let allowed = judge(&lane.site, permit.grant, lane.stage);
        // Set up in the file and not made: there is nobody to ask.
        let refusal = allowed.err().or(lane.remote.is_none().then_some(Refusal::Stage));
        let remote_first = lane.stage.of(&lane.site).prefer == "remote";
        let to_ask: &[Side] = match (refusal, remote_first) {
            (Some(_), _) => &[Side::Local],
            (None, false) => &[Side::Local, Side::Remote],
            (None, true) => &[Side::Remote, Side::Local],
        };
        if let Some(why) = refusal.filter(|why| remote_first && *why != Refusal::Stage) {
            refused(lane, permit, why);
        }
        Self {
            lane: Arc::clone(lane),
            permit: permit.clone(),
            refusal,
            to_ask: to_ask.iter().copied().collect(),
            local_rests: false,
        }
    }

    /// Who is asked next; `None`: there is nobody left.
    pub(crate) fn next_step(&mut self) -> Option<Step<T>> {
        if self.refusal.is_some() {
            let side = self.to_ask.pop_front()?;
            return Some(self.step(side, None, None));
        }
        while let Some(side) = self.to_ask.pop_front() {
            let breaker = match side {
                Side::Local => &self.lane.local_breaker,
                Side::Remote => &self.lane.remote_breaker,
            };
            let Some(attempt) = breaker.admit(Instant::now()) else {
                self.local_rests |= side == Side::Local;
                continue;
            };
            let settings = self.lane.stage.of(&self.lane.site);
            let somebody_follows = !self.to_ask.is_empty() || self.local_rests;
            let millis = |ms: u32| Duration::from_millis(u64::from(ms));
            let mut first = somebody_follows.then(|| millis(settings.take_over_ms));
            let mut between = somebody_follows.then(|| millis(settings.between_pieces_ms));
            if side == Side::Remote {
                let own = millis(settings.first_byte_ms);
                first = Some(first.map_or(own, |first| first.min(own)));
                between = Some(millis(settings.between_pieces_ms));
            }
            return Some(self.step(side, Some(attempt), Some(Patience { first, between })));
        }
        std::mem::take(&mut self.local_rests).then(|| self.step(Side::Local, None, None))
    }

    fn step(&self, side: Side, attempt: Option<Attempt>, patience: Option<Patience>) -> Step<T> {
        if side == Side::Remote {
            tracing::info!(
                target: "sawt::audit",
                call_id = %self.permit.call_id,
                stage = self.lane.stage.as_str(),
                server = %self.lane.server,
                "Remote engine used."
            );
        }
        let patience = patience.unwrap_or_default();
        Step { lane: Arc::clone(&self.lane), side, attempt, patience, answered: false }
    }

    /// After `side` failed: whether another engine may be asked. Whoever preferred not to ask here
    /// is told so.
    pub(crate) fn goes_on_after(&self, side: Side, error: &EngineError) -> bool {
        // A remote's refusals are its own; the local engine's would be everybody's.
        let may_help = side == Side::Remote || error.is_transient();
        if let Some(why) = self.refusal.filter(|_| may_help) {
            refused(&self.lane, &self.permit, why);
        }
        may_help
    }
}

/// One engine that is asked.
pub(crate) struct Step<T: ?Sized> {
    lane: Arc<Lane<T>>,
    pub(crate) side: Side,
    attempt: Option<Attempt>,
    patience: Patience,
    answered: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Patience {
    /// To the first result.
    first: Option<Duration>,
    /// Between two pieces of it.
    between: Option<Duration>,
}

impl<T: ?Sized> Step<T> {
    /// Waits for the next piece of the result, as long as this engine is given.
    pub(crate) async fn wait<R>(&self, piece: impl Future<Output = R>) -> Result<R, EngineError> {
        let limit = if self.answered { self.patience.between } else { self.patience.first };
        let Some(after) = limit else { return Ok(piece.await) };
        let engine = self.lane.stage.as_str();
        timeout(after, piece).await.map_err(|_| EngineError::TimedOut { engine, after })
    }

    /// A piece has come.
    pub(crate) fn gave_a_piece(&mut self) {
        self.answered = true;
    }

    /// All has come.
    pub(crate) fn succeeded(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.succeeded();
        }
        self.count("answered");
    }

    pub(crate) fn failed(&mut self, error: &EngineError) {
        let stage = self.lane.stage.as_str();
        tracing::warn!(stage, engine = self.side.as_str(), %error, "An engine did not serve.");
        // Too much to do is no fault: only this request goes elsewhere. What the caller's words did
        // to the local engine says nothing about it either.
        let own_fault = match (self.side, error) {
            (_, EngineError::Unavailable { .. } | EngineError::TimedOut { .. }) => true,
            (_, EngineError::Overloaded { .. } | EngineError::Refused { .. }) => false,
            (side, EngineError::Failed { .. }) => side == Side::Remote,
        };
        if let Some(attempt) = self.attempt.as_mut().filter(|_| own_fault) {
            attempt.failed(Instant::now());
            let breaker = match self.side {
                Side::Local => &self.lane.local_breaker,
                Side::Remote => &self.lane.remote_breaker,
            };
            if breaker.is_open() {
                tracing::warn!(stage, engine = self.side.as_str(), "It is left alone for a while.");
            }
        }
        self.count("failed");
    }

    fn count(&self, outcome: &'static str) {
        if self.side == Side::Remote {
            metrics::remote_request(self.lane.stage.as_str(), outcome);
        }
    }
}

/// Counts and audits that nothing was sent. Never says what it would have been.
fn refused<T: ?Sized>(lane: &Lane<T>, permit: &Permit, why: Refusal) {
    metrics::remote_refused(lane.stage.as_str(), why.as_str());
    tracing::info!(
        target: "sawt::audit",
        call_id = %permit.call_id,
        stage = lane.stage.as_str(),
        server = %lane.server,
        reason = why.as_str(),
        "Remote engine refused: nothing was sent."
    );
}
