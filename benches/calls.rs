//! Whole calls, measured from outside: a livekit-server, `sawt serve`, and the synthetic caller.
//!
//! `cargo bench --bench calls -- --runs 3 [--turns 12] [--llm NAME] [--json FILE]` needs the
//! release binaries (`cargo build --release --workspace`), the starter models and livekit-server.
//! Voice to voice is taken from sound: the agent's onset in what the caller heard, less the end
//! of speech in the caller's own file. The parts come from the agent's log.

#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Parser as _;
use sawt::caller::{self, CallPlan, Turn, Utterance, measure::percentile};
use sawt::config::Config;
use sawt::livekit_api::LiveKitApi;
use sawt::models::Store;
use sawt::transport::livekit::dev_server::{DevServer, DevServerOptions};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// What the caller says: the kind of things people ask on the phone, of 1 to 4 s.
const QUESTIONS: [&str; 12] = [
    "Hello, can you hear me?",
    "What is the capital of France?",
    "How many days are there in a week?",
    "Can you tell me which country Cairo is in?",
    "Thank you. What is two plus three?",
    "I would like to know the largest ocean on earth.",
    "Which language do people speak in Brazil?",
    "What colour is the sky on a clear day?",
    "Could you name one animal that can fly?",
    "What do I need to make a cup of tea?",
    "Is the sun bigger than the moon?",
    "Great, that is all. Goodbye.",
];

#[derive(Debug, clap::Parser)]
struct Args {
    /// Calls, one after another.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Turns of each call.
    #[arg(long, default_value_t = QUESTIONS.len())]
    turns: usize,
    /// Language model instead of the configured one.
    #[arg(long)]
    llm: Option<String>,
    /// More settings for the agent, as for `sawt --set`.
    #[arg(long = "set")]
    settings: Vec<String>,
    /// Write every number here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir()?;
    let questions = speak_questions(folder.path(), args.turns).await?;
    let livekit = DevServer::start(&DevServerOptions::default()).await?;
    let agent = Agent::start(&livekit, &args, folder.path()).await?;

    let mut v2v = Vec::new();
    let mut unanswered = 0;
    let mut cpu_per_minute: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut raw = Vec::new();
    for run in 0..args.runs {
        let before = agent.cpu_seconds();
        let started = Instant::now();
        let report = caller::call(&plan(&livekit, &questions, run)?).await?;
        let minutes = started.elapsed().as_secs_f64() / 60.0;
        for (name, seconds) in agent.cpu_seconds() {
            let spent = seconds - before.get(&name).copied().unwrap_or(0.0);
            cpu_per_minute.entry(name).or_default().push(spent / minutes);
        }
        let times: Vec<f64> = report.turns.iter().filter_map(|t| t.v2v_ms).collect();
        println!(
            "run {}: {} of {} turns answered, voice to voice p50 {} p95 {}",
            run + 1,
            times.len(),
            report.turns.len(),
            ms(percentile(&times, 0.5)),
            ms(percentile(&times, 0.95)),
        );
        for turn in &report.turns {
            println!("  {:<14} heard: {:<52} {}", turn.said, turn.heard, ms(turn.v2v_ms));
            println!("  {:<14} answer: {}", "", turn.answer);
        }
        unanswered += report.unanswered();
        v2v.extend(times);
        raw.push(report);
    }
    let memory = agent.memory_mb();
    let parts = agent.stop().await?;

    println!(
        "\nvoice to voice, {} turns: p50 {} p95 {}",
        v2v.len(),
        ms(percentile(&v2v, 0.5)),
        ms(percentile(&v2v, 0.95))
    );
    println!("{:<26} {:>9} {:>9}", "part, ms", "p50", "p95");
    for (part, values) in &parts {
        println!(
            "{part:<26} {:>9} {:>9}",
            ms(percentile(values, 0.5)),
            ms(percentile(values, 0.95))
        );
    }
    println!("{:<26} {:>9} {:>9}", "process", "CPU-s/min", "RSS MB");
    for (name, values) in &cpu_per_minute {
        let cpu = percentile(values, 0.5).unwrap_or(0.0);
        println!("{name:<26} {cpu:>9.2} {:>9.0}", memory.get(name).copied().unwrap_or(0.0));
    }
    if let Some(path) = &args.json {
        let numbers = serde_json::json!({
            "v2v_ms": v2v, "parts_ms": parts, "cpu_s_per_call_minute": cpu_per_minute,
            "rss_mb": memory, "calls": raw,
        });
        std::fs::write(path, serde_json::to_string_pretty(&numbers)?)?;
    }
    ensure!(unanswered == 0, "{unanswered} turns got no spoken answer");
    Ok(())
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.0}"))
}

fn binary(name: &str) -> PathBuf {
    let dir = std::env::var_os("SAWT_BIN_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release"),
        PathBuf::from,
    );
    dir.join(name)
}

async fn speak_questions(folder: &Path, turns: usize) -> anyhow::Result<Vec<Utterance>> {
    let mut questions = Vec::new();
    for (n, text) in QUESTIONS.iter().cycle().take(turns).enumerate() {
        let file = folder.join(format!("q{:02}.wav", n + 1));
        let said = Command::new(binary("sawt"))
            .args(["say", text, "--output"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await
            .context("no release binary; run `cargo build --release --workspace`")?;
        ensure!(said.success(), "`sawt say` failed; try it by hand");
        questions.push(Utterance::read(&file)?);
    }
    Ok(questions)
}

fn plan(livekit: &DevServer, questions: &[Utterance], run: usize) -> anyhow::Result<CallPlan> {
    let store = Store::open(None);
    Ok(CallPlan {
        api: LiveKitApi::new(livekit.url(), livekit.api_key(), livekit.api_secret())?,
        library: store.resolve("livekit-sdk")?.main_file().to_owned(),
        room: format!("bench-{run}-{:08x}", rand::random::<u32>()),
        identity: "caller".into(),
        agent_name: Config::default().livekit.agent_name,
        turns: questions.iter().cloned().map(Turn::Speech).collect(),
        answer_max: Duration::from_secs(30),
        barge_in_after: None,
        record: false,
    })
}

/// `sawt serve` and its engines.
struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    async fn start(livekit: &DevServer, args: &Args, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("serve.log");
        let mut command = Command::new(binary("sawt"));
        command
            .args(["serve", "--set", "http.port=0", "--set", "log.format=json"])
            .env("LIVEKIT_URL", livekit.url())
            .env("LIVEKIT_API_KEY", livekit.api_key())
            .env("LIVEKIT_API_SECRET", livekit.api_secret());
        if let Some(model) = &args.llm {
            command.args(["--set", &format!("llm.model={model}")]);
        }
        for setting in &args.settings {
            command.args(["--set", setting]);
        }
        let child = command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("no release binary; run `cargo build --release --workspace`")?;
        let mut agent = Self { child, log };
        agent.wait_until_ready().await?;
        Ok(agent)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        for _ in 0..600 {
            let log = std::fs::read_to_string(&self.log)?;
            if log.contains("Ready for calls.") {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("`sawt serve` ended with {status}:\n{log}");
            }
            sleep(Duration::from_millis(200)).await;
        }
        bail!("`sawt serve` was not ready within two minutes")
    }

    /// Our process and the engines below it, by program name.
    fn processes(&self) -> BTreeMap<String, u32> {
        let Some(own) = self.child.id() else { return BTreeMap::new() };
        let children = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|e| {
            let pid: u32 = e.file_name().to_str()?.parse().ok()?;
            let (name, fields) = stat(pid)?;
            (pid == own || fields.get(1)?.parse() == Ok(own)).then_some((name, pid))
        });
        children.collect()
    }

    fn cpu_seconds(&self) -> BTreeMap<String, f64> {
        let seconds = |pid: u32| -> Option<f64> {
            let (_, fields) = stat(pid)?;
            let ticks: f64 =
                fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
            Some(ticks / 100.0)
        };
        self.processes().into_iter().filter_map(|(name, pid)| Some((name, seconds(pid)?))).collect()
    }

    fn memory_mb(&self) -> BTreeMap<String, f64> {
        let memory = |pid: u32| -> Option<f64> {
            let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
            let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
            Some(pages * 4096.0 / 1e6)
        };
        self.processes().into_iter().filter_map(|(name, pid)| Some((name, memory(pid)?))).collect()
    }

    /// Ends it and reads the parts of each answer's delay from its log.
    async fn stop(mut self) -> anyhow::Result<BTreeMap<String, Vec<f64>>> {
        self.child.kill().await?;
        let mut parts: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for line in std::fs::read_to_string(&self.log)?.lines() {
            let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else { continue };
            let fields = entry.get("fields").unwrap_or(&entry);
            if fields.get("answers_caller") != Some(&serde_json::Value::Bool(true)) {
                continue;
            }
            for (name, value) in fields.as_object().into_iter().flatten() {
                if let (Some(name), Some(value)) = (name.strip_suffix("_ms"), value.as_f64()) {
                    parts.entry(name.to_owned()).or_default().push(value);
                }
            }
        }
        Ok(parts)
    }
}

/// A process's name and the fields of its `stat` after the name, the state first.
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, tail.split_whitespace().map(str::to_owned).collect()))
}
