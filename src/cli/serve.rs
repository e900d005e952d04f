//! `sawt serve`: answer calls from an existing LiveKit server.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::signals;
use crate::config::Config;
use crate::livekit_api::LiveKitApi;
use crate::service::Service;
use crate::{http, telemetry};

/// Answer calls from an existing LiveKit server.
#[derive(Debug, clap::Args)]
#[command(after_help = "The LiveKit server's address and key come from the configuration or from
LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.

SIGTERM or Ctrl-C lets running calls finish (livekit.drain_s); a second one ends at once.

Examples:
  sawt serve
  sawt serve --set livekit.agent_name=bank --set livekit.calls_max=20
  sawt serve --set http.bind=0.0.0.0     # behind a proxy with TLS")]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, config: Config) -> anyhow::Result<()> {
    config.require_livekit()?;
    let lk = &config.livekit;
    let api = LiveKitApi::new(&lk.url, &lk.api_key, &lk.api_secret)?;
    let listener = http::bind(&config.http.bind, config.http.port).await?;
    let address = listener.local_addr()?;
    let metrics = telemetry::metrics::install()?;
    let drain = CancellationToken::new();
    signals::drain_on_signal(drain.clone());
    let (ready_in, ready) = tokio::sync::oneshot::channel();
    let url = lk.url.clone();
    tokio::spawn(async move {
        if ready.await.is_ok() {
            tracing::info!(%url, http = %address, "Ready for calls.");
        }
    });
    let service = Service {
        config: Arc::new(config),
        api,
        listener,
        metrics: Some(metrics),
        drain,
        reload_on_hangup: true,
        ready: Some(ready_in),
    };
    let outcome = service.run().await?;
    if outcome.cut_short > 0 {
        tracing::warn!(calls = outcome.cut_short, "Calls were ended by the drain's deadline.");
    }
    Ok(())
}
