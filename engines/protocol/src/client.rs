//! Reaches an engine over its unix socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// A channel to the engine behind `socket`. Connects at first use and again after a restart of
/// the engine, so that callers hold one channel for the life of the program.
pub fn connect_lazy(socket: &Path) -> Channel {
    let path: PathBuf = socket.to_owned();
    // The address is never resolved: the connector below ignores it.
    Endpoint::from_static("http://engine.invalid")
        .connect_timeout(Duration::from_secs(2))
        .connect_with_connector_lazy(service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        }))
}
