//! The arithmetic of a voice. That real voices stream is shown in `tests/conformance.rs`.

use super::*;

#[test]
fn own_pace_is_untouched_and_all_allowed_speeds_stay_positive() {
    assert!((stretch(1.0) - 1.0).abs() < 1e-6);
    assert!(stretch(2.0) > 0.3 && stretch(0.5) < 2.4);
}

#[test]
fn word_starts_follow_the_durations_or_are_withheld() {
    let run = Run { ids: vec![1, 0, 4, 0, 2], word_starts: vec![2] };
    let frames = [1.0, 2.0, 3.0, 0.0, 1.0];
    assert_eq!(word_starts(&run, &frames, 7 * 256), Some(vec![3 * 256]));
    assert_eq!(word_starts(&run, &frames, 8 * 256), None);
    assert_eq!(word_starts(&run, &frames[1..], 6 * 256), None);
    assert_eq!(word_starts(&run, &[f32::INFINITY, f32::NAN, 1.0, 1.0, 1.0], 1), None);
}

#[test]
fn distance_is_told_in_decibels() {
    let tone: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.1).sin()).collect();
    let near: Vec<f32> = tone.iter().map(|s| s * 1.01).collect();
    assert!((snr_db(&tone, &near) - 40.0).abs() < 0.1);
    assert_eq!(snr_db(&tone, &tone), f64::INFINITY);
    assert_eq!(snr_db(&tone, &tone[1..]), f64::NEG_INFINITY);
}
