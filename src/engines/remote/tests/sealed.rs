//! That nothing is sent is proved from outside: the same work in a process of its own, whose system
//! calls are traced. With everything sealed it makes no network socket; opened, the same trace shows one.

use std::process::Command;

use super::super::Remotes;
use super::{ALL, Local, ask, engines, here, site};
use crate::config::RemoteConfig;
use crate::policy::residency::{Grant, Stage};

/// What the traced process does: "sealed", or "open" to the port behind it.
const TASK: &str = "SAWT_TEST_SEALED_TASK";

#[test]
fn sealed_opens_no_socket() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    let Some(sealed) = trace("sealed") else {
        assert!(std::env::var_os("SAWT_REQUIRE_STRACE").is_none(), "strace is not here");
        eprintln!("no strace here: the peers' counts have to do");
        return;
    };
    let network = |trace: &str| {
        let lines = trace.lines().filter(|line| line.contains("AF_INET"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(sealed.contains("exited with 0"), "{sealed}");
    assert_eq!(network(&sealed), [""; 0], "a sealed process made a network socket");
    let open = trace(&format!("open {address}")).expect("it was there a moment ago");
    let port = format!("htons({})", address.port());
    assert!(network(&open).iter().any(|line| line.contains(&port)), "{open}");
}

/// The calls for sockets of a process that does `task`.
fn trace(task: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=socket,connect,bind,sendto,exit_group", "-o"]);
    strace.arg(&log).arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "engines::remote::tests::sealed::the_traced_process", "--nocapture"]);
    let output = strace.env(TASK, task).output().ok()?;
    let text = std::fs::read_to_string(&log).ok()?;
    if text.is_empty() {
        return None; // not allowed to trace here
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Some(format!("{text}exited with 0"))
}

/// Does nothing unless it is the traced process.
#[test]
fn the_traced_process() {
    let Ok(task) = std::env::var(TASK) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if let Some(address) = task.strip_prefix("open ") {
            let open = site(&format!("http://{address}/v1"));
            ask(&engines(Local::Unavailable, &open, ALL), Stage::Llm).await;
            return;
        }
        // The services themselves, and all that one side alone may open.
        let mut sealed = site("");
        (sealed.openai_api_key, sealed.proxy_url) = ("sk-x".into(), "http://127.0.0.1:9".into());
        let text_only = RemoteConfig { audio_may_leave: false, ..sealed.clone() };
        let audio_only = RemoteConfig { text_may_leave: false, ..sealed.clone() };
        let shut = RemoteConfig { text_may_leave: false, audio_may_leave: false, ..sealed.clone() };
        let mut all = Vec::new();
        for prefer in ["local", "remote"] {
            for (site, grant, stages) in [
                (&shut, ALL, &Stage::ALL[..]),
                (&sealed, Grant::default(), &Stage::ALL[..]),
                (&text_only, ALL, &[Stage::Stt][..]),
                (&audio_only, ALL, &[Stage::Llm, Stage::Tts][..]),
            ] {
                let mut site = site.clone();
                for stage in [&mut site.stt, &mut site.llm, &mut site.tts] {
                    stage.prefer = prefer.into();
                }
                let remotes = Remotes::new(&site).unwrap();
                let asked = Local::ALL.into_iter().flat_map(|local| {
                    let engines = remotes.for_call(&here(local), "call-1", grant);
                    stages.iter().map(move |stage| {
                        let engines = engines.clone();
                        async move { ask(&engines, *stage).await }
                    })
                });
                all.extend(asked);
            }
        }
        futures::future::join_all(all).await;
    });
}
