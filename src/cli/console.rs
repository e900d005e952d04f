//! `sawt console`: talk to the agent here, without any server.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::progress::Waiting;
use crate::assistants::Choice;
use crate::audio::{self, CALLER_RATE_HZ};
use crate::call::{self, CallEvent, CallReport, CallSetup, Surroundings};
use crate::config::Config;
use crate::engines::{Lender, RunningEngines};
use crate::supervisor::EngineKind;
use crate::transport::CallTransport;
use crate::transport::wav::{WavOptions, WavTransport};

/// Events that may wait to be printed.
const EVENTS_MAX: usize = 256;

/// Talk to the agent here: microphone and speaker, or WAV files.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt console                                    # microphone and speaker; Ctrl-C ends it
  sawt console --headset                          # with a headset you may interrupt the agent
  sawt console --wav question.wav --out call.wav  # files, as fast as the engines allow
  sawt console --wav a.wav --wav b.wav --json     # two turns, report as JSON")]
pub struct Args {
    /// A turn of the caller, instead of the microphone; several are spoken one after another
    #[arg(long, value_name = "FILE")]
    wav: Vec<PathBuf>,
    /// Write the conversation here: caller left, agent right
    #[arg(long, value_name = "FILE", requires = "wav")]
    out: Option<PathBuf>,
    /// Let time pass as for a person, so that the timing is that of a real call
    #[arg(long, requires = "wav")]
    real_time: bool,
    /// You wear a headset: the agent can not hear itself, so you may interrupt it
    #[arg(long, conflicts_with = "wav")]
    headset: bool,
    /// Who answers [default: assistants.default]
    #[arg(long, value_name = "NAME")]
    assistant: Option<String>,
    /// Print the report of the call as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let turns: Vec<Vec<i16>> = args
        .wav
        .iter()
        .map(|file| audio::wav::read(file, CALLER_RATE_HZ))
        .collect::<Result<_, _>>()?;
    if let Some(folder) = args.out.as_deref().and_then(std::path::Path::parent)
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        bail!("the folder {} of --out is not there; make it first", folder.display());
    }
    let library = super::assistants::library(&config)?;
    let choice = Choice { assistant: args.assistant.clone(), language: None };
    let assistant = Arc::clone(library.choose(&choice)?);
    let config = assistant.config("");
    let engines =
        RunningEngines::start(config, &[EngineKind::Stt, EngineKind::Llm, EngineKind::Tts])?;
    let waiting = Waiting::start("Loading the models");
    engines.ready().await?;
    waiting.done();
    let call_engines = engines.for_calls(config)?.context("the engines were not started")?;
    let lender = Lender::new(call_engines, &config.remote)?;

    let person = turns.is_empty();
    let hang_up = CancellationToken::new();
    let transport = open(&args, turns, config, &hang_up).await?;
    let (events_in, events) = mpsc::channel(EVENTS_MAX);
    let printer = tokio::spawn(print_events(events, args.json));
    let on_signal = hang_up.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_signal.cancel();
        }
    });
    let setup = CallSetup {
        call_id: "console".into(),
        config: Arc::clone(config),
        assistant: Some(Arc::clone(&assistant)),
        engines: lender.for_call("console", assistant.remote()),
        observer: Some(events_in),
        surroundings: Surroundings::default(),
        hang_up,
    };
    let report = call::run(transport, setup).await;
    engines.stop().await;
    let _ = printer.await;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    check(&report, args.wav.len(), person)
}

async fn open(
    args: &Args,
    turns: Vec<Vec<i16>>,
    config: &Config,
    hang_up: &CancellationToken,
) -> anyhow::Result<Box<dyn CallTransport>> {
    let agent_rate_hz = config.tts.output_sample_rate_hz;
    if !turns.is_empty() {
        let options =
            WavOptions { agent_rate_hz, out: args.out.clone(), real_time: args.real_time };
        return Ok(Box::new(WavTransport::new(turns, options)));
    }
    microphone(agent_rate_hz, args.headset, hang_up).await
}

#[cfg(feature = "microphone")]
async fn microphone(
    agent_rate_hz: u32,
    headset: bool,
    hang_up: &CancellationToken,
) -> anyhow::Result<Box<dyn CallTransport>> {
    use crate::transport::microphone::MicrophoneTransport;
    let transport = MicrophoneTransport::open(agent_rate_hz, headset).await?;
    eprintln!("Speak. Ctrl-C ends the call.");
    let levels = transport.levels();
    let ended = hang_up.clone();
    tokio::spawn(async move { ended.run_until_cancelled(super::meter::show(levels)).await });
    Ok(Box::new(transport))
}

#[cfg(not(feature = "microphone"))]
async fn microphone(
    _: u32,
    _: bool,
    _: &CancellationToken,
) -> anyhow::Result<Box<dyn CallTransport>> {
    bail!("this build has no microphone; build with `--features microphone` or give --wav FILE")
}

async fn print_events(mut events: mpsc::Receiver<CallEvent>, json: bool) {
    while let Some(event) = events.recv().await {
        if json {
            continue;
        }
        match event {
            CallEvent::Caller { text } => println!("caller  {text}"),
            CallEvent::Agent { text } => println!("agent   {text}"),
            CallEvent::Refused(refused) => {
                println!("        (not believed, {}: {})", refused.reason.as_str(), refused.text);
            }
            CallEvent::Language { language } => println!("        (the caller speaks {language})"),
            CallEvent::Action(action) => {
                let failed = action.failed.map(|why| format!(": {why}")).unwrap_or_default();
                println!(
                    "        ({} {}, by {}{failed})",
                    action.action, action.detail, action.reason
                );
            }
            CallEvent::Sentiment { value, smoothed, why, .. } if !why.is_empty() => {
                println!("        (feels {value:+.2}, so far {smoothed:+.2}: {})", why.join(", "));
            }
            CallEvent::Sentiment { .. } => {}
            CallEvent::Unanswered { why } => println!("        ({why})"),
            CallEvent::Ended { reason } => println!("        (call over: {reason})"),
            CallEvent::Turn(turn) => {
                if let Some(e2e_ms) = turn.timing.e2e_latency.filter(|_| !turn.caller.is_empty()) {
                    println!("        ({e2e_ms} ms)");
                }
            }
            CallEvent::Started => {}
        }
    }
}

/// Files must be answered: this is what tests and scripts rely on.
fn check(report: &CallReport, turns: usize, person: bool) -> anyhow::Result<()> {
    let answered =
        report.turns.iter().filter(|t| !t.caller.is_empty() && !t.agent.is_empty()).count();
    if !person && answered < turns {
        bail!("{answered} of {turns} turns were answered; see the log with --set log.filter=debug");
    }
    Ok(())
}
