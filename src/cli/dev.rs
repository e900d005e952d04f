//! `sawt dev`: everything on this machine, for a first conversation.

use std::path::PathBuf;
use std::sync::Arc;

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
}

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
    tokio::spawn(async move {
        if ready.await.is_ok() {
            waiting.done();
            println!("Open http://{address}/ and talk. Ctrl-C ends it.");
        }
    });
    // Nobody waits for a developer's calls.
    config.livekit.drain_s = config.livekit.drain_s.min(5);
    let service = Service {
        config: Arc::new(config),
        api,
        listener,
        metrics: Some(metrics),
        drain,
        ready: Some(ready_in),
    };
    service.run().await?;
    drop(livekit);
    Ok(())
}
