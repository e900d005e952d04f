//! Keeps the store in step with the records, whether the database is there or not.

use std::path::Path;
use std::time::SystemTime;

use tokio::sync::Mutex;

use super::{CallRow, Store, StoreError};
use crate::config::RecordsConfig;
use crate::records::Records;
use crate::telemetry::metrics;

/// Puts records into the store; what does not get in is made up for later.
#[derive(Debug)]
pub struct Keeper {
    config: RecordsConfig,
    records: Records,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    store: Option<Store>,
    /// Every record has its row.
    in_step: bool,
}

impl Keeper {
    /// As configured; nothing where no calls are kept. Opens nothing yet.
    ///
    /// # Errors
    /// `records.database` is no address.
    pub fn new(config: &RecordsConfig) -> Result<Option<Self>, StoreError> {
        let Some(records) = Records::from_config(config) else { return Ok(None) };
        Store::check(config)?;
        Ok(Some(Self { config: config.clone(), records, state: Mutex::default() }))
    }

    /// At the start: recordings of a program that was killed get a record, and records without a row one.
    pub async fn catch_up(&self) {
        let records = self.records.clone();
        let recovered = tokio::task::spawn_blocking(move || records.recover(now())).await;
        if let Ok(recovered @ 1..) = recovered {
            tracing::warn!(recovered, "Recordings of calls that were cut off by our end.");
        }
        self.tell(self.put(None).await);
    }

    /// The record at `path` gets its row, and whatever did not get one before.
    pub async fn keep(&self, path: &Path) {
        self.tell(self.put(Some(path)).await);
    }

    fn tell(&self, put: Result<usize, StoreError>) {
        match put {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "Records without a row have one now."),
            Err(error) => {
                metrics::store_failed();
                tracing::error!(%error, "The store is behind the records; it is tried again.");
            }
        }
    }

    async fn put(&self, path: Option<&Path>) -> Result<usize, StoreError> {
        let mut state = self.state.lock().await;
        let in_step = std::mem::take(&mut state.in_step);
        let store = match state.store.take() {
            Some(store) => store,
            None => Store::open(&self.config).await?,
        };
        let mut swept = 0;
        match path.map(CallRow::read) {
            Some(Ok(call)) if in_step => store.keep(&call).await?,
            _ => swept = store.sweep(&self.records).await?,
        }
        let (keep, keep_max) = self.records.limits();
        store.prune(now(), keep, keep_max).await?;
        *state = State { store: Some(store), in_step: true };
        Ok(swept)
    }
}

#[allow(clippy::disallowed_methods)] // calls are kept by the clock on the wall
fn now() -> SystemTime {
    SystemTime::now()
}
