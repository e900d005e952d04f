//! What callers and engines of one simulated call share, and the caller's ear.
//!
//! Every word of a reply names its generation and its place, and every sample names the synthesis that made it:
//! so the ear knows what it hears. The names are letters, because digits are spoken differently.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::audio::duration_of;
use crate::simulation::Chance;
use crate::transport::Caption;
use crate::turn::CallTime;

pub(super) const RATE_HZ: u32 = 8_000;
/// A word's length when it is spoken.
pub(super) const WORD_SAMPLES: usize = 800;
/// What the samples of the first synthesis are; of the next, one more. Loud: quiet ones are taken off the head of a reply.
pub(super) const FIRST_SYNTHESIS: i16 = 1_000;
pub(super) const LEAD_MS: u32 = 60;

/// Shared by the caller and all engines of a call.
#[derive(Clone)]
pub(super) struct Stage(Arc<Mutex<State>>);

pub(super) struct State {
    pub(super) chance: Chance,
    pub(super) ear: Ear,
    pub(super) syntheses: Vec<Synthesis>,
    pub(super) generations: u32,
    pub(super) utterances: u32,
    /// Final transcripts with words that were given.
    pub(super) transcribed: BTreeSet<u32>,
    /// Requests that engines work on.
    pub(super) working: u32,
    pub(super) start: tokio::time::Instant,
    /// How long the call stood still.
    pub(super) stalled: Duration,
    pub(super) trace: bool,
    /// What an engine saw that must not be. A panic in one of the call's tasks would only end that task.
    pub(super) broken: Option<String>,
}

pub(super) struct Synthesis {
    pub(super) generation: Option<u32>,
    pub(super) samples: u64,
}

/// An engine works as long as this lives.
pub(super) struct Working(Stage);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.lock().working -= 1;
    }
}

impl Stage {
    pub(super) fn new(seed: u64, trace: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: Chance::new(seed),
            ear: Ear::default(),
            syntheses: Vec::new(),
            generations: 0,
            utterances: 0,
            transcribed: BTreeSet::new(),
            working: 0,
            start: tokio::time::Instant::now(),
            stalled: Duration::ZERO,
            trace,
            broken: None,
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn work(&self) -> Working {
        self.lock().working += 1;
        Working(self.clone())
    }

    pub(super) fn now(&self) -> CallTime {
        let state = self.lock();
        CallTime::ZERO + state.start.elapsed() + state.stalled
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.lock().trace {
            println!("{:>9} {}", self.now().to_string(), what());
        }
    }
}

/// What the caller hears, by when.
#[derive(Debug, Default)]
pub(super) struct Ear {
    /// In order; the last ones are ahead of now.
    pub(super) heard: Vec<Piece>,
    until: CallTime,
    /// Captions' line of each generation.
    segments: BTreeMap<u32, u64>,
    closed: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) synthesis: i16,
    pub(super) from: CallTime,
    pub(super) until: CallTime,
}

impl State {
    /// As `assert!`, for engines.
    pub(super) fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            if self.trace {
                println!("!!! {what}");
            }
            self.broken.get_or_insert(what);
        }
    }

    fn generation_of(&self, synthesis: i16) -> Option<u32> {
        self.syntheses.get(usize::try_from(synthesis - FIRST_SYNTHESIS).ok()?)?.generation
    }

    /// Frames on their way to the ear.
    pub(super) fn push(&mut self, now: CallTime, pcm: &[i16]) {
        self.ear.until = self.ear.until.max(now);
        for run in pcm.chunk_by(|a, b| a == b) {
            let from = self.ear.until;
            let until = from + duration_of(run.len() as u64, RATE_HZ);
            self.ear.until = until;
            let synthesis = run[0];
            if synthesis == 0 {
                continue; // what fills the last frame up
            }
            if let Some(generation) = self.generation_of(synthesis) {
                self.check_order(generation, synthesis);
            }
            match self.ear.heard.last_mut() {
                Some(last) if last.synthesis == synthesis && last.until == from => {
                    last.until = until;
                }
                _ => self.ear.heard.push(Piece { synthesis, from, until }),
            }
        }
        let ahead = self.ear.until.since(now);
        let most = Duration::from_millis(u64::from(LEAD_MS) + 20);
        assert!(ahead <= most, "{ahead:?} of audio ahead of the ear");
    }

    /// Replies are heard one after another, and none after it was over.
    fn check_order(&self, generation: u32, synthesis: i16) {
        let of_replies = self.ear.heard.iter().rev();
        let mut before = of_replies.filter(|piece| self.generation_of(piece.synthesis).is_some());
        if let Some(last) = before.next() {
            assert!(last.synthesis <= synthesis, "an older reply is heard again");
        }
        let segment = self.ear.segments.get(&generation);
        let over = segment.is_some_and(|segment| self.ear.closed.contains(segment));
        assert!(!over, "generation {generation} is heard after it was stopped");
    }

    /// What was pushed and not heard is dropped.
    pub(super) fn clear(&mut self, now: CallTime) {
        let ear = &mut self.ear;
        ear.heard.retain(|piece| piece.from < now);
        if let Some(last) = ear.heard.last_mut() {
            last.until = last.until.min(now);
        }
        ear.until = ear.until.min(now);
    }

    pub(super) fn caption(&mut self, now: CallTime, caption: &Caption) {
        for (generation, _) in names(&caption.text) {
            self.ear.segments.insert(generation, caption.segment);
        }
        if caption.last {
            self.ear.closed.insert(caption.segment);
            let newest = self.ear.heard.last().filter(|piece| piece.until > now);
            let its = newest.and_then(|piece| self.generation_of(piece.synthesis));
            let segment = its.and_then(|generation| self.ear.segments.get(&generation));
            assert_ne!(segment, Some(&caption.segment), "it is still heard");
        } else {
            let over = self.ear.closed.contains(&caption.segment);
            assert!(!over, "shown after it was stopped: {caption:?}");
        }
    }

    /// How many samples of `synthesis` were heard until `now`.
    fn samples_heard(&self, now: CallTime, synthesis: i16) -> u64 {
        let pieces = self.ear.heard.iter().filter(|piece| piece.synthesis == synthesis);
        let heard = pieces.map(|piece| piece.until.min(now).since(piece.from));
        crate::audio::samples_in(heard.sum(), RATE_HZ)
    }

    /// How many words of `generation` were heard until `now`.
    pub(super) fn words_heard(&self, now: CallTime, generation: u32) -> u64 {
        let of_it = |(_, s): &(i16, &Synthesis)| s.generation == Some(generation);
        let samples = (FIRST_SYNTHESIS..).zip(&self.syntheses).filter(of_it);
        samples.map(|(id, _)| self.samples_heard(now, id)).sum::<u64>() / WORD_SAMPLES as u64
    }

    /// Nothing was heard twice.
    pub(super) fn check_nothing_twice(&self) {
        for (id, synthesis) in
            (FIRST_SYNTHESIS..).zip(&self.syntheses).filter(|(_, s)| s.generation.is_some())
        {
            let heard = self.samples_heard(CallTime::from_millis(u64::MAX / 1_000), id);
            let made = synthesis.samples;
            // Times are whole microseconds.
            assert!(heard <= made + 8, "{heard} samples heard of {made}");
        }
    }

    /// Pieces of replies that were heard.
    pub(super) fn replies_heard(&self) -> impl Iterator<Item = (u32, Piece)> {
        self.ear.heard.iter().filter_map(|p| Some((self.generation_of(p.synthesis)?, *p)))
    }
}

fn letters(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

fn number(letters: &str) -> Option<u32> {
    let digit = |c: char| matches!(c, 'a'..='j').then(|| char::from(c as u8 - b'a' + b'0'));
    letters.chars().map(digit).collect::<Option<String>>()?.parse().ok()
}

/// A word of a reply.
pub(super) fn name(generation: u32, word: u32) -> String {
    format!("z{}x{}", letters(generation), letters(word))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic())
}

/// The named words in `text`: generation and place.
pub(super) fn names(text: &str) -> impl Iterator<Item = (u32, u32)> {
    words(text).filter_map(|word| {
        let (generation, place) = word.strip_prefix('z')?.split_once('x')?;
        Some((number(generation)?, number(place)?))
    })
}

/// A word of the caller.
pub(super) fn said(utterance: u32) -> String {
    format!("y{}", letters(utterance))
}

/// The utterances in `text`.
pub(super) fn utterances(text: &str) -> impl Iterator<Item = u32> {
    words(text).filter_map(|word| number(word.strip_prefix('y')?))
}
