//! A call in a real room is recorded: the caller left, the agent right, in time with the transcript. What is said is
//! told by a script; then with the programs themselves, found again by its words, and killed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sawt::call::action::Surroundings;
use sawt::call::{CallSetup, Consent, WantedRecording};
use sawt::config::Config;
use sawt::engines::llm::ScriptedLlm;
use sawt::engines::stt::ScriptedStt;
use sawt::engines::tts::ScriptedTts;
use sawt::engines::vad::energy::EnergyVad;
use sawt::engines::{Engines, VadFactory};
use sawt::recording::{RATE_HZ, read};

use super::house::{self, enter};
use super::phone::{Mic, Phone};
use super::programs::{Serve, finish, sawt, signal};
use super::speech::{spoken, transcribed};

/// Where a side is loud first in a span of the recording, in milliseconds; none where it is not.
fn onset(pcm: &[i16], from_ms: u64, until_ms: u64) -> Option<u64> {
    let index = |ms: u64| ((ms * u64::from(RATE_HZ) / 1_000) as usize).min(pcm.len());
    let at = pcm[index(from_ms)..index(until_ms)].iter().position(|s| s.unsigned_abs() > 1_500)?;
    Some(from_ms + at as u64 * 1_000 / u64::from(RATE_HZ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_call_has_each_side_on_its_channel_in_time_with_the_transcript() {
    let Some(mut house) = enter().await else { return };
    let question = spoken("What is the capital of France?").await;
    let server = house.server().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("calls").join("recorded.ogg");
    let vad: VadFactory = Arc::new(|| Box::new(EnergyVad::new()));
    let engines = Engines {
        stt: Arc::new(ScriptedStt::new(["what is the capital"], Duration::from_millis(50))),
        llm: Arc::new(ScriptedLlm::echo()),
        tts: Arc::new(ScriptedTts::default()),
        vad: Arc::clone(&vad),
        vad_fallback: vad,
        turn_detector: None,
    };
    let mut config = Config::default();
    config.agent.consent = "This call is recorded.".into();
    config.agent.filler_ms = 0;
    let wanted = WantedRecording { path: path.clone(), after: Consent::Announced };
    let setup = CallSetup {
        surroundings: Surroundings { recording: Some(wanted), ..Surroundings::default() },
        ..house::setup("recorded", Arc::new(config), engines)
    };
    let phone = Phone::join(server, "recorded", Mic::On).await;
    let agent = house::agent(server, "recorded", setup).await;
    phone.hear_welcome().await;
    assert!(path.exists(), "it begins when the line was heard");
    let mark = phone.mark();
    phone.say(&question).await;
    phone.hear_out(mark, "answer", 20).await;
    phone.hang_up().await;
    let report = tokio::time::timeout(Duration::from_secs(40), agent).await.unwrap().unwrap();

    let recording = report.recording.unwrap();
    println!("{recording:?}");
    assert_eq!((recording.outcome, recording.lost_ms), ("recorded", 0));
    let decoded = read(&path).unwrap();
    let turn = report.turns.iter().find(|turn| !turn.caller.is_empty()).unwrap();
    let at = |ms: u64| ms - recording.from_ms;
    let (from, until) = turn.caller_ms.map(|(from, until)| (at(from), at(until))).unwrap();
    let word = at(turn.agent_ms[0].0);
    let caller = onset(&decoded.caller, from - 300, until).unwrap();
    let answer = onset(&decoded.agent, until, word + 1_000).unwrap();
    println!(
        "caller's speech {from} to {until} ms, heard at {caller}; word {word}, heard at {answer}"
    );
    assert!(caller.abs_diff(from) < 200, "the voice detector is that sure of a start");
    assert!(answer.abs_diff(word) < 100);
    // Each on its own side: while one speaks, the other's is silent.
    assert_eq!(onset(&decoded.agent, from, until), None);
    assert_eq!(onset(&decoded.caller, word, word + 500), None);
    if let Some(keep) = std::env::var_os("SAWT_KEEP_RECORDING") {
        std::fs::copy(&path, keep).unwrap();
    }
}

/// `sawt calls` over the records in `dir`: what it prints.
async fn calls(dir: &Path, args: &[&str]) -> String {
    let mut command = sawt(None);
    command.arg("--set").arg(format!("records.dir={}", dir.display())).arg("calls").args(args);
    let output = finish(&mut command, Duration::from_secs(30)).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn recordings(dir: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "ogg")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_call_is_kept_and_found_by_its_words_and_a_killed_one_still_plays() {
    let Some(mut house) = enter().await else { return };
    let question = spoken("What is the capital of France?").await;
    let server = house.server().await;
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("calls");
    let folder = format!("records.dir={}", kept.display());
    let set = [
        "livekit.agent_name=kept",
        "agent.filler_ms=0",
        "agent.consent=This call is recorded.",
        "records.audio=announced",
        &folder,
    ];
    let serve = Serve::start(server, &set).await;
    let phone = Phone::call_agent(server, "kept", Mic::On, "kept").await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.ask(mark, &question).await;
    phone.hang_up().await;
    serve.until_idle(Duration::from_secs(40)).await;

    let mut found = String::new();
    for _ in 0..60 {
        found = calls(&kept, &["search", "CAPITAL of France", "--json"]).await;
        if found.contains("kept") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await; // its record is being written
    }
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let call = &found[0];
    println!("{call}");
    assert_eq!((call["room"].as_str(), call["languages"][0].as_str()), (Some("kept"), Some("en")));
    let id = call["id"].as_str().unwrap();
    println!("{}", calls(&kept, &["show", id]).await);
    let decoded = read(&kept.join(call["recording"].as_str().unwrap())).unwrap();
    assert!(decoded.whole);
    let asked = transcribed(&decoded.caller, "en").await;
    let answered = transcribed(&decoded.agent, "en").await;
    println!("left: {asked}\nright: {answered}");
    assert!(asked.contains("capital of france") && answered.contains("paris"));
    assert!(!asked.contains("paris") && !answered.contains("capital of france?"));
    assert!(calls(&kept, &["erase", id]).await.contains("erased"));
    assert!(recordings(&kept).is_empty());

    let phone = Phone::call_agent(server, "killed", Mic::On, "kept").await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.say(&question).await;
    phone.until_speech(mark, "answer", 30).await;
    signal("-KILL", serve.pid);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let [path] = &recordings(&kept)[..] else { panic!("{:?}", recordings(&kept)) };
    let decoded = read(path).unwrap();
    let heard = transcribed(&decoded.caller, "en").await;
    println!("killed after {} s: {heard}", decoded.caller.len() / RATE_HZ as usize);
    assert!(!decoded.whole && heard.contains("capital of france"), "{heard}");
}
