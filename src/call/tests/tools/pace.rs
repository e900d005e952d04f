//! Tools that take their time, at the pace of people: callers who speak over them, pauses in the middle
//! of a turn, what is said meanwhile, and tools that end the agent's part.

use std::sync::atomic::Ordering::SeqCst;

use expect_test::expect;

use super::super::acting::{Desk, check};
use super::*;
use crate::call::Surroundings;
use crate::tools::spec::ScriptedTool;

/// A tool that takes `ms`, and its count.
fn slow(ms: u64, reads_only: bool) -> (Tool, ScriptedTool) {
    let scripted = ScriptedTool { takes: Duration::from_millis(ms), ..ScriptedTool::default() };
    let parameters = json!({"properties": {"day": {"type": "string"}}});
    let mut tool = tool("book", Kind::Scripted(scripted.clone()), parameters);
    tool.reads_only = reads_only;
    tool.timeout = Duration::from_secs(20);
    (tool, scripted)
}

fn book(day: &str) -> Generated {
    calls("book", json!({ "day": day }))
}

/// One clip, at its pace.
async fn paced(clip: Vec<i16>, setup: CallSetup) -> CallReport {
    let options = WavOptions { agent_rate_hz: 24_000, real_time: true, ..WavOptions::default() };
    let report = run(Box::new(WavTransport::new(vec![clip], options)), setup).await;
    // What was let finish does so after the call, too.
    tokio::time::sleep(Duration::from_secs(30)).await;
    report
}

#[tokio::test(start_paused = true)]
async fn whoever_speaks_over_a_reading_tool_stops_it_and_it_may_be_asked_again() {
    let (tool, counted) = slow(6_000, true);
    let model = model([book("Sunday"), book("Sunday"), says("It is free.")]);
    let setup = setup(&["is sunday free", "I mean this week"], vec![tool], &model);
    let report = paced(speech(800, 3_000, 900), setup).await;
    assert_eq!(answers(&report), [("is sunday free I mean this week", "It is free.")]);
    assert_eq!((counted.began.load(SeqCst), counted.ended.load(SeqCst)), (2, 1));
    assert_eq!(report.turns.last().unwrap().tools, ["book"], "the one that came to its end");
}

#[tokio::test(start_paused = true)]
async fn whoever_speaks_over_a_tool_that_changes_something_lets_it_finish_and_it_runs_once() {
    // Over by the time that the model asks again, or still running.
    for (ms, told) in [(3_500, "done as scripted"), (9_000, "it is running already")] {
        let (tool, counted) = slow(ms, false);
        let model = model([book("Sunday"), book("Sunday"), says("It is booked.")]);
        let setup = setup(&["book sunday", "for two people"], vec![tool], &model);
        let report = paced(speech(800, 3_000, 900), setup).await;
        assert_eq!(answers(&report), [("book sunday for two people", "It is booked.")]);
        assert_eq!((counted.began.load(SeqCst), counted.ended.load(SeqCst)), (1, 1), "{ms} ms");
        let asked = model.asked.lock().unwrap();
        let last = asked.last().unwrap().messages.last().unwrap();
        assert!(last.role == Role::Tool && last.content.contains(told), "{last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_prepared_reply_runs_its_tool_only_when_the_turn_is_over() {
    let (tool, counted) = slow(0, false);
    // Other arguments, so that nobody could take the second for the first.
    let model = model([book("Sunday"), book("Monday"), says("Booked for Monday.")]);
    let setup = setup(&["book it for", "book it for monday"], vec![tool], &model);
    let report = paced(speech(800, 380, 900), setup).await;
    assert_eq!(answers(&report), [("book it for monday", "Booked for Monday.")]);
    assert_eq!((report.speculation.discarded, report.speculation.committed), (1, 1));
    assert_eq!(counted.began.load(SeqCst), 1, "the discarded reply ran nothing");
    let asked = model.asked.lock().unwrap();
    let ran = asked.last().unwrap().messages.iter().filter(|m| m.role == Role::ToolCall);
    let ran: Vec<_> = ran.map(|m| m.content.as_str()).collect();
    assert!(ran.len() == 1 && ran[0].contains("Monday"), "{ran:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_tool_is_covered_by_its_own_words_which_are_no_part_of_the_answer() {
    for (ms, filler) in [(4_000, "I look it up."), (100, "")] {
        let (mut tool, _) = slow(ms, true);
        tool.filler = by_tag("I look it up.".into());
        let model = model([book("Sunday"), says("It is free.")]);
        // These callers take a filler for the answer: this one waits for more.
        let setup = setup(&["is it free"], vec![tool], &model);
        let report = paced(speech(800, 9_000, 0), setup).await;
        assert_eq!(answers(&report), [("is it free", "It is free.")]);
        let answered = report.turns.iter().find(|turn| !turn.caller.is_empty()).unwrap();
        assert_eq!(answered.filler, filler, "{ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_takes_too_long_is_given_up_and_the_caller_is_told() {
    let (mut tool, counted) = slow(15_000, true);
    tool.timeout = Duration::from_secs(2);
    let model = model([book("Sunday"), says("I can not see that now.")]);
    let report = paced(speech(800, 0, 0), setup(&["is it free"], vec![tool], &model)).await;
    assert_eq!(answers(&report), [("is it free", "I can not see that now.")]);
    assert_eq!((counted.began.load(SeqCst), counted.ended.load(SeqCst)), (1, 0));
    let asked = model.asked.lock().unwrap();
    let last = asked.last().unwrap().messages.last().unwrap();
    assert!(last.content.contains("it took too long"), "{last:?}");
}

#[tokio::test]
async fn a_tool_brings_the_caller_to_people_or_says_that_nobody_is_there() {
    let people = || tool("people", Kind::Transfer { to: "desk".into() }, json!({}));
    let mut shown = Vec::new();
    for takes in [true, false] {
        let desk = Desk::new(takes);
        let model = model([calls("people", json!({})), says("As you wish.")]);
        let mut setup = setup(&["a person please", "hello"], vec![people()], &model);
        setup.surroundings =
            Surroundings { switchboard: Some(Arc::clone(&desk) as _), ..Surroundings::default() };
        let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
        let turns = vec![speech(800, 0, 0), speech(800, 0, 0)];
        shown.push(run(Box::new(WavTransport::new(turns, options)), setup).await);
        assert_eq!(desk.asked.lock().unwrap().len(), 1);
    }
    check(
        &shown[0],
        expect![[r#"
         → Hello.
        a person please → As you wish.
         → One moment please, I am connecting you.
        transferred
        [transfer queue desk by tool people]
    "#]],
    );
    check(
        &shown[1],
        expect![[r#"
         → Hello.
        a person please → As you wish.
         → One moment please, I am connecting you.
         → I am sorry, nobody could take your call. Let us go on here.
        hello → Nothing more.
        input_ended
        [transfer queue desk by tool people: nobody serves the queue "queue desk"; start the LiveKit agent of that name]
    "#]],
    );
}

#[tokio::test]
async fn a_tool_ends_the_call_after_the_goodbye() {
    let bye = tool("bye", Kind::EndCall, json!({}));
    let model = model([calls("bye", json!({})), says("Thank you for calling.")]);
    check(
        &call(&["that was all", "more"], vec![bye], &model).await,
        expect![[r#"
         → Hello.
        that was all → Thank you for calling.
         → Goodbye.
        agent_ended
        [end_call  by tool bye]
    "#]],
    );
}
