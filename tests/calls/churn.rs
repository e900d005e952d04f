//! Many calls one after another leave no thread, file, job or room behind.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::house::{api, enter, people_in};
use super::phone::{Mic, Phone};
use super::programs::{Holdings, Serve};

/// Threads and files that come and go by themselves: runtime workers, HTTP connections, probes.
const SLACK: usize = 6;

/// What stays after a call for ever, at most. A leak of one second of audio is more.
const GROWTH_KIB_MAX: i64 = 1024;

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_one_after_another_leave_nothing_behind() {
    let Some(mut house) = enter().await else { return };
    let calls: u32 = match std::env::var("SAWT_CHURN_CALLS") {
        Ok(count) => count.parse().expect("SAWT_CHURN_CALLS is a number"),
        Err(_) => 50,
    };
    let server = house.server().await;
    // Leaks are looked for here: a place that LiveKit gives back late is none.
    let set = [
        "livekit.agent_name=churn",
        "livekit.calls_max=16",
        "agent.welcome=",
        "llm.reply_tokens_max=12",
    ];
    let serve = Serve::start(server, &set).await;
    // What is made at the first calls and kept, such as the media library's threads, is no leak.
    for n in 0..3 {
        one_call(server, &format!("churn-warm-{n}")).await;
    }
    let settle = Duration::from_secs(10);
    serve.until_idle(settle).await;
    sleep(Duration::from_secs(2)).await;
    let before = Holdings::of(serve.pid);
    let engines = ["sawt-stt", "sawt-llm", "sawt-tts"];
    let engine = |name| Holdings::of(serve.engine(name).expect("it runs"));
    let engines_before = engines.map(engine);

    let begin = Instant::now();
    for n in 0..calls {
        one_call(server, &format!("churn-{n}")).await;
    }
    let took = begin.elapsed();
    serve.until_idle(settle).await;
    // Threads of the media library end within a moment after their room.
    let mut after = Holdings::of(serve.pid);
    let begin = Instant::now();
    while !is_back(before, after) && begin.elapsed() < settle {
        sleep(Duration::from_millis(250)).await;
        after = Holdings::of(serve.pid);
    }
    let growth = |before: Holdings, after: Holdings| {
        (after.rss_kib - before.rss_kib) as f64 / f64::from(calls.max(1))
    };
    println!("{calls} calls in {:.0} s", took.as_secs_f64());
    println!("sawt: {before:?} → {after:?}, {:.1} KiB a call", growth(before, after));
    for (name, before) in engines.into_iter().zip(engines_before) {
        let after = engine(name);
        println!("{name}: {before:?} → {after:?}, {:.1} KiB a call", growth(before, after));
        assert!(is_back(before, after), "{name}: {before:?} → {after:?}");
    }
    assert!(is_back(before, after), "{before:?} → {after:?}");
    let grown = after.rss_kib - before.rss_kib;
    assert!(grown < GROWTH_KIB_MAX * i64::from(calls.max(10)), "{grown} KiB");
    let ended = serve.metric("sawt_calls_ended_total").await;
    assert_eq!(ended, f64::from(calls + 3), "each call ended once");
    for room in api(server).rooms().await.unwrap() {
        assert_eq!(people_in(server, &room.name).await, 0, "{}", room.name);
    }
}

fn is_back(before: Holdings, after: Holdings) -> bool {
    after.threads <= before.threads + SLACK && after.files <= before.files + SLACK
}

/// Types one message, hears the beginning of the answer, hangs up.
async fn one_call(server: &sawt::transport::livekit::dev_server::DevServer, room: &str) {
    let phone = Phone::call_agent(server, room, Mic::None, "churn").await;
    // A message that comes before the agent does is not for it.
    phone.until("agent's track", 15, |h| h.audible && h.state() == "listening").await;
    let mark = phone.mark();
    phone.type_text("Say hello.").await;
    phone.until_speech(mark, "answer", 20).await;
    phone.hang_up().await;
}
