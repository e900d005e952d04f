//! The harness that every engine binary runs in: command line, logging, socket, lifeline.
//!
//! An engine loads its model first and opens its socket last, so that a socket that answers is an
//! engine that works. It ends when its parent does: the supervisor holds the other end of its
//! standard input and never writes to it.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::Router;

/// Command line that all engines share; each engine flattens it into its own.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    /// Unix socket to serve on; created with mode 0600, an old file there is replaced
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// Most compute threads this engine may use
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// End when standard input closes, as it does when the parent dies
    #[arg(long)]
    pub lifeline: bool,
}

/// Exit code for a model or setting that no restart can mend (EX_CONFIG).
pub const EXIT_CONFIG: i32 = 78;

/// Logs to standard error; `SAWT_LOG` sets the filter (default `info`, and of llama.cpp, which
/// tells much about every model, errors only).
pub fn init_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SAWT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,llama-cpp-2=error"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .try_init();
}

/// Serves `router` until the parent goes away or, without a lifeline, SIGTERM or SIGINT comes.
///
/// # Errors
/// When the socket can not be made, or serving fails.
pub async fn serve(args: &EngineArgs, router: Router) -> Result<()> {
    forbid_core_dumps();
    let listener = bind(&args.socket)?;
    tracing::info!(socket = %args.socket.display(), "Engine ready.");
    let served = router
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop_signal(args))
        .await;
    let _ = std::fs::remove_file(&args.socket);
    served.context("serving the engine socket failed")
}

fn bind(socket: &PathBuf) -> Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    match std::fs::symlink_metadata(socket) {
        Ok(meta) if meta.file_type().is_socket() => std::fs::remove_file(socket)
            .with_context(|| format!("can not replace the old socket {}", socket.display()))?,
        Ok(_) => bail!("{} exists and is not a socket; choose another path", socket.display()),
        Err(_) => {}
    }
    let listener = UnixListener::bind(socket)
        .with_context(|| format!("can not open the socket {}", socket.display()))?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// A core file would hold what callers said.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "Core dumps stay on.");
    }
}

async fn stop_signal(args: &EngineArgs) {
    use tokio::signal::unix::{SignalKind, signal};
    if args.lifeline {
        let socket = args.socket.clone();
        // A plain thread: a read on the runtime's threads would hold back every clean exit.
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin();
            let mut bytes = [0_u8; 64];
            // Zero bytes or an error is the end of the pipe; anything written is ignored.
            while matches!(stdin.read(&mut bytes), Ok(n) if n > 0) {}
            // The runtime would wait for running inferences; nobody is left to hear them. Nor to
            // read the log: writing to a parent's closed pipe would panic this thread before it
            // can end the process.
            let _ = std::fs::remove_file(&socket);
            crate::exit::at_once(0)
        });
    }
    let mut term = signal(SignalKind::terminate()).expect("signal handlers can be installed");
    loop {
        tokio::select! {
            _ = term.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        if !args.lifeline {
            return;
        }
        // Service managers signal the whole group: the parent first lets its calls end, and they
        // need their engines until then.
        tracing::info!("Asked to end; ending with the parent.");
    }
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
pub fn rss_bytes() -> u64 {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages = statm.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
