//! After a call: its record by the model, and what becomes of it when the model is no help.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::{call, engines, quiet_config, speech};
use crate::assistants::{Assistant, Folder, Library, Voices};
use crate::call::{CallReport, NotConcluded, SpeculationGate, conclude};
use crate::config::Config;
use crate::engines::EngineError;
use crate::engines::llm::{Generated, Generation, GenerationStats, LanguageModel, ScriptedLlm};
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;

/// What comes of each request for a record.
#[derive(Clone)]
enum Writes {
    Form(&'static str),
    Never,
    Endless,
    Fails,
}

struct Clerk {
    writes: Writes,
    asked: AtomicU32,
}

impl LanguageModel for Clerk {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let question = request.messages.last().unwrap().content.clone();
        assert!(question.contains("Caller: I lost my card"), "{question}");
        assert_eq!(request.conversation, "test");
        let form = question.contains("fill in this form");
        let text = |text: &str| Ok(Generated::Text(text.to_owned()));
        let done = Ok(Generated::Done(GenerationStats::default()));
        match self.writes {
            Writes::Form(answer) if form => futures::stream::iter([text(answer), done]).boxed(),
            Writes::Form(_) => {
                let summary = text("The caller lost a card. A new one is on its way.");
                futures::stream::iter([summary, done])
                    .then(|piece| async move {
                        tokio::time::sleep(Duration::from_secs(2)).await;
                        piece
                    })
                    .boxed()
            }
            Writes::Never => futures::stream::pending().boxed(),
            Writes::Endless => futures::stream::repeat_with(move || text("{\"a\": ")).boxed(),
            Writes::Fails => {
                let error = EngineError::Overloaded { engine: "llm" };
                futures::stream::iter([Err(error)]).boxed()
            }
        }
    }
}

const DESK: &str = r#"
languages = ["en"]
[prompt]
en = "en.md"
[welcome]
en = ""
[outcome.topic]
enum = ["card", "fees"]
description = "why they called"
[outcome.solved]
type = "boolean"
"#;

fn assistant() -> Arc<Assistant> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("desk.toml"), DESK).unwrap();
    std::fs::write(dir.path().join("en.md"), "Be kind.").unwrap();
    let voices = Voices::named(["en_US-joe-medium", "espeak-ar"]);
    let folder = Folder::Disk(dir.path().to_owned());
    let library = Library::load(&folder, &Config::default(), &voices);
    Arc::clone(library.unwrap().get("desk").unwrap())
}

async fn a_call() -> CallReport {
    let stt = ScriptedStt::new(["I lost my card"], Duration::ZERO);
    let engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    call(quiet_config(), vec![speech(800, 0, 0)], engines).await
}

async fn concluded(
    writes: Writes,
    gate: &SpeculationGate,
    config: &Config,
) -> (CallReport, Result<(), NotConcluded>, u32) {
    let mut report = a_call().await;
    assert_eq!((&report.summary, &report.outcome), (&None, &None));
    tokio::time::pause();
    let llm = Clerk { writes, asked: AtomicU32::new(0) };
    let assistant = assistant();
    let result = conclude(&mut report, config, Some(&assistant), &llm, gate).await;
    (report, result, llm.asked.load(Ordering::Relaxed))
}

fn outcome(report: &CallReport) -> String {
    serde_json::to_string(report.outcome.as_ref().unwrap()).unwrap()
}

fn summing() -> Config {
    let mut config = Config::default();
    config.after_call.summary = true;
    config
}

#[tokio::test]
async fn a_record_has_the_fields_that_the_assistant_asks_for_and_a_summary() {
    let answer = "Here it is: {\"topic\": \"card\", \"solved\": \"yes\"}";
    let gate = SpeculationGate::default();
    let (report, result, asked) = concluded(Writes::Form(answer), &gate, &summing()).await;
    assert_eq!((result, asked), (Ok(()), 2));
    assert_eq!(
        outcome(&report),
        concat!(
            r#"{"values":{"topic":"card","solved":null},"#,
            r#""problems":{"solved":"expected true or false, found \"yes\""}}"#
        )
    );
    assert!(report.summary.as_deref().is_some_and(|s| s.starts_with("The caller lost a card.")));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["outcome"]["values"]["topic"], "card");
}

#[tokio::test]
async fn a_model_that_fails_babbles_or_never_answers_leaves_nulls_and_the_reason() {
    let gate = SpeculationGate::default();
    for (writes, expected) in [
        (Writes::Fails, Err(NotConcluded::Failed)),
        (Writes::Never, Err(NotConcluded::TimedOut)),
        (Writes::Endless, Ok(())),
    ] {
        let mut config = Config::default();
        config.after_call.summary = false;
        let (report, result, _) = concluded(writes, &gate, &config).await;
        assert_eq!(result, expected, "{report:?}");
        let outcome = report.outcome.unwrap();
        assert!(outcome.values.len() == 2 && outcome.values.values().all(|v| v.is_null()));
        assert_eq!(outcome.problems.len(), 1, "{outcome:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn under_load_no_record_is_made_and_a_waiting_caller_is_given_way() {
    let gate = SpeculationGate::default();
    gate.set(false);
    let writes = || Writes::Form("{\"topic\": null, \"solved\": true}");
    let (report, result, asked) = concluded(writes(), &gate, &summing()).await;
    assert_eq!((result, asked), (Err(NotConcluded::TimedOut), 0));
    assert!(outcome(&report).contains("the time for it was over"));
    tokio::time::resume();

    gate.set(true);
    let mut other = gate.call();
    let way = {
        let gate = gate.clone();
        async move {
            // In the middle of the summary, and the model begins again afterwards.
            tokio::time::sleep(Duration::from_secs(1)).await;
            other.set(true);
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop((other, gate));
        }
    };
    let config = summing();
    let ((report, result, asked), ()) = tokio::join!(concluded(writes(), &gate, &config), way);
    assert_eq!((result, asked), (Ok(()), 3), "{report:?}");
    assert!(report.summary.is_some());
}

#[tokio::test]
async fn where_nothing_was_said_or_nothing_is_wanted_the_model_is_not_asked() {
    let gate = SpeculationGate::default();
    let mut config = Config::default();
    config.after_call.seconds_max = 0;
    let (report, result, asked) = concluded(Writes::Fails, &gate, &config).await;
    assert_eq!((result, asked, report.outcome), (Err(NotConcluded::NotWanted), 0, None));
    tokio::time::resume();
    let silent =
        engines(ScriptedStt::new([], Duration::ZERO), ScriptedLlm::echo(), ScriptedTts::default());
    let mut report = call(quiet_config(), vec![], silent).await;
    let llm = Clerk { writes: Writes::Fails, asked: AtomicU32::new(0) };
    let assistant = assistant();
    let result = conclude(&mut report, &summing(), Some(&assistant), &llm, &gate).await;
    assert_eq!(result, Err(NotConcluded::NothingSaid));
    assert!(outcome(&report).contains("the caller said nothing"));
}
