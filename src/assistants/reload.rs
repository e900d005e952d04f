//! Keeps the current [`Library`] and reads it again when its files change or somebody asks. A call
//! takes the current one when it begins and keeps it; what is wrong stays out, and the version
//! before it stays in.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Finding, Findings, Folder, Library, Voices};
use crate::config::Config;
use crate::telemetry::metrics;

/// Whoever asks while files are being written waits so long for the next look.
const CHANGING: Duration = Duration::from_millis(20);

/// How the last reading went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadState {
    /// Changes that came into force since the start.
    pub reloads: u64,
    /// What is wrong with the files as they are now, while an older version serves.
    pub findings: Vec<Finding>,
}

/// The current assistants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Assistants {
    current: watch::Receiver<Arc<Library>>,
    state: watch::Receiver<ReloadState>,
    asked: Arc<Notify>,
}

impl Assistants {
    /// `library` for ever.
    pub fn fixed(library: Library) -> Self {
        let (_, current) = watch::channel(Arc::new(library));
        let (_, state) = watch::channel(ReloadState::default());
        Self { current, state, asked: Arc::default() }
    }

    /// The current ones; whoever keeps them is not touched by a change.
    pub fn current(&self) -> Arc<Library> {
        Arc::clone(&self.current.borrow())
    }

    /// How the last reading went.
    pub fn state(&self) -> watch::Receiver<ReloadState> {
        self.state.clone()
    }

    /// Read the files again now, changed or not.
    pub fn reload(&self) {
        self.asked.notify_one();
    }

    /// Starts with `library`, which was read from `folder`, and follows the folder until `stop`.
    pub fn follow(
        library: Library,
        folder: Folder,
        config: Arc<Config>,
        voices: Voices,
        stop: CancellationToken,
    ) -> Self {
        let (current_in, current) = watch::channel(Arc::new(library));
        let (state_in, state) = watch::channel(ReloadState::default());
        let asked = Arc::new(Notify::new());
        let assistants = Self { current, state, asked: Arc::clone(&asked) };
        metrics::assistants_current(true);
        let follower = Follower {
            source: Arc::new(Source { folder, config, voices }),
            current: current_in,
            state: state_in,
        };
        tokio::spawn(async move { stop.run_until_cancelled(follower.run(asked)).await });
        assistants
    }
}

/// What is read.
struct Source {
    folder: Folder,
    config: Arc<Config>,
    voices: Voices,
}

/// What was read, and the folder's fingerprints before and after.
struct Reading {
    library: Result<Library, Findings>,
    before: u64,
    after: u64,
}

impl Source {
    fn read(&self) -> Reading {
        let before = self.folder.fingerprint();
        let library = Library::load(&self.folder, &self.config, &self.voices);
        Reading { library, before, after: self.folder.fingerprint() }
    }
}

struct Follower {
    source: Arc<Source>,
    current: watch::Sender<Arc<Library>>,
    state: watch::Sender<ReloadState>,
}

impl Follower {
    async fn run(self, asked: Arc<Notify>) {
        let every = self.source.config.assistants.reload_s;
        // What was read at the start may have changed until now.
        let mut read = 0;
        let mut seen = read;
        loop {
            let by_hand = tokio::select! {
                () = asked.notified() => true,
                () = tokio::time::sleep(Duration::from_secs(u64::from(every))), if every > 0 => false,
            };
            let source = Arc::clone(&self.source);
            let Some(now) = blocking(move || source.folder.fingerprint()).await else { continue };
            if !by_hand {
                // Whoever copies a folder is not done with its first file: a change counts once
                // nothing has changed between two looks.
                let settled = now == std::mem::replace(&mut seen, now);
                if now == read || !settled {
                    continue;
                }
            }
            let source = Arc::clone(&self.source);
            let Some(reading) = blocking(move || source.read()).await else {
                metrics::assistants_current(false);
                continue;
            };
            if reading.before != reading.after {
                // It changed under our eyes: the next look decides.
                if by_hand {
                    asked.notify_one();
                    tokio::time::sleep(CHANGING).await;
                }
                continue;
            }
            read = reading.before;
            self.take(reading.library, by_hand);
        }
    }

    fn take(&self, library: Result<Library, Findings>, by_hand: bool) {
        match library {
            Ok(library) => {
                let changed = **self.current.borrow() != library;
                if changed {
                    let versions: Vec<String> = library
                        .all()
                        .map(|a| format!("{} {}", a.name(), a.version().version))
                        .collect();
                    tracing::info!(assistants = %versions.join(", "), "Assistants read again.");
                    self.current.send_replace(Arc::new(library));
                    metrics::assistants_reload("changed");
                } else if by_hand {
                    tracing::info!("Assistants read again: nothing has changed.");
                }
                metrics::assistants_current(true);
                self.state.send_modify(|state| {
                    state.reloads += u64::from(changed);
                    state.findings.clear();
                });
            }
            Err(Findings(findings)) => {
                metrics::assistants_reload("refused");
                metrics::assistants_current(false);
                for finding in &findings {
                    tracing::error!(%finding, "Assistants have a mistake.");
                }
                tracing::error!(
                    mistakes = findings.len(),
                    "The changed assistants are not used; new calls get the version before."
                );
                self.state.send_modify(|state| state.findings = findings);
            }
        }
    }
}

/// Files are read where nobody waits for audio. `None` if that panicked: the assistants that are
/// there go on to serve, and the next change is read again.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.inspect_err(|error| tracing::error!(%error, "Assistants could not be read again.")).ok()
}
