//! Voice activity by loudness over an adaptive noise floor: the fallback when Silero is off,
//! missing or failing. Needs no model; takes any loud steady sound for speech until the floor
//! has followed it.

use super::{VoiceActivity, WINDOW_SAMPLES};
use crate::audio::{CALLER_RATE_HZ, rms};
use crate::engines::EngineError;

/// Quieter than this is never speech, whatever the floor says.
const SPEECH_DBFS_MIN: f32 = -52.0;
/// Loudness over the floor at which speech and noise are equally likely.
const EVEN_DB: f32 = 10.0;
/// Decibels over or under that which change the odds by a factor of e.
const SLOPE_DB: f32 = 2.0;
/// The floor before anything was heard: a quiet room on a phone.
const FLOOR_DBFS_START: f32 = -50.0;
const FLOOR_DBFS_MIN: f32 = -75.0;
const FLOOR_DBFS_MAX: f32 = -25.0;
/// The floor rises slowly, so that a long sentence does not become its own floor: pauses between
/// words pull it down again.
const RISE_DB_PER_S: f32 = 3.0;
/// It falls to half the distance in this time.
const FALL_HALF_LIFE_S: f32 = 0.1;

const WINDOW_S: f32 = WINDOW_SAMPLES as f32 / CALLER_RATE_HZ as f32;

/// One caller's loudness VAD.
#[derive(Debug, Clone)]
pub struct EnergyVad {
    floor_dbfs: f32,
}

impl Default for EnergyVad {
    fn default() -> Self {
        Self { floor_dbfs: FLOOR_DBFS_START }
    }
}

impl EnergyVad {
    /// For a new caller.
    pub fn new() -> Self {
        Self::default()
    }

    /// What counts as silence for this caller now.
    pub const fn floor_dbfs(&self) -> f32 {
        self.floor_dbfs
    }

    fn follow(&mut self, dbfs: f32) {
        if dbfs < self.floor_dbfs {
            let kept = 0.5_f32.powf(WINDOW_S / FALL_HALF_LIFE_S);
            self.floor_dbfs = dbfs + (self.floor_dbfs - dbfs) * kept;
        } else {
            self.floor_dbfs = dbfs.min(self.floor_dbfs + RISE_DB_PER_S * WINDOW_S);
        }
        self.floor_dbfs = self.floor_dbfs.clamp(FLOOR_DBFS_MIN, FLOOR_DBFS_MAX);
    }
}

impl VoiceActivity for EnergyVad {
    fn score(&mut self, window: &[i16]) -> Result<f32, EngineError> {
        let dbfs = 20.0 * rms(window).max(1e-6).log10();
        let over_db = dbfs - self.floor_dbfs - EVEN_DB;
        self.follow(dbfs);
        if dbfs < SPEECH_DBFS_MIN {
            return Ok(0.0);
        }
        Ok(1.0 / (1.0 + (-over_db / SLOPE_DB).exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise at `dbfs`, the same at every run.
    fn noise(dbfs: f32, windows: usize, seed: u32) -> Vec<Vec<i16>> {
        let peak = 32768.0 * 10_f32.powf(dbfs / 20.0) * 3.0_f32.sqrt();
        let mut state = seed;
        let mut sample = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * peak
        };
        (0..windows).map(|_| (0..WINDOW_SAMPLES).map(|_| sample() as i16).collect()).collect()
    }

    /// Share of windows that score as speech.
    fn fraction(vad: &mut EnergyVad, windows: &[Vec<i16>]) -> f32 {
        let speech = windows.iter().filter(|w| vad.score(w).unwrap() > 0.5).count();
        speech as f32 / windows.len() as f32
    }

    #[test]
    fn quiet_room_is_silence_and_a_voice_in_it_is_speech() {
        let mut vad = EnergyVad::new();
        assert!(fraction(&mut vad, &noise(-60.0, 60, 1)) < 0.01);
        assert!(fraction(&mut vad, &noise(-25.0, 60, 2)) > 0.95);
        assert!(fraction(&mut vad, &noise(-60.0, 60, 3)) < 0.1);
    }

    #[test]
    fn digital_silence_is_silence_and_first_quiet_speech_is_found() {
        let mut vad = EnergyVad::new();
        assert_eq!(vad.score(&[0; WINDOW_SAMPLES]).unwrap(), 0.0);
        assert!(fraction(&mut EnergyVad::new(), &noise(-30.0, 30, 1)) > 0.95);
    }

    #[test]
    fn steady_noise_becomes_the_floor_and_speech_over_it_is_found() {
        let mut vad = EnergyVad::new();
        let noisy = noise(-38.0, 400, 4);
        fraction(&mut vad, &noisy);
        assert!((vad.floor_dbfs() + 38.0).abs() < 2.0, "{}", vad.floor_dbfs());
        assert!(fraction(&mut vad, &noise(-38.0, 100, 5)) < 0.01);
        assert!(fraction(&mut vad, &noise(-18.0, 60, 6)) > 0.95);
    }

    #[test]
    fn syllables_keep_the_floor_down_through_a_long_turn() {
        let mut vad = EnergyVad::new();
        let mut found = 0.0;
        for second in 0..30 {
            // Speech is 200 ms loud, 60 ms quiet, again and again.
            for syllable in 0..4 {
                let seed = second * 10 + syllable;
                found += fraction(&mut vad, &noise(-24.0, 6, seed));
                fraction(&mut vad, &noise(-50.0, 2, seed + 1000));
            }
        }
        assert!(found / 120.0 > 0.95, "{found}");
    }
}
