//! What is heard before a reply that is late: a filler, and a quiet sound. Pure.

use std::f32::consts::TAU;

use super::Played;
use super::spoken::Spoken;
use crate::turn::ReplyId;

/// Between a filler and the answer.
const PAUSE_MS: u32 = 120;

/// Quieter than this at its end, a filler is over: what voices add would only keep the answer.
const SILENCE: u16 = 200;

/// The sound's round: a tick and a tock.
const ROUND_MS: u32 = 2_400;

/// Loudest sample of the sound: 30 dB below full scale, some 15 dB below the voices.
const SOUND_PEAK: f32 = 1_000.0;

/// The sound comes slowly and goes quickly.
const FADE_IN_MS: f32 = 600.0;
const FADE_OUT_MS: f32 = 40.0;

/// A short phrase whose audio is there already.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Phrase {
    /// its words
    pub(crate) text: String,
    /// Mono PCM at the agent's rate.
    pub(crate) pcm: Vec<i16>,
    /// When each word starts, in samples; empty where the voice does not tell.
    pub(crate) words: Vec<(String, u64)>,
}

/// A phrase being played.
#[derive(Debug)]
pub(super) struct Filler {
    pub(super) spoken: Spoken,
    pcm: Vec<i16>,
    /// Samples pushed of it, and of what came after it.
    pub(super) pushed: u64,
    pub(super) behind: u64,
}

impl Filler {
    pub(super) fn new(reply: ReplyId, phrase: Phrase, rate_hz: u32) -> Self {
        let mut pcm = phrase.pcm;
        let loud = pcm.iter().rposition(|sample| sample.unsigned_abs() > SILENCE);
        pcm.truncate(loud.map_or(0, |at| at + 1));
        let samples = pcm.len() as u64;
        pcm.resize(pcm.len() + (rate_hz * PAUSE_MS / 1000) as usize, 0);
        let mut spoken = Spoken::new(reply, rate_hz);
        spoken.begin_clause(phrase.text);
        if let Some(clause) = spoken.last() {
            clause.samples = samples;
            clause.words = phrase.words;
            clause.whole = true;
        }
        Self { spoken, pcm, pushed: 0, behind: 0 }
    }

    pub(super) fn next_frame(&mut self, samples: usize, played: &mut Played) -> Option<Vec<i16>> {
        let rest = self.pcm.get(self.pushed as usize..).filter(|rest| !rest.is_empty())?;
        if self.pushed == 0 {
            played.clauses.extend(self.spoken.clauses().iter().map(|clause| clause.text.clone()));
        }
        let mut frame = rest[..samples.min(rest.len())].to_vec();
        frame.resize(samples, 0);
        self.pushed += samples as u64;
        Some(frame)
    }

    /// How much was heard, where `unheard` samples of all that was pushed are ahead of the ear.
    pub(super) fn heard(&self, unheard: u64) -> u64 {
        self.pushed.saturating_sub(unheard.saturating_sub(self.behind))
    }

    pub(super) fn is_over(&self, unheard: u64) -> bool {
        self.pushed as usize >= self.pcm.len() && self.heard(unheard) >= self.pushed
    }
}

/// A soft ticking, made here: it needs no file and can not be taken for words.
#[derive(Debug)]
pub(super) struct ThinkingSound {
    round: Vec<i16>,
    at: usize,
    rate_hz: u32,
    /// 0..1, on its way to 0 or 1.
    volume: f32,
    pub(super) wanted: bool,
}

impl ThinkingSound {
    pub(super) fn new(rate_hz: u32) -> Self {
        let samples = (rate_hz * ROUND_MS / 1000) as usize;
        let mut round = vec![0_f32; samples];
        for (start, pitch_hz) in [(0, 620.0), (samples / 2, 465.0)] {
            for (n, sample) in round[start..].iter_mut().enumerate() {
                let seconds = n as f32 / rate_hz as f32;
                // 4 ms up and a soft decay, like a wooden block far away.
                let envelope = (seconds / 0.004).min(1.0) * (-seconds / 0.045).exp();
                *sample += envelope * (seconds * pitch_hz * TAU).sin();
            }
        }
        let round = round.into_iter().map(|sample| (sample * SOUND_PEAK) as i16).collect();
        Self { round, at: 0, rate_hz, volume: 0.0, wanted: false }
    }

    /// Silent at once.
    pub(super) fn cut(&mut self) {
        (self.wanted, self.volume, self.at) = (false, 0.0, 0);
    }

    pub(super) fn is_silent(&self) -> bool {
        !self.wanted && self.volume <= 0.0
    }

    /// Adds the sound to `frame`; under a voice it fades.
    pub(super) fn mix(&mut self, frame: &mut [i16], voice: bool) {
        let louder = self.wanted && !voice;
        let per_ms = self.rate_hz as f32 / 1000.0;
        let step = if louder { 1.0 / (FADE_IN_MS * per_ms) } else { -1.0 / (FADE_OUT_MS * per_ms) };
        for sample in frame {
            self.volume = (self.volume + step).clamp(0.0, 1.0);
            let sound = f32::from(self.round[self.at]) * self.volume;
            *sample = sample.saturating_add(sound as i16);
            self.at = (self.at + 1) % self.round.len();
        }
    }
}
