//! What breaks in mid-call: an engine, the server, the caller's patience. The call lives, or ends
//! with a reason; the next call works.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::house::{api, enter, people_in};
use super::phone::{Mic, Phone};
use super::programs::{Serve, is_running, signal};
use super::speech::{spoken, transcribed};

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_in_mid_turn_comes_back_and_the_turn_is_answered() {
    let Some(mut house) = enter().await else { return };
    let question = spoken("What is the capital of France?").await;
    let (server, serve) = house.open().await;
    let phone = Phone::call(server, "killed", Mic::On).await;
    phone.hear_welcome().await;
    let restarts = serve.metric("sawt_engine_restarts_total").await;
    for engine in ["sawt-llm", "sawt-tts", "sawt-stt"] {
        let mark = phone.mark();
        let before = serve.engine(engine).expect("it runs");
        phone.say(&question).await;
        // The words are over, what is said in answer is being made. It is too quick to be seen as "thinking".
        signal("-KILL", before);
        let killed_ms = phone.now_ms();
        let answered_ms = phone.until_speech(mark, "answer", 40).await;
        phone.hear_out(mark, "answer", 1).await;
        let (pcm, caption) = {
            let heard = phone.heard();
            (heard.pcm[mark.samples..].to_vec(), heard.words(mark.lines, true))
        };
        let after = serve.engine(engine);
        println!("{engine} killed: answer after {:.0} ms: {caption}", answered_ms - killed_ms);
        assert!(!phone.heard().agent_left, "the call is over; log:\n{}", serve.log_tail());
        assert!(after.is_some_and(|after| after != before), "{engine}: {before} → {after:?}");
        let said = transcribed(&pcm, "en").await;
        assert!(said.contains("paris"), "{engine}: {said:?} / {caption:?}\n{}", serve.log_tail());
    }
    let restarts = serve.metric("sawt_engine_restarts_total").await - restarts;
    assert!(restarts >= 3.0, "{restarts}");
    phone.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_server_ends_or_resumes_the_call_and_the_next_call_works() {
    let Some(mut house) = enter().await else { return };
    let (server, serve) = house.open().await;
    let phone = Phone::call(server, "restarted", Mic::On).await;
    phone.hear_welcome().await;
    server.kill();
    let killed = Instant::now();
    sleep(Duration::from_secs(1)).await;
    server.start_again().await.unwrap();
    println!("server back {:.1} s after it was killed", killed.elapsed().as_secs_f64());

    serve.until_ready(Duration::from_secs(30)).await;
    println!("worker registered after {:.1} s", killed.elapsed().as_secs_f64());
    // The call: resumed, so that a typed question is answered; or ended, and counted with a reason.
    let (mut ended, mut resumed, mut tries) = (None, false, 0);
    while killed.elapsed() < Duration::from_secs(60) && ended.is_none() && !resumed {
        let active = serve.metric("lk_agents_active_job_count").await;
        if active == 0.0 {
            ended = Some(serve.log_with("Leaving the room."));
        } else if has_agent_again(&phone) {
            tries += 1;
            let mark = phone.mark();
            phone.type_text("What is the capital of Italy?").await;
            let answer = phone.until_speech(mark, "answer", 15);
            resumed = timeout(Duration::from_secs(10), answer).await.is_ok();
        }
        sleep(Duration::from_millis(100)).await;
    }
    let told = {
        let heard = phone.heard();
        let (reconnecting, reconnected) = (heard.reconnecting, heard.reconnected);
        let (left, tracks, cut) = (heard.agent_left, heard.tracks, heard.cut_off);
        format!("{reconnecting}, {reconnected}; agent left {left}, {tracks} tracks, cut off {cut}")
    };
    let after_s = killed.elapsed().as_secs_f64();
    println!("resumed: {resumed}, after {after_s:.1} s and {tries} questions");
    println!("what the caller saw: reconnecting, reconnected: {told}");
    match (&ended, resumed) {
        (Some(log), false) => {
            let last = log.lines().last().unwrap_or_default().to_owned();
            println!("the agent left: {last}");
            assert!(last.contains("\"reason\""), "no reason in {last:?}");
        }
        (_, true) => phone.hang_up().await,
        (None, false) => panic!("the call neither ends nor goes on:\n{}", serve.log_tail()),
    }
    drop(phone);
    serve.until_idle(Duration::from_secs(30)).await;

    let phone = Phone::call(server, "after the restart", Mic::None).await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.type_text("What is the capital of France?").await;
    phone.hear_out(mark, "answer", 30).await;
    assert!(phone.heard().words(mark.lines, true).contains("Paris"));
    phone.hang_up().await;
}

/// Both sides are back in the room, and the agent's new track has come.
fn has_agent_again(phone: &Phone) -> bool {
    let heard = phone.heard();
    heard.reconnected && !heard.agent_left && heard.tracks >= 2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_in_mid_reply_leaves_nothing_behind() {
    let Some(mut house) = enter().await else { return };
    let (server, serve) = house.open().await;
    let phone = Phone::call(server, "left", Mic::On).await;
    phone.hear_welcome().await;
    assert_eq!(serve.metric("lk_agents_active_job_count").await, 1.0);
    let mark = phone.mark();
    phone.type_text("Tell me everything you know about the history of the city of Rome.").await;
    phone.until_speech(mark, "answer", 30).await;
    sleep(Duration::from_millis(700)).await;
    assert_eq!(phone.heard().state(), "speaking");
    phone.hang_up().await;
    let idle = serve.until_idle(Duration::from_secs(5)).await;
    println!("job over {} ms after the caller left", idle.as_millis());
    let begin = Instant::now();
    while people_in(server, "left").await > 0 {
        assert!(begin.elapsed() < Duration::from_secs(5), "somebody is still in the room");
        sleep(Duration::from_millis(50)).await;
    }
    println!("room empty {} ms later", begin.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_callers_in_a_room_are_one_call_with_the_first() {
    let Some(mut house) = enter().await else { return };
    let (server, serve) = house.open().await;
    let ann = Phone::call(server, "two", Mic::On).await;
    ann.hear_welcome().await;
    let bob = Phone::join_as(server, "two", "bob", Mic::On).await;
    let mark = ann.mark();
    bob.say(&spoken("What is the capital of France?").await).await;
    sleep(Duration::from_secs(4)).await;
    assert_eq!(ann.mark().spans, mark.spans, "bob was answered");
    ann.type_text("What is the capital of Italy?").await;
    ann.hear_out(mark, "answer", 30).await;
    bob.hang_up().await;
    sleep(Duration::from_secs(1)).await;
    assert!(!ann.heard().agent_left, "bob's leaving ended ann's call");
    ann.hang_up().await;
    serve.until_idle(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_agent_lets_the_call_finish_and_takes_no_other() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let mut serve = Serve::start(server, &["livekit.agent_name=leaving"]).await;
    let phone = Phone::call_agent(server, "drained", Mic::None, "leaving").await;
    phone.hear_welcome().await;
    serve.terminate();
    sleep(Duration::from_millis(500)).await;
    let other =
        sawt::livekit_api::AgentRequest { agent_name: "leaving".into(), ..Default::default() };
    let other = api(server).dispatch("drained-2", &other, |_| None).await.unwrap();
    assert_eq!(other.taken, None);
    let mark = phone.mark();
    phone.type_text("What is the capital of France?").await;
    phone.hear_out(mark, "answer", 30).await;
    assert!(phone.heard().words(mark.lines, true).contains("Paris"));
    phone.hang_up().await;
    let begin = Instant::now();
    assert_eq!(serve.exit_code(Duration::from_secs(10)).await, Some(0), "{}", serve.log_tail());
    println!("over {} ms after the last call", begin.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_takes_its_engines_along() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let serve = Serve::start(server, &["livekit.agent_name=killed"]).await;
    let engines = ["sawt-stt", "sawt-llm", "sawt-tts"].map(|name| (name, serve.engine(name)));
    signal("-KILL", serve.pid);
    let begin = Instant::now();
    for (name, pid) in engines {
        let pid = pid.expect("it runs");
        while is_running(pid) {
            if begin.elapsed() > Duration::from_secs(5) {
                signal("-KILL", pid);
                panic!("{name} outlives the program that started it");
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    println!("all ended {} ms after it", begin.elapsed().as_millis());
}
