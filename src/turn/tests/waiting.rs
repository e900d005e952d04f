//! What covers the wait for a late answer.

use super::*;

#[track_caller]
fn check_patient(script: &str, expected: Expect) {
    let policy = TurnPolicy {
        filler_after: Some(Duration::from_millis(1_200)),
        thinking_sound_after: Some(Duration::from_millis(3_000)),
        speculation: false,
        early_transcript: None,
        ..policy()
    };
    expected.assert_eq(&run(policy, script));
}

#[test]
fn a_late_answer_is_covered_by_one_filler_and_then_the_sound() {
    check_patient(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        2000ms caller stops
        2100ms stt u1 what is my balance
        9000ms r2 audible
        9900ms r2 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            2500ms thinking
            2500ms reply r2: what is my balance
            3700ms filler r3
            5500ms sound on
            9000ms speaking
            9000ms sound off
            9900ms listening
        "#]],
    );
}

#[test]
fn the_turn_after_a_filler_has_none() {
    check_patient(
        "
        0ms     ready
        10ms    r1 finished
        1000ms  caller starts
        2000ms  caller stops
        2100ms  stt u1 one
        4500ms  r2 audible
        5000ms  r2 finished
        6000ms  caller starts
        7000ms  caller stops
        7100ms  stt u2 two
        9900ms  r4 audible          # as late as the first
        10000ms r4 finished
        11000ms caller starts
        12000ms caller stops
        12100ms stt u3 three
        14900ms r5 audible          # and here there may be one again
        15000ms r5 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            2500ms thinking
            2500ms reply r2: one
            3700ms filler r3
            4500ms speaking
            5000ms listening
            7000ms transcribe u2 6000ms..7000ms
            7500ms thinking
            7500ms reply r4: two
            9900ms speaking
            10000ms listening
            12000ms transcribe u3 11000ms..12000ms
            12500ms thinking
            12500ms reply r5: three
            13700ms filler r6
            14900ms speaking
            15000ms listening
        "#]],
    );
}

#[test]
fn whoever_speaks_over_a_filler_silences_it_and_is_answered_with_all_that_was_said() {
    check_patient(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        2000ms caller stops
        2100ms stt u1 what is my balance
        4000ms caller starts        # r3 is heard
        5000ms caller stops
        5100ms stt u2 and the last payment
        5150ms stt u3 and the last payment
        9000ms hang up              # r4 is late too: no second filler
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            2500ms thinking
            2500ms reply r2: what is my balance
            3700ms filler r3
            4000ms stop filler r3
            4200ms pause r2
            4500ms probe u2 4000ms..4500ms
            5000ms drop u2
            5000ms transcribe u3 4000ms..5000ms
            5150ms stop r2 CallerWentOn
            5150ms listening
            5500ms thinking
            5500ms reply r4: what is my balance and the last payment
            8500ms sound on
            9000ms sound off
            9000ms stop r4 Ending
            9000ms end CallerLeft
        "#]],
    );
}

#[test]
fn ears_that_are_late_are_covered_too() {
    check_patient(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        2000ms caller stops
        5000ms stt u1 hello
        5200ms r3 audible
        5300ms r3 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            4400ms filler r2
            5000ms thinking
            5000ms reply r3: hello
            5200ms speaking
            5300ms listening
        "#]],
    );
}

#[test]
fn an_answer_in_time_and_a_caller_who_goes_on_hear_none() {
    check_patient(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        2000ms caller stops
        2100ms stt u1 what
        3690ms r2 audible           # decided at 2500 ms
        4000ms r2 finished
        5000ms caller starts
        6000ms caller stops
        6100ms stt u2 and now
        7600ms caller may speak     # decided at 6500 ms
        7650ms caller starts
        9000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            2500ms thinking
            2500ms reply r2: what
            3690ms speaking
            4000ms listening
            6000ms transcribe u2 5000ms..6000ms
            6500ms thinking
            6500ms reply r3: and now
            7850ms pause r3
            8150ms probe u3 7650ms..8150ms
            9000ms drop u3
            9000ms stop r3 Ending
            9000ms end CallerLeft
        "#]],
    );
}

#[test]
fn a_goodbye_silences_what_covered_the_wait() {
    let policy = TurnPolicy {
        filler_after: Some(Duration::from_millis(1_000)),
        thinking_sound_after: Some(Duration::from_millis(1_500)),
        call_max: Duration::from_secs(5),
        speculation: false,
        early_transcript: None,
        ..policy()
    };
    let trace = run(
        policy,
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        2000ms caller stops
        2100ms stt u1 what
        5500ms r4 audible
        6000ms r4 finished
        ",
    );
    expect![[r#"
        0ms say r1 Welcome
        10ms listening
        2000ms transcribe u1 1000ms..2000ms
        2500ms thinking
        2500ms reply r2: what
        3500ms filler r3
        4000ms sound on
        5000ms stop filler r3
        5000ms sound off
        5000ms stop r2 Ending
        5000ms say r4 Goodbye
        5500ms speaking
        6000ms end TooLong
    "#]]
    .assert_eq(&trace);
}
