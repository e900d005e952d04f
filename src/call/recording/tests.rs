//! Consent, and calls that are recorded as they are heard.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::call::tests::{engines, speech};
use crate::call::{CallReport, CallSetup, Surroundings, run};
use crate::config::Config;
use crate::engines::llm::ScriptedLlm;
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::recording::{Decoded, RATE_HZ, read};
use crate::transport::wav::{WavOptions, WavTransport};

const LINE: &str = "This call is recorded.";

fn config(consent: &str) -> Config {
    let mut config = Config::default();
    config.agent.consent = consent.into();
    config.agent.welcome = "Welcome.".into();
    config
}

/// A call in which the caller says `said`, one turn each.
async fn call(
    config: Config,
    after: Consent,
    said: &[&'static str],
    path: &Path,
) -> (CallReport, Option<Decoded>) {
    let stt = ScriptedStt::new(said.to_vec(), Duration::ZERO);
    let turns = said.iter().map(|_| speech(800, 0, 0)).collect();
    let options = WavOptions {
        agent_rate_hz: 24_000,
        out: Some(path.with_extension("wav")),
        ..WavOptions::default()
    };
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(config),
        engines: engines(stt, ScriptedLlm::echo(), ScriptedTts::default()),
        observer: None,
        surroundings: Surroundings {
            recording: Some(WantedRecording { path: path.to_owned(), after }),
            ..Surroundings::default()
        },
        hang_up: CancellationToken::new(),
    };
    let call = run(Box::new(WavTransport::new(turns, options)), setup);
    let report = tokio::time::timeout(Duration::from_secs(60), call).await.expect("a call ends");
    (report, path.exists().then(|| read(path).unwrap()))
}

/// Where a side begins to be loud from `from_ms` of the call on, in milliseconds of the call.
fn onset(pcm: &[i16], recorded_from_ms: u64, from_ms: u64) -> u64 {
    let rate = u64::from(RATE_HZ);
    let from = (from_ms.saturating_sub(recorded_from_ms) * rate / 1_000) as usize;
    let at = pcm[from..].iter().position(|s| s.unsigned_abs() > 1_500).expect("a sound");
    recorded_from_ms + (from + at) as u64 * 1_000 / rate
}

#[tokio::test]
async fn both_sides_are_recorded_in_time_with_the_transcript() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.ogg");
    let said = ["hello", "what time is it"];
    let (report, decoded) = call(config(LINE), Consent::Announced, &said, &path).await;
    let (recording, decoded) = (report.recording.unwrap(), decoded.unwrap());
    println!("{recording:?}");
    assert_eq!((recording.outcome, recording.file.as_deref()), ("recorded", Some("test.ogg")));
    assert_eq!((recording.lost_ms, recording.problem), (0, None));
    assert!(decoded.whole && recording.from_ms > 0);
    let whole_ms = recording.from_ms + recording.length_ms;
    assert!(report.length_ms.abs_diff(whole_ms) <= 100, "{} of {whole_ms}", report.length_ms);
    for turn in report.turns.iter().filter(|turn| !turn.caller.is_empty()) {
        let (from, until) = turn.caller_ms.unwrap();
        let (word, _) = turn.agent_ms[0];
        let heard = onset(&decoded.caller, recording.from_ms, from.saturating_sub(200));
        let answered = onset(&decoded.agent, recording.from_ms, until);
        println!("caller {from} at {heard}, agent {word} at {answered}");
        assert!(heard.abs_diff(from) < 100 && answered.abs_diff(word) < 100);
    }
}

#[tokio::test]
async fn nothing_is_recorded_before_the_line_was_heard_and_none_without_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.ogg");
    let (report, decoded) = call(config(""), Consent::Announced, &["hello"], &path).await;
    assert_eq!(report.recording.unwrap().outcome, "not_announced");
    assert_eq!(decoded, None);
    let mut recording = wanted(&path, Consent::Announced);
    let now = CallTime::from_millis(5_000);
    for heard in ["", "This call is", "Welcome.", "This call"] {
        recording.said(now, heard, LINE);
        assert!(!recording.is_running() && !path.exists(), "{heard}");
    }
    recording.said(now, "Good day.  This call is recorded. How", LINE);
    assert!(recording.is_running());
}

fn wanted(path: &Path, after: Consent) -> Recording {
    Recording::new(Some(WantedRecording { path: path.to_owned(), after }), 24_000)
}

#[tokio::test]
async fn who_says_no_or_something_else_leaves_no_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.ogg");
    let asked = "May we record this call?";
    for (said, outcome) in [
        (["No.", "Yes."], "refused"),
        (["لا", "نعم"], "refused"),
        (["What are your hours?", "Yes."], "no_consent"),
        (["Yes, but not my name", "yes"], "refused"),
    ] {
        let (report, decoded) = call(config(asked), Consent::Given, &said, &path).await;
        let recording = report.recording.unwrap();
        assert_eq!((recording.outcome, recording.file), (outcome, None), "{said:?}");
        assert_eq!((decoded, recording.length_ms), (None, 0));
    }
    for yes in ["Yes, please.", "نعم، تفضل"] {
        let (report, decoded) = call(config(asked), Consent::Given, &[yes, "hello"], &path).await;
        let from_ms = report.recording.unwrap().from_ms;
        let (_, until) = report.turns[1].caller_ms.unwrap();
        assert!(from_ms > until, "the yes itself is before it: {from_ms} {until}");
        assert!(decoded.unwrap().whole);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_yes_counts_when_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.ogg");
    let mut recording = wanted(&path, Consent::Given);
    let now = CallTime::from_millis(100);
    recording.caller_said("yes"); // to nothing
    recording.turn_stands(now);
    recording.said(now, LINE, LINE);
    recording.turn_stands(now); // the line's own end
    recording.caller_said("yes");
    recording.caller_said("yes, but only if nobody hears it");
    recording.turn_stands(now);
    recording.caller_said("yes");
    recording.turn_stands(now);
    assert!(matches!(recording.state, State::NoConsent), "{:?}", recording.state);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_disk_that_fails_costs_the_recording_and_not_the_call() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let path = dir.path().join("file/test.ogg");
    let (report, _) = call(config(LINE), Consent::Announced, &["hello"], &path).await;
    assert_eq!(report.turns[1].agent, "You said: hello.");
    let recording = report.recording.unwrap();
    assert_eq!(recording.outcome, "broken_off");
    assert!(recording.problem.unwrap().contains("records.dir"));
}

#[test]
fn what_was_taken_back_before_it_was_heard_is_in_no_recording() {
    let ms = CallTime::from_millis;
    let mut recording = wanted(Path::new("x"), Consent::Announced);
    for n in 0..5 {
        recording.pushed(ms(100), &[n; 480]);
    }
    recording.taken_back(ms(130));
    let kept: Vec<_> = recording.agent.iter().map(|(at, frame)| (*at, frame.len())).collect();
    assert_eq!(kept, [(ms(100), 480), (ms(120), 240)]);
    recording.pushed(ms(200), &[7; 480]);
    assert_eq!(recording.agent.back().unwrap().0, ms(200));
}
