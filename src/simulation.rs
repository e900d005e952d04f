//! What simulations share: chance from a seed, many seeds over all cores, and the replay of one.
//! Tests only; knows nothing of calls.

pub(crate) mod text;

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Chance that replays. A generator of our own (SplitMix64), because a seed has to mean the same call with the
/// next version of any crate, and a debug build spends more time in a good cipher than in the call.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        // Neighbours begin far apart.
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0..`end`, and 0 where that is empty.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        let next = self.next();
        if end == 0 { 0 } else { next % end }
    }

    pub(crate) const fn between(&mut self, from: u64, until: u64) -> u64 {
        from + self.below(until.saturating_sub(from))
    }

    pub(crate) const fn ms(&mut self, from: u64, until: u64) -> Duration {
        Duration::from_millis(self.between(from, until))
    }

    pub(crate) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// From `from` up to `until`.
    pub(crate) fn float(&mut self, from: f32, until: f32) -> f32 {
        from + (until - from) * (self.below(1 << 24) as f32 / (1 << 24) as f32)
    }
}

/// A simulated suite: its test's name, and where its number of calls comes from.
pub(crate) struct Suite {
    /// Path of the test, as `cargo test` takes it.
    pub(crate) test: &'static str,
    /// Variable that says how many calls.
    pub(crate) calls_var: &'static str,
    /// How many otherwise.
    pub(crate) calls: u64,
}

impl Suite {
    /// Simulates one call per seed on all cores, and returns what each told, in no order. `SAWT_SIM_SEED` replays a
    /// single one with its trace, and then nothing is returned. `simulate` panics where an invariant is broken; its
    /// second argument asks it to print what happens.
    ///
    /// # Panics
    /// On the first seed that fails, after its trace.
    pub(crate) fn run<T: Send>(&self, simulate: impl Fn(u64, bool) -> T + Sync) -> Vec<T> {
        let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
        if let Some(seed) = number("SAWT_SIM_SEED") {
            simulate(seed, true);
            return Vec::new();
        }
        let calls = number(self.calls_var).unwrap_or(self.calls);
        let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        let work = || {
            let mut told = Vec::new();
            while failed.load(Ordering::Relaxed) == u64::MAX {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= calls {
                    break;
                }
                let simulated = std::panic::AssertUnwindSafe(|| simulate(seed, false));
                match catch_unwind(simulated) {
                    Ok(one) => told.push(one),
                    Err(_) => {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            }
            told
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let told = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
        });
        let seed = failed.into_inner();
        if seed != u64::MAX {
            println!(
                "seed {seed} failed; replay it: SAWT_SIM_SEED={seed} cargo test --lib {}",
                self.test
            );
            simulate(seed, true);
            panic!("seed {seed} failed once, and not again: something is not simulated");
        }
        told
    }
}

#[test]
fn a_seed_is_the_same_call_every_time() {
    let numbers = |seed| {
        let mut chance = Chance::new(seed);
        [(); 4].map(|()| chance.below(1_000))
    };
    assert_eq!(numbers(7), numbers(7));
    assert_ne!(numbers(7), numbers(8));
}

#[test]
fn every_seed_is_simulated_once() {
    let suite = Suite { test: "", calls_var: "SAWT_SIM_NOTHING", calls: 500 };
    if std::env::var("SAWT_SIM_SEED").is_err() {
        let mut seeds = suite.run(|seed, _| seed);
        seeds.sort_unstable();
        assert_eq!(seeds, (0..500).collect::<Vec<_>>());
    }
}
