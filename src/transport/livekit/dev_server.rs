//! Starts a livekit-server for this machine only: loopback addresses, keys made for the run, no
//! public STUN host. For `sawt dev` and tests; not for other people's calls.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::room::only_loopback_is_up;

/// The server is up within half a second on a calm machine.
const START_MAX: Duration = Duration::from_secs(15);

/// How much of its log an error shows.
const LOG_LINES: usize = 8;

/// Starts the server (its arguments) and, when our end of standard input closes, removes the folder
/// with its keys (`$0`) and kills it, in this order, so that the folder is gone when the keeper is.
/// However this process ends, both go with it. `PR_SET_PDEATHSIG` would follow the thread that
/// started the server, not the process, and needs unsafe code.
const KEEPER: &str = r#"exec 3<&0
"$@" </dev/null &
server=$!
{ cat <&3 >/dev/null; rm -rf "$0"; kill -9 "$server"; } &
exec 3<&-
wait "$server""#;

/// Why no server is running.
#[derive(Debug, thiserror::Error)]
pub enum DevServerError {
    /// No program.
    #[error(
        "livekit-server was not found ({looked}). Install it: \
         `go install github.com/livekit/livekit-server/cmd/server@v1.13.5`, then rename \
         ~/go/bin/server to ~/go/bin/livekit-server; or name it by --livekit-server or \
         SAWT_LIVEKIT_SERVER"
    )]
    NotFound {
        /// Where we looked.
        looked: String,
    },
    /// Somebody has the port.
    #[error("port {port} on 127.0.0.1 is in use; stop what listens there, or choose another")]
    PortInUse {
        /// Which.
        port: u16,
    },
    /// WebRTC would not connect.
    #[error(
        "only the loopback interface is up, and WebRTC does not use that alone. Bring another one \
         up; a veth pair will do: ip link add veth0 type veth peer name veth1; ip addr add \
         10.77.0.1/24 dev veth0; ip link set veth0 up; ip link set veth1 up"
    )]
    OnlyLoopback,
    /// Files or processes failed.
    #[error(
        "livekit-server can not be started: {0}; check the temporary folder's space and rights"
    )]
    Io(#[from] io::Error),
    /// It ended.
    #[error("livekit-server ended at once; its last words:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// It does not answer.
    #[error(
        "livekit-server did not answer on port {port} within {seconds} s; its last words:\n{log}"
    )]
    Silent {
        /// Where.
        port: u16,
        /// How long we waited.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
}

/// How to start it.
#[derive(Debug, Clone, Default)]
pub struct DevServerOptions {
    /// The program; otherwise `SAWT_LIVEKIT_SERVER`, `livekit-server` on the path, `~/go/bin`.
    pub program: Option<PathBuf>,
    /// Signalling port; 0 picks a free one.
    pub port: u16,
}

/// A livekit-server of ours. Dropping it ends the server.
#[derive(Debug)]
pub struct DevServer {
    url: String,
    api_key: String,
    api_secret: String,
    port: u16,
    program: PathBuf,
    dir: PathBuf,
    config: String,
    keeper: Child,
}

impl DevServer {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// See [`DevServerError`]; each says what to do.
    pub async fn start(options: &DevServerOptions) -> Result<Self, DevServerError> {
        let program = find_program(options.program.as_deref())?;
        if only_loopback_is_up() {
            return Err(DevServerError::OnlyLoopback);
        }
        let port = match options.port {
            0 => free_tcp_port()?,
            port => {
                TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                    .map_err(|_| DevServerError::PortInUse { port })?;
                port
            }
        };
        let api_key = format!("sawt{}", hex::encode(rand::random::<[u8; 6]>()));
        let api_secret = hex::encode(rand::random::<[u8; 24]>());
        let dir = private_dir();
        let config = config(port, free_udp_port()?, &api_key, &api_secret);
        let keeper = keep(&program, &dir, &config)?;
        let url = format!("ws://127.0.0.1:{port}");
        let mut server = Self { url, api_key, api_secret, port, program, dir, config, keeper };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    /// Ends the server as a crash does: no goodbye to anybody.
    pub fn kill(&mut self) {
        drop(self.keeper.stdin.take()); // the keeper kills the server and ends
        let _ = self.keeper.wait();
    }

    /// Starts it again after [`Self::kill`]: same ports, same keys, nothing else remembered.
    ///
    /// # Errors
    /// See [`DevServerError`]; each says what to do.
    pub async fn start_again(&mut self) -> Result<(), DevServerError> {
        self.keeper = keep(&self.program, &self.dir, &self.config)?;
        self.wait_until_it_answers().await
    }

    /// Where it listens, ws://.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key of this run.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// The secret of this run.
    pub fn api_secret(&self) -> &str {
        &self.api_secret
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.dir.join("livekit.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.keeper.try_wait(), Ok(None))
    }

    async fn wait_until_it_answers(&mut self) -> Result<(), DevServerError> {
        #[allow(clippy::disallowed_methods)] // waiting for another process has no clock but this
        let deadline = Instant::now() + START_MAX;
        loop {
            if !self.is_running() {
                return Err(DevServerError::Ended { log: self.log_tail() });
            }
            if answers(self.port).await {
                return Ok(());
            }
            #[allow(clippy::disallowed_methods)]
            if Instant::now() >= deadline {
                let seconds = START_MAX.as_secs();
                return Err(DevServerError::Silent {
                    port: self.port,
                    seconds,
                    log: self.log_tail(),
                });
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Drop for DevServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Starts the server in a new folder `dir`, which ends with it.
fn keep(program: &Path, dir: &Path, config: &str) -> io::Result<Child> {
    std::fs::DirBuilder::new().mode(0o700).create(dir)?;
    let config_path = dir.join("livekit.yaml");
    io::Write::write_all(&mut private_file(&config_path)?, config.as_bytes())?;
    let log = private_file(&dir.join("livekit.log"))?;
    Command::new("/bin/sh")
        .args(["-c", KEEPER])
        .arg(dir)
        .arg(program)
        .arg("--config")
        .arg(config_path)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C in the terminal is for us: calls end first, then the server.
        .process_group(0)
        .spawn()
}

/// Everything on loopback. STUN and TURN servers in here are what the server hands to browsers:
/// without an entry those would be public hosts, which would learn who talks from where. Media over
/// TCP is off because the server would listen for it on every address.
fn config(port: u16, udp: u16, key: &str, secret: &str) -> String {
    let mut yaml = String::new();
    let _ = write!(
        yaml,
        "port: {port}\n\
         bind_addresses: [\"127.0.0.1\"]\n\
         keys:\n  {key}: {secret}\n\
         logging:\n  level: info\n\
         rtc:\n  \
           udp_port: {udp}\n  \
           tcp_port: 0\n  \
           node_ip: 127.0.0.1\n  \
           use_external_ip: false\n  \
           enable_loopback_candidate: true\n  \
           stun_servers: [\"127.0.0.1:3478\"]\n  \
           ips:\n    includes: [\"127.0.0.1/32\"]\n"
    );
    yaml
}

fn find_program(given: Option<&Path>) -> Result<PathBuf, DevServerError> {
    let from_env = || std::env::var_os("SAWT_LIVEKIT_SERVER").map(PathBuf::from);
    if let Some(path) = given.map(Path::to_owned).or_else(from_env) {
        let looked = format!("{} is no file", path.display());
        return if path.is_file() { Ok(path) } else { Err(DevServerError::NotFound { looked }) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go/bin"));
    std::env::split_paths(&path)
        .chain(home)
        .map(|dir| dir.join("livekit-server"))
        .find(|program| program.is_file())
        .ok_or_else(|| DevServerError::NotFound { looked: "on the path and in ~/go/bin".into() })
}

fn private_dir() -> PathBuf {
    std::env::temp_dir().join(format!("sawt-livekit-{}", hex::encode(rand::random::<[u8; 8]>())))
}

fn private_file(path: &Path) -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().create_new(true).append(true).mode(0o600).open(path)
}

fn free_tcp_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn free_udp_port() -> io::Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

async fn answers(port: u16) -> bool {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").await?;
        let mut start = [0_u8; 12];
        stream.read_exact(&mut start).await?;
        io::Result::Ok(start.ends_with(b" 200"))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_no_address_but_loopback() {
        let config = config(1, 2, "key", "secret");
        let addresses = config.split(['"', ' ', '\n']).filter(|w| w.matches('.').count() == 3);
        assert!(addresses.clone().count() >= 4);
        for address in addresses {
            assert!(address.starts_with("127.0.0.1"), "{address}");
        }
        assert!(config.contains("tcp_port: 0\n"));
        assert!(config.contains("stun_servers: [\"127.0.0.1:3478\"]"));
    }

    #[tokio::test]
    async fn a_missing_program_says_how_to_install_it() {
        let program = Some(PathBuf::from("/nowhere/livekit-server"));
        let error = DevServer::start(&DevServerOptions { program, port: 0 }).await.unwrap_err();
        assert!(error.to_string().contains("go install"), "{error}");
    }

    #[tokio::test]
    async fn a_program_that_ends_shows_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("livekit-server");
        std::fs::write(&program, "#!/bin/sh\necho no such option >&2\nexit 1\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, mode).unwrap();
        let options = DevServerOptions { program: Some(program), port: 0 };
        let error = DevServer::start(&options).await.unwrap_err();
        assert!(matches!(error, DevServerError::OnlyLoopback | DevServerError::Ended { .. }));
        assert!(error.to_string().contains("no such option") || only_loopback_is_up(), "{error}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let options = DevServerOptions { program: Some("/bin/true".into()), port };
        let error = DevServer::start(&options).await.unwrap_err();
        assert!(error.to_string().contains(&port.to_string()) || only_loopback_is_up(), "{error}");
    }
}
