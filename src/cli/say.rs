//! `sawt say`: speak a text into a WAV file.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::StreamExt as _;

use super::progress::Waiting;
use crate::audio;
use crate::config::Config;
use crate::engines::RunningEngines;
use crate::engines::tts::{Synthesis, SynthesisStats, Synthesized, TextToSpeech};
use crate::speech::{language_of, speakable};
use crate::supervisor::EngineKind;

/// Longest text: what a voice reads in an hour.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// Speak a text into a WAV file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt say 'Hello, how can I help you?' -o hello.wav
  sawt say 'مرحبا بك' -o marhaba.wav
  echo 'A longer text.' | sawt say - -o long.wav --voice en_US-joe-medium --rate 16000")]
pub struct Args {
    /// What to say; `-` reads it from standard input
    text: String,
    /// WAV file to write
    #[arg(short, long, value_name = "FILE", default_value = "say.wav")]
    output: PathBuf,
    /// Voice to use [default: by the text's language, as configured]
    #[arg(long)]
    voice: Option<String>,
    /// Pace: 1 is the voice's own, 0.5 to 2
    #[arg(long, default_value_t = 1.0)]
    speed: f32,
    /// Rate of the file in Hz [default: as configured]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(8_000..=48_000))]
    rate: Option<u32>,
    /// Silence before the speech, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    lead_in: u32,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let text = speakable(&text_of(&args.text)?);
    if text.is_empty() {
        bail!("there is nothing to say in the text; give words in Arabic or English");
    }
    let rate_hz = args.rate.unwrap_or(config.tts.output_sample_rate_hz);
    let language = language_of(&text, &config.agent.languages).to_owned();
    let voice = match &args.voice {
        Some(voice) => voice.clone(),
        None => config.voice_for(&language).to_owned(),
    };
    let request = Synthesis { text, voice, language, speed: args.speed, sample_rate_hz: rate_hz };
    let waiting = Waiting::start("Speaking");
    let (speech, stats) = render([request], &config).await?.pop().unwrap_or_default();
    waiting.done();
    if speech.is_empty() {
        bail!("the voice {} made no sound of this text; try another --voice", stats.voice);
    }
    let lead_in = Duration::from_millis(u64::from(args.lead_in));
    let mut pcm = vec![0; audio::samples_in(lead_in, rate_hz) as usize];
    pcm.extend(speech);
    audio::wav::write(&args.output, rate_hz, &[&pcm])?;
    let seconds = audio::duration_of(pcm.len() as u64, rate_hz).as_secs_f64();
    if args.json {
        println!(
            "{}",
            serde_json::json!({
                "file": args.output, "seconds": seconds, "sample_rate_hz": rate_hz,
                "voice": stats.voice, "first_audio_ms": stats.first_audio_ms,
            })
        );
    } else {
        println!(
            "{}: {seconds:.2} s by {}, first audio after {} ms",
            args.output.display(),
            stats.voice,
            stats.first_audio_ms
        );
    }
    Ok(())
}

fn text_of(text: &str) -> anyhow::Result<String> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut bytes = Vec::new();
    std::io::stdin().take(TEXT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TEXT_BYTES_MAX {
        bail!("the text is longer than {} KiB; say it in parts", TEXT_BYTES_MAX / 1024);
    }
    String::from_utf8(bytes).context("the text on standard input is not UTF-8")
}

/// `texts` as the configured voice says them, each in a file of `folder`, for callers who have none.
pub(crate) async fn speak_into(
    folder: &Path,
    texts: &[&str],
    config: &Config,
) -> anyhow::Result<Vec<PathBuf>> {
    let rate_hz = config.tts.output_sample_rate_hz;
    let requests = texts.iter().map(|text| {
        let language = language_of(text, &config.agent.languages).to_owned();
        let voice = config.voice_for(&language).to_owned();
        let text = (*text).to_owned();
        Synthesis { text, voice, language, speed: 1.0, sample_rate_hz: rate_hz }
    });
    let mut files = Vec::new();
    for (n, (pcm, _)) in render(requests, config).await?.into_iter().enumerate() {
        let file = folder.join(format!("q{:02}.wav", n + 1));
        audio::wav::write(&file, rate_hz, &[&pcm])?;
        files.push(file);
    }
    Ok(files)
}

/// The whole sound of each request, by one engine that runs for them alone.
async fn render(
    requests: impl IntoIterator<Item = Synthesis>,
    config: &Config,
) -> anyhow::Result<Vec<(Vec<i16>, SynthesisStats)>> {
    let engines = RunningEngines::start(config, &[EngineKind::Tts])?;
    engines.ready().await?;
    let Some(tts) = engines.tts() else { bail!("the voice engine was not started") };
    let mut rendered = Vec::new();
    for request in requests {
        rendered.push(collect(&tts, request).await?);
    }
    engines.stop().await;
    Ok(rendered)
}

/// `text` as the configured voice of its language says it, by an engine that runs.
pub(crate) async fn speech_of(
    text: &str,
    sample_rate_hz: u32,
    config: &Config,
    tts: &dyn TextToSpeech,
) -> anyhow::Result<Vec<i16>> {
    let language = language_of(text, &config.agent.languages).to_owned();
    let voice = config.voice_for(&language).to_owned();
    let text = text.to_owned();
    Ok(collect(tts, Synthesis { text, voice, language, speed: 1.0, sample_rate_hz }).await?.0)
}

async fn collect(
    tts: &dyn TextToSpeech,
    request: Synthesis,
) -> anyhow::Result<(Vec<i16>, SynthesisStats)> {
    let (mut pcm, mut stats) = (Vec::new(), SynthesisStats::default());
    let mut pieces = tts.synthesize(request);
    while let Some(piece) = pieces.next().await {
        match piece? {
            Synthesized::Audio(chunk) => pcm.extend(chunk),
            Synthesized::Words(_) => {}
            Synthesized::Done(done) => stats = done,
        }
    }
    Ok((pcm, stats))
}
