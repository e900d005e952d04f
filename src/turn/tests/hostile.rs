//! Callers and engines that do what nobody expects.

use super::*;

#[test]
fn who_writes_before_the_agent_is_there_is_answered_and_not_welcomed() {
    check(
        "
        0ms    caller writes what time is it
        500ms  ready
        ",
        expect![[r#"
            500ms thinking
            500ms reply r1: what time is it
        "#]],
    );
}

#[test]
fn who_writes_while_the_goodbye_is_said_is_told_why_there_is_no_answer() {
    let policy = TurnPolicy { call_max: Duration::from_secs(5), welcome: false, ..policy() };
    let script = "
        0ms    ready
        5100ms caller writes one more thing
        6000ms r1 finished
    ";
    expect![[r#"
        0ms listening
        5000ms say r1 Goodbye
        5100ms unanswered CallEnded
        6000ms end TooLong
    "#]]
    .assert_eq(&run(policy, script));
}

#[test]
fn a_flood_of_messages_is_answered_up_to_a_limit_and_the_rest_has_a_reason() {
    let mut machine = TurnMachine::new(TurnPolicy { welcome: false, ..policy() });
    machine.handle_input(CallTime::ZERO, TurnInput::CallerReady);
    let mut refused = 0;
    for n in 0..1_000 {
        let now = CallTime::from_millis(n);
        machine.handle_input(now, TurnInput::CallerText("x".repeat(1_000)));
        while let Some(output) = machine.poll_output() {
            match output {
                TurnOutput::Reply { to, .. } => assert!(to.len() <= 4_003, "{}", to.len()),
                TurnOutput::Unanswered { why, .. } => {
                    assert_eq!(why, UnansweredReason::TooMuch);
                    refused += 1;
                }
                _ => {}
            }
        }
    }
    assert_eq!(refused, 997, "the spaces between them count");
}

#[test]
fn an_engine_that_answers_twice_or_after_the_hang_up_is_heard_once() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 hello
        1910ms stt u1 goodbye
        2400ms stt u1 hello again
        2500ms r2 audible
        2600ms r2 finished
        2610ms r2 finished
        2620ms r2 failed
        2630ms r2 audible
        3000ms hang up
        3010ms stt u1 hello
        3020ms r2 audible
        3030ms caller starts
        3040ms caller writes hello
        3050ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: hello
            2300ms thinking
            2300ms commit r2
            2500ms speaking
            2600ms listening
            3000ms end CallerLeft
        "#]],
    );
}

#[test]
fn a_clock_that_jumps_ahead_makes_all_timers_due_and_nobody_is_left_waiting() {
    let policy = TurnPolicy { welcome: false, ..policy() };
    let mut machine = TurnMachine::new(policy);
    let mut trace = String::new();
    // The process stood still for more than a minute; what came meanwhile is told at once.
    for (ms, what) in [
        (0, "ready"),
        (1_000, "caller starts"),
        (1_800, "caller stops"),
        (90_000, "stt u1 hello"),
        (90_000, "judged 1800ms 10%"),
        (90_000, "r1 audible"),
        (180_000, "r1 finished"),
    ] {
        let now = CallTime::from_millis(ms);
        machine.handle_input(now, parse(now, what));
        drain(&mut machine, now, &mut trace);
    }
    expect![[r#"
        0ms listening
        1800ms transcribe u1 1000ms..1800ms
        90000ms thinking
        90000ms reply r1: hello
        90000ms speaking
        180000ms listening
    "#]]
    .assert_eq(&trace);
}

#[test]
fn speech_of_no_length_and_edges_out_of_order_are_harmless() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller pauses
        1010ms caller resumes
        1020ms caller stops
        1030ms caller starts
        1030ms caller stops
        1040ms caller starts
        1040ms caller starts
        1050ms caller stopped 1040ms
        9000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1050ms transcribe u1 1030ms..1040ms
            9000ms drop u1
            9000ms unanswered u1 CallEnded
            9000ms end CallerLeft
        "#]],
    );
}
