//! How long to wait before an engine is started again. Pure.

use std::collections::VecDeque;
use std::time::Duration;

/// Restarts within [`WINDOW`] after which we slow down for good.
const RESTARTS_MAX: usize = 5;

/// How far back restarts count.
const WINDOW: Duration = Duration::from_secs(60);

/// The wait once restarting has not helped [`RESTARTS_MAX`] times: no crash loop burns the CPU.
const BREAKER: Duration = Duration::from_secs(30);

/// Remembers recent deaths.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    deaths: VecDeque<Duration>,
}

impl Backoff {
    /// The engine died at `now` (since any fixed moment): how long to wait.
    pub(super) fn after_death(&mut self, now: Duration) -> Duration {
        self.deaths.retain(|at| now.saturating_sub(*at) < WINDOW);
        self.deaths.push_back(now);
        match self.deaths.len() {
            1 => Duration::ZERO,
            2 => Duration::from_millis(250),
            3 => Duration::from_secs(1),
            n if n < RESTARTS_MAX => Duration::from_secs(4),
            _ => BREAKER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_death_is_mended_at_once_and_a_crash_loop_is_slowed_down() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7)
            .map(|n| backoff.after_death(Duration::from_secs(n)).as_millis() as u64)
            .collect();
        assert_eq!(waits, [0, 250, 1_000, 4_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff.after_death(Duration::from_secs(1_000)), Duration::ZERO);
    }
}
