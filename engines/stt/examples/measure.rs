//! What one utterance costs: wall and CPU time by threads, window and language choice.
//!
//! `cargo run --release -p sawt-stt --example measure -- MODEL.bin [--threads 1,2] \
//! [--windows trimmed,full,512] WAV...`
//! with WAVs at 16 kHz mono. The numbers of BENCHMARKS.md come from here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sawt_stt::{decode::Decoder, ffi, vocabulary};
use sawt_stt_common::{bounds, decode};

#[allow(clippy::print_stdout, clippy::disallowed_methods)] // a measuring program
fn main() -> Result<()> {
    let mut threads = vec![1, 2];
    let mut windows = vec!["trimmed".to_owned(), "full".to_owned()];
    let mut choices = vec!["en".to_owned(), "en,ar".to_owned()];
    let mut files = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--threads" {
            let list = args.next().context("--threads needs a list")?;
            threads = list.split(',').map(str::parse).collect::<Result<_, _>>()?;
        } else if arg == "--windows" {
            // Encoder positions, or the words.
            let list = args.next().context("--windows needs a list")?;
            windows = list.split(',').map(str::to_owned).collect();
            choices.truncate(1);
        } else {
            files.push(arg);
        }
    }
    let Some((model, wavs)) = files.split_first() else { bail!("name a model and WAV files") };
    ffi::capture_log();
    sawt_stt::model::inspect(model.as_ref())?;
    let context = ffi::Context::load(model.as_ref(), false)?;
    let vocabulary = Arc::new(vocabulary::Vocabulary::new(&context));
    println!("whisper.cpp {}", ffi::version());
    println!("| file | s | threads | window | languages | wall s | CPU s | conf. | text |");
    for wav in wavs {
        let samples = read(wav)?;
        let seconds = samples.len() as f64 / f64::from(bounds::SAMPLE_RATE_HZ);
        for &count in &threads {
            let mut decoder = Decoder::new(&context, &vocabulary, count)?;
            decode::probe(&mut decoder)?;
            let runs = windows.iter().flat_map(|w| choices.iter().map(move |c| (w, c)));
            for (window, languages) in runs {
                let positions = match window.as_str() {
                    "trimmed" => None,
                    "full" => Some(bounds::POSITIONS_FULL),
                    number => Some(number.parse().context("--windows takes numbers")?),
                };
                let request = decode::Request {
                    samples: samples.clone(),
                    languages: languages.split(',').map(str::to_owned).collect(),
                    positions,
                    ..decode::Request::default()
                };
                // The better of two: other programs share the machine.
                let mut best: Option<(Duration, f64, decode::Heard)> = None;
                for _ in 0..2 {
                    let (start, cpu) = (Instant::now(), cpu_seconds());
                    let heard = decode::transcribe(&mut decoder, &request, &|| false)?;
                    let run = (start.elapsed(), cpu_seconds() - cpu, heard);
                    if best.as_ref().is_none_or(|b| run.1 < b.1) {
                        best = Some(run);
                    }
                }
                let Some((wall, cpu, heard)) = best else { continue };
                println!(
                    "| {} | {seconds:.1} | {count} | {window} | {languages} | {:.2} | {cpu:.2} | {:.2} | {} {:.2}: {} |",
                    wav.rsplit('/').next().unwrap_or(wav),
                    wall.as_secs_f64(),
                    heard.confidence,
                    heard.language,
                    heard.language_probability,
                    heard.text
                );
            }
        }
    }
    Ok(())
}

fn read(wav: &str) -> Result<Vec<f32>> {
    let mut reader = hound::WavReader::open(wav).with_context(|| format!("can not read {wav}"))?;
    let spec = reader.spec();
    if spec.sample_rate != bounds::SAMPLE_RATE_HZ || spec.channels != 1 {
        bail!("{wav} is not 16 kHz mono; convert it with sox");
    }
    let samples: Result<Vec<i16>, _> = reader.samples::<i16>().collect();
    Ok(samples?.into_iter().map(|s| f32::from(s) / 32_768.0).collect())
}

/// CPU time of this process so far, at the kernel's 100 ticks a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).flat_map(str::parse::<u64>).sum();
    ticks as f64 / 100.0
}
