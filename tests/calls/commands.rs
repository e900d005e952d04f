//! What can not work ends with a message that names the next step; what may still come right waits.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use super::house::{api, enter};
use super::programs::{Serve, finish, sawt};

const SOON: Duration = Duration::from_secs(30);

/// Asserts that a command failed, did not panic, and said all of `words`.
#[track_caller]
fn assert_explains(output: &Output, words: &[&str]) {
    let told = String::from_utf8_lossy(&output.stderr);
    println!("exit {:?}: {}", output.status.code(), told.trim());
    let code = output.status.code();
    assert!(code.is_some_and(|code| code != 0 && code != 101), "exit {code:?}: {told}");
    assert!(!told.contains("panicked"), "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in: {told}");
    }
}

/// A models folder like the real one, but for what the test changes.
fn copy_of_models() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let real = sawt::models::Store::open(None).dir().to_owned();
    for model in std::fs::read_dir(&real).unwrap().flatten().filter(|e| e.path().is_dir()) {
        let to = copy.path().join(model.file_name());
        std::fs::create_dir(&to).unwrap();
        for file in std::fs::read_dir(model.path()).unwrap().flatten() {
            std::os::unix::fs::symlink(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    copy
}

fn replace(file: &Path, bytes: &[u8]) {
    std::fs::remove_file(file).unwrap();
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_by_readyz_while_serve_stays_up() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let mut command = sawt(Some(server));
    command.env("LIVEKIT_API_SECRET", "not-the-secret-of-this-server-at-all");
    let mut serve = Serve::spawn(&command, &[]);
    let begin = std::time::Instant::now();
    let told = loop {
        if let Some((503, body)) = serve.get("/readyz").await
            && body.contains("LIVEKIT_API_KEY")
        {
            break body;
        }
        assert!(serve.is_running(), "it ended:\n{}", serve.log_tail());
        assert!(begin.elapsed() < Duration::from_secs(60), "log:\n{}", serve.log_tail());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    println!("{told}");
    assert_eq!(serve.get("/livez").await.unwrap().0, 200);
    serve.terminate();
    assert_eq!(serve.exit_code(SOON).await, Some(0), "{}", serve.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_later_is_found() {
    let Some(mut house) = enter().await else { return };
    house.close();
    let server = house.server().await;
    server.kill();
    let mut serve = Serve::spawn(&sawt(Some(server)), &["livekit.agent_name=early"]);
    let begin = std::time::Instant::now();
    let told = loop {
        let ready = serve.get("/readyz").await.map(|(_, body)| body).unwrap_or_default();
        if ready.contains("127.0.0.1") || ready.contains("livekit-server") {
            break ready;
        }
        assert!(serve.is_running(), "it ended:\n{}", serve.log_tail());
        assert!(begin.elapsed() < Duration::from_secs(60), "{ready}\nlog:\n{}", serve.log_tail());
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    println!("{told}");
    server.start_again().await.unwrap();
    let begin = std::time::Instant::now();
    serve.until_ready(SOON).await;
    println!("registered {} ms after the server was up", begin.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_without_models_says_how_to_get_them() {
    let Some(mut house) = enter().await else { return };
    let empty = tempfile::tempdir().unwrap();
    let mut command = sawt(Some(house.server().await));
    command.env("SAWT_MODELS_DIR", empty.path()).args(["serve", "--set", "http.port=0"]);
    assert_explains(&finish(&mut command, SOON).await, &["whisper-base", "models pull"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_with_a_truncated_model_says_so() {
    let Some(mut house) = enter().await else { return };
    let models = copy_of_models();
    let name = "qwen2.5-coder-0.5b-instruct";
    let file = models.path().join(name).join(format!("{name}-iq4_nl.gguf"));
    let mut bytes = vec![0; 300_000];
    std::io::Read::read_exact(&mut std::fs::File::open(&file).unwrap(), &mut bytes).unwrap();
    replace(&file, &bytes);
    let mut command = sawt(Some(house.server().await));
    command.env("SAWT_MODELS_DIR", models.path()).args(["serve", "--set", "http.port=0"]);
    assert_explains(&finish(&mut command, SOON).await, &[name, "sawt models"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_with_a_voice_of_another_kind_says_so() {
    let Some(mut house) = enter().await else { return };
    let models = copy_of_models();
    replace(&models.path().join("en_US-joe-medium/en_US-joe-medium.onnx"), b"not a voice at all");
    let mut command = sawt(Some(house.server().await));
    command.env("SAWT_MODELS_DIR", models.path()).args(["serve", "--set", "http.port=0"]);
    assert_explains(&finish(&mut command, SOON).await, &["en_US-joe-medium", "sawt models"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let Some(mut house) = enter().await else { return };
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut command = sawt(Some(house.server().await));
    command.args(["serve", "--set", &format!("http.port={port}")]);
    let output = finish(&mut command, SOON).await;
    assert_explains(&output, &[&port.to_string(), "http.port"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_that_can_not_be_written_is_named() {
    let Some(_house) = enter().await else { return };
    // Below a file nobody can make a folder, not even root.
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().join("models");
    let mut command = sawt(None);
    command.env("SAWT_MODELS_DIR", &folder).args(["models", "pull"]);
    let output = finish(&mut command, SOON).await;
    assert_explains(&output, &[&folder.display().to_string(), "SAWT_MODELS_DIR"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_without_a_key_or_with_a_wrong_address_says_what_to_set() {
    let Some(_house) = enter().await else { return };
    let output = finish(sawt(None).args(["serve"]), SOON).await;
    assert_explains(&output, &["LIVEKIT_API_KEY"]);
    let mut command = sawt(None);
    command.env("LIVEKIT_URL", "ftp://nowhere").env("LIVEKIT_API_KEY", "key");
    command.env("LIVEKIT_API_SECRET", "secret").arg("serve");
    assert_explains(&finish(&mut command, SOON).await, &["livekit.url", "ws://"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_answers_says_how_to_start_an_agent() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let mut command = sawt(Some(server));
    command.args(["call", "--text", "Hello?", "--room", "lonely", "--agent-name", "nobody"]);
    let output = finish(&mut command, SOON).await;
    assert_explains(&output, &["no agent came", "sawt serve", "agent_name"]);
    let people = api(server).rooms().await.unwrap();
    assert!(people.iter().all(|r| r.name != "lonely" || r.participants == 0), "{people:?}");

    let mut command = sawt(Some(server));
    command.env("LIVEKIT_API_SECRET", "not-the-secret-of-this-server-at-all");
    command.args(["call", "--text", "Hello?"]);
    let output = finish(&mut command, SOON).await;
    assert_explains(&output, &["LIVEKIT_API_SECRET"]);
}
