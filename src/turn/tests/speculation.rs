//! What is asked and prepared before the end of a turn is known.

use super::*;

#[test]
fn a_caller_who_goes_on_while_the_agent_thinks_gets_one_answer_to_all_of_it() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        2000ms stt u1 i want to
        2400ms caller starts        # r2 is not heard yet
        3000ms stt u2 cancel        # enough to know that it is no cough
        3600ms caller stops
        3700ms stt u3 cancel my order
        4200ms r2 finished          # too late: nobody waits for it
        4300ms r3 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            2000ms prepare r2: i want to
            2300ms thinking
            2300ms commit r2
            2600ms pause r2
            2900ms probe u2 2400ms..2900ms
            3000ms stop r2 CallerWentOn
            3000ms listening
            3600ms transcribe u3 2400ms..3600ms
            3700ms prepare r3: i want to cancel my order
            4219ms thinking
            4219ms commit r3
            4300ms speaking
        "#]],
    );
}

#[test]
fn a_pause_asks_for_the_words_and_a_breath_takes_the_question_back() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1500ms caller pauses
        1560ms caller resumes       # too short to ask anything
        1800ms caller pauses
        1950ms caller resumes       # a breath: u1 was in vain
        2600ms caller pauses        # now a longer pause is wanted
        2760ms stt u2 i want to cancel
        2800ms caller stopped 2600ms
        3150ms r2 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1900ms transcribe u1 1000ms..1800ms
            1950ms drop u1
            2750ms transcribe u2 1000ms..2600ms
            2760ms prepare r2: i want to cancel
            3100ms thinking
            3100ms commit r2
            3150ms speaking
        "#]],
    );
}

#[test]
fn a_prepared_reply_that_fails_is_asked_for_once_more() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 hello
        2100ms r2 failed
        2400ms r3 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: hello
            2300ms thinking
            2300ms reply r3: hello
            2400ms speaking
        "#]],
    );
}

#[test]
fn words_written_meanwhile_change_the_prepared_reply() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 my number is
        2000ms caller writes 4711
        2500ms r3 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: my number is
            2000ms discard r2
            2000ms prepare r3: 4711 my number is
            2300ms thinking
            2300ms commit r3
            2500ms speaking
        "#]],
    );
}

#[test]
fn a_caller_who_leaves_takes_the_prepared_reply_along() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 bye
        2000ms hang up
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: bye
            2000ms discard r2
            2000ms unanswered u1 CallEnded
            2000ms end CallerLeft
        "#]],
    );
}

#[test]
fn without_speculation_nothing_is_asked_ahead() {
    let patient = TurnPolicy { speculation: false, early_transcript: None, ..policy() };
    expect![[r#"
        0ms say r1 Welcome
        10ms listening
        2000ms transcribe u1 1000ms..1800ms
        2300ms thinking
        2300ms reply r2: hello
        2600ms speaking
    "#]]
    .assert_eq(&run(
        patient,
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller pauses
        2000ms caller stopped 1800ms
        2100ms stt u1 hello
        2600ms r2 audible
        ",
    ));
}
