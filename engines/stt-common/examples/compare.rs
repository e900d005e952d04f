//! What one utterance costs, engine by engine: wall time at the caller and processor time of the
//! engine's process, interleaved, with the words that were heard wrongly.
//!
//! `benches/peers/stt` runs this with our engines and the peer; the clips are WAVs at 16 kHz, each
//! with its words in a `.txt` beside it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use sawt_engine_protocol::testing::EngineProcess;
use sawt_engine_protocol::v1::speech_to_text_client::SpeechToTextClient;
use sawt_engine_protocol::v1::transcribe_event::Event;
use sawt_engine_protocol::v1::{TranscribePriority, TranscribeRequest};

enum Subject {
    Engine(Box<EngineProcess>),
    Peer { child: Child, stdin: ChildStdin, stdout: BufReader<ChildStdout> },
}

struct Clip {
    name: String,
    path: PathBuf,
    pcm: Vec<u8>,
    words: Vec<String>,
}

#[derive(Default)]
struct Cell {
    wall_ms: Vec<f64>,
    cpu_ms: Vec<f64>,
    text: String,
}

#[allow(clippy::print_stdout, clippy::disallowed_methods)] // a measuring program
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (mut rounds, mut json, mut clips) = (5, None, Vec::new());
    let mut subjects = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--rounds" => rounds = value()?.parse()?,
            "--json" => json = Some(value()?),
            "--engine" | "--peer" => subjects.push(start(&value()?, arg == "--peer").await?),
            _ => clips.push(read(Path::new(&arg))?),
        }
    }
    clips.sort_by_key(|clip| clip.pcm.len());
    let mut cells: BTreeMap<(usize, usize), Cell> = BTreeMap::new();
    for round in 0..=rounds {
        for (row, clip) in clips.iter().enumerate() {
            for (column, (_, subject)) in subjects.iter_mut().enumerate() {
                let pid = subject.pid();
                let (cpu, start) = (cpu_ms(pid), Instant::now());
                let (text, own_wall) = subject.transcribe(clip).await?;
                let wall_ms = own_wall.unwrap_or_else(|| start.elapsed().as_secs_f64() * 1e3);
                let cell = cells.entry((row, column)).or_default();
                cell.text = text;
                // The first round warms up.
                if round > 0 {
                    cell.wall_ms.push(wall_ms);
                    cell.cpu_ms.push(cpu_ms(pid) - cpu);
                }
            }
        }
    }
    let names: Vec<&str> = subjects.iter().map(|(name, _)| name.as_str()).collect();
    println!(
        "| clip | s | words |{}",
        names.iter().map(|n| format!(" {n}: wall ms / CPU ms / wrong |")).collect::<String>()
    );
    let mut rows = Vec::new();
    let mut wrong_of = vec![0; names.len()];
    for (row, clip) in clips.iter().enumerate() {
        let seconds = clip.pcm.len() as f64 / 32_000.0;
        print!("| {} | {seconds:.1} | {} |", clip.name, clip.words.len());
        for (column, name) in names.iter().enumerate() {
            let cell = &cells[&(row, column)];
            let wrong = errors(&words(&cell.text), &clip.words);
            wrong_of[column] += wrong;
            print!(" {:.0} / {:.0} / {wrong} |", median(&cell.wall_ms), median(&cell.cpu_ms));
            rows.push(serde_json::json!({
                "clip": clip.name, "seconds": seconds, "engine": name, "words": clip.words.len(),
                "wrong": wrong, "wall_ms": cell.wall_ms, "cpu_ms": cell.cpu_ms, "text": cell.text,
            }));
        }
        println!();
    }
    let words: usize = clips.iter().map(|clip| clip.words.len()).sum();
    println!("\nWrong words of {words}: {:?} {wrong_of:?}", names);
    for (column, (name, subject)) in subjects.iter().enumerate() {
        let ratio = |pick: fn(&Cell) -> &Vec<f64>| {
            let ratios = (0..clips.len()).filter(|row| clips[*row].pcm.len() <= 8 * 32_000);
            let ratios = ratios.map(|row| {
                median(pick(&cells[&(row, names.len() - 1)])) / median(pick(&cells[&(row, column)]))
            });
            median(&ratios.collect::<Vec<_>>())
        };
        println!(
            "{name}: up to 8 s, against the last column: {:.1} times sooner, {:.1} times cheaper; resident {} MB",
            ratio(|cell| &cell.wall_ms),
            ratio(|cell| &cell.cpu_ms),
            resident_mb(subject.pid()),
        );
    }
    if let Some(path) = json {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}

/// `NAME=PROGRAM ARG…`, by the engine contract or by lines.
async fn start(command: &str, peer: bool) -> Result<(String, Subject)> {
    let (name, command) = command.split_once('=').context("write NAME=COMMAND")?;
    let mut words = command.split_whitespace();
    let program = words.next().context("the command is empty")?;
    let args: Vec<&str> = words.collect();
    if !peer {
        let mut engine = EngineProcess::spawn(program, &args);
        engine.ready().await;
        return Ok((name.to_owned(), Subject::Engine(Box::new(engine))));
    }
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .env("OMP_WAIT_POLICY", "passive")
        .spawn()?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        bail!("no pipe to the peer")
    };
    let mut stdout = BufReader::new(stdout);
    stdout.read_line(&mut String::new())?; // it says that it is ready
    Ok((name.to_owned(), Subject::Peer { child, stdin, stdout }))
}

impl Subject {
    fn pid(&self) -> u32 {
        match self {
            Self::Engine(engine) => engine.pid(),
            Self::Peer { child, .. } => child.id(),
        }
    }

    /// What was heard, and the wall time in milliseconds where the subject takes it itself.
    async fn transcribe(&mut self, clip: &Clip) -> Result<(String, Option<f64>)> {
        match self {
            Self::Engine(engine) => {
                let request = TranscribeRequest {
                    pcm_s16le: clip.pcm.clone(),
                    sample_rate_hz: 16_000,
                    languages: vec!["en".to_owned()],
                    prompt: String::new(),
                    priority: TranscribePriority::Final.into(),
                };
                let mut client = SpeechToTextClient::new(engine.channel());
                let mut stream = client.transcribe(request).await?.into_inner();
                let event = stream.message().await?.and_then(|event| event.event);
                match event.context("no event")? {
                    Event::Final(heard) | Event::Partial(heard) => Ok((heard.text, None)),
                }
            }
            Self::Peer { stdin, stdout, .. } => {
                writeln!(stdin, "{}", clip.path.display())?;
                let mut line = String::new();
                stdout.read_line(&mut line)?;
                let answer: serde_json::Value = serde_json::from_str(&line)?;
                let text = answer["text"].as_str().unwrap_or_default().to_owned();
                Ok((text, answer["wall_s"].as_f64().map(|s| s * 1e3)))
            }
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Self::Peer { child, .. } = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(path: &Path) -> Result<Clip> {
    let mut reader = hound::WavReader::open(path)?;
    let spec = reader.spec();
    if spec.channels != 1 || spec.sample_rate != 16_000 {
        bail!("{} is not mono at 16 kHz", path.display());
    }
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    let text = std::fs::read_to_string(path.with_extension("txt"))
        .with_context(|| format!("the words of {}", path.display()))?;
    Ok(Clip {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.to_owned(),
        pcm: samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        words: words(&text),
    })
}

/// Lower-case words without punctuation; single digits as words.
fn words(text: &str) -> Vec<String> {
    const DIGITS: [&str; 10] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    text.to_lowercase()
        .split(|c: char| c.is_whitespace() || c == '-')
        .map(|word| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>())
        .filter(|word| !word.is_empty())
        .map(|word| match word.parse::<usize>() {
            Ok(digit) if digit < 10 => DIGITS[digit].to_owned(),
            _ => word,
        })
        .collect()
}

/// Words to insert, delete or change.
fn errors(heard: &[String], said: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=said.len()).collect();
    for (i, word) in heard.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, wanted) in said.iter().enumerate() {
            let change = diagonal + usize::from(word != wanted);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[said.len()]
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor time of all threads that live, by the scheduler's own count.
fn cpu_ms(pid: u32) -> f64 {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    let nanos = tasks.flatten().filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e6
}

fn resident_mb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
