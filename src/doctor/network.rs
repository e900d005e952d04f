//! Ports that are to be free, and an interface that WebRTC can use. Sends nothing.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use super::Finding;
use crate::config::Config;

const LIVEKIT_PORT: u16 = 7880;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let bind = if config.http.bind == "localhost" { "127.0.0.1" } else { &config.http.bind };
    let page = bind.parse().map(|ip| SocketAddr::new(ip, config.http.port));
    let mut findings = Vec::new();
    if let Ok(page) = page {
        findings.push(port("the page", page, "http.port"));
    }
    findings.push(livekit_port());
    findings.extend(interfaces(Path::new("/sys/class/net")));
    findings
}

fn port(what: &str, address: SocketAddr, key: &str) -> Finding {
    let check = format!("port {} for {what}", address.port());
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(check, "free"),
        Err(e) if e.kind() == ErrorKind::AddrInUse => Finding::warn(
            check,
            "in use",
            format!("if that is not Sawt itself, end it or set {key} to another port"),
        ),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Finding::fail(
            check,
            "may not be used by this user",
            format!("set {key} to a port above 1023"),
        ),
        Err(e) => Finding::fail(
            check,
            format!("{address} can not be used: {e}"),
            "set http.bind to an address of this machine, such as 127.0.0.1",
        ),
    }
}

fn livekit_port() -> Finding {
    let check = format!("port {LIVEKIT_PORT} for livekit-server");
    match TcpListener::bind(("127.0.0.1", LIVEKIT_PORT)) {
        Ok(_) => Finding::ok(check, "free"),
        Err(_) => Finding::warn(
            check,
            "in use, maybe by a livekit-server",
            "`sawt serve` uses that server; `sawt dev` starts its own on another port",
        ),
    }
}

/// LiveKit's library ignores loopback: even both ends of a call on one machine need another
/// interface that is up. None where the system does not list its interfaces so.
fn interfaces(listed: &Path) -> Option<Finding> {
    let entries = std::fs::read_dir(listed).ok()?;
    let mut up: Vec<String> = entries
        .flatten()
        .filter(|entry| {
            // Virtual interfaces say "unknown" and work.
            let state = std::fs::read_to_string(entry.path().join("operstate"));
            state.is_ok_and(|state| ["up", "unknown"].contains(&state.trim()))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "lo")
        .collect();
    up.sort();
    Some(if up.is_empty() {
        Finding::fail(
            "network interface",
            "only loopback is up",
            "WebRTC needs one more: connect a network, or as root make a pair and set both up: \
             `ip link add sawt0 type veth peer name sawt1`, `ip link set sawt0 up`, `ip link set sawt1 up`",
        )
    } else {
        Finding::ok("network interface", up.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_port_in_use_is_told() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("its address");
        assert_eq!(port("the page", address, "http.port").status, Status::Warn);
        drop(taken);
    }

    #[test]
    fn loopback_alone_is_not_enough() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let add = |name: &str, state: &str| {
            std::fs::create_dir(dir.path().join(name)).expect("a folder");
            std::fs::write(dir.path().join(name).join("operstate"), state).expect("a file");
        };
        add("lo", "unknown\n");
        add("eth1", "down\n");
        assert_eq!(interfaces(dir.path()).map(|f| f.status), Some(Status::Fail));
        add("eth0", "up\n");
        assert_eq!(interfaces(dir.path()).map(|f| f.found), Some("eth0".into()));
    }
}
