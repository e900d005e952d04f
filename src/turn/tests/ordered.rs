//! What rules and tools order: lines between the things that are said, and the end of the call.

use super::*;

#[test]
fn an_ordered_line_waits_for_what_is_being_said() {
    check(
        "
        0ms    ready
        100ms  r1 audible
        200ms  order l1
        900ms  r1 finished
        1000ms r2 audible
        1500ms r2 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            100ms speaking
            900ms listening
            900ms say r2 Ordered(OrderedLine(1))
            1000ms speaking
            1500ms listening
        "#]],
    );
}

#[test]
fn an_ordered_line_is_not_said_over_the_caller_nor_before_their_answer() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1100ms order l1
        2000ms caller stops
        2100ms stt u1 what is my balance
        3000ms r2 audible
        3900ms r2 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            2100ms prepare r2: what is my balance
            2500ms thinking
            2500ms commit r2
            3000ms speaking
            3900ms listening
            3900ms say r3 Ordered(OrderedLine(1))
        "#]],
    );
}

#[test]
fn an_ordered_end_waits_for_the_reply_and_says_goodbye() {
    check(
        "
        0ms    ready
        100ms  r1 audible
        200ms  close
        900ms  r1 finished
        1000ms r2 audible
        1500ms r2 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            100ms speaking
            900ms listening
            900ms say r2 Goodbye
            1000ms speaking
            1500ms end AgentEnded
        "#]],
    );
}

#[test]
fn a_parting_line_takes_the_goodbyes_place_and_is_not_interrupted() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        100ms  close with l7
        300ms  r2 audible
        400ms  caller starts
        2000ms caller writes wait
        3000ms r2 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            100ms say r2 Parting(OrderedLine(7))
            300ms speaking
            2000ms unanswered CallEnded
            3000ms end AgentEnded
        "#]],
    );
}
