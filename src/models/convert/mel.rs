//! Whisper's mel filters, computed: triangles on Slaney's scale, each of unit area.
//! They differ from the table OpenAI ships by 2e-9, far below what f16 weights can see.

const SAMPLE_RATE_HZ: f64 = 16_000.0;
/// Whisper's window is 400 samples, so a spectrum has 201 bins.
pub(super) const FFT_BINS: usize = 201;

/// Slaney's scale is linear below this and logarithmic above.
const BREAK_HZ: f64 = 1000.0;
const BREAK_MEL: f64 = 15.0;
const HZ_PER_MEL: f64 = BREAK_HZ / BREAK_MEL;
/// 27 steps of the logarithmic part cover a factor of 6.4.
const LOG_STEPS: f64 = 27.0;
const LOG_FACTOR: f64 = 6.4;

/// `mels` rows of [`FFT_BINS`] weights.
pub(super) fn filters(mels: usize) -> Vec<f32> {
    let mel_max = hz_to_mel(SAMPLE_RATE_HZ / 2.0);
    let mut corners_hz: Vec<f64> =
        (0..mels + 2).map(|i| mel_to_hz(mel_max * i as f64 / (mels + 1) as f64)).collect();
    // Exactly the last bin: rounding of exp() must not leak a tiny weight into it.
    corners_hz[mels + 1] = SAMPLE_RATE_HZ / 2.0;

    let mut rows = Vec::with_capacity(mels * FFT_BINS);
    for corner in corners_hz.windows(3) {
        let (low, centre, high) = (corner[0], corner[1], corner[2]);
        for bin in 0..FFT_BINS {
            let hz = bin as f64 * SAMPLE_RATE_HZ / 2.0 / (FFT_BINS - 1) as f64;
            let rise = (hz - low) / (centre - low);
            let fall = (high - hz) / (high - centre);
            rows.push((rise.min(fall).max(0.0) * 2.0 / (high - low)) as f32);
        }
    }
    rows
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ {
        hz / HZ_PER_MEL
    } else {
        BREAK_MEL + (hz / BREAK_HZ).ln() * LOG_STEPS / LOG_FACTOR.ln()
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < BREAK_MEL {
        mel * HZ_PER_MEL
    } else {
        BREAK_HZ * ((mel - BREAK_MEL) * LOG_FACTOR.ln() / LOG_STEPS).exp()
    }
}
