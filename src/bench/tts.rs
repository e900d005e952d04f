//! The voice: when its first sound comes, and what a second of speech costs.

use anyhow::bail;
use futures::StreamExt as _;

use super::{Report, clock, ms_since, process};
use crate::audio::duration_of;
use crate::config::Config;
use crate::engines::RunningEngines;
use crate::engines::tts::{LocalTts, Synthesis, Synthesized, TextToSpeech as _};
use crate::supervisor::EngineKind;

/// A short answer, a usual one, and one that goes on.
const TEXTS: [(&str, &str); 3] = [
    ("3 words", "Yes, of course."),
    ("12 words", "Your appointment is on Monday at ten o'clock in the main building."),
    (
        "30 words",
        "Thank you for waiting, I have found your order in our system and it will be delivered to \
         your address tomorrow morning between nine and eleven by our driver, who calls first.",
    ),
];

/// Speaks each text `passes` times, in turns.
///
/// # Errors
/// When the voice does not run or fails.
pub async fn run(config: &Config, passes: usize) -> anyhow::Result<Report> {
    let engines = RunningEngines::start(config, &[EngineKind::Tts])?;
    engines.ready().await?;
    let Some(tts) = engines.tts() else { bail!("the voice engine was not started") };
    let pid = engines.handles().iter().find_map(crate::supervisor::EngineHandle::pid);

    let mut report = Report::new("tts");
    report.setup.insert("voice", config.voice_for("en").to_owned());
    report.setup.insert("passes", passes.to_string());
    for (_, text) in TEXTS {
        say(&tts, config, text).await?; // first runs pay for memory
    }
    for _ in 0..passes {
        for (length, text) in TEXTS {
            let before = pid.and_then(process::cpu_seconds);
            let said = say(&tts, config, text).await?;
            report.add(&format!("first audio, {length}"), "ms", said.first_ms);
            report.add(&format!("all audio, {length}"), "ms", said.all_ms);
            let after = pid.and_then(process::cpu_seconds);
            if let (Some(before), Some(after)) = (before, after) {
                let name = format!("CPU-seconds per second of speech, {length}");
                report.add(&name, "CPU-s", (after - before) / said.seconds);
            }
        }
    }
    engines.stop().await;
    Ok(report)
}

struct Said {
    first_ms: f64,
    all_ms: f64,
    seconds: f64,
}

async fn say(tts: &LocalTts, config: &Config, text: &str) -> anyhow::Result<Said> {
    let rate_hz = config.tts.output_sample_rate_hz;
    let start = clock();
    let mut pieces = tts.synthesize(Synthesis {
        text: text.to_owned(),
        voice: config.voice_for("en").to_owned(),
        language: "en".into(),
        speed: 1.0,
        sample_rate_hz: rate_hz,
        as_given: Vec::new(),
    });
    let (mut first_ms, mut samples) = (None, 0);
    while let Some(piece) = pieces.next().await {
        if let Synthesized::Audio(pcm) = piece? {
            first_ms.get_or_insert_with(|| ms_since(start));
            samples += pcm.len() as u64;
        }
    }
    let Some(first_ms) = first_ms else { bail!("the voice made no sound of {text:?}") };
    let seconds = duration_of(samples, rate_hz).as_secs_f64();
    Ok(Said { first_ms, all_ms: ms_since(start), seconds })
}
