//! A call whose engines die one after another while engines elsewhere, a server on this machine, take
//! over; and the same call where nothing may leave.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;

use super::{call, check, engines, speech};
use crate::call::CallReport;
use crate::config::Config;
use crate::engines::llm::ScriptedLlm;
use crate::engines::peer::{self, Peer, Request};
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;
use crate::engines::{EngineError, Lender};
use crate::policy::residency::{Grant, Stages};

fn dead(engine: &'static str) -> EngineError {
    EngineError::Unavailable { engine, detail: "as scripted".into() }
}

/// Four turns: all engines live, then the ears die, then the wits too, then the voice as well.
async fn dying(site: &Config, grant: Grant) -> (CallReport, Vec<Request>) {
    let afar = Peer::start(|_, request| match request.path.as_str() {
        "/v1/audio/transcriptions" => peer::transcript("who are you"),
        "/v1/chat/completions" => peer::chat("I am the one from afar."),
        _ => peer::speech(700),
    })
    .await;
    let mut config = site.clone();
    for stage in [&mut config.remote.stt, &mut config.remote.llm, &mut config.remote.tts] {
        stage.enabled = true;
        stage.base_url = afar.base_url();
    }
    config.agent.welcome.clear();
    config.agent.apology = "Sorry.".into();
    let stt = ScriptedStt::with_results(
        [Ok("hello".to_owned()), Err(dead("stt"))],
        Duration::from_millis(1),
    );
    let asked = std::sync::atomic::AtomicU32::new(0);
    let llm = ScriptedLlm::new(
        move |said| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 | 1 => Ok(format!("You said: {said}.")),
            _ => Err(dead("llm")),
        },
        Duration::ZERO,
        Duration::ZERO,
    );
    config.turn.speculation = false;
    let local = engines(stt, llm, ScriptedTts::default());
    let lent = Lender::new(local, &config.remote).unwrap().for_call("call-1", grant);
    let turns = vec![speech(800, 0, 0), speech(800, 0, 0), speech(800, 0, 0)];
    let report = call(config, turns, lent).await;
    (report, afar.requests())
}

#[tokio::test]
async fn a_call_outlives_its_local_engines_where_that_is_allowed() {
    let mut site = Config::default();
    (site.remote.text_may_leave, site.remote.audio_may_leave) = (true, true);
    let grant = Grant { text: true, audio: true, stages: Stages::ALL };
    let (report, requests) = dying(&site, grant).await;
    check(
        &report,
        expect![[r#"
        hello → You said: hello.
        who are you → You said: who are you.
        who are you → I am the one from afar.
        input_ended
    "#]],
    );
    let of = |end: &str| requests.iter().filter(|r| r.path.ends_with(end)).count();
    assert_eq!((of("transcriptions"), of("completions"), of("speech")), (2, 1, 0));
}

#[tokio::test]
async fn the_same_call_apologises_where_nothing_may_leave() {
    let mut site = Config::default();
    (site.remote.text_may_leave, site.remote.audio_may_leave) = (true, true);
    let (report, requests) = dying(&site, Grant::default()).await;
    check(
        &report,
        expect![[r#"
        hello → You said: hello.
         → Sorry.
         → Sorry.
        input_ended
    "#]],
    );
    assert!(requests.is_empty(), "{requests:?}");
}

#[tokio::test]
async fn a_voice_that_dies_is_followed_by_another_that_goes_on() {
    let afar = Peer::start(|_, _| peer::speech(700)).await;
    let mut config = Config::default();
    config.remote.text_may_leave = true;
    config.remote.tts.enabled = true;
    config.remote.tts.base_url = afar.base_url();
    config.agent.welcome.clear();
    config.agent.fillers.clear();
    let stt = ScriptedStt::new(["hello"], Duration::ZERO);
    let mut local = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    local.tts = Arc::new(Dead);
    let grant = Grant { text: true, audio: false, stages: Stages::ALL };
    let lent = Lender::new(local, &config.remote).unwrap().for_call("call-1", grant);
    let report = call(config, vec![speech(800, 0, 0)], lent).await;
    check(
        &report,
        expect![[r#"
        hello → You said: hello.
        input_ended
    "#]],
    );
    assert_eq!(afar.requests()[0].json()["input"], "You said: hello.");
}

struct Dead;

impl crate::engines::tts::TextToSpeech for Dead {
    fn synthesize(
        &self,
        _: crate::engines::tts::Synthesis,
    ) -> futures::stream::BoxStream<'static, Result<crate::engines::tts::Synthesized, EngineError>>
    {
        use futures::StreamExt as _;
        futures::stream::iter([Err(dead("tts"))]).boxed()
    }
}
