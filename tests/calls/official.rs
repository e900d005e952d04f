//! LiveKit's own Python client, written by none of us, joins and hears the agent.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sawt::audio::wav;
use sawt::livekit_api::{AgentRequest, CallerGrant};

use super::house::{api, enter};
use super::phone::RATE_HZ;
use super::programs::finish;
use super::speech::spoken;

#[tokio::test(flavor = "multi_thread")]
async fn livekits_own_client_hears_the_agent() {
    let Some(mut house) = enter().await else { return };
    let python = std::env::var_os("SAWT_PYTHON").map(PathBuf::from).expect(
        "no Python with LiveKit's client: run `scripts/test 2`, or name one in SAWT_PYTHON \
         (python3 -m venv V; V/bin/pip install livekit), or set SAWT_SKIP_LIVEKIT_TESTS=1",
    );
    let question = spoken("What is the capital of France?").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("question.wav");
    wav::write(&file, RATE_HZ, &[&question]).unwrap();
    let (server, serve) = house.open().await;
    // The token itself brings the agent, as LiveKit's pages do it.
    let grant = CallerGrant {
        room: "official".into(),
        identity: "official".into(),
        agents: vec![AgentRequest { agent_name: "sawt".into(), ..Default::default() }],
        ttl: Duration::from_secs(600),
        ..Default::default()
    };
    let token = api(server).caller_token(&grant).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/livekit/official_client.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--url", server.url(), "--token", &token, "--wav"]).arg(&file);
    let output = finish(&mut command, Duration::from_secs(100)).await;
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{}", out.trim());
    assert!(output.status.success(), "{err}\nagent's log:\n{}", serve.log_tail());
    let report: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert!(report["answer_energy"].as_f64().unwrap() > 0.001, "{report}");
    assert!(report["captions"].to_string().contains("Paris"), "{report}");
}
