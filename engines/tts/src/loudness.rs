//! Brings all voices to one loudness, without clipping. Pure functions on samples.

/// RMS of speech, without its pauses, that every voice is brought to: -20 dBFS.
const TARGET_RMS: f32 = 0.1;
/// Above this the limiter bends the samples; below it they pass unchanged.
const KNEE: f32 = 0.7;
/// The loudest sample the limiter lets out.
const CEILING: f32 = 0.98;

/// RMS of the windows of `pcm` that hold speech; `None` for silence.
pub(crate) fn speech_rms(pcm: &[f32], rate_hz: u32) -> Option<f32> {
    let window = (rate_hz / 50).max(1) as usize; // 20 ms
    let power = |w: &[f32]| w.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / w.len() as f64;
    let powers: Vec<f64> = pcm.chunks_exact(window).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    // -60 dBFS and less is no speech at all.
    if loudest < 1e-6 {
        return None;
    }
    // Windows within 25 dB of the loudest are speech, the rest pauses.
    let speech: Vec<f64> = powers.into_iter().filter(|p| *p > loudest / 316.0).collect();
    Some((speech.iter().sum::<f64>() / speech.len() as f64).sqrt() as f32)
}

/// Gain that brings a voice whose calibration sentence is `pcm` to the common loudness.
pub(crate) fn gain_for(pcm: &[f32], rate_hz: u32) -> f32 {
    speech_rms(pcm, rate_hz).map_or(1.0, |rms| (TARGET_RMS / rms).clamp(0.1, 8.0))
}

/// Applies `gain`; peaks bend softly below full scale in place of clipping.
pub(crate) fn apply(pcm: &mut [f32], gain: f32) {
    for sample in pcm {
        let loud = *sample * gain;
        let over = loud.abs() - KNEE;
        *sample = if over <= 0.0 {
            loud
        } else {
            let room = CEILING - KNEE;
            (KNEE + room * (over / room).tanh()).copysign(loud)
        };
    }
}

/// 16-bit samples of `pcm`.
pub(crate) fn to_i16(pcm: &[f32]) -> impl Iterator<Item = i16> {
    // A resampler may overshoot the limiter's ceiling a little: the cast saturates.
    pcm.iter().map(|sample| (sample * 32767.0).round() as i16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, seconds: usize) -> Vec<f32> {
        (0..16_000 * seconds).map(|i| amplitude * (i as f32 * 0.2).sin()).collect()
    }

    #[test]
    fn pauses_do_not_count() {
        let mut pcm = tone(0.5, 1);
        let alone = speech_rms(&pcm, 16_000).unwrap();
        pcm.extend(vec![0.0; 32_000]);
        assert!((speech_rms(&pcm, 16_000).unwrap() - alone).abs() < 0.01);
        assert!(speech_rms(&[0.0; 16_000], 16_000).is_none());
    }

    #[test]
    fn quiet_and_loud_voices_meet_and_never_clip() {
        for amplitude in [0.02, 0.3, 1.0] {
            let mut pcm = tone(amplitude, 1);
            let gain = gain_for(&pcm, 16_000);
            apply(&mut pcm, gain);
            let rms = speech_rms(&pcm, 16_000).unwrap();
            assert!((rms - TARGET_RMS).abs() < 0.01, "{amplitude}: {rms}");
        }
        let mut pcm = tone(1.0, 1);
        apply(&mut pcm, 8.0);
        assert!(pcm.iter().all(|s| s.abs() <= CEILING));
    }
}
