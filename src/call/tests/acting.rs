//! Actions in whole calls: what is said before and after them, who answers then, what the record
//! has of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use expect_test::{Expect, expect};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{engines, speech};
use crate::assistants::{Folder, Library, Voices};
use crate::call::action::{
    Action, LineText, Ordered, Reason, Surroundings, Switchboard, SwitchboardError, Transfer,
    TransferRequest, TransferTo,
};
use crate::call::driver::{Outcome, run_observed};
use crate::call::{CallReport, CallSetup, SpeculationGate};
use crate::config::Config;
use crate::engines::llm::ScriptedLlm;
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::transport::wav::{WavOptions, WavTransport};

/// Takes every caller, or none.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) takes: bool,
    pub(super) asked: Mutex<Vec<TransferRequest>>,
}

impl Desk {
    pub(super) fn new(takes: bool) -> Arc<Self> {
        Arc::new(Self { takes, asked: Mutex::default() })
    }
}

#[async_trait]
impl Switchboard for Desk {
    async fn transfer(&self, request: TransferRequest) -> Result<(), SwitchboardError> {
        let queue = request.to.to_string();
        self.asked.lock().unwrap().push(request);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if self.takes { Ok(()) } else { Err(SwitchboardError::NobodyServes(queue)) }
    }
}

/// A call of two turns; `action` is ordered at its start, as a tool would.
async fn call(action: Action, surroundings: Surroundings) -> CallReport {
    let reason = Reason::Tool("test".into());
    call_with(Ordered { action, reason, taken: None }, surroundings).await
}

pub(super) async fn call_with(ordered: Ordered, surroundings: Surroundings) -> CallReport {
    let stt = ScriptedStt::new(["one", "two"], Duration::from_millis(1));
    let engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(Config::default()),
        engines,
        observer: None,
        surroundings,
        hang_up: CancellationToken::new(),
    };
    let turns = vec![speech(800, 0, 0), speech(800, 0, 0)];
    let transport = Box::new(WavTransport::new(turns, options));
    let order = |outcomes: &mpsc::Sender<Outcome>| {
        outcomes.try_send(Outcome::Ordered(Box::new(ordered))).unwrap();
    };
    let call = run_observed(transport, setup, SpeculationGate::default(), order);
    tokio::time::timeout(Duration::from_secs(60), call).await.expect("a call ends")
}

#[track_caller]
pub(super) fn check(report: &CallReport, expected: Expect) {
    let mut lines: Vec<String> =
        report.turns.iter().map(|t| format!("{} → {}", t.caller, t.agent)).collect();
    lines.push(report.reason.as_str().to_owned());
    for a in &report.actions {
        let failed = a.failed.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        lines.push(format!("[{} {} by {}{failed}]", a.action, a.detail, a.reason));
    }
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[tokio::test]
async fn a_line_is_said_between_what_is_said_anyway() {
    let report = call(Action::Say(LineText::same("By the way.")), Surroundings::default()).await;
    check(
        &report,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
         → By the way.
        one → You said: one.
        two → You said: two.
        input_ended
        [say  by tool test]
    "#]],
    );
}

#[tokio::test]
async fn the_call_ends_with_the_line_that_was_given() {
    let action = Action::EndCall { say: Some(LineText::same("Have a good day.")) };
    check(
        &call(action, Surroundings::default()).await,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
         → Have a good day.
        agent_ended
        [end_call  by tool test]
    "#]],
    );
    let action = Action::EndCall { say: None };
    check(
        &call(action, Surroundings::default()).await,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
         → Goodbye.
        agent_ended
        [end_call  by tool test]
    "#]],
    );
}

#[tokio::test]
async fn a_transfer_says_its_line_first_and_leaves_the_caller_with_whoever_took_them() {
    let desk = Desk::new(true);
    let surroundings =
        Surroundings { switchboard: Some(Arc::clone(&desk) as _), ..Surroundings::default() };
    let transfer = Transfer {
        say: Some(LineText::same("I connect you.")),
        ..Transfer::to(TransferTo::Queue("people".into()))
    };
    check(
        &call(Action::Transfer(transfer), surroundings).await,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
         → I connect you.
        transferred
        [transfer queue people by tool test]
    "#]],
    );
    let asked = desk.asked.lock().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].to, TransferTo::Queue("people".into()));
    assert_eq!((asked[0].caller.as_str(), asked[0].note.language.as_str()), ("wav", "en"));
}

#[tokio::test]
async fn a_transfer_that_nobody_takes_is_apologised_for_and_the_call_goes_on() {
    let surroundings =
        Surroundings { switchboard: Some(Desk::new(false)), ..Surroundings::default() };
    let transfer = Transfer::to(TransferTo::Queue("people".into()));
    check(
        &call(Action::Transfer(transfer.clone()), surroundings).await,
        expect![[r#"
             → Hello, this is Sawt. How can I help you?
             → One moment please, I am connecting you.
             → I am sorry, nobody could take your call. Let us go on here.
            one → You said: one.
            two → You said: two.
            input_ended
            [transfer queue people by tool test: nobody serves the queue "queue people"; start the LiveKit agent of that name]
        "#]],
    );
    check(
        &call(Action::Transfer(transfer), Surroundings::default()).await,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
        one → You said: one.
        two → You said: two.
        input_ended
        [transfer queue people by tool test: this call can not be transferred; only calls in a LiveKit room under `sawt serve` can]
    "#]],
    );
}

#[tokio::test]
async fn another_assistant_takes_over_with_its_own_welcome_and_the_record_has_both() {
    let voices = Voices::named(["en_US-joe-medium"]);
    let library = Library::load(&Folder::BuiltIn, &Config::default(), &voices).unwrap();
    let surroundings = Surroundings { library: Some(Arc::new(library)), ..Surroundings::default() };
    let action = Action::HandOver { assistant: "starter".into(), with_history: false };
    let report = call(action, surroundings.clone()).await;
    check(
        &report,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
         → Hello, this is Sawt. How can I help you?
        one → You said: one.
        two → You said: two.
        input_ended
        [hand_over starter by tool test]
    "#]],
    );
    assert_eq!(report.handed_over_to[0].name, "starter");
    let action = Action::HandOver { assistant: "nobody".into(), with_history: true };
    check(
        &call(action, surroundings).await,
        expect![[r#"
         → Hello, this is Sawt. How can I help you?
        one → You said: one.
        two → You said: two.
        input_ended
        [hand_over nobody with history by tool test: there is no assistant "nobody"; `sawt assistants list` has them all]
    "#]],
    );
}

#[tokio::test]
async fn what_is_not_there_yet_fails_and_the_call_goes_on() {
    let actions = [
        Action::SendDtmf { digits: "12#".into() },
        Action::Webhook {
            url: "https://example.org/x?key=secret".into(),
            payload: serde_json::Value::Null,
        },
    ];
    for action in actions {
        let report = call(action, Surroundings::default()).await;
        let failed = report.actions.first().is_some_and(|action| action.failed.is_some());
        assert!(failed, "{:?}", report.actions);
        assert!(!format!("{:?}", report.actions).contains("secret"));
        assert_eq!(report.turns.len(), 3);
    }
}
