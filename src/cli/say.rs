//! `sawt say`: speak a text into a WAV file.

mod explain;

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
use crate::speech::{Lexicon, Manner, Spoken};
use crate::supervisor::EngineKind;

/// Longest text: what a voice reads in an hour.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// Speak a text into a WAV file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt say 'Hello, how can I help you?' -o hello.wav
  sawt say 'مرحبا بك' -o marhaba.wav
  sawt say --explain 'رصيدك 1500.50 ريال حتى 12/03/2026'   # what the voice gets, and why; no sound
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
    /// Print how the text becomes speech, step by step, and make no sound
    #[arg(long)]
    explain: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let text = text_of(&args.text)?;
    let lexicon = config.lexicon();
    let manner = manner_of(&config, &lexicon);
    if args.explain {
        return explain::explain(&text, &manner, &args, &config).await;
    }
    let spoken = Spoken::new(&text, &manner);
    if spoken.runs().is_empty() {
        bail!("there is nothing to say in the text; give words in Arabic or English");
    }
    let rate_hz = args.rate.unwrap_or(config.tts.output_sample_rate_hz);
    let requests = requests_of(&spoken, args.voice.as_deref(), args.speed, rate_hz, &config);
    let waiting = Waiting::start("Speaking");
    let mut speech = Vec::new();
    let mut stats: Option<SynthesisStats> = None;
    for (pcm, run) in render(requests, &config).await? {
        speech.extend(pcm);
        stats.get_or_insert(run);
    }
    let stats = stats.unwrap_or_default();
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

fn manner_of<'a>(config: &'a Config, lexicon: &'a Lexicon) -> Manner<'a> {
    let languages = &config.agent.languages;
    Manner { languages, language: languages.first().map_or("en", String::as_str), lexicon }
}

/// One request for each run of a text.
fn requests_of(
    spoken: &Spoken,
    voice: Option<&str>,
    speed: f32,
    sample_rate_hz: u32,
    config: &Config,
) -> Vec<Synthesis> {
    let runs = spoken.runs().iter();
    runs.map(|run| Synthesis {
        text: run.text.clone(),
        voice: voice.unwrap_or(config.voice_for(&run.language)).to_owned(),
        language: run.language.clone(),
        speed,
        sample_rate_hz,
        as_given: run.as_given.clone(),
    })
    .collect()
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
    let lexicon = config.lexicon();
    let manner = manner_of(config, &lexicon);
    let spoken = texts.iter().map(|text| Spoken::new(text, &manner));
    let requests: Vec<Vec<Synthesis>> =
        spoken.map(|spoken| requests_of(&spoken, None, 1.0, rate_hz, config)).collect();
    let runs_of_each: Vec<usize> = requests.iter().map(Vec::len).collect();
    let mut rendered = render(requests.into_iter().flatten(), config).await?.into_iter();
    let mut files = Vec::new();
    for (n, runs) in runs_of_each.into_iter().enumerate() {
        let pcm: Vec<i16> = rendered.by_ref().take(runs).flat_map(|(pcm, _)| pcm).collect();
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

/// `text` as the configured voices say it, by an engine that runs.
pub(crate) async fn speech_of(
    text: &str,
    sample_rate_hz: u32,
    config: &Config,
    tts: &dyn TextToSpeech,
) -> anyhow::Result<Vec<i16>> {
    let lexicon = config.lexicon();
    let spoken = Spoken::new(text, &manner_of(config, &lexicon));
    let mut pcm = Vec::new();
    for request in requests_of(&spoken, None, 1.0, sample_rate_hz, config) {
        pcm.extend(collect(tts, request).await?.0);
    }
    Ok(pcm)
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
