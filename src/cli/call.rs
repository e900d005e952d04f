//! `sawt call`: call the agent as a synthetic caller and time its answers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{bail, ensure};

use super::transcribe::write_down;
use crate::audio::{CALLER_RATE_HZ, resample, wav};
use crate::caller::{CallPlan, CallReport, RATE_HZ, Turn, Utterance, call};
use crate::config::Config;
use crate::engines::RunningEngines;
use crate::livekit_api::LiveKitApi;
use crate::models::Store;
use crate::supervisor::EngineKind;
use crate::transport::livekit::library_path;

/// Call the agent as a synthetic caller and time its answers.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs the address and keys of the LiveKit server that `sawt serve` uses. To call `sawt dev`, let it
call itself: `sawt dev --call question.wav`.

Examples:
  sawt call --say question.wav
  sawt call --say one.wav --say two.wav --transcribe --record call.wav
  sawt call --text 'What are your opening hours?' --json
  sawt call --say story.wav --say wait.wav --barge-in-after-ms 900"
)]
pub struct Args {
    /// WAV file to say, of any rate; repeat for more turns. NAME.json beside it may hold
    /// {"speech_end_ms": N}
    #[arg(long, value_name = "WAV")]
    pub say: Vec<PathBuf>,
    /// Text to write into the chat, after what is said; repeat for more turns
    #[arg(long)]
    pub text: Vec<String>,
    /// LiveKit's address [default: from the configuration]
    #[arg(long)]
    pub url: Option<String>,
    /// LiveKit's API key [default: from the configuration]
    #[arg(long)]
    pub api_key: Option<String>,
    /// LiveKit's API secret [default: from the configuration]
    #[arg(long)]
    pub api_secret: Option<String>,
    /// Room to meet in [default: a new one]
    #[arg(long)]
    pub room: Option<String>,
    /// Agent to ask for; empty: it comes by itself [default: from the configuration]
    #[arg(long)]
    pub agent_name: Option<String>,
    /// Keep the call in a WAV file: caller left, agent right
    #[arg(long, value_name = "WAV")]
    pub record: Option<PathBuf>,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// Seconds that an answer may take to begin
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout_s: u64,
    /// Silence after which an answer is over and the next turn is said
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(200..=5_000))]
    pub answer_gap_ms: u64,
    /// Interrupt: say the next turn this long after an answer began
    #[arg(long, value_name = "MS")]
    pub barge_in_after_ms: Option<u64>,
    /// Write down the agent's audio with the local speech recognition
    #[arg(long)]
    pub transcribe: bool,
}

/// Runs the command.
///
/// # Errors
/// When no agent answers, or a turn gets no spoken answer.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let report = place(&args, &config).await?;
    let transcripts = match args.transcribe {
        true => transcribe_answers(&config, &report).await?,
        false => Vec::new(),
    };
    if args.json {
        print_json(&report, &transcripts)?;
    } else {
        print_table(&report, &transcripts);
    }
    if let (Some(path), Some(recording)) = (&args.record, &report.recording) {
        wav::write(path, RATE_HZ, &[&recording.caller, &recording.agent])?;
    }
    let unanswered = report.unanswered();
    ensure!(
        unanswered == 0,
        "{unanswered} of {} turns got no spoken answer within {} s; the agent's log says why",
        report.turns.len(),
        args.timeout_s
    );
    Ok(())
}

/// Places the call.
async fn place(args: &Args, config: &Config) -> anyhow::Result<CallReport> {
    let mut turns = Vec::new();
    for path in &args.say {
        turns.push(Turn::Speech(Utterance::read(path)?));
    }
    turns.extend(args.text.iter().cloned().map(Turn::Text));
    ensure!(!turns.is_empty(), "nothing to say; give --say question.wav or --text \"a question\"");

    let livekit = &config.livekit;
    let url = args.url.as_ref().unwrap_or(&livekit.url);
    let key = args.api_key.as_ref().unwrap_or(&livekit.api_key);
    let secret = args.api_secret.as_ref().unwrap_or(&livekit.api_secret);
    let new_room = || format!("sawt-call-{}", hex::encode(rand::random::<[u8; 4]>()));
    let plan = CallPlan {
        api: LiveKitApi::new(url, key, secret)?,
        library: library_path(Store::from_config(&config.models).dir()),
        room: args.room.clone().unwrap_or_else(new_room),
        identity: "caller".into(),
        agent_name: args.agent_name.clone().unwrap_or_else(|| livekit.agent_name.clone()),
        turns,
        answer_max: Duration::from_secs(args.timeout_s),
        answer_gap: Duration::from_millis(args.answer_gap_ms),
        barge_in_after: args.barge_in_after_ms.map(Duration::from_millis),
        record: args.record.is_some() || args.transcribe,
    };
    Ok(call(&plan).await?)
}

/// What each answer says, by the local speech recognition, started for this after the call so that
/// it takes no time from the agent's.
async fn transcribe_answers(config: &Config, report: &CallReport) -> anyhow::Result<Vec<String>> {
    let engines = RunningEngines::start(config, &[EngineKind::Stt])?;
    engines.ready().await?;
    let Some(stt) = engines.stt() else { bail!("the speech engine was not started") };
    let mut transcripts = Vec::new();
    for turn in &report.turns {
        if turn.answer_pcm.is_empty() {
            transcripts.push(String::new());
            continue;
        }
        let pcm = resample(&turn.answer_pcm, RATE_HZ, CALLER_RATE_HZ)?;
        let pieces = write_down(&stt, config, &config.agent.languages, &pcm).await?;
        let texts: Vec<&str> = pieces.iter().map(|p| p.text.trim()).collect();
        transcripts.push(texts.join(" "));
    }
    engines.stop().await;
    Ok(transcripts)
}

fn print_json(report: &CallReport, transcripts: &[String]) -> anyhow::Result<()> {
    let mut value = serde_json::to_value(report)?;
    if !transcripts.is_empty() {
        value["answer_transcripts"] = serde_json::to_value(transcripts)?;
    }
    println!("{}", serde_json::to_string_pretty(&value)?);
    Ok(())
}

fn print_table(report: &CallReport, transcripts: &[String]) {
    println!("room {}, agent there after {:.0} ms", report.room, report.agent_joined_ms);
    if !report.welcome.is_empty() {
        println!("agent   {}", report.welcome);
    }
    for (n, turn) in report.turns.iter().enumerate() {
        println!();
        println!("{:>2} said    {}", n + 1, turn.said);
        println!("   heard   {}", or_dash(&turn.heard));
        println!("   answer  {}", or_dash(&turn.answer));
        if let Some(transcript) = transcripts.get(n) {
            println!("   spoken  {}", or_dash(transcript));
        }
        let stopped =
            turn.stopped_ms.map(|ms| format!(", silent {ms:.0} ms after the interruption"));
        match turn.v2v_ms {
            Some(v2v_ms) => println!(
                "   voice to voice {v2v_ms:.0} ms, answer {:.1} s{}",
                turn.answer_ms / 1000.0,
                stopped.unwrap_or_default()
            ),
            None => println!("   no spoken answer"),
        }
    }
    if let (Some(p50), Some(p95)) = (report.v2v_p50_ms, report.v2v_p95_ms) {
        println!();
        println!(
            "voice to voice: p50 {p50:.0} ms, p95 {p95:.0} ms over {} turns",
            report.turns.len()
        );
    }
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
