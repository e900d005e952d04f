//! Does the turn detector help? Its judgements on recorded speech, against silence alone.
//!
//! `cargo bench --bench endpointing -- --clips DIR --texts FILE [--name NAME] [--json FILE]`
//! DIR holds WAV files; FILE says what is spoken in each, `name: words` per line (plain or .gz), as
//! Debian's asterisk-core-sounds packages have it. Needs the starter models only.
//!
//! Labels come from the text: a clip that ends a sentence is *complete*, one that ends in "…" is a
//! *fragment*; silences of at least 200 ms inside a clip are *pauses*, for the speaker went on:
//! between two sentences, where the text has enough of them, or within one. *Cuts* are made in
//! mid-sentence, at gaps too short to be pauses. What it can not show: people in a
//! conversation hesitate otherwise than speakers who read.

#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Parser as _;
use sawt::audio::CALLER_RATE_HZ;
use sawt::engines::turn_detector::mel::LogMel;
use sawt::engines::turn_detector::{SmartTurn, TurnDetector as _};
use sawt::engines::vad::silero::{SileroModel, SileroVad};
use sawt::engines::vad::{VoiceActivity as _, WINDOW_SAMPLES};
use sawt::models::Store;
use serde::Serialize;

#[derive(Debug, clap::Parser)]
struct Args {
    /// Folder of WAV files.
    #[arg(long)]
    clips: PathBuf,
    /// `name: words` of each clip. Without it every clip counts as complete.
    #[arg(long)]
    texts: Option<PathBuf>,
    /// Printed above the tables.
    #[arg(long, default_value = "clips")]
    name: String,
    /// Most clips that are judged, shortest names first.
    #[arg(long, default_value_t = 1_000)]
    clips_max: usize,
    /// Folder of models instead of the usual one.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Write every judgement here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write what was heard at each moment into this folder, one WAV each.
    #[arg(long)]
    heard: Option<PathBuf>,
    /// What was said in them: `sawt transcribe --json HEARD/*.wav` of a run before. Adds what whole questions cost.
    #[arg(long)]
    transcripts: Option<PathBuf>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// the end of a clip whose text ends a sentence
    Complete,
    /// the end of a clip whose text breaks off
    Fragment,
    /// a silence inside a clip, between two sentences
    Between,
    /// a silence inside a clip, where one sentence goes on, or where the text does not tell
    Within,
    /// cut by us at a gap inside a clip
    Cut,
}

#[derive(Debug, Serialize)]
struct Judged {
    clip: String,
    kind: Kind,
    /// speech before it, in seconds
    speech_s: f32,
    /// until the speaker went on
    pause_ms: Option<u32>,
    /// after 200 ms of silence
    probability: f32,
    /// after 700 ms, where there was that much
    again: Option<f32>,
    /// its transcript, where there is one, ends with a question mark
    question: bool,
}

/// What the voice detector calls silence is silence for this long before a pause is seen.
const SEEN_AFTER: usize = 200 * CALLER_RATE_HZ as usize / 1000;
const AGAIN_AFTER: usize = 700 * CALLER_RATE_HZ as usize / 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let store = Store::open(args.models.clone());
    let (library, silero) = (store.resolve("onnxruntime")?, store.resolve("silero-vad")?);
    let smart_turn = store.resolve("smart-turn-v3.2")?;
    let vad = SileroModel::load(library.main_file(), silero.main_file())?;
    let detector = SmartTurn::load(library.main_file(), smart_turn.main_file(), 1)?;

    let texts = args.texts.as_deref().map(read_texts).transpose()?;
    let transcripts = args.transcripts.as_deref().map(read_transcripts).transpose()?;
    let mut all = Vec::new();
    let mut clips: Vec<PathBuf> = std::fs::read_dir(&args.clips)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "wav"))
        .collect();
    clips.sort();
    for path in clips.iter().take(args.clips_max) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = texts.as_ref().and_then(|texts| texts.get(&name));
        let end = match (&texts, text) {
            (None, _) => Some(Kind::Complete),
            (Some(_), text) => text.and_then(|text| end_of(text)),
        };
        let sentences = text.map_or(0, |text| sentence_ends(text));
        let Ok(mut pcm) = sawt::audio::wav::read(path, CALLER_RATE_HZ) else { continue };
        let tone = room_tone(&pcm);
        pcm.extend(&tone);
        let windows = silences(&mut SileroVad::new(std::sync::Arc::clone(&vad)), &pcm)?;
        for (kind, at, pause_ms) in moments(&windows, end, sentences) {
            let heard = |after: usize| {
                let mut heard = pcm[..at.min(pcm.len())].to_vec();
                let until = (at + after).min(pcm.len());
                if kind == Kind::Cut {
                    heard.extend(&tone[..after]);
                } else {
                    heard.extend_from_slice(&pcm[at..until]);
                }
                heard
            };
            let again = pause_ms.is_none_or(|ms| ms > 750);
            let file = format!("{name}-{at}.wav");
            if let Some(folder) = &args.heard {
                sawt::audio::wav::write(
                    &folder.join(&file),
                    CALLER_RATE_HZ,
                    &[&heard(SEEN_AFTER)],
                )?;
            }
            all.push(Judged {
                clip: name.clone(),
                kind,
                speech_s: at as f32 / CALLER_RATE_HZ as f32,
                pause_ms,
                probability: detector.judge(heard(SEEN_AFTER)).await?,
                again: match again && kind != Kind::Cut {
                    true => Some(detector.judge(heard(AGAIN_AFTER)).await?),
                    false => None,
                },
                question: transcripts.as_ref().is_some_and(|all| all.contains(&file)),
            });
        }
    }
    ensure!(!all.is_empty(), "no clip with a text in {}", args.clips.display());
    println!("# {}", args.name);
    report(&all);
    cost(&detector, all.len()).await?;
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_vec_pretty(&all)?)?;
    }
    Ok(())
}

/// Files whose words end with a question mark.
fn read_transcripts(path: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut questions = BTreeSet::new();
    for line in std::fs::read_to_string(path)?.lines().filter(|line| line.starts_with('{')) {
        let said: serde_json::Value = serde_json::from_str(line)?;
        let (file, text) = (said["file"].as_str(), said["text"].as_str());
        if let (Some(file), Some(text)) = (file, text)
            && text.trim_end().ends_with(['?', '؟'])
        {
            let name = Path::new(file).file_name().unwrap_or_default();
            questions.insert(name.to_string_lossy().into_owned());
        }
    }
    Ok(questions)
}

// ── labels ──────────────────────────────────────────────────────────────────────────────────────

fn read_texts(path: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = if path.extension().is_some_and(|end| end == "gz") {
        let unpacked = std::process::Command::new("zcat").arg(path).output()?;
        String::from_utf8_lossy(&unpacked.stdout).into_owned()
    } else {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())?
    };
    let pair = |line: &str| {
        let (name, words) = line.split_once(": ")?;
        Some((name.trim().to_owned(), words.trim().to_owned()))
    };
    Ok(text.lines().filter(|line| !line.starts_with(';')).filter_map(pair).collect())
}

/// What a clip's end is by its text; `None` where the text does not say.
fn end_of(text: &str) -> Option<Kind> {
    if text.ends_with("...") || text.ends_with('…') {
        return Some(Kind::Fragment);
    }
    let is_sentence = text.ends_with(['.', '?', '!'])
        && text.chars().next().is_some_and(char::is_uppercase)
        && text.split_whitespace().count() >= 4;
    is_sentence.then_some(Kind::Complete)
}

/// Sentences of a text.
fn sentence_ends(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.ends_with(['.', '?', '!'])).count()
}

/// A second of what this room sounds like when nobody speaks: the quietest 50 ms of the clip,
/// forth and back. Digital silence would tell the model that the clip ends.
fn room_tone(pcm: &[i16]) -> Vec<i16> {
    let quietest = pcm
        .windows(CALLER_RATE_HZ as usize / 20)
        .step_by(CALLER_RATE_HZ as usize / 100)
        .min_by(|a, b| sawt::audio::rms(a).total_cmp(&sawt::audio::rms(b)))
        .unwrap_or(&[0]);
    let forth_and_back = quietest.iter().chain(quietest.iter().rev()).copied();
    forth_and_back.cycle().take(CALLER_RATE_HZ as usize).collect()
}

/// Silences, in samples, that lie between speech; the last reaches the end.
fn silences(vad: &mut SileroVad, pcm: &[i16]) -> anyhow::Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let (mut speaks, mut spoke, mut since) = (false, false, 0);
    for (n, window) in pcm.chunks_exact(WINDOW_SAMPLES).enumerate() {
        let probability = vad.score(window)?;
        let at = n * WINDOW_SAMPLES;
        if speaks && probability < 0.35 {
            (speaks, since) = (false, at);
        } else if !speaks && probability >= 0.5 {
            if spoke {
                found.push(since..at);
            }
            (speaks, spoke) = (true, true);
        }
    }
    if spoke && !speaks {
        found.push(since..pcm.len());
    }
    Ok(found)
}

/// Where the detector is asked: what it is, where the speech ends, how long the silence lasts.
fn moments(
    silences: &[Range<usize>],
    end: Option<Kind>,
    sentences: usize,
) -> Vec<(Kind, usize, Option<u32>)> {
    let Some((last, inner)) = silences.split_last() else { return Vec::new() };
    let ms = |range: &Range<usize>| (range.len() / (CALLER_RATE_HZ as usize / 1000)) as u32;
    let pauses = inner.iter().filter(|range| ms(range) >= 200).count();
    // As many pauses as there are sentences to part: readers pause there.
    let pause_kind = if sentences > 1 && pauses < sentences { Kind::Between } else { Kind::Within };
    let mut moments: Vec<_> = inner
        .iter()
        .filter(|range| range.start > CALLER_RATE_HZ as usize / 2)
        .filter_map(|range| match ms(range) {
            0..60 => None,
            60..200 => Some((Kind::Cut, range.start, None)),
            pause => Some((pause_kind, range.start, Some(pause))),
        })
        .collect();
    moments.extend(end.map(|kind| (kind, last.start, None)));
    moments
}

// ── tables ──────────────────────────────────────────────────────────────────────────────────────

fn share(of: &[&Judged], above: f32) -> String {
    if of.is_empty() {
        return "–".into();
    }
    let hits = of.iter().filter(|judged| judged.probability >= above).count();
    format!("{:.0} %", 100.0 * hits as f32 / of.len() as f32)
}

/// How often a complete end is judged likelier than one of `others`: 1 is perfect, ½ is chance.
fn area(complete: &[&Judged], others: &[&Judged]) -> String {
    let pairs = complete.len() * others.len();
    let wins = |a: &Judged| {
        others
            .iter()
            .map(|b| match a.probability.total_cmp(&b.probability) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            })
            .sum::<f32>()
    };
    let area = complete.iter().map(|a| wins(a)).sum::<f32>() / pairs as f32;
    if pairs == 0 { "–".into() } else { format!("{area:.2}") }
}

fn report(all: &[Judged]) {
    let of = |kind: Kind| all.iter().filter(|judged| judged.kind == kind).collect::<Vec<_>>();
    let kinds = [Kind::Complete, Kind::Fragment, Kind::Within, Kind::Between, Kind::Cut].map(of);
    let row = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    println!("\n| P ≥ | complete | fragment | pause in a sentence | between two | cut |");
    println!("|---|---|---|---|---|---|");
    row(std::iter::once("moments".to_owned())
        .chain(kinds.iter().map(|k| k.len().to_string()))
        .collect());
    for above in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98] {
        row(std::iter::once(above.to_string())
            .chain(kinds.iter().map(|k| share(k, above)))
            .collect());
    }
    row(["ROC area", ""]
        .map(str::to_owned)
        .into_iter()
        .chain(kinds.iter().skip(1).map(|k| area(&kinds[0], k)))
        .collect());
    let pauses: Vec<_> = kinds[2].iter().chain(&kinds[3]).copied().collect();
    policies(&kinds[0], &pauses);
}

/// A cut-off: the delay was over before the speaker went on.
fn cut_offs(pauses: &[&Judged], delay: impl Fn(&Judged) -> u32) -> usize {
    pauses.iter().filter(|judged| judged.pause_ms.is_some_and(|ms| ms > delay(judged))).count()
}

fn policies(complete: &[&Judged], pauses: &[&Judged]) {
    if complete.is_empty() || pauses.is_empty() {
        return;
    }
    let row = |name: String, delay: &dyn Fn(&Judged) -> u32| {
        let mut delays: Vec<u32> = complete.iter().map(|judged| delay(judged)).collect();
        delays.sort_unstable();
        let mean = delays.iter().sum::<u32>() as f32 / delays.len() as f32;
        println!(
            "| {name} | {mean:.0} | {} | {} of {} |",
            delays[(delays.len() * 95 / 100).min(delays.len() - 1)],
            cut_offs(pauses, delay),
            pauses.len(),
        );
    };
    println!("\n| Delay | mean at true ends, ms | p95 | speakers cut off in a pause |");
    println!("|---|---|---|---|");
    for delay in [300, 400, 500, 600, 700, 800, 1_000, 1_200, 1_500] {
        row(format!("silence alone, {delay} ms"), &|_| delay);
    }
    for (high, short, long) in [
        (0.5, 300, 1_000),
        (0.5, 300, 1_500),
        (0.7, 300, 1_000),
        (0.9, 300, 800),
        (0.9, 300, 1_000),
        (0.95, 300, 800),
        (0.95, 300, 1_000),
    ] {
        row(format!("P ≥ {high}: {short} ms, else {long} ms"), &|judged| {
            if judged.probability >= high { short } else { long }
        });
    }
    for (min, base, max) in
        [(300, 500, 1_200), (400, 500, 1_200), (450, 500, 1_200), (500, 500, 1_200)]
    {
        row(format!("by P from {max} over {base} to {min} ms"), &|judged| {
            graded(judged, min, base, max)
        });
    }
    let asked = |of: &[&Judged]| of.iter().filter(|judged| judged.question).count();
    let (ends, inside) = (asked(complete), asked(pauses));
    if ends + inside == 0 {
        return;
    }
    println!("\n{ends} of the true ends and {inside} of the pauses are heard as questions:\n");
    for question in [300, 350, 380, 400] {
        row(format!("by P down to 450 ms, questions to {question} ms"), &|judged| {
            let min = if judged.question { question } else { 450 };
            graded(judged, min, 500, 1_200)
        });
    }
}

/// From `max` at 0 over `base` at ½ down to `min` at 1, as `turn::endpointing` does it.
fn graded(judged: &Judged, min: u32, base: u32, max: u32) -> u32 {
    let p = judged.probability;
    let between = |from: u32, to: u32, at: f32| from as f32 + (to as f32 - from as f32) * at;
    if p < 0.5 {
        between(max, base, p * 2.0) as u32
    } else {
        between(base, min, p * 2.0 - 1.0) as u32
    }
}

// ── cost ────────────────────────────────────────────────────────────────────────────────────────

/// CPU time of this process so far.
fn cpu_ms() -> anyhow::Result<f64> {
    let mut total = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let on_cpu_ns: f64 = stat.split(' ').next().unwrap_or("0").parse()?;
        total += on_cpu_ns / 1e6;
    }
    Ok(total)
}

async fn cost(detector: &SmartTurn, judged: usize) -> anyhow::Result<()> {
    const RUNS: u32 = 40;
    let pcm: Vec<i16> =
        (0..8 * i64::from(CALLER_RATE_HZ)).map(|n| ((n * n / 40) % 9_000) as i16).collect();
    let mel = LogMel::new();
    let start = cpu_ms()?;
    for _ in 0..RUNS {
        std::hint::black_box(mel.features(std::hint::black_box(&pcm)));
    }
    let mel_ms = (cpu_ms()? - start) / f64::from(RUNS);
    let start = cpu_ms()?;
    let clock = std::time::Instant::now();
    for _ in 0..RUNS {
        detector.judge(pcm.clone()).await?;
    }
    let wall_ms = clock.elapsed().as_secs_f64() * 1e3 / f64::from(RUNS);
    let all_ms = (cpu_ms()? - start) / f64::from(RUNS);
    println!(
        "\n{judged} moments judged. One run: mel {mel_ms:.1} CPU-ms, model {:.1} CPU-ms, {wall_ms:.1} ms of wall time.",
        all_ms - mel_ms
    );
    Ok(())
}
