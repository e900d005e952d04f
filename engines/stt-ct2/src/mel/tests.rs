//! Held to a reference: numbers that faster-whisper gives for the same sound.

use super::*;

/// A rising tone for 0.75 s with a whistle in every other tenth of a second: by formula, so that
/// the reference can make the same.
fn sound() -> Vec<f32> {
    (0..12_000)
        .map(|n| {
            let t = f64::from(n) / 16_000.0;
            let rising = 0.4 * (2.0 * PI * (200.0 * t + 2000.0 * t * t)).sin();
            let whistle = 0.1 * (2.0 * PI * 6500.0 * t).sin();
            (rising + whistle * f64::from(n / 1600 % 2)) as f32
        })
        .collect()
}

#[track_caller]
fn check(bands: usize, samples: &[f32], frames: usize, golden: &[(usize, usize, f32)]) {
    let rows = Mel::new(bands).of(samples, frames);
    assert_eq!(rows.len(), bands * frames);
    for &(band, frame, wanted) in golden {
        let found = rows[band * frames + frame];
        assert!((found - wanted).abs() < 1e-3, "band {band}, frame {frame}: {found}, not {wanted}");
    }
}

/// The numbers are what faster-whisper 1.2.1's feature extractor gives for the same sound with
/// silence up to 81,920 samples.
#[test]
fn a_short_sound_gives_the_reference_spectrogram() {
    let golden = [
        (0, 0, 1.11598),
        (5, 0, 1.22680),
        (10, 1, 0.29053),
        (20, 10, 0.24795),
        (35, 30, 1.33405),
        (50, 45, -0.60556),
        (70, 20, 0.09198),
        (76, 15, -0.29660),
        (79, 60, 0.21869),
        (40, 74, -0.09161),
        (40, 75, 0.41882),
        (10, 76, -0.17562),
        (3, 200, -0.60556),
        (79, 511, -0.60556),
    ];
    check(80, &sound(), 512, &golden);
}

/// As above, with the sound repeated to fill 30 s, and the 128 bands of large-v3.
#[test]
fn a_full_window_gives_the_reference_spectrogram_to_its_last_frame() {
    let golden = [
        (0, 0, 1.04022),
        (30, 1500, 0.56698),
        (90, 2998, 1.12147),
        (120, 2999, 0.89057),
        (10, 2999, -0.39469),
        (60, 2999, -0.24846),
    ];
    check(128, &sound().repeat(40), 3000, &golden);
}

#[test]
fn scraps_and_too_much_sound_fit_the_window() {
    for samples in [0, 1, 159, 200, 399, 16_000 * 6] {
        let rows = Mel::new(80).of(&vec![0.3; samples], 512);
        assert!(rows.len() == 80 * 512 && rows.iter().all(|v| v.is_finite()), "{samples}");
    }
}
