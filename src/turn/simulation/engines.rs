//! What the engines do with what the machine asks: answer soon, late, twice, wrongly or never.

use super::world::World;
use crate::simulation::Chance;
use crate::turn::{CallTime, ReplyId, ReplyOutcome, TranscriptOutcome, TurnInput, UtteranceId};

/// Each utterance's words carry its number, which makes them known in what is answered. What stands in brackets was
/// not said, so a murmur with its number is a murmur.
pub(super) fn transcribe(world: &mut World, chance: &mut Chance, id: UtteranceId) {
    let now = world.now;
    let outcome = match chance.below(15) {
        0 => TranscriptOutcome::Failed,
        1 => TranscriptOutcome::Words(String::new()),
        2..5 => TranscriptOutcome::Words(format!("Mm-hm, yeah. [{id}]")),
        5 => TranscriptOutcome::Words(format!("لحظة stop [{id}]")),
        6 => TranscriptOutcome::Words(format!("words {id} and")),
        8 => TranscriptOutcome::Murmur(format!("them {id}")),
        7 => TranscriptOutcome::Words(format!("my number is {id} 0 5 5")),
        _ => TranscriptOutcome::Words(format!("some words {id}")),
    };
    if chance.percent(95) {
        let due = now + chance.ms(1, 3_000);
        let again = chance.percent(10).then(|| due + chance.ms(0, 3_000));
        world.at(due, TurnInput::Transcript { utterance: id, outcome });
        if let Some(again) = again {
            let outcome = TranscriptOutcome::Words(format!("other words {id} again"));
            world.at(again, TurnInput::Transcript { utterance: id, outcome });
        }
    }
}

/// The turn detector: in time, late, twice, never; right, wrong, or nonsense.
pub(super) fn judge(world: &mut World, chance: &mut Chance, at: CallTime) {
    let times = [0, 1, 1, 1, 1, 1, 1, 2][chance.below(8) as usize];
    for _ in 0..times {
        let complete = match chance.below(12) {
            0 => f32::NAN,
            1 => chance.float(-3.0, 4.0),
            _ => chance.float(0.0, 1.0),
        };
        let late = if chance.percent(80) { chance.ms(20, 300) } else { chance.ms(300, 6_000) };
        world.at(world.now + late, TurnInput::PauseJudged { at, complete });
    }
}

/// A reply that is prepared answers only when it fails.
pub(super) fn prepare(world: &mut World, chance: &mut Chance, reply: ReplyId) {
    if chance.percent(20) {
        let outcome = ReplyOutcome::Failed;
        world.at(world.now + chance.ms(1, 2_000), TurnInput::ReplyEnded { reply, outcome });
    }
}

pub(super) fn reply(world: &mut World, chance: &mut Chance, reply: ReplyId) {
    if chance.percent(3) {
        return; // the engine never answers
    }
    let failed = chance.percent(10);
    let audible = world.now + chance.ms(1, 4_000);
    if !failed || chance.percent(50) {
        world.at(audible, TurnInput::ReplyAudible { reply });
    }
    let outcome = if failed { ReplyOutcome::Failed } else { ReplyOutcome::Finished };
    let ended = audible + chance.ms(1, 8_000);
    world.at(ended, TurnInput::ReplyEnded { reply, outcome });
    if chance.percent(5) {
        world.at(ended + chance.ms(0, 2_000), TurnInput::ReplyEnded { reply, outcome }); // twice
    }
}
