//! Smart Turn itself. Needs the starter models; without them these tests say so and pass, unless
//! SAWT_REQUIRE_MODELS is set, as the tier with models does.

use std::path::{Path, PathBuf};

use super::{DetectorError, SmartTurn, TurnDetector};
use crate::engines::EngineError;

fn models() -> Option<(PathBuf, PathBuf)> {
    let root = std::env::var_os("SAWT_MODELS_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/sawt/models"),
        PathBuf::from,
    );
    let files = (
        root.join("onnxruntime/libonnxruntime.so"),
        root.join("smart-turn-v3.2/smart-turn-v3.2-cpu.onnx"),
    );
    if files.0.is_file() && files.1.is_file() {
        return Some(files);
    }
    let required = std::env::var_os("SAWT_REQUIRE_MODELS").is_some();
    assert!(!required, "{} is incomplete; run `sawt models pull`", root.display());
    eprintln!("skipped: {} is incomplete; run `sawt models pull`", root.display());
    None
}

/// "Hello, thank you for calling. How can I help you today?" between two seconds of silence.
fn clip() -> Vec<i16> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hello-joe-16k.wav");
    hound::WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

#[tokio::test]
async fn judgements_are_those_of_the_reference() {
    let Some((library, model)) = models() else { return };
    let detector = SmartTurn::load(&library, &model, 1).unwrap();
    let clip = clip();
    // Made by pipecat-ai 1.14.0 on the same samples with ONNX Runtime 1.32.
    for (samples, expected) in REFERENCE {
        let judged = detector.judge(clip[..samples].to_vec()).await.unwrap();
        // The model is quantised as it runs: 1e-5 of noise in its input moves this by 0.05.
        assert!((judged - expected).abs() < 0.1, "{samples} samples: {judged}, not {expected}");
    }
}

const REFERENCE: [(usize, f32); 6] = [
    (24_000, 0.839),
    (40_000, 0.901),
    (48_000, 0.064),
    (56_000, 0.017),
    (64_000, 0.653),
    (79_926, 0.765),
];

#[tokio::test]
async fn more_pauses_than_can_be_judged_are_refused_and_those_nobody_waits_for_are_skipped() {
    let Some((library, model)) = models() else { return };
    let detector = SmartTurn::load(&library, &model, 1).unwrap();
    let all = futures::future::join_all((0..40).map(|_| detector.judge(vec![0; 16_000]))).await;
    let refused = all.iter().filter(|r| matches!(r, Err(EngineError::Overloaded { .. }))).count();
    let judged = all.iter().filter(|r| r.is_ok()).count();
    assert_eq!(refused + judged, 40);
    assert!(refused >= 30 && judged >= 8, "{refused} refused, {judged} judged");
    // Taken back at once: the queue does not stay full of them.
    for _ in 0..8 {
        let waiting = detector.judge(vec![0; 16_000]);
        drop(tokio::time::timeout(std::time::Duration::ZERO, waiting).await);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(detector.judge(vec![0; 16_000]).await.is_ok());
}

#[test]
fn another_model_and_no_model_are_refused_by_name() {
    let Some((library, model)) = models() else { return };
    let silero = model.parent().unwrap().join("../silero-vad/silero_vad.onnx");
    let refused = SmartTurn::load(&library, &silero, 1).unwrap_err();
    assert!(matches!(refused, DetectorError::NotSmartTurn { .. }), "{refused}");
    let refused = SmartTurn::load(&library, Path::new("/nowhere.onnx"), 1).unwrap_err();
    assert!(refused.to_string().contains("sawt models pull"), "{refused}");
}
