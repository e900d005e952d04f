//! A caller's whole behaviour, decided ahead: speech, pauses, noises, text, hanging up.

use std::time::Duration;

use super::world::World;
use crate::simulation::Chance;
use crate::turn::{CallTime, EndReason, OrderedLine, TurnInput};

pub(super) fn plan(world: &mut World, chance: &mut Chance) {
    let mut now = CallTime::ZERO + chance.ms(0, 2_000);
    if chance.percent(3) {
        let early = CallTime::ZERO + chance.ms(0, 2_500); // perhaps before anybody listens
        write(world, chance, early);
    }
    world.at(now, TurnInput::CallerReady);
    for _ in 0..chance.below(14) {
        now = now + chance.ms(20, 6_000);
        match chance.below(10) {
            0 => {
                let messages_max = if chance.percent(10) { 10 } else { 2 };
                for _ in 0..chance.between(1, messages_max) {
                    now = now + chance.ms(1, 900);
                    write(world, chance, now);
                }
            }
            1 => {} // silence
            2 if chance.percent(20) => {
                // Ten interruptions in ten seconds.
                for _ in 0..10 {
                    let length = chance.ms(150, 700);
                    now = speech(world, chance, now, length) + chance.ms(1, 500);
                }
            }
            kind => {
                let length = match kind {
                    2 => chance.ms(30, 300),         // a cough, "mm-hm"
                    3 => chance.ms(20_000, 200_000), // never stops
                    _ => chance.ms(300, 6_000),
                };
                now = speech(world, chance, now, length);
                if chance.percent(30) {
                    now = now + chance.ms(20, 400); // a pause in mid-sentence
                    let length = chance.ms(100, 3_000);
                    now = speech(world, chance, now, length);
                }
                if chance.percent(20) {
                    // Searches for words, again and again.
                    for _ in 0..chance.between(2, 6) {
                        now = now + chance.ms(100, 2_500);
                        let length = chance.ms(150, 1_500);
                        now = speech(world, chance, now, length);
                    }
                }
            }
        }
    }
    if chance.percent(30) {
        orders(world, chance, now);
    }
    let end = match chance.below(3) {
        0 => EndReason::CallerLeft,
        1 => EndReason::Lost,
        _ => return, // stays until the agent ends it
    };
    world.at(now + chance.ms(0, 4_000), TurnInput::HangUp(end));
}

/// A rule or a tool wants something said, or the call ended.
fn orders(world: &mut World, chance: &mut Chance, until: CallTime) {
    let whole = until.since(CallTime::ZERO).as_millis().max(1);
    let when = |chance: &mut Chance| {
        CallTime::ZERO + chance.ms(0, u64::try_from(whole).expect("a short call"))
    };
    for number in 1..=u32::try_from(chance.between(1, 4)).expect("few") {
        let at = when(chance);
        world.at(at, TurnInput::SayLine(OrderedLine(number)));
    }
    if chance.percent(50) {
        let line = chance.percent(50).then_some(OrderedLine(99));
        let at = when(chance);
        world.at(at, TurnInput::Close { reason: EndReason::AgentEnded, line });
    }
}

/// A written message: its number makes it known in what is answered. Some are as long as they may be.
fn write(world: &mut World, chance: &mut Chance, now: CallTime) {
    let rest = if chance.percent(20) { 1_900 } else { 0 };
    world.written += 1;
    let number = world.written;
    world.at(now, TurnInput::CallerText(format!("typed t{number} {}", "x".repeat(rest))));
}

/// Speech with its breaths, as the voice detector reports it. Returns when it has ended.
fn speech(world: &mut World, chance: &mut Chance, from: CallTime, length: Duration) -> CallTime {
    let sure = |at: CallTime, after: u64| at + Duration::from_millis(after);
    if chance.percent(10) {
        world.at(from, TurnInput::SpeechLikely); // a click
        world.at(sure(from, 32), TurnInput::SpeechUnlikely);
        return sure(from, 64);
    }
    world.at(sure(from, 32), TurnInput::SpeechLikely);
    world.at(sure(from, 100), TurnInput::SpeechStarted { at: from });
    let until = sure(from, 120).max(from + length);
    let mut now = sure(from, 100);
    for _ in 0..chance.below(4) {
        let (pause, breath) = (now + chance.ms(1, 3_000), chance.ms(30, 190));
        if pause + breath >= until {
            break;
        }
        world.at(sure(pause, 32), TurnInput::SpeechPaused { at: pause });
        now = pause + breath;
        world.at(sure(now, 32), TurnInput::SpeechResumed { at: now });
    }
    let end = until.max(sure(now, 33));
    // A track that is muted ends speech without a pause before.
    if chance.percent(90) {
        world.at(sure(end, 32), TurnInput::SpeechPaused { at: end });
    }
    world.at(sure(end, 200), TurnInput::SpeechEnded { at: end });
    sure(end, 200)
}
