//! Whole calls, measured from outside: a livekit-server, `sawt serve`, and the synthetic caller.
//!
//! Voice to voice is taken from sound: the agent's onset in what the caller heard, less the end
//! of speech in the caller's own file. The parts come from the agent's log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::{Report, clock, process};
use crate::caller::{self, CallPlan, CallReport, Turn, Utterance};
use crate::config::Config;
use crate::livekit_api::LiveKitApi;
use crate::models::Store;
use crate::transport::livekit::dev_server::{DevServer, DevServerOptions};

/// What the caller says: the kind of things people ask on the phone, of 1 to 4 s.
pub const QUESTIONS: [&str; 12] = [
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

const READY_MAX: Duration = Duration::from_secs(120);

/// How the calls are made.
#[derive(Debug)]
pub struct Plan {
    /// WAV files to say, in order.
    pub say: Vec<PathBuf>,
    /// Calls, one after another.
    pub calls: usize,
    /// Interrupt each answer this long after it began.
    pub barge_in_after: Option<Duration>,
    /// The `sawt` program.
    pub program: PathBuf,
}

/// Makes the calls. Turns without an answer are counted in the second value.
///
/// # Errors
/// When server or agent do not start, or the agent leaves in the middle.
pub async fn run(config: &Config, plan: &Plan) -> anyhow::Result<(Report, usize)> {
    let mut utterances = Vec::new();
    for file in &plan.say {
        utterances.push(Utterance::read(file)?);
    }
    let folder = tempfile::tempdir()?;
    let livekit = DevServer::start(&DevServerOptions::default()).await?;
    let agent = Agent::start(config, &livekit, &plan.program, folder.path()).await?;
    let mut report = Report::new("turn");
    report.setup.insert("calls", plan.calls.to_string());
    report.setup.insert("turns per call", utterances.len().to_string());
    report.setup.insert("stt", super::stt::label(config)?);
    report.setup.insert("llm", config.llm.model.clone());
    report.setup.insert("voice", config.voice_for("en").to_owned());
    let mut unanswered = 0;
    for n in 0..plan.calls {
        let before = agent.cpu_seconds();
        let started = clock();
        let call = caller::call(&call_plan(config, &livekit, plan, &utterances)?).await?;
        let minutes = clock().duration_since(started).as_secs_f64() / 60.0;
        for (name, seconds) in agent.cpu_seconds() {
            let spent = seconds - before.get(&name).copied().unwrap_or(0.0);
            report.add(&format!("{name}: per call-minute"), "CPU-s", spent / minutes);
        }
        unanswered += call.unanswered();
        note(&mut report, n, &call);
    }
    for (name, mb) in agent.memory_mb() {
        report.add(&format!("{name}: memory"), "MB", mb);
    }
    for (part, values) in agent.stop().await? {
        for value in values {
            report.add(&format!("agent: {part}"), "ms", value);
        }
    }
    // What counts comes first.
    report.series.sort_by_key(|s| match s.name.as_str() {
        "voice to voice" => 0,
        name if name.starts_with("caller speaks") => 1,
        name if name.starts_with("agent: ") => 2,
        _ => 3,
    });
    Ok((report, unanswered))
}

fn note(report: &mut Report, call: usize, made: &CallReport) {
    for turn in &made.turns {
        if let Some(ms) = turn.v2v_ms {
            report.add("voice to voice", "ms", ms);
        }
        if let Some(ms) = turn.stopped_ms {
            report.add("caller speaks over the agent until it is silent", "ms", ms);
        }
        let took = turn.v2v_ms.map_or_else(|| "no answer".into(), |ms| format!("{ms:.0} ms"));
        report.notes.push(format!(
            "call {}, {}: heard {:?}, answered {:?}, {took}",
            call + 1,
            turn.said,
            turn.heard,
            turn.answer
        ));
    }
}

fn call_plan(
    config: &Config,
    livekit: &DevServer,
    plan: &Plan,
    utterances: &[Utterance],
) -> anyhow::Result<CallPlan> {
    let store = Store::from_config(&config.models);
    Ok(CallPlan {
        api: LiveKitApi::new(livekit.url(), livekit.api_key(), livekit.api_secret())?,
        library: store.resolve("livekit-sdk")?.main_file().to_owned(),
        room: format!("bench-{:08x}", rand::random::<u32>()),
        identity: "caller".into(),
        agent_name: config.livekit.agent_name.clone(),
        turns: utterances.iter().cloned().map(Turn::Speech).collect(),
        answer_max: Duration::from_secs(30),
        answer_gap: caller::ANSWER_GAP,
        barge_in_after: plan.barge_in_after,
        record: false,
    })
}

/// `sawt serve` and its engines.
struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    /// With our configuration, wherever it came from, but for fillers: the first thing that is
    /// heard after a question has to be the answer.
    async fn start(
        config: &Config,
        livekit: &DevServer,
        program: &Path,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join("serve.log");
        let settings = folder.join("agent.toml");
        let mut config = config.clone();
        config.agent.filler_ms = 0;
        config.agent.thinking_sound_ms = 0;
        std::fs::write(&settings, toml::to_string(&config)?)?;
        let mut command = Command::new(program);
        command
            .arg("--config")
            .arg(settings)
            .args(["serve", "--set", "http.port=0", "--set", "log.format=json"])
            .env("LIVEKIT_URL", livekit.url())
            .env("LIVEKIT_API_KEY", livekit.api_key())
            .env("LIVEKIT_API_SECRET", livekit.api_secret());
        let child = command
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can not be started", program.display()))?;
        let mut agent = Self { child, log };
        agent.wait_until_ready().await?;
        Ok(agent)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let start = clock();
        while clock().duration_since(start) < READY_MAX {
            let log = std::fs::read_to_string(&self.log)?;
            if log.contains("Ready for calls.") {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("`sawt serve` ended with {status}:\n{log}");
            }
            sleep(Duration::from_millis(200)).await;
        }
        bail!("`sawt serve` was not ready within {} s; try it by hand", READY_MAX.as_secs())
    }

    fn cpu_seconds(&self) -> BTreeMap<String, f64> {
        self.of_each(process::cpu_seconds)
    }

    fn memory_mb(&self) -> BTreeMap<String, f64> {
        self.of_each(process::memory_mb)
    }

    /// Something of our process and of each engine below it, by program name.
    fn of_each(&self, what: impl Fn(u32) -> Option<f64>) -> BTreeMap<String, f64> {
        let family = self.child.id().map(process::family).unwrap_or_default();
        family.into_iter().filter_map(|(name, pid)| Some((name, what(pid)?))).collect()
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
