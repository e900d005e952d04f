//! Listens and serves, with limits for clients that are slow, many or silent.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 512;
/// A request's head must be here by then; an idle connection is closed.
const HEAD_WAIT: Duration = Duration::from_secs(10);
/// Largest head of a request.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Answers that are under way have this long at shutdown.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// Why nobody can listen.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Somebody else does.
    #[error(
        "http.port {port} is taken on {bind}; stop the program that listens there (is another sawt running?), or set http.port to another, 0 for any"
    )]
    PortTaken {
        /// As configured.
        bind: String,
        /// As configured.
        port: u16,
    },
    /// Anything else.
    #[error("can not listen on {bind} port {port}: {problem}; check http.bind and http.port")]
    Bind {
        /// As configured.
        bind: String,
        /// As configured.
        port: u16,
        /// What the system says.
        problem: std::io::Error,
    },
}

/// Takes the port.
///
/// # Errors
/// The port is taken or not ours to take; names the setting.
pub async fn bind(bind: &str, port: u16) -> Result<TcpListener, HttpError> {
    let host = bind.trim_start_matches('[').trim_end_matches(']');
    TcpListener::bind((host, port)).await.map_err(|problem| match problem.kind() {
        ErrorKind::AddrInUse => HttpError::PortTaken { bind: bind.to_owned(), port },
        _ => HttpError::Bind { bind: bind.to_owned(), port, problem },
    })
}

/// Serves until `shutdown`, then lets answers that are under way finish for up to 5 s.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tasks = TaskTracker::new();
    loop {
        let place = tokio::select! {
            () = shutdown.cancelled() => break,
            place = places.clone().acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let socket = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    // Out of file handles, or a client that left: both pass.
                    warn!(%error, "Could not accept an HTTP connection.");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (router, shutdown) = (router.clone(), shutdown.clone());
        tasks.spawn(async move {
            connection(socket, router, shutdown).await;
            drop(place);
        });
    }
    tasks.close();
    if timeout(SHUTDOWN_WAIT, tasks.wait()).await.is_err() {
        warn!(connections = tasks.len(), "Closing HTTP connections that did not finish.");
    }
}

async fn connection(socket: TcpStream, router: Router, shutdown: CancellationToken) {
    let _ = socket.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!(%error, "HTTP connection ended.");
    }
}
