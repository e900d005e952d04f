//! Calls with an assistant: its lines, its languages, its limits, its version in the record.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use expect_test::{Expect, expect};
use tokio_util::sync::CancellationToken;

use super::{engines, speech};
use crate::assistants::{Folder, Library, Voices};
use crate::call::{CallReport, CallSetup, run};
use crate::config::Config;
use crate::engines::EngineError;
use crate::engines::llm::{Generated, Generation, GenerationStats, LanguageModel, ScriptedLlm};
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::transport::wav::{WavOptions, WavTransport};

/// Answers with the first words of its instructions, and how many times it was asked.
#[derive(Default)]
struct Obedient(Mutex<Vec<String>>);

impl LanguageModel for Obedient {
    fn generate(
        &self,
        request: Generation,
    ) -> futures::stream::BoxStream<'static, Result<Generated, EngineError>> {
        use futures::StreamExt as _;
        let system = &request.messages[0].content;
        let words = if system.contains("in Arabic") { "As in ar.md" } else { "As in en.md" };
        let words = words.to_owned();
        self.0.lock().unwrap().push(words.clone());
        let done = Generated::Done(GenerationStats::default());
        futures::stream::iter([Ok(Generated::Text(words + ".")), Ok(done)]).boxed()
    }
}

async fn call(site: &Config, said: &[&'static str], llm: Arc<dyn LanguageModel>) -> CallReport {
    let voices = Voices::named(["en_US-joe-medium"]);
    let library = Library::load(&Folder::BuiltIn, site, &voices).unwrap();
    let assistant = Arc::clone(library.default());
    let stt = ScriptedStt::new(said.iter().copied(), Duration::from_millis(1));
    let mut engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    engines.llm = llm;
    let turns = said.iter().map(|_| speech(800, 0, 0)).collect();
    let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
    let setup = CallSetup {
        call_id: "test".into(),
        config: Arc::clone(assistant.config("")),
        assistant: Some(assistant),
        engines,
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let call = run(Box::new(WavTransport::new(turns, options)), setup);
    tokio::time::timeout(Duration::from_secs(60), call).await.expect("a call ends")
}

#[track_caller]
fn check(report: &CallReport, expected: Expect) {
    let line = |t: &crate::call::TurnReport| format!("{} → {}\n", t.caller, t.agent);
    let lines: String = report.turns.iter().map(line).collect();
    expected.assert_eq(&(lines + report.reason.as_str() + "\n"));
}

#[tokio::test]
async fn instructions_follow_the_callers_language_and_the_record_has_the_version() {
    let said = ["hello", "ما الوقت الآن", "4711", "thank you"];
    let report = call(&Config::default(), &said, Arc::new(Obedient::default())).await;
    check(
        &report,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
        hello → As in en.md.
        ما الوقت الآن → As in ar.md.
        4711 → As in ar.md.
        thank you → As in en.md.
        input_ended
    "#]],
    );
    let version = report.assistant.unwrap();
    assert_eq!((version.name.as_str(), version.version.as_str().len()), ("starter", 12));
}

#[tokio::test]
async fn the_last_answer_is_followed_by_a_goodbye() {
    let mut site = Config::default();
    site.agent.turns_max = 2;
    let said = ["one", "two", "three", "four"];
    let report = call(&site, &said, Arc::new(ScriptedLlm::echo())).await;
    check(
        &report,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
        one → You said: one.
        two → You said: two.
         → Goodbye.
        too_long
    "#]],
    );
}
