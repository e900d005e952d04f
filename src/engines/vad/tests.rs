//! Silero on real speech. Needs the starter models; without them these tests say so and pass,
//! unless SAWT_REQUIRE_MODELS is set, as the tier with models does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::energy::EnergyVad;
use super::silero::{SileroModel, SileroVad};
use super::{VoiceActivity, WINDOW_SAMPLES};

/// One second of silence, "Hello, thank you for calling. How can I help you today?" by the
/// starter voice, one second of silence.
const CLIP: &str = "tests/data/hello-joe-16k.wav";

fn models() -> Option<(PathBuf, PathBuf)> {
    let root = std::env::var_os("SAWT_MODELS_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/sawt/models"),
        PathBuf::from,
    );
    let files =
        (root.join("onnxruntime/libonnxruntime.so"), root.join("silero-vad/silero_vad.onnx"));
    if files.0.is_file() && files.1.is_file() {
        return Some(files);
    }
    let required = std::env::var_os("SAWT_REQUIRE_MODELS").is_some();
    assert!(!required, "{} is incomplete; run `sawt models pull`", root.display());
    eprintln!("skipped: {} is incomplete; run `sawt models pull`", root.display());
    None
}

fn model() -> Option<Arc<SileroModel>> {
    let (library, model) = models()?;
    Some(SileroModel::load(&library, &model).unwrap())
}

fn clip() -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CLIP);
    hound::WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

fn scores(vad: &mut dyn VoiceActivity, pcm: &[i16]) -> Vec<f32> {
    pcm.chunks_exact(WINDOW_SAMPLES).map(|window| vad.score(window).unwrap()).collect()
}

fn fraction(scores: &[f32]) -> f32 {
    scores.iter().filter(|score| **score > 0.5).count() as f32 / scores.len() as f32
}

#[test]
fn silero_finds_the_speech_and_only_the_speech() {
    let Some(model) = model() else { return };
    let clip = clip();
    let heard = scores(&mut SileroVad::new(model), &clip);
    // The first and the last second (31 windows each) are silence; between them are also the
    // pause of two sentences and the clip's own silent end: 0.79 is right.
    let speech = &heard[31..heard.len() - 31];
    assert!((fraction(speech) - 0.79).abs() < 0.05, "{}", fraction(speech));
    assert!(fraction(&heard[..29]) < 0.01, "{:?}", &heard[..31]);
    assert!(fraction(&heard[heard.len() - 20..]) < 0.01, "{:?}", &heard[heard.len() - 20..]);
}

/// Seconds of hostile and of ordinary sound, each with the clip's speech somewhere in it: speech alone, in noise of
/// several strengths, clipped, barely audible; then full-scale noise, a square wave, and a single click in silence.
fn sounds() -> Vec<(String, Vec<i16>)> {
    let clip = clip();
    let mut seed = 7_u32;
    let mut noise = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as f32 / 32_768.0 - 1.0
    };
    let mut sounds = Vec::new();
    for (gain, hiss) in
        [(1.0, 0.0), (1.0, 30.0), (1.0, 300.0), (1.0, 3_000.0), (0.01, 0.0), (12.0, 100.0)]
    {
        let heard = clip.iter().map(|&s| (f32::from(s) * gain + noise() * hiss) as i16);
        sounds.push((format!("speech × {gain} in noise of {hiss}"), heard.collect()));
    }
    sounds.push(("noise".into(), (0..64_000).map(|_| (noise() * 32_767.0) as i16).collect()));
    let square = |n: usize| if (n / 40).is_multiple_of(2) { i16::MAX } else { i16::MIN };
    sounds.push(("square wave".into(), (0..64_000).map(square).collect()));
    let click = |n: usize| if n == 9_000 { i16::MIN } else { 0 };
    sounds.push(("click".into(), (0..32_000).map(click).collect()));
    sounds
}

#[test]
fn our_network_hears_what_onnx_runtime_hears() {
    let Some((library, model)) = models() else { return };
    let reference = SileroModel::load_in_library(&library, &model).unwrap();
    let ours = SileroModel::load(&library, &model).unwrap();
    assert!(!ours.is_in_library(), "the network was refused at load");
    let mut theirs = SileroVad::new(reference);
    let mut ours = SileroVad::new(ours);
    // One caller hears all of it, six times over: what is remembered may not drift apart.
    for (sound, pcm) in sounds().iter().cycle().take(54) {
        let wanted = scores(&mut theirs, pcm);
        let heard = scores(&mut ours, pcm);
        let apart = wanted.iter().zip(&heard).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        assert!(apart < 1e-4, "{sound}: {apart}");
    }
}

#[test]
fn without_the_context_of_the_window_before_speech_is_missed() {
    let Some((library, model)) = models() else { return };
    // The network of our own takes no other length.
    let mut vad = SileroVad::new(SileroModel::load_in_library(&library, &model).unwrap());
    let windows = clip();
    let windows = windows.chunks_exact(WINDOW_SAMPLES);
    let heard: Vec<f32> = windows.map(|window| vad.score_without_context(window)).collect();
    // No error tells of it; this is why the fraction above is pinned.
    assert!(fraction(&heard) < 0.05, "{}", fraction(&heard));
}

#[test]
fn callers_do_not_disturb_each_other_and_reset_forgets() {
    let Some(model) = model() else { return };
    let clip = clip();
    let expected = scores(&mut SileroVad::new(Arc::clone(&model)), &clip);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut vad = SileroVad::new(Arc::clone(&model));
                assert_eq!(scores(&mut vad, &clip), expected);
                vad.reset();
                assert_eq!(scores(&mut vad, &clip), expected);
            });
        }
    });
}

#[test]
fn a_window_of_the_wrong_length_is_an_error_and_harms_nothing() {
    let Some(model) = model() else { return };
    let mut vad = SileroVad::new(model);
    assert!(vad.score(&[0; 511]).is_err());
    assert!(vad.score(&[]).is_err());
    assert!(vad.score(&[0; WINDOW_SAMPLES]).unwrap() < 0.5);
}

#[test]
#[allow(clippy::disallowed_methods)] // measures
fn a_window_costs_a_small_part_of_its_32_ms() {
    let Some(model) = model() else { return };
    let mut vad = SileroVad::new(model);
    let clip = clip();
    let mut each: Vec<_> = clip
        .chunks_exact(WINDOW_SAMPLES)
        .map(|window| {
            let started = Instant::now();
            vad.score(window).unwrap();
            started.elapsed()
        })
        .collect();
    each.sort();
    let (least, median) = (each[0], each[each.len() / 2]);
    eprintln!("silero: {} us least, {} us median", least.as_micros(), median.as_micros());
    assert!(median.as_millis() < 10, "{median:?}");
}

#[test]
fn wrong_files_are_refused_with_the_next_step() {
    let Some((library, model)) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let garbage = dir.path().join("garbage.onnx");
    std::fs::write(&garbage, b"not a model").unwrap();
    let missing = dir.path().join("missing.onnx");
    // Another model that ONNX Runtime can run, where there is one.
    let other = model.parent().unwrap().join("../smart-turn-v3.2/smart-turn-v3.2-cpu.onnx");
    for wrong in [&garbage, &missing, &other] {
        let error = SileroModel::load(&library, wrong).unwrap_err().to_string();
        assert!(error.contains("sawt models"), "{error}");
    }
    let error = SileroModel::load(&missing, &model).unwrap_err().to_string();
    assert!(error.contains("sawt models pull"), "{error}");
}

#[test]
fn energy_fallback_agrees_roughly_on_a_clean_line() {
    let clip = clip();
    let heard = scores(&mut EnergyVad::new(), &clip);
    let speech = &heard[31..heard.len() - 31];
    assert!(fraction(speech) > 0.6, "{}", fraction(speech));
    assert!(fraction(&heard[..31]) < 0.05);
    assert!(fraction(&heard[heard.len() - 25..]) < 0.05);
}
