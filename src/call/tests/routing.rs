//! Rules in whole calls: what the caller hears in place of the model's answer, who has them then,
//! and that the journal explains it afterwards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use expect_test::expect;
use tokio_util::sync::CancellationToken;

use super::acting::{Desk, check};
use super::{engines, speech};
use crate::assistants::{Folder, Library, Voices};
use crate::call::action::{Mood, Surroundings, Switchboard};
use crate::call::{CallReport, CallSetup, run};
use crate::config::Config;
use crate::engines::llm::ScriptedLlm;
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::rules::Judge;
use crate::transport::wav::{WavOptions, WavTransport};

/// Hears anger in one word.
#[derive(Debug)]
pub(super) struct Scripted;

impl Mood for Scripted {
    fn of_turn(&self, words: &str, _language: &str) -> f64 {
        if words.contains("terrible") { -0.9 } else { 0.2 }
    }
}

const DESK: &str = r#"
languages = ["en"]
[prompt]
en = "p.md"
[welcome]
en = "Desk here."
"#;

const SALES: &str = r#"
languages = ["en"]
[prompt]
en = "p.md"
[welcome]
en = "Sales here."
"#;

fn library(rules: &str) -> Arc<Library> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("desk.toml"), format!("{DESK}{rules}")).unwrap();
    std::fs::write(dir.path().join("sales.toml"), SALES).unwrap();
    std::fs::write(dir.path().join("p.md"), "Be kind.").unwrap();
    let mut config = Config::default();
    config.assistants.default = "desk".into();
    let voices = Voices::named(["en_US-joe-medium"]);
    let folder = Folder::Disk(dir.path().to_owned());
    Arc::new(Library::load(&folder, &config, &voices).unwrap())
}

async fn call(
    rules: &str,
    said: &[&'static str],
    desk: Option<Arc<Desk>>,
) -> (CallReport, Arc<Library>) {
    let turns = said.iter().map(|_| speech(800, 0, 0)).collect();
    call_turns(rules, said, turns, desk).await
}

async fn call_turns(
    rules: &str,
    said: &[&'static str],
    turns: Vec<Vec<i16>>,
    desk: Option<Arc<Desk>>,
) -> (CallReport, Arc<Library>) {
    let library = library(rules);
    let assistant = Arc::clone(library.default());
    let stt = ScriptedStt::new(said.iter().copied(), Duration::from_millis(1));
    let engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
    let setup = CallSetup {
        call_id: "test".into(),
        config: Arc::clone(assistant.config("")),
        assistant: Some(assistant),
        engines,
        observer: None,
        surroundings: Surroundings {
            library: Some(Arc::clone(&library)),
            switchboard: desk.map(|desk| desk as Arc<dyn Switchboard>),
            mood: Some(Arc::new(Scripted)),
            ..Surroundings::default()
        },
        hang_up: CancellationToken::new(),
    };
    let call = run(Box::new(WavTransport::new(turns, options)), setup);
    let report = tokio::time::timeout(Duration::from_secs(60), call).await.expect("a call ends");
    (report, library)
}

const ANGRY: &str = r#"
[[rules]]
name = "angry-twice"
when = "angry_turns >= 2 && turn >= 2"
say = { en = "I connect you with a colleague." }
transfer = { queue = "people" }
escalate = "two angry turns"
"#;

#[tokio::test]
async fn two_angry_turns_hand_over_to_people_and_the_journal_explains_it() {
    let desk = Desk::new(true);
    let said = ["hello", "this is terrible", "really terrible", "never heard"];
    let (report, library) = call(ANGRY, &said, Some(Arc::clone(&desk))).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        hello → You said: hello.
        this is terrible → You said: this is terrible.
        really terrible → I connect you with a colleague.
        transferred
        [escalate two angry turns by rule angry-twice]
        [transfer queue people by rule angry-twice]
    "#]],
    );
    let note = &desk.asked.lock().unwrap()[0].note;
    assert_eq!(note.reason, "rule angry-twice");

    // As `sawt rules test` does, over what was written and read again.
    let json = serde_json::to_string(&report.moments).unwrap();
    let moments: Vec<crate::rules::Moment> = serde_json::from_str(&json).unwrap();
    assert_eq!(moments, report.moments);
    let mut judge = Judge::new(Arc::clone(library.default().rules()));
    let told: Vec<String> = moments
        .iter()
        .map(|moment| {
            let (fired, looks) = judge.look(&moment.facts);
            let fired: Vec<_> = fired.into_iter().map(|rule| rule.name).collect();
            assert_eq!(fired, moment.fired, "the replay says what the call did");
            let look = &looks[0];
            let values = look.values.iter().map(|(name, value)| format!("{name} = {value}"));
            format!("{}; {}\n", look.why, values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    expect![[r#"
        did not fire: its condition does not hold; angry_turns = 0, turn = 1
        did not fire: its condition does not hold; angry_turns = 1, turn = 2
        fired: its condition holds; angry_turns = 2, turn = 3
    "#]]
    .assert_eq(&told.concat());
}

#[tokio::test]
async fn nobody_takes_the_angry_caller_and_the_call_goes_on() {
    let said = ["this is terrible", "really terrible", "well then"];
    let (report, _) = call(ANGRY, &said, Some(Desk::new(false))).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        this is terrible → You said: this is terrible.
        really terrible → I connect you with a colleague.
         → I am sorry, nobody could take your call. Let us go on here.
        well then → You said: well then.
        input_ended
        [escalate two angry turns by rule angry-twice]
        [transfer queue people by rule angry-twice: nobody serves the queue "queue people"; start the LiveKit agent of that name]
    "#]],
    );
}

#[tokio::test]
async fn where_nobody_can_be_called_the_model_answers_and_the_record_says_so() {
    let (report, _) = call(ANGRY, &["this is terrible", "really terrible"], None).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        this is terrible → You said: this is terrible.
        really terrible → You said: really terrible.
        input_ended
        [transfer queue people by rule angry-twice: this call can not be transferred; only calls in a LiveKit room under `sawt serve` can]
        [escalate two angry turns by rule angry-twice]
    "#]],
    );
}

#[tokio::test]
async fn a_caller_who_asks_for_sales_is_answered_by_sales() {
    let rule = |more: &str| {
        format!(
            "[[rules]]\nname = \"sales\"\nwhen = 'said(\"buy\")'\n\
             hand_over = {{ assistant = \"sales\"{more} }}\n"
        )
    };
    let said = ["I want to buy a house", "how much"];
    let (report, _) = call(&rule(""), &said, None).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        I want to buy a house → You said: I want to buy a house.
        how much → You said: how much.
        input_ended
        [hand_over sales with history by rule sales]
    "#]],
    );
    assert_eq!(report.assistant.unwrap().name, "desk");
    assert_eq!(report.handed_over_to[0].name, "sales");
    assert_eq!(report.moments[1].assistant, "sales");
    let (report, _) = call(&rule(", with_history = false"), &said, None).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        I want to buy a house → Sales here.
        how much → You said: how much.
        input_ended
        [hand_over sales by rule sales]
    "#]],
    );
}

#[tokio::test]
async fn a_rule_ends_the_call_with_its_own_words() {
    let rules = "[[rules]]\nname = \"bye\"\nwhen = 'said(\"bye\")'\n\
                 say = { en = \"Take care.\" }\nend_call = true\n";
    let (report, _) = call(rules, &["hello", "bye now", "never heard"], None).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        hello → You said: hello.
        bye now → 
         → Take care.
        agent_ended
        [end_call  by rule bye]
    "#]],
    );
}

#[tokio::test]
async fn a_rule_says_something_beside_the_answer_and_keeps_values() {
    let rules = r#"
[[rules]]
name = "first"
when = "turn == 1"
set = { seen = true }
[[rules]]
name = "hint"
when = "has(variables.seen) && turn == 2"
answer = true
say = { en = "By the way." }
[[rules]]
name = "odd"
when = "variables.never == 1"
end_call = true
"#;
    let (report, _) = call(rules, &["one", "two"], None).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        one → You said: one.
        two → You said: two.
         → By the way.
        input_ended
        [set seen by rule first]
        [say  by rule hint]
    "#]],
    );
}

#[tokio::test]
async fn a_silent_caller_is_sent_to_people() {
    let rules = "[[rules]]\nname = \"silent\"\nwhen = 'event == \"silence\" && silence_prompts >= 2'\n\
                 transfer = { queue = \"people\" }\n[limits]\nsilence_prompt_s = 3\n";
    let desk = Some(Desk::new(true));
    let (report, _) = call_turns(rules, &["hello"], vec![speech(800, 20_000, 0)], desk).await;
    check(
        &report,
        expect![[r#"
         → Desk here.
        hello → You said: hello.
         → Are you still there?
         → I can not hear you. Are you still there?
         → One moment please, I am connecting you.
        transferred
        [transfer queue people by rule silent]
    "#]],
    );
    let events: Vec<_> = report.moments.iter().map(|m| m.facts.event.as_str()).collect();
    assert_eq!(events, ["turn", "silence", "silence"]);
}

#[tokio::test]
async fn webhooks_are_refused_unless_a_host_is_named_and_the_record_has_it() {
    use crate::call::action::{Action, Ordered, Reason};
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::clone(&told);
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = vec![0; 4_096];
            let n = stream.read(&mut text).await.unwrap_or(0);
            heard.lock().unwrap().push(String::from_utf8_lossy(&text[..n]).into_owned());
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        }
    });
    for allowed in [false, true] {
        use crate::policy::egress::{EgressPolicy, HostPort, HttpClient};
        let host = HostPort { host: "127.0.0.1".into(), port };
        let policy = if allowed { EgressPolicy::Allow(vec![host]) } else { EgressPolicy::Sealed };
        let surroundings = Surroundings {
            webhooks: Some(HttpClient::new(policy).unwrap()),
            ..Surroundings::default()
        };
        let action = Action::Webhook {
            url: format!("http://127.0.0.1:{port}/hook"),
            payload: serde_json::json!({ "kind": "angry" }),
        };
        let reason = Reason::Rule("angry".into());
        let ordered = Ordered { action, reason, taken: None };
        let report = super::acting::call_with(ordered, surroundings).await;
        let failed = report.actions[0].failed.clone();
        match allowed {
            false => assert!(failed.unwrap().contains("sealed"), "{:?}", report.actions),
            true => assert_eq!(failed, None),
        }
    }
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "sealed opens no socket");
    assert!(
        told[0].contains("\"kind\":\"angry\"") && told[0].contains("rule angry"),
        "{}",
        told[0]
    );
    server.abort();
}
