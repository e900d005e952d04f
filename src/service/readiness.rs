//! How the engines are, for `/readyz` and the metrics.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::http::Parts;
use crate::supervisor::{EngineHandle, EngineState};
use crate::telemetry::metrics;

/// Follows the engines until `stop`.
pub(super) fn watch_engines(
    handles: &[EngineHandle],
    stop: CancellationToken,
) -> watch::Receiver<Parts> {
    let parts: Parts = handles
        .iter()
        .map(|h| (h.kind.as_str().to_owned(), Some("loading its model".to_owned())))
        .collect();
    let (parts_in, parts) = watch::channel(parts);
    for handle in handles {
        let (handle, parts, stop) = (handle.clone(), parts_in.clone(), stop.clone());
        tokio::spawn(async move { stop.run_until_cancelled(follow(handle, parts)).await });
    }
    parts
}

async fn follow(handle: EngineHandle, parts: watch::Sender<Parts>) {
    let engine = handle.kind.as_str();
    let mut states = handle.states();
    loop {
        let problem = match &*states.borrow_and_update() {
            EngineState::Ready(_) => None,
            EngineState::Starting => Some("loading its model".to_owned()),
            EngineState::Restarting { why } => {
                metrics::engine_restarted(engine);
                Some(format!("starting again after: {why}"))
            }
            EngineState::Failed { why } => Some(why.clone()),
        };
        metrics::engine_ready(engine, problem.is_none());
        parts.send_modify(|parts| {
            parts.insert(engine.to_owned(), problem);
        });
        if states.changed().await.is_err() {
            return;
        }
    }
}
