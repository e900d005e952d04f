//! `sawt dev`: everything on this machine, for a first conversation.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::progress::Waiting;
use super::signals;
use crate::config::Config;
use crate::livekit_api::LiveKitApi;
use crate::service::Service;
use crate::transport::livekit::dev_server::{DevServer, DevServerOptions};
use crate::{http, telemetry};

/// Start everything on this machine and print the page's address.
#[derive(Debug, clap::Args)]
#[command(after_help = "Starts a livekit-server on loopback with keys of its own, the engines, the
agent and the page. Nothing but this machine can reach it, and it reaches nothing else.

Examples:
  sawt dev
  sawt dev --http-port 0            # any free port
  sawt dev --call                   # no microphone: a synthetic caller asks two questions
  sawt dev --call question.wav      # or yours
  sawt dev --set llm.model=smollm2-135m-instruct")]
pub struct Args {
    /// Port of the page; 0 picks a free one [default: http.port]
    #[arg(long, value_name = "PORT")]
    http_port: Option<u16>,
    /// Port of livekit-server; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    livekit_port: u16,
    /// The livekit-server program [default: found on the path]
    #[arg(long, value_name = "PATH")]
    livekit_server: Option<PathBuf>,
    /// Prove it without a human: call the agent with these WAV files (or two questions of our own),
    /// print transcript and timing, and end; fails when no spoken answer came
    #[arg(long, value_name = "WAV", num_args = 0..)]
    call: Option<Vec<PathBuf>>,
    /// With --call: keep the conversation here, caller left, agent right
    #[arg(long, value_name = "FILE", requires = "call")]
    record: Option<PathBuf>,
}

/// What the synthetic caller asks when it has no file: what any small model knows.
const QUESTIONS: [&str; 2] =
    ["What is the capital of France?", "And which language do they speak?"];

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, mut config: Config) -> anyhow::Result<()> {
    // A development server is for this machine, whatever the configuration says.
    config.http.bind = "127.0.0.1".into();
    config.http.port = args.http_port.unwrap_or(config.http.port);
    let listener = http::bind(&config.http.bind, config.http.port).await?;
    let address = listener.local_addr()?;
    let livekit = DevServer::start(&DevServerOptions {
        program: args.livekit_server,
        port: args.livekit_port,
    })
    .await?;
    // Its own server is reached as itself, whatever the configured one is.
    config.livekit.public_url.clear();
    config.http.public_origin.clear();
    config.livekit.url = livekit.url().to_owned();
    config.livekit.api_key = livekit.api_key().to_owned();
    config.livekit.api_secret = livekit.api_secret().to_owned();
    let lk = &config.livekit;
    let api = LiveKitApi::new(&lk.url, &lk.api_key, &lk.api_secret)?;
    let metrics = telemetry::metrics::install()?;
    let drain = CancellationToken::new();
    signals::drain_on_signal(drain.clone());

    let (ready_in, ready) = tokio::sync::oneshot::channel();
    let waiting = Waiting::start("Loading the models");
    // Nobody waits for a developer's calls.
    config.livekit.drain_s = config.livekit.drain_s.min(5);
    let service = Service {
        config: Arc::new(config.clone()),
        api,
        listener,
        metrics: Some(metrics),
        drain: drain.clone(),
        reload_on_hangup: false,
        ready: Some(ready_in),
    };
    let after_start = async {
        let started = ready.await.is_ok();
        waiting.done();
        let result = match args.call {
            _ if !started => Ok(()), // the service says why
            Some(files) => prove(files, args.record, &config).await,
            None => {
                println!("Open http://{address}/ and talk. Ctrl-C ends it.");
                return Ok(());
            }
        };
        drain.cancel();
        result
    };
    let (served, proved) = tokio::join!(service.run(), after_start);
    drop(livekit);
    served?;
    proved
}

/// Calls the agent once, as any caller would: over LiveKit, by sound.
async fn prove(
    files: Vec<PathBuf>,
    record: Option<PathBuf>,
    config: &Config,
) -> anyhow::Result<()> {
    let spoken = tempfile::tempdir().context("no place for the questions; set TMPDIR")?;
    let files = if files.is_empty() {
        super::say::speak_into(spoken.path(), &QUESTIONS, config).await?
    } else {
        files
    };
    println!("Calling the agent with {} turn(s)…", files.len());
    let call = super::call::Args {
        say: files,
        text: Vec::new(),
        url: None,
        api_key: None,
        api_secret: None,
        room: None,
        agent_name: None,
        record,
        json: false,
        timeout_s: 30,
        answer_gap_ms: 1_000,
        barge_in_after_ms: None,
        transcribe: true,
    };
    super::call::run(call, config.clone()).await
}
