//! The programs under test, as processes: started, asked over HTTP, looked at in `/proc`, ended.

use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sawt::transport::livekit::dev_server::DevServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

/// Runs its arguments after the first two, tells their pid in the file `$1`, and ends them and the
/// folder `$2` when our end of standard input closes: however the test ends, nothing is left.
const KEEPER: &str = r#"pid_file=$1 folder=$2; shift 2
exec 3<&0
"$@" </dev/null &
program=$!
echo "$program" >"$pid_file"
{ cat <&3 >/dev/null; kill -9 "$program" 2>/dev/null; rm -rf -- "$folder"; } &
exec 3<&-
wait "$program""#;

/// Where the release programs are.
pub(super) fn bin_dir() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/release");
    std::env::var_os("SAWT_BIN_DIR").map_or_else(beside, PathBuf::from)
}

/// `sawt` with no settings of this machine but where its models are.
pub(super) fn sawt(server: Option<&DevServer>) -> Command {
    let mut command = Command::new(bin_dir().join("sawt"));
    let ours = |name: &str| {
        let settings = ["SAWT__", "LIVEKIT_", "TTS_", "VAD_", "FALLBACK_", "AUDIO_OUTPUT_"];
        settings.iter().any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    if let Some(server) = server {
        command.env("LIVEKIT_URL", server.url());
        command.env("LIVEKIT_API_KEY", server.api_key());
        command.env("LIVEKIT_API_SECRET", server.api_secret());
    }
    command.arg("--no-config").stdin(Stdio::null());
    command
}

/// Runs a command to its end; one that hangs fails the test.
pub(super) async fn finish(command: &mut Command, limit: Duration) -> Output {
    let shown = format!("{command:?}");
    let mut command = tokio::process::Command::from(std::mem::replace(command, Command::new("")));
    let output = timeout(limit, command.kill_on_drop(true).output()).await;
    output.unwrap_or_else(|_| panic!("not over within {limit:?}: {shown}")).unwrap()
}

/// A free port of this moment.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running `sawt serve`. Dropping it kills it.
pub(super) struct Serve {
    keeper: Child,
    pub(super) pid: u32,
    pub(super) port: u16,
    folder: PathBuf,
}

impl Serve {
    /// Starts it with `command`, usually [`sawt`]'s; `set` are settings like "key=value".
    pub(super) fn spawn(command: &Command, set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let port = free_port();
        let (pid_file, log) = (folder.join("pid"), folder.join("log"));
        let log = std::fs::File::create(log).unwrap();
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "sawt-keeper"]).arg(&pid_file).arg(&folder);
        keeper.arg(command.get_program()).args(command.get_args()).arg("serve");
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => keeper.env(name, value),
                None => keeper.env_remove(name),
            };
        }
        keeper.args(["--set", &format!("http.port={port}"), "--set", "log.format=json"]);
        for setting in set {
            keeper.args(["--set", setting]);
        }
        let keeper = keeper
            .env("TMPDIR", &folder) // its sockets too go with the folder
            .env_remove("XDG_RUNTIME_DIR")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let begin = Instant::now();
        let pid = loop {
            let told = std::fs::read_to_string(&pid_file).unwrap_or_default();
            if let Some(pid) = told.strip_suffix('\n').and_then(|t| t.parse().ok()) {
                break pid;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "the keeper does not start");
            std::thread::sleep(Duration::from_millis(10));
        };
        Self { keeper, pid, port, folder }
    }

    /// The same, and waits until calls can come.
    pub(super) async fn start(server: &DevServer, set: &[&str]) -> Self {
        let mut serve = Self::spawn(&sawt(Some(server)), set);
        serve.until_ready(Duration::from_secs(120)).await;
        serve
    }

    pub(super) async fn until_ready(&mut self, limit: Duration) {
        let begin = Instant::now();
        loop {
            let ready = self.get("/readyz").await;
            if matches!(ready, Some((200, _))) {
                return;
            }
            let late = begin.elapsed() > limit;
            if late || !self.is_running() {
                panic!("sawt serve is not ready ({ready:?}); its log:\n{}", self.log_tail());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.keeper.try_wait(), Ok(None))
    }

    /// Waits for its end by itself; `None`: not within `limit`.
    pub(super) async fn exit_code(&mut self, limit: Duration) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < limit {
            if let Ok(Some(status)) = self.keeper.try_wait() {
                return status.code();
            }
            sleep(Duration::from_millis(50)).await;
        }
        None
    }

    /// Status and body; `None`: nobody answers.
    pub(super) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let ask = async {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            io::Result::Ok(answer)
        };
        let answer = timeout(Duration::from_secs(5), ask).await.ok()?.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// The sum of a metric over its labels; 0 when it was never counted.
    pub(super) async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await.expect("metrics");
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.filter(|rest| rest.starts_with(['{', ' ']));
        values.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Waits until no call runs; returns how long that took.
    pub(super) async fn until_idle(&self, limit: Duration) -> Duration {
        let begin = Instant::now();
        while self.metric("lk_agents_active_job_count").await > 0.0 {
            assert!(begin.elapsed() < limit, "a call runs on; log:\n{}", self.log_tail());
            sleep(Duration::from_millis(50)).await;
        }
        begin.elapsed()
    }

    /// The pid of the engine `name`, e.g. `sawt-llm`.
    pub(super) fn engine(&self, name: &str) -> Option<u32> {
        // Whichever of the STT engines was chosen is found as sawt-stt.
        children_of(self.pid).into_iter().find(|pid| status_of(*pid, "Name").starts_with(name))
    }

    /// Lines of the log that hold `word`.
    pub(super) fn log_with(&self, word: &str) -> String {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(word)).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn log_tail(&self) -> String {
        let log = self.log_with("");
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Asks it to end, as a service manager does.
    pub(super) fn terminate(&self) {
        signal("-TERM", self.pid);
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take()); // the keeper kills it
        let _ = self.keeper.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn signal(which: &str, pid: u32) {
    let status = Command::new("kill").args([which, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill {which} {pid}");
}

/// Whether a process is there and not only waiting to be buried.
pub(super) fn is_running(pid: u32) -> bool {
    !matches!(status_of(pid, "State").chars().next(), None | Some('Z' | 'X'))
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holdings {
    pub(super) threads: usize,
    pub(super) files: usize,
    pub(super) rss_kib: i64,
}

impl Holdings {
    pub(super) fn of(pid: u32) -> Self {
        let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
        let rss = status_of(pid, "VmRSS");
        let rss_kib = rss.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        Self { threads: count("task"), files: count("fd"), rss_kib }
    }
}

/// A line of `/proc/PID/status`; empty when the process is gone.
fn status_of(pid: u32, field: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

fn children_of(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| status_of(*pid, "PPid") == parent.to_string()).collect()
}
