//! A PostgreSQL server of a test's own: an unprivileged user's, in a folder of its own, reached over a socket there.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Whoever PostgreSQL's packages run it as: it refuses to be root.
const USER: &str = "postgres";

pub(super) struct Server {
    dir: tempfile::TempDir,
    programs: PathBuf,
    running: Option<Child>,
}

impl Server {
    /// None where PostgreSQL is not installed, unless `SAWT_REQUIRE_POSTGRES` is set, as scripts/test does.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("SAWT_REQUIRE_POSTGRES").is_none(), "install postgresql");
            println!("PostgreSQL is not installed; its tests pass over themselves");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let mut server = Self { dir, programs, running: None };
        let made = server
            .program("initdb")
            .args(["--no-sync", "--auth=trust", "--username=sawt", "--encoding=UTF8", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.run();
        Some(server)
    }

    pub(super) fn run(&mut self) {
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.dir.path());
        // No address: the socket's folder is the only door.
        postgres.args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
            "-c",
            "log_min_messages=fatal",
        ]);
        self.running = Some(postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        for _ in 0..300 {
            let ready =
                self.program("pg_isready").arg("-q").arg("-h").arg(self.dir.path()).status();
            if ready.unwrap().success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL did not start");
    }

    pub(super) fn url(&self) -> String {
        format!("postgres:///postgres?user=sawt&host={}", self.dir.path().display())
    }

    /// As a power cut would, but for the disk.
    pub(super) fn stop(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        // SIGQUIT takes its own children along; a killed one would leave them.
        let pid = self.data().join("postmaster.pid");
        if let Ok(text) = std::fs::read_to_string(pid)
            && let Some(pid) = text.lines().next()
        {
            let _ = Command::new("kill").args(["-QUIT", pid]).status();
        }
        let _ = child.wait();
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// One of its programs, as an unprivileged user.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.dir.path());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where Debian keeps them, by version, or wherever the PATH leads.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin")).max();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|dir| has(dir));
    found.filter(|dir| has(dir)).or(on_path)
}

fn has(dir: &Path) -> bool {
    dir.join("initdb").is_file() && dir.join("postgres").is_file()
}
