//! A circuit breaker: who failed several times in a row is left alone for a while, then tried by one
//! request, and taken back when that succeeds.
//!
//! Our own, because it is small, and because the crates for it read a clock of their own and count
//! an attempt that nobody waits for any more as a success or a failure. Here it is neither.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it: one may be chance.
const FAILURES_MAX: u32 = 2;
const REST_MIN: Duration = Duration::from_secs(5);
const REST_MAX: Duration = Duration::from_secs(60);

/// Shared by all calls.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        rest: Duration,
    },
    /// One request tries.
    HalfOpen,
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a request through, or says that it should go elsewhere.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Option<Attempt> {
        let probing = self.with(|state| match *state {
            State::Closed { .. } => Some(None),
            State::Open { until, rest } if now >= until => {
                *state = State::HalfOpen;
                Some(Some(rest))
            }
            State::Open { .. } | State::HalfOpen => None,
        })?;
        Some(Attempt { breaker: Arc::clone(self), probing, over: false })
    }

    /// Whether requests go elsewhere now.
    pub(crate) fn is_open(&self) -> bool {
        self.with(|state| !matches!(state, State::Closed { .. }))
    }
}

/// A request that was let through. Dropped without a verdict it counts for nothing.
#[derive(Debug)]
pub(crate) struct Attempt {
    breaker: Arc<Breaker>,
    /// It is the one that tries, after a rest of this length.
    probing: Option<Duration>,
    over: bool,
}

impl Attempt {
    pub(crate) fn succeeded(&mut self) {
        self.over = true;
        self.breaker.with(|state| *state = State::default());
    }

    pub(crate) fn failed(&mut self, now: Instant) {
        self.over = true;
        let probing = self.probing;
        self.breaker.with(|state| {
            *state = match (&*state, probing) {
                (_, Some(rest)) => {
                    let rest = rest.saturating_mul(2).min(REST_MAX);
                    State::Open { until: now + rest, rest }
                }
                (State::Closed { failures }, None) if failures + 1 >= FAILURES_MAX => {
                    State::Open { until: now + REST_MIN, rest: REST_MIN }
                }
                (State::Closed { failures }, None) => State::Closed { failures: failures + 1 },
                // Let through before it opened: it is known by now.
                (State::Open { .. } | State::HalfOpen, None) => return,
            };
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(rest) = self.probing.filter(|_| !self.over) {
            // The caller has gone on before anything was known: the next request tries.
            self.breaker.with(|state| {
                if let State::HalfOpen = state {
                    *state = State::Open { until: Instant::now(), rest };
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::default());
        for _ in 0..FAILURES_MAX {
            breaker.admit(now).unwrap().failed(now);
        }
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_one_request_closes_it_again() {
        let now = Instant::now();
        let breaker = Arc::new(Breaker::default());
        breaker.admit(now).unwrap().failed(now);
        breaker.admit(now).unwrap().succeeded();
        breaker.admit(now).unwrap().failed(now);
        assert!(!breaker.is_open(), "not in a row");
        let breaker = opened(now);
        assert!(breaker.is_open() && breaker.admit(now + REST_MIN / 2).is_none());
        let mut probe = breaker.admit(now + REST_MIN).expect("one tries");
        assert!(breaker.admit(now + REST_MIN).is_none(), "and no other meanwhile");
        probe.succeeded();
        assert!(breaker.admit(now + REST_MIN).is_some() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_try_doubles_the_rest_up_to_a_minute() {
        let mut now = Instant::now();
        let breaker = opened(now);
        for expected_s in [5, 10, 20, 40, 60, 60] {
            assert!(breaker.admit(now + Duration::from_millis(expected_s * 1_000 - 1)).is_none());
            now += Duration::from_secs(expected_s);
            breaker.admit(now).unwrap().failed(now);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_nobody_waits_for_decides_nothing() {
        let breaker = opened(Instant::now());
        tokio::time::advance(REST_MIN).await;
        drop(breaker.admit(Instant::now()).unwrap());
        assert!(breaker.is_open());
        assert!(breaker.admit(Instant::now()).is_some(), "the next one tries");
    }
}
