//! When a pause is the end of a turn: judged, learned, and never without an end.

use super::*;

#[track_caller]
fn check_judged(script: &str, expected: Expect) {
    let endpointing = EndpointingPolicy {
        usual: Duration::from_millis(500),
        min: Duration::from_millis(300),
        min_question: Duration::from_millis(300),
        max: Duration::from_millis(1_500),
        ..TurnPolicy::default().endpointing
    };
    let policy = TurnPolicy { endpointing, judge_pauses: true, speculation: false, ..policy() };
    expected.assert_eq(&run(policy, script));
}

#[test]
fn a_turn_that_sounds_complete_is_answered_sooner_and_one_that_does_not_later() {
    check_judged(
        "
        0ms    ready
        10ms   r1 finished
        2000ms caller starts
        3000ms caller stops
        3050ms stt u1 what time is it
        3060ms judged 3000ms 100%
        3900ms r2 finished
        5000ms caller starts
        6000ms caller stops
        6050ms stt u2 i would like
        6060ms judged 6000ms 20%
        9000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            3000ms transcribe u1 2000ms..3000ms
            3000ms judge 2000ms..3000ms
            3300ms thinking
            3300ms reply r2: what time is it
            3900ms listening
            6000ms transcribe u2 5000ms..6000ms
            6000ms judge 5000ms..6000ms
            6700ms judge 5000ms..6000ms
            7099ms thinking
            7099ms reply r3: i would like
            9000ms stop r3 Ending
            9000ms end CallerLeft
        "#]],
    );
}

#[test]
fn a_pause_that_sounded_incomplete_is_judged_again_and_the_last_word_counts() {
    check_judged(
        "
        0ms    ready
        10ms   r1 finished
        2000ms caller starts
        3000ms caller stops
        3050ms stt u1 a table for two
        3060ms judged 3000ms 0%
        3760ms judged 3000ms 90%
        9000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            3000ms transcribe u1 2000ms..3000ms
            3000ms judge 2000ms..3000ms
            3700ms judge 2000ms..3000ms
            3760ms thinking
            3760ms reply r2: a table for two
            9000ms stop r2 Ending
            9000ms end CallerLeft
        "#]],
    );
}

#[test]
fn a_judgement_of_another_pause_and_one_that_comes_after_the_answer_change_nothing() {
    check_judged(
        "
        0ms    ready
        10ms   r1 finished
        2000ms caller starts
        3000ms caller stops
        3050ms stt u1 hello
        3300ms caller starts
        3350ms judged 3000ms 100%
        4000ms caller stops
        4050ms stt u2 hello there
        4060ms judged 3000ms 0%
        4600ms judged 4000ms 0%
        5700ms r2 finished
        5800ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            3000ms transcribe u1 2000ms..3000ms
            3000ms judge 2000ms..3000ms
            3300ms drop u1
            4000ms transcribe u2 2000ms..4000ms
            4000ms judge 2000ms..4000ms
            4500ms thinking
            4500ms reply r2: hello there
            5700ms listening
            5800ms end CallerLeft
        "#]],
    );
}

#[test]
fn words_that_lead_on_are_waited_for_and_silence_ends_every_turn() {
    check_judged(
        "
        0ms    ready
        10ms   r1 finished
        2000ms caller starts
        3000ms caller stops
        3050ms stt u1 my number is 0 5 5
        4200ms caller starts
        4900ms caller stops
        4950ms stt u2 my number is 0 5 5 1 2 and
        9000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            3000ms transcribe u1 2000ms..3000ms
            3000ms judge 2000ms..3000ms
            4200ms drop u1
            4900ms transcribe u2 2000ms..4900ms
            4900ms judge 2000ms..4900ms
            6400ms thinking
            6400ms reply r2: my number is 0 5 5 1 2 and
            9000ms stop r2 Ending
            9000ms end CallerLeft
        "#]],
    );
}

#[test]
fn a_hesitating_caller_is_given_more_time_after_each_pause() {
    check_judged(
        "
        0ms    ready
        10ms   r1 finished
        2000ms caller starts
        2400ms caller stops
        2850ms caller starts
        3200ms caller stops
        3680ms caller starts
        4000ms caller stops
        4050ms stt u3 i would like a table
        9000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2400ms transcribe u1 2000ms..2400ms
            2400ms judge 2000ms..2400ms
            2850ms drop u1
            3200ms transcribe u2 2000ms..3200ms
            3200ms judge 2000ms..3200ms
            3680ms drop u2
            4000ms transcribe u3 2000ms..4000ms
            4000ms judge 2000ms..4000ms
            4602ms thinking
            4602ms reply r2: i would like a table
            9000ms stop r2 Ending
            9000ms end CallerLeft
        "#]],
    );
}
