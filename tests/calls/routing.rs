//! Rules in a real room: an angry caller is taken to people, who are a worker and a voice of their
//! own; the record of the call explains why. What is said is told by a script.

use std::sync::Arc;
use std::time::Duration;

use sawt::assistants::{Assistant, Folder, Library, Voices};
use sawt::call::action::{Mood, Surroundings};
use sawt::call::{CallReport, CallSetup};
use sawt::config::{Config, RecordsConfig};
use sawt::engines::llm::ScriptedLlm;
use sawt::engines::stt::ScriptedStt;
use sawt::engines::tts::ScriptedTts;
use sawt::engines::vad::energy::EnergyVad;
use sawt::engines::{Engines, VadFactory};
use sawt::records::{Records, StoredCall};
use sawt::rules::{Why, replay};
use sawt::service::LiveKitSwitchboard;
use sawt::transport::livekit::dev_server::DevServer;
use sawt::transport::livekit::{Room, RoomOptions, Sdk};
use sawt::turn::EndReason;
use sawt::worker::{self, AcceptedJob, WorkerOptions, WorkerStatus};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::house::{self, api, enter};
use super::phone::{Mic, Phone, RATE_HZ, library};

const DESK: &str = r#"
languages = ["en"]
[prompt]
en = "desk.md"
[welcome]
en = "Desk here."

[[rules]]
name = "angry-twice"
when = "angry_turns >= 2"
escalate = "two angry turns"
set = { angry = true }
say = { en = "I connect you with a colleague." }
transfer = { queue = "people", wait_s = 20, sorry = { en = "Nobody is free." } }
"#;

/// Hears anger in one word.
#[derive(Debug)]
struct Scripted;

impl Mood for Scripted {
    fn of_turn(&self, words: &str, _language: &str) -> f64 {
        if words.contains("terrible") { -0.8 } else { 0.1 }
    }
}

fn desk() -> (Arc<Library>, Arc<Assistant>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("desk.toml"), DESK).unwrap();
    std::fs::write(dir.path().join("desk.md"), "Be kind.").unwrap();
    let voices = Voices::named(["en_US-joe-medium"]);
    let folder = Folder::Disk(dir.path().to_owned());
    let library = Library::load(&folder, &Config::default(), &voices).unwrap();
    let assistant = Arc::clone(library.default());
    (Arc::new(library), assistant)
}

/// The desk answers in `room`.
async fn agent(server: &DevServer, room: &str) -> JoinHandle<CallReport> {
    let (others, assistant) = desk();
    let vad: VadFactory = Arc::new(|| Box::new(EnergyVad::new()));
    let engines = Engines {
        stt: Arc::new(ScriptedStt::new([""], Duration::ZERO)),
        llm: Arc::new(ScriptedLlm::echo()),
        tts: Arc::new(ScriptedTts::default()),
        vad: Arc::clone(&vad),
        vad_fallback: vad,
        turn_detector: None,
    };
    let config = Arc::clone(assistant.config(""));
    let setup = CallSetup {
        assistant: Some(assistant),
        surroundings: Surroundings {
            library: Some(others),
            switchboard: Some(Arc::new(LiveKitSwitchboard { api: api(server), room: room.into() })),
            mood: Some(Arc::new(Scripted)),
            ..Surroundings::default()
        },
        ..house::setup(room, config, engines)
    };
    house::agent(server, room, setup).await
}

/// The queue: a worker of that name. Each job is told before anybody joins.
struct Queue {
    jobs: mpsc::Receiver<AcceptedJob>,
    drain: CancellationToken,
    running: JoinHandle<()>,
}

impl Queue {
    async fn open(server: &DevServer, name: &str) -> Self {
        let (jobs_in, jobs) = worker::job_channel(2);
        let (status_in, mut status) = watch::channel(WorkerStatus::starting(2));
        let options = WorkerOptions {
            api: api(server),
            agent_name: name.into(),
            participant_name: "A person".into(),
            version: "1".into(),
            calls_max: 2,
            unfit: watch::channel(None).1,
            cpu_max: 1.0,
            drain_max: Duration::from_secs(1),
        };
        let drain = CancellationToken::new();
        let stop = drain.clone();
        let running = tokio::spawn(async move {
            worker::run(options, jobs_in, status_in, stop).await.unwrap();
        });
        let registered = status.wait_for(|s| matches!(s.link, worker::Link::Registered { .. }));
        tokio::time::timeout(Duration::from_secs(20), registered).await.unwrap().unwrap();
        Self { jobs, drain, running }
    }

    async fn asked(&mut self) -> AcceptedJob {
        tokio::time::timeout(Duration::from_secs(20), self.jobs.recv()).await.unwrap().unwrap()
    }

    async fn close(self) {
        self.drain.cancel();
        drop(self.jobs);
        let _ = tokio::time::timeout(Duration::from_secs(10), self.running).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_angry_turns_hand_over_to_people_and_the_replay_explains_it() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let room = "angry";
    let mut queue = Queue::open(server, "people").await;
    let phone = Phone::join(server, room, Mic::None).await;
    let agent = agent(server, room).await;
    phone.hear_welcome().await;
    for words in ["Hello there.", "This is terrible."] {
        let mark = phone.mark();
        phone.type_text(words).await;
        phone.hear_out(mark, "answer", 20).await;
    }
    phone.type_text("Really terrible!").await;

    // The queue is asked for, and told why and for whom.
    let job = queue.asked().await;
    let told: serde_json::Value = serde_json::from_str(&job.metadata).unwrap();
    println!("the queue is told: {told}");
    assert_eq!(job.room, room);
    assert_eq!(told["caller"], "caller");
    assert_eq!(told["transfer"]["reason"], "rule angry-twice");
    assert_eq!(told["transfer"]["variables"]["angry"], true);
    // Nobody is there yet: the agent stays with the caller.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!agent.is_finished(), "it left before anybody came");
    let people = api(server).people(room).await.unwrap();
    let ours = people.iter().find(|p| p.identity == format!("agent-{room}")).unwrap();
    let shows =
        |key: &str, value: &str| ours.attributes.iter().any(|(k, v)| k == key && v == value);
    assert!(shows("sawt.escalated", "two angry turns"), "{ours:?}");
    assert!(shows("sawt.transfer", "queue people"), "{ours:?}");

    // A person speaks in the room, and the agent leaves the caller with them.
    let sdk = Sdk::load(&library()).unwrap();
    let options = RoomOptions { auto_subscribe: true };
    let (person, _events) = Room::connect(&sdk, &job.url, &job.token, options).await.unwrap();
    let _voice = person.publish_audio("microphone", RATE_HZ, 200).await.unwrap();
    person.press_key('5').await.unwrap();
    let report = tokio::time::timeout(Duration::from_secs(15), agent).await.unwrap().unwrap();
    assert_eq!(report.reason, EndReason::Transferred);
    let said = phone.heard().words(0, true);
    assert!(said.ends_with("I connect you with a colleague."), "{said}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let people = api(server).people(room).await.unwrap();
    let mut left: Vec<_> = people.into_iter().map(|p| p.identity).collect();
    left.sort();
    assert_eq!(left, [person.identity().to_owned(), "caller".to_owned()]);
    let _ = job.done.send(Ok(()));
    person.disconnect().await;
    phone.hang_up().await;
    queue.close().await;

    // The record, written and read again, explains it.
    let dir = tempfile::tempdir().unwrap();
    let config = RecordsConfig { dir: Some(dir.path().join("calls")), ..RecordsConfig::default() };
    let records = Records::from_config(&config).unwrap();
    records.keep(&report, std::time::SystemTime::now()).unwrap();
    let stored = StoredCall::read(&records.find(room).unwrap()).unwrap();
    let (_, assistant) = desk();
    let looks = replay(assistant.rules(), &stored.moments);
    let told: Vec<String> =
        looks.iter().map(|looks| format!("{} ({:?})", looks[0].why, looks[0].values)).collect();
    println!("{}", told.join("\n"));
    let why: Vec<&Why> = looks.iter().map(|looks| &looks[0].why).collect();
    assert_eq!(why, [&Why::DoesNotHold, &Why::DoesNotHold, &Why::Fired]);
    assert_eq!(looks[2][0].values, [("angry_turns".to_owned(), serde_json::Value::from(2))]);
    if let Some(path) = std::env::var_os("SAWT_KEEP_RECORD") {
        std::fs::copy(records.find(room).unwrap(), path).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_nobody_serves_is_apologised_for_and_the_call_goes_on() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let room = "unserved";
    let phone = Phone::join(server, room, Mic::None).await;
    let agent = agent(server, room).await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.type_text("This is terrible.").await;
    phone.hear_out(mark, "answer", 20).await;
    phone.type_text("Really terrible!").await;
    phone.until("apology", 30, |h| h.words(0, true).ends_with("Nobody is free.")).await;
    let mark = phone.mark();
    phone.type_text("Well then.").await;
    phone.until("answer", 20, |h| h.words(mark.lines, true).contains("Well then")).await;
    phone.hang_up().await;
    let report = tokio::time::timeout(Duration::from_secs(40), agent).await.unwrap().unwrap();
    assert_eq!(report.reason, EndReason::CallerLeft);
    let failed: Vec<_> = report.actions.iter().filter_map(|a| a.failed.as_deref()).collect();
    println!("{failed:?}");
    assert!(failed.len() == 1 && failed[0].contains("nobody serves the queue"), "{failed:?}");
}
