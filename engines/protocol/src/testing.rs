//! For engine tests: runs an engine binary as its supervisor does, and holds it to what all
//! engines promise. Knows no kind of engine.

// Test support: a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, clippy::disallowed_methods)]

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tonic::transport::Channel;

use crate::client::connect_lazy;
use crate::v1::engine_client::EngineClient;
use crate::v1::{InfoRequest, InfoResponse, ProbeRequest};

/// Loading on a busy machine may take this long; a healthy one needs a second or two.
pub const READY_MAX: Duration = Duration::from_secs(120);

/// Where a model lies, e.g. `model_file("whisper-base", "ggml-base.bin")`, in `SAWT_MODELS_DIR` or
/// the user's models folder. `None` when `SAWT_SKIP_MODEL_TESTS` is set; a panic that names the
/// next step when the model is missing.
pub fn model_file(model: &str, file: &str) -> Option<PathBuf> {
    if std::env::var_os("SAWT_SKIP_MODEL_TESTS").is_some() {
        return None;
    }
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("SAWT_MODELS_DIR")
        .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("sawt/models")))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/sawt/models")))
        .expect("HOME is set");
    let path = folder.join(model).join(file);
    assert!(
        path.is_file(),
        "{} is missing: run `sawt models pull`, or set SAWT_SKIP_MODEL_TESTS=1",
        path.display()
    );
    Some(path)
}

/// A running engine; killed when dropped.
pub struct EngineProcess {
    child: Child,
    folder: tempfile::TempDir,
}

impl EngineProcess {
    /// Starts `binary` with a lifeline, a socket of its own and `args`.
    pub fn spawn<A: AsRef<OsStr>>(binary: &str, args: &[A]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(binary)
            .arg("--lifeline")
            .arg("--socket")
            .arg(folder.path().join("engine.sock"))
            .args(args)
            // As the supervisor sets them: barriers that spin would starve other tests.
            .env("OMP_WAIT_POLICY", "passive")
            .env("GOMP_SPINCOUNT", "0")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn channel(&self) -> Channel {
        connect_lazy(&self.socket())
    }

    /// Waits until the engine answers `Info`.
    pub async fn ready(&mut self) -> InfoResponse {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the engine ended before it was ready: {status}");
            }
            let mut client = EngineClient::new(self.channel());
            if self.socket().exists()
                && let Ok(info) = client.info(InfoRequest {}).await
            {
                return info.into_inner();
            }
            assert!(start.elapsed() < READY_MAX, "the engine is not ready after {READY_MAX:?}");
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// What a parent's death does: the engine's standard input closes.
    pub fn cut_lifeline(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for the process to end.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < within, "the engine still runs after {within:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// CPU time that the engine has used, in the kernel's ticks of 10 ms.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let after_name = stat.rsplit(')').next().unwrap();
        after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What every engine promises once it is ready: it names itself, works, keeps its socket private
/// and leaves no core file.
pub async fn check_ready_engine(engine: &mut EngineProcess, kind: &str) -> InfoResponse {
    let info = engine.ready().await;
    assert_eq!(info.kind, kind);
    for (field, value) in
        [("model", &info.model), ("backend", &info.backend), ("version", &info.engine_version)]
    {
        assert!(!value.is_empty(), "Info has no {field}");
    }
    assert!(info.load_ms > 0 && info.threads > 0 && info.slots > 0, "{info:?}");

    let mut client = EngineClient::new(engine.channel());
    let probe = client.probe(ProbeRequest {}).await.unwrap().into_inner();
    assert!(probe.inference_us > 100, "a probe is a real inference: {probe:?}");
    assert!(probe.rss_bytes > 1_000_000, "{probe:?}");

    let socket = std::fs::metadata(engine.socket()).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o600, "only the owner may speak to it");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", engine.pid())).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
    info
}

/// An engine whose parent dies ends soon and takes its socket along.
pub async fn check_lifeline(mut engine: EngineProcess) {
    engine.ready().await;
    engine.cut_lifeline();
    engine.ended(Duration::from_secs(5)).await;
    assert!(!engine.socket().exists(), "the socket is left behind");
}

/// Starts `binary` with a model that no restart mends and returns what it said: it must end by
/// itself with the code for that, not by a signal.
pub fn check_refuses_model<A: AsRef<OsStr>>(binary: &str, args: &[A], model: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(binary)
        .arg("--socket")
        .arg(folder.path().join("engine.sock"))
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(
        status.code(),
        Some(crate::server::EXIT_CONFIG),
        "{} ended with {status}: {said}",
        model.display()
    );
    said
}
