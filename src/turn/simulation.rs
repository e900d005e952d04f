//! A seed drives callers and engines against the turn machine; invariants hold at every step.
//!
//! `SAWT_SIM_CALLS` sets how many calls, `SAWT_SIM_SEED` replays one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::{
    CallTime, EndReason, EndpointingPolicy, ReplyId, ReplyOutcome, StopReason, TranscriptOutcome,
    TurnInput, TurnMachine, TurnOutput, TurnPolicy, UtteranceId,
};

/// What the outside world is about to do, by time.
#[derive(Debug, Default)]
struct World {
    events: BTreeMap<(CallTime, u64), TurnInput>,
    order: u64,
    /// Requests that nobody dropped, and whether they are for the words so far only.
    transcripts: BTreeMap<UtteranceId, bool>,
    reply: Option<ReplyId>,
    audible: Option<ReplyId>,
    /// Made ahead; heard by nobody, answers nothing yet.
    prepared: Option<(ReplyId, String)>,
    committed: u64,
    /// The reply that is silent while its caller is being understood, and what it has to report.
    paused: Option<(ReplyId, Vec<TurnInput>)>,
    paused_times: u64,
    resumed_times: u64,
    /// What was heard in utterances that a reply may answer without their own words.
    murmurs: BTreeMap<UtteranceId, String>,
    speaking: bool,
    cover: Cover,
    answered_or_explained: BTreeSet<UtteranceId>,
    ended: Option<EndReason>,
    outputs: u64,
}

/// What was heard while somebody waited.
#[derive(Debug, Default)]
struct Cover {
    filler: Option<ReplyId>,
    thinking: bool,
    /// The reply that answers the caller, until it is heard.
    answering: Option<ReplyId>,
    /// Answers heard or given up since the last filler; `None`: there was none.
    answers_since: Option<u32>,
    in_a_row: bool,
    fillers: u64,
    sounds: u64,
}

impl Cover {
    fn answered(&mut self, reply: ReplyId) {
        if self.answering.take_if(|id| *id == reply).is_some() {
            self.answers_since = self.answers_since.map(|n| n + 1);
        }
    }
}

/// Fillers and the thinking sound, which nobody answers.
fn cover(world: &mut World, output: &TurnOutput) {
    let heard = world.audible.is_some() && world.paused.is_none();
    match output {
        TurnOutput::SayFiller { reply } => {
            assert!(!world.speaking && !heard, "a filler over a voice");
            assert!(world.reply == world.cover.answering, "a filler for a line");
            assert_eq!(world.cover.filler, None, "two fillers at once");
            let answers_min = if world.cover.in_a_row { 1 } else { 2 };
            let answers = world.cover.answers_since.unwrap_or(answers_min);
            assert!(answers >= answers_min, "two fillers in a row");
            world.cover.filler = Some(*reply);
            world.cover.answers_since = Some(0);
            world.cover.fillers += 1;
        }
        TurnOutput::StopFiller { reply } => {
            assert_eq!(world.cover.filler.take(), Some(*reply), "stopped what may be heard");
        }
        TurnOutput::StartThinkingSound => {
            assert!(!world.speaking && !heard, "thinking over a voice");
            assert!(!std::mem::replace(&mut world.cover.thinking, true), "thinking twice");
            world.cover.sounds += 1;
        }
        TurnOutput::StopThinkingSound => {
            assert!(std::mem::take(&mut world.cover.thinking), "stopped what was heard");
        }
        TurnOutput::Reply { reply, .. } | TurnOutput::Commit { reply, .. } => {
            world.cover.answering = Some(*reply);
        }
        TurnOutput::Stop { reply, why: StopReason::TimedOut } => world.cover.answered(*reply),
        TurnOutput::Stop { .. } => world.cover.answering = None,
        _ => {}
    }
}

impl World {
    fn at(&mut self, time: CallTime, input: TurnInput) {
        self.order += 1;
        self.events.insert((time, self.order), input);
    }
}

fn ms(rng: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.random_range(range))
}

/// A caller's whole behaviour, decided ahead: speech, pauses, noises, text, hanging up.
fn plan_caller(world: &mut World, rng: &mut StdRng) {
    let mut now = CallTime::ZERO + ms(rng, 0..2_000);
    world.at(now, TurnInput::CallerReady);
    for _ in 0..rng.random_range(0..14) {
        now = now + ms(rng, 20..6_000);
        match rng.random_range(0..10) {
            0 => world.at(now, TurnInput::CallerText("typed".into())),
            1 => {} // silence
            kind => {
                let length = match kind {
                    2 => ms(rng, 30..300),         // a cough, "mm-hm"
                    3 => ms(rng, 20_000..200_000), // never stops
                    _ => ms(rng, 300..6_000),
                };
                now = plan_speech(world, rng, now, length);
                if rng.random_bool(0.3) {
                    now = now + ms(rng, 20..400); // a pause in mid-sentence
                    let length = ms(rng, 100..3_000);
                    now = plan_speech(world, rng, now, length);
                }
                if rng.random_bool(0.2) {
                    // Searches for words, again and again.
                    for _ in 0..rng.random_range(2..6) {
                        now = now + ms(rng, 100..2_500);
                        let length = ms(rng, 150..1_500);
                        now = plan_speech(world, rng, now, length);
                    }
                }
            }
        }
    }
    let end = match rng.random_range(0..3) {
        0 => EndReason::CallerLeft,
        1 => EndReason::Lost,
        _ => return, // stays until the agent ends it
    };
    world.at(now + ms(rng, 0..4_000), TurnInput::HangUp(end));
}

/// Speech with its breaths, as the voice detector reports it. Returns when it has ended.
fn plan_speech(world: &mut World, rng: &mut StdRng, from: CallTime, length: Duration) -> CallTime {
    let sure = |at: CallTime, after: u64| at + Duration::from_millis(after);
    if rng.random_bool(0.1) {
        world.at(from, TurnInput::SpeechLikely); // a click
        world.at(sure(from, 32), TurnInput::SpeechUnlikely);
        return sure(from, 64);
    }
    world.at(sure(from, 32), TurnInput::SpeechLikely);
    world.at(sure(from, 100), TurnInput::SpeechStarted { at: from });
    let until = sure(from, 120).max(from + length);
    let mut now = sure(from, 100);
    for _ in 0..rng.random_range(0..4) {
        let (pause, breath) = (now + ms(rng, 1..3_000), ms(rng, 30..190));
        if pause + breath >= until {
            break;
        }
        world.at(sure(pause, 32), TurnInput::SpeechPaused { at: pause });
        now = pause + breath;
        world.at(sure(now, 32), TurnInput::SpeechResumed { at: now });
    }
    let end = until.max(sure(now, 33));
    // A track that is muted ends speech without a pause before.
    if rng.random_bool(0.9) {
        world.at(sure(end, 32), TurnInput::SpeechPaused { at: end });
    }
    world.at(sure(end, 200), TurnInput::SpeechEnded { at: end });
    sure(end, 200)
}

/// What the engines do with one output: answer soon, late, twice, wrongly or never.
fn react(world: &mut World, rng: &mut StdRng, now: CallTime, output: TurnOutput) {
    world.outputs += 1;
    assert!(world.ended.is_none(), "nothing comes after the end: {output:?}");
    cover(world, &output);
    match output {
        TurnOutput::Transcribe { utterance, from, until, partial } => {
            assert!(from < until && until <= now, "audio that exists: {from}..{until} at {now}");
            assert!(until.since(from) < Duration::from_secs(31), "what an engine takes");
            world.transcripts.insert(utterance, partial);
            let outcome = match rng.random_range(0..14) {
                0 => TranscriptOutcome::Failed,
                1 => TranscriptOutcome::Words(String::new()),
                2..5 => TranscriptOutcome::Words("Mm-hm, yeah.".into()),
                5 => TranscriptOutcome::Words("لحظة stop".into()),
                6 => TranscriptOutcome::Words(format!("words-{utterance} and")),
                7 => TranscriptOutcome::Words(format!("my number is words-{utterance} 0 5 5")),
                _ => TranscriptOutcome::Words(format!("words-{utterance}")),
            };
            if rng.random_bool(0.95) {
                let times = 1 + u32::from(rng.random_bool(0.1));
                for _ in 0..times {
                    let due = now + ms(rng, 1..3_000);
                    world.at(due, TurnInput::Transcript { utterance, outcome: outcome.clone() });
                }
            }
            if let TranscriptOutcome::Words(words) = outcome
                && !words.starts_with("words-")
            {
                world.murmurs.insert(utterance, words);
            }
        }
        TurnOutput::JudgePause { from, at } => {
            assert!(from < at && at <= now, "a pause that began: {from}..{at} at {now}");
            judge(world, rng, now, at);
        }
        TurnOutput::DropTranscript { utterance } => {
            assert!(world.transcripts.remove(&utterance).is_some(), "dropped what was asked");
        }
        TurnOutput::Reply { reply, to, .. } => {
            answers(world, &to);
            begin_reply(world, rng, now, reply);
        }
        TurnOutput::Prepare { reply, to } => {
            assert!(!to.trim().is_empty(), "a preparation for nothing");
            assert_eq!(world.reply, None, "prepared while the agent is heard");
            assert_eq!(world.prepared, None, "one at a time");
            if rng.random_bool(0.2) {
                let outcome = ReplyOutcome::Failed;
                world.at(now + ms(rng, 1..2_000), TurnInput::ReplyEnded { reply, outcome });
            }
            world.prepared = Some((reply, to));
        }
        TurnOutput::Commit { reply, .. } => {
            let (prepared, to) = world.prepared.take().expect("committed what was prepared");
            assert_eq!(prepared, reply, "committed what was prepared");
            world.committed += 1;
            answers(world, &to);
            begin_reply(world, rng, now, reply);
        }
        TurnOutput::Discard { reply } => {
            let (prepared, _) = world.prepared.take().expect("discarded what was prepared");
            assert_eq!(prepared, reply, "discarded what was prepared");
        }
        TurnOutput::Say { reply, .. } => begin_reply(world, rng, now, reply),
        TurnOutput::Pause { reply } => {
            assert_eq!(world.reply, Some(reply), "paused what was running");
            assert!(world.paused.is_none(), "paused once");
            world.paused = Some((reply, Vec::new()));
            world.paused_times += 1;
        }
        TurnOutput::Resume { reply } => {
            let (paused, held) = world.paused.take().expect("resumed what was paused");
            assert_eq!(paused, reply, "resumed what was paused");
            assert!(!world.speaking, "resumed over the caller's voice");
            let wait = ms(rng, 1..500);
            held.into_iter().for_each(|input| world.at(now + wait, input));
            world.resumed_times += 1;
        }
        TurnOutput::Stop { reply, .. } => {
            assert_eq!(world.reply.take(), Some(reply), "stopped what was running");
            world.paused = None;
            world.audible = None;
        }
        TurnOutput::Unanswered { utterance, .. } => {
            if let Some(utterance) = utterance {
                world.answered_or_explained.insert(utterance);
            }
        }
        TurnOutput::SayFiller { .. }
        | TurnOutput::StopFiller { .. }
        | TurnOutput::StartThinkingSound
        | TurnOutput::StopThinkingSound
        | TurnOutput::State(_) => {}
        TurnOutput::End(reason) => world.ended = Some(reason),
    }
}

/// What the turn detector does: in time, late, twice, never; right, wrong, or nonsense.
fn judge(world: &mut World, rng: &mut StdRng, now: CallTime, at: CallTime) {
    let times = [0, 1, 1, 1, 1, 1, 1, 2][rng.random_range(0..8)];
    for _ in 0..times {
        let complete = match rng.random_range(0..12) {
            0 => f32::NAN,
            1 => rng.random_range(-3.0..4.0),
            _ => rng.random_range(0.0..1.0),
        };
        let late = if rng.random_bool(0.8) { 20..300 } else { 300..6_000 };
        world.at(now + ms(rng, late), TurnInput::PauseJudged { at, complete });
    }
}

fn answers(world: &mut World, to: &str) {
    assert!(!to.trim().is_empty(), "a reply to nothing");
    let murmurs: Vec<_> = world.murmurs.iter().filter(|(_, words)| to.contains(*words)).collect();
    world.answered_or_explained.extend(murmurs.into_iter().map(|(utterance, _)| *utterance));
    for word in to.split(' ').filter_map(|w| w.strip_prefix("words-u")) {
        world.answered_or_explained.insert(UtteranceId(word.parse().unwrap()));
    }
}

fn begin_reply(world: &mut World, rng: &mut StdRng, now: CallTime, reply: ReplyId) {
    assert_eq!(world.reply, None, "never two replies at once");
    assert_eq!(world.prepared, None, "nothing waits behind a reply");
    world.reply = Some(reply);
    if rng.random_bool(0.03) {
        return; // the engine never answers
    }
    let failed = rng.random_bool(0.1);
    let audible = now + ms(rng, 1..4_000);
    if !failed || rng.random_bool(0.5) {
        world.at(audible, TurnInput::ReplyAudible { reply });
    }
    let outcome = if failed { ReplyOutcome::Failed } else { ReplyOutcome::Finished };
    world.at(audible + ms(rng, 1..8_000), TurnInput::ReplyEnded { reply, outcome });
}

fn simulate(seed: u64) -> World {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::default();
    let policy = TurnPolicy {
        call_max: ms(&mut rng, 5_000..600_000),
        endpointing: EndpointingPolicy {
            usual: ms(&mut rng, 0..1_500),
            min: ms(&mut rng, 0..1_500),
            max: ms(&mut rng, 0..3_000),
            ..TurnPolicy::default().endpointing
        },
        judge_pauses: rng.random_bool(0.8),
        interruption_pause: ms(&mut rng, 0..400),
        interruption_min: ms(&mut rng, 0..800),
        interruption_words_min: rng.random_range(1..4),
        resume_after: ms(&mut rng, 200..2_000),
        early_transcript: rng.random_bool(0.7).then(|| ms(&mut rng, 0..300)),
        speculation: rng.random_bool(0.8),
        filler_after: rng.random_bool(0.8).then(|| ms(&mut rng, 0..3_000)),
        fillers_in_a_row: rng.random_bool(0.2),
        thinking_sound_after: rng.random_bool(0.5).then(|| ms(&mut rng, 0..3_000)),
        utterance_max: ms(&mut rng, 3_000..29_000),
        welcome: rng.random_bool(0.8),
        goodbye: rng.random_bool(0.8),
        apology: rng.random_bool(0.8),
        ..TurnPolicy::default()
    };
    world.cover.in_a_row = policy.fillers_in_a_row;
    let mut machine = TurnMachine::new(policy);
    plan_caller(&mut world, &mut rng);

    let mut now = CallTime::ZERO;
    for _ in 0..20_000 {
        let timer = machine.poll_timeout();
        let event = world.events.keys().next().copied();
        match (event, timer) {
            (Some(key), timer) if timer.is_none_or(|timer| key.0 <= timer) => {
                now = now.max(key.0);
                let Some(input) = world.events.remove(&key) else { unreachable!() };
                match &input {
                    TurnInput::ReplyAudible { reply } | TurnInput::ReplyEnded { reply, .. }
                        if world.paused.as_ref().is_some_and(|(id, _)| id == reply) =>
                    {
                        let held = world.paused.as_mut().map(|(_, held)| held);
                        held.into_iter().for_each(|held| held.push(input.clone()));
                        continue;
                    }
                    TurnInput::SpeechStarted { .. } | TurnInput::SpeechResumed { .. } => {
                        world.speaking = true;
                    }
                    TurnInput::SpeechPaused { .. } | TurnInput::SpeechEnded { .. } => {
                        world.speaking = false;
                    }

                    TurnInput::ReplyAudible { reply } if world.reply == Some(*reply) => {
                        world.audible = Some(*reply);
                        world.cover.filler =
                            world.cover.filler.filter(|_| world.cover.answering.is_none());
                        world.cover.answered(*reply);
                    }
                    TurnInput::ReplyEnded { reply, .. }
                        if world.prepared.as_ref().is_some_and(|(id, _)| id == reply) =>
                    {
                        world.prepared = None;
                    }
                    TurnInput::ReplyEnded { reply, .. } if world.reply == Some(*reply) => {
                        world.reply = None;
                        world.audible = None;
                        world.cover.answered(*reply);
                    }
                    _ => {}
                }
                machine.handle_input(now, input);
            }
            (_, Some(timer)) => {
                assert!(timer >= now || machine.poll_timeout().is_some_and(|t| t <= now));
                now = now.max(timer);
                machine.handle_timeout(now);
            }
            _ => break,
        }
        if rng.random_bool(0.02) {
            machine.allow_speculation(rng.random_bool(0.5));
        }
        let mut asked = 0;
        while let Some(output) = machine.poll_output() {
            react(&mut world, &mut rng, now, output);
            asked += 1;
            assert!(asked < 64, "outputs without end at {now}");
        }
        let quiet = world.cover.filler.is_none() && !world.cover.thinking;
        assert!(quiet || !(world.speaking || world.ended.is_some()), "over a voice at {now}");
        if world.ended.is_some() {
            break;
        }
        if let Some((reply, _)) = &world.paused
            && !world.speaking
        {
            let due = machine.poll_timeout().expect("a timer");
            assert!(due <= now + Duration::from_secs(3), "{reply} is silent for nobody at {now}");
        }
        // An active call always has a timeout; a waiting one has the caller's arrival ahead.
        assert!(machine.poll_timeout().is_some() || !world.events.is_empty(), "stuck at {now}");
    }
    world
}

#[test]
fn invariants_hold_over_random_calls() {
    let calls = std::env::var("SAWT_SIM_CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let seeds = match std::env::var("SAWT_SIM_SEED").ok().and_then(|n| n.parse::<u64>().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..calls,
    };
    let (mut outputs, mut committed, mut paused, mut resumed) = (0, 0, 0, 0);
    let (mut fillers, mut sounds) = (0, 0);
    for seed in seeds {
        let world = std::panic::catch_unwind(|| simulate(seed))
            .unwrap_or_else(|_| panic!("seed {seed} failed; replay it with SAWT_SIM_SEED={seed}"));
        assert!(world.ended.is_some(), "seed {seed}: every call ends");
        assert_eq!(world.prepared, None, "seed {seed}: nothing is prepared after the end");
        committed += world.committed;
        paused += world.paused_times;
        resumed += world.resumed_times;
        fillers += world.cover.fillers;
        sounds += world.cover.sounds;
        assert!(world.paused.is_none(), "seed {seed}: nothing is paused after the end");
        assert_eq!(world.reply, None, "seed {seed}: nothing speaks after the end");
        outputs += world.outputs;
        // Words that were heard and not dropped are answered, explained, or cut by the end.
        for (utterance, _) in world.transcripts.iter().filter(|(_, partial)| !**partial) {
            let settled = world.answered_or_explained.contains(utterance);
            assert!(settled, "seed {seed}: {utterance} got no reply and no reason");
        }
    }
    if std::env::var("SAWT_SIM_SEED").is_err() {
        let busy = committed > 100 && resumed > 100 && paused > resumed && outputs > 1_000;
        assert!(busy, "little happened: {committed} {paused} {resumed} {outputs}");
        assert!(fillers > 100 && sounds > 100, "nobody waited: {fillers} {sounds}");
    }
}
