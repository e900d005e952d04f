//! SIGTERM and Ctrl-C: the first drains, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code of a program that a signal ended (128 + SIGTERM).
const EXIT_SIGNAL: i32 = 143;

/// Cancels `drain` at the first signal; a second one ends the program.
pub(crate) fn drain_on_signal(drain: CancellationToken) {
    tokio::spawn(async move {
        let Ok(mut term) = signal(SignalKind::terminate()) else {
            tracing::error!("SIGTERM can not be caught; calls will not be drained.");
            return;
        };
        for first in [true, false] {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            if first {
                tracing::info!(
                    "Draining: running calls finish, new ones are refused. Once more ends at once."
                );
                drain.cancel();
            } else {
                // The engines end with us: their lifelines close.
                std::process::exit(EXIT_SIGNAL);
            }
        }
    });
}
