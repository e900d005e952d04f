//! How the engines are: for `/readyz`, for the metrics, and for whether calls may come.

use std::time::Duration;

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

/// A restart takes less, and a call that comes during one is answered after it. Longer than this
/// is a fault, and its callers are better served by another worker, or by knowing at once.
pub(super) const MENDING_MAX: Duration = Duration::from_secs(6);

/// Why calls that came now could not be answered; `None` while they can. An engine that is away keeps
/// no call away where another one may serve it: `served_elsewhere` says so by its name.
pub(super) fn watch_fitness(
    mut parts: watch::Receiver<Parts>,
    served_elsewhere: impl Fn(&str) -> bool + Send + Sync + 'static,
    mending_max: Duration,
    stop: CancellationToken,
) -> watch::Receiver<Option<String>> {
    let (unfit_in, unfit) = watch::channel(None);
    let watching = async move {
        let missed = |parts: &Parts| {
            let missed = parts.iter().filter(|(part, _)| !served_elsewhere(part));
            problem_of(missed)
        };
        // Until all have worked once nobody offers us a call: loading is no fault.
        if parts.wait_for(|parts| problem_of(parts.iter()).is_none()).await.is_err() {
            return;
        }
        loop {
            let Ok(broken) = parts.wait_for(|parts| missed(parts).is_some()).await else {
                return;
            };
            drop(broken);
            let mended = parts.wait_for(|parts| missed(parts).is_none());
            if tokio::time::timeout(mending_max, mended).await.is_ok() {
                continue;
            }
            let why = missed(&parts.borrow());
            if let Some(why) = &why {
                tracing::error!(%why, "No new calls until the engine is back.");
            }
            unfit_in.send_replace(why);
            if parts.wait_for(|parts| missed(parts).is_none()).await.is_err() {
                return;
            }
            tracing::info!("All engines are back: calls can come.");
            unfit_in.send_replace(None);
        }
    };
    tokio::spawn(async move { stop.run_until_cancelled(watching).await });
    unfit
}

fn problem_of<'a>(
    mut parts: impl Iterator<Item = (&'a String, &'a Option<String>)>,
) -> Option<String> {
    parts.find_map(|(part, problem)| Some(format!("{part}: {}", problem.as_ref()?)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(llm: Option<&str>) -> Parts {
        [("llm".to_owned(), llm.map(str::to_owned)), ("stt".to_owned(), None)].into()
    }

    #[tokio::test]
    async fn an_engine_that_stays_away_keeps_new_calls_away_until_it_is_back() {
        let (parts_in, parts_out) = watch::channel(parts(None));
        let max = Duration::from_millis(500);
        let mut unfit = watch_fitness(parts_out, |_| false, max, CancellationToken::new());
        parts_in.send_replace(parts(Some("starting again after: killed")));
        tokio::time::sleep(max / 10).await;
        parts_in.send_replace(parts(None));
        tokio::time::sleep(max * 2).await;
        assert!(!unfit.has_changed().unwrap(), "a restart is waited for");

        parts_in.send_replace(parts(Some("model is truncated")));
        let told = unfit.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(told.as_deref(), Some("llm: model is truncated"));
        parts_in.send_replace(parts(None));
        unfit.wait_for(Option::is_none).await.unwrap();
    }

    #[tokio::test]
    async fn an_engine_whose_work_may_be_done_elsewhere_keeps_no_call_away() {
        let (parts_in, parts_out) = watch::channel(parts(None));
        let max = Duration::from_millis(50);
        let elsewhere = |part: &str| part == "llm";
        let mut unfit = watch_fitness(parts_out, elsewhere, max, CancellationToken::new());
        tokio::time::sleep(max).await; // until it has seen that all work
        parts_in.send_replace(parts(Some("killed")));
        tokio::time::sleep(max * 4).await;
        assert!(!unfit.has_changed().unwrap());
        parts_in.send_modify(|parts| drop(parts.insert("stt".into(), Some("killed".into()))));
        let told = unfit.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(told.as_deref(), Some("stt: killed"));
    }
}
