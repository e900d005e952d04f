//! A seed drives callers and engines against whole calls, in virtual time. What must hold is judged from outside: by
//! the caller's ear, by what the engines are asked, by what observers are told, and by what is left afterwards.
//!
//! `SAWT_SIM_DRIVER_CALLS` sets how many calls, `SAWT_SIM_SEED` replays one with its trace.

mod caller;
mod engines;
mod stage;

use std::time::Duration;

use super::*;
use crate::call::action::{Action, LineText, Ordered, Reason};
use crate::call::driver::{Outcome, run_observed};
use crate::simulation::{Chance, Suite};
use caller::{Plan, SimulatedTransport};
use stage::{Stage, names, utterances};

/// No call lasts so long.
const CALL_MAX: Duration = Duration::from_secs(1_000);

/// Time to be heard and to find out what was said, after speech over a reply has begun.
const HUSH_SLACK: Duration = Duration::from_millis(300);

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    turns: usize,
    interrupted: usize,
    unanswered: usize,
    committed: u32,
    pieces: usize,
}

fn config(chance: &mut Chance) -> Config {
    let mut config = Config::default();
    let ms = |chance: &mut Chance, from, until| chance.between(from, until) as u32;
    if chance.percent(70) {
        config.agent.welcome.clear();
    }
    if chance.percent(30) {
        config.agent.goodbye.clear();
    }
    config.agent.call_max_s = ms(chance, 10, 60);
    config.agent.silence_prompt_s = ms(chance, 2, 6);
    config.turn.endpointing_ms = ms(chance, 200, 900);
    config.turn.endpointing_ms_max = ms(chance, 900, 2_500);
    config.turn.interruption_pause_ms = ms(chance, 60, 250);
    config.turn.interruption_ms = ms(chance, 250, 700);
    config.turn.resume_after_ms = ms(chance, 300, 1_500);
    config.turn.speculation = chance.percent(80);
    if chance.percent(20) {
        config.turn.early_transcript_ms = 0;
    }
    config.stt.timeout_ms = 2_000;
    config.llm.timeout_ms = 2_500;
    config.tts.timeout_ms = 1_500;
    config
}

async fn simulate(seed: u64, trace: bool) -> Tally {
    let mut chance = Chance::new(seed);
    let plan = caller::plan(&mut chance);
    let config = config(&mut chance);
    let judges = chance.percent(70);
    let hang_up = CancellationToken::new();
    let gate = SpeculationGate::default();
    let (told, mut observed) = tokio::sync::mpsc::channel(10_000);
    let stage = Stage::new(chance.below(u64::MAX), trace);
    stage.tell(|| format!("{plan:?}"));

    let checks = Checks::of(&plan, &config);
    let setup = CallSetup {
        call_id: "simulated".into(),
        assistant: None,
        config: Arc::new(config),
        engines: engines::engines(&stage, judges),
        observer: Some(told),
        surroundings: Default::default(),
        hang_up: hang_up.clone(),
    };
    let transport = SimulatedTransport::new(stage.clone(), plan);
    // Rules and tools want things said, and perhaps the call ended.
    let (orders, wants) = (std::sync::OnceLock::new(), chance.percent(40));
    let got_hold = |outcomes: &tokio::sync::mpsc::Sender<Outcome>| {
        let _ = orders.set(outcomes.downgrade());
    };
    let call = run_observed(Box::new(transport), setup, gate.clone(), got_hold);
    // Whoever runs a call may also just let go of it.
    let let_go = if chance.percent(10) { chance.ms(500, 20_000) } else { 2 * CALL_MAX };
    let operator = async {
        loop {
            tokio::time::sleep(chance.ms(500, 20_000)).await;
            gate.set(chance.percent(60));
            if let Some(orders) = orders.get().and_then(|orders| orders.upgrade())
                && wants
            {
                let action = match chance.below(10) {
                    0 => Action::EndCall { say: Some(LineText::same("Farewell.")) },
                    1 => Action::SetVariable { name: "x".into(), value: 1.into() },
                    _ => Action::Say(LineText::same("By the way, we close soon.")),
                };
                let reason = Reason::Tool("simulated".into());
                let ordered = Ordered { action, reason, taken: None };
                let _ = orders.try_send(Outcome::Ordered(Box::new(ordered)));
            }
            if chance.percent(5) {
                hang_up.cancel();
            }
        }
    };
    let report = tokio::select! {
        biased; // a seed means the same call every time
        report = call => Some(report),
        () = tokio::time::sleep(let_go) => None,
        () = operator => unreachable!("it goes on for ever"),
        () = tokio::time::sleep(CALL_MAX) => panic!("the call is stuck"),
    };

    if let Some(broken) = &stage.lock().broken {
        panic!("{broken}");
    }

    // Hanging up frees everything: whoever was aborted goes with the next turn of the runtime.
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks, 0, "tasks outlive the call");
    assert_eq!(stage.lock().working, 0, "engines work for nobody");

    let Some(report) = report else { return Tally::default() };
    let mut events = Vec::new();
    while let Ok(event) = observed.try_recv() {
        events.push(event);
    }
    assert!(observed.is_closed(), "somebody still observes");
    checks.check(&stage, &report, &events)
}

/// What is judged when a call is over.
struct Checks {
    /// When the caller spoke, without a break.
    spoken: Vec<(Duration, Duration)>,
    pause: Duration,
}

impl Checks {
    fn of(plan: &Plan, config: &Config) -> Self {
        let frame = |n: u64| Duration::from_millis(20 * n);
        let speech = plan.sounds.iter().filter(|(_, _, loudness)| *loudness == caller::SPEECH);
        // Where we stood still, or the track was muted, nobody was heard.
        let heard = speech.filter(|_| plan.stall.is_none() && plan.muted.is_empty());
        Self {
            spoken: heard.map(|(from, until, _)| (frame(*from), frame(*until))).collect(),
            pause: Duration::from_millis(u64::from(config.turn.interruption_pause_ms)),
        }
    }

    fn check(&self, stage: &Stage, report: &CallReport, events: &[CallEvent]) -> Tally {
        let state = stage.lock();
        state.check_nothing_twice();
        self.check_hush(&state, report);

        // Nobody is answered twice, and what is said to be heard was said.
        let mut answered = std::collections::BTreeSet::new();
        for turn in &report.turns {
            for utterance in utterances(&turn.caller) {
                assert!(answered.insert(utterance), "answered twice: {}", turn.caller);
            }
            let generations: std::collections::BTreeSet<u32> =
                names(&turn.agent).map(|(generation, _)| generation).collect();
            assert!(generations.len() <= 1, "two replies in one: {}", turn.agent);
        }
        let reasons = events.iter().filter_map(|event| match event {
            CallEvent::Unanswered { why } => Some(why.as_str()),
            _ => None,
        });
        let (unanswered, at_the_end) =
            (reasons.clone().count(), reasons.clone().any(|why| why == "CallEnded"));
        let dropped = report.speculation.transcripts_dropped as usize;
        let left = state.transcribed.difference(&answered).count();
        // The end is one reason for all that still waits.
        let explained = at_the_end || left <= unanswered + dropped;
        assert!(explained, "{left} utterances without an answer or a reason");
        Tally {
            turns: report.turns.len(),
            interrupted: report.turns.iter().filter(|turn| turn.interrupted).count(),
            unanswered,
            committed: report.speculation.committed,
            pieces: state.replies_heard().count(),
        }
    }

    /// A reply that was being heard falls silent soon after the caller begins to speak.
    fn check_hush(&self, state: &stage::State, report: &CallReport) {
        let at = |time: Duration| crate::turn::CallTime::ZERO + time;
        for (from, until) in &self.spoken {
            let silent_by = at(*from + self.pause + HUSH_SLACK);
            for (generation, piece) in state.replies_heard() {
                let over = piece.from + Duration::from_millis(200) < at(*from);
                let on = piece.until > silent_by && at(*until) > silent_by;
                let length_ms = report.length_ms;
                assert!(!(over && on), "{generation} speaks on at {silent_by} of {length_ms} ms");
            }
        }
    }
}

fn simulate_blocking(seed: u64, trace: bool) -> Tally {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(simulate(seed, trace))
}

/// Calls that once failed, so that they do not again.
const FOUND: [(u64, &str); 0] = [];

#[test]
fn invariants_hold_over_random_calls() {
    for (seed, _) in FOUND {
        simulate_blocking(seed, false);
    }
    let suite =
        Suite { test: "call::tests::simulation", calls_var: "SAWT_SIM_DRIVER_CALLS", calls: 100 };
    let calls = suite.run(simulate_blocking);
    let sum = |of: fn(&Tally) -> usize| calls.iter().map(of).sum::<usize>();
    let (turns, interrupted) = (sum(|t| t.turns), sum(|t| t.interrupted));
    let (unanswered, committed) = (sum(|t| t.unanswered), sum(|t| t.committed as usize));
    let pieces = sum(|t| t.pieces);
    println!(
        "{} calls: {turns} turns, {interrupted} interrupted, {unanswered} unanswered",
        calls.len()
    );
    if calls.len() >= 100 {
        let n = calls.len();
        let busy = turns > n && interrupted > n / 10 && unanswered > n / 10 && pieces > n / 2;
        assert!(busy && committed > n / 10, "little happened: {committed} {pieces}");
    }
}
