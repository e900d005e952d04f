//! Speech over the agent, and what becomes of it.

use super::*;

#[test]
fn speech_over_the_agent_stops_it_and_is_the_next_turn() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1650ms stt u1 no i
        2000ms caller stops
        2100ms stt u2 no i asked for tuesday
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1500ms probe u1 1000ms..1500ms
            1650ms stop r1 Interrupted
            1650ms listening
            2000ms transcribe u2 1000ms..2000ms
            2100ms prepare r2: no i asked for tuesday
        "#]],
    );
}

#[test]
fn a_short_sound_over_the_agent_does_not_stop_it() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1170ms caller stops
        1400ms stt u1 mm-hm
        2700ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1170ms transcribe u1 1000ms..1170ms
            2700ms listening
            2700ms unanswered u1 OverAgent
        "#]],
    );
}

#[test]
fn a_hum_that_ears_make_a_word_of_does_not_stop_the_agent_and_a_command_does() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1450ms caller stops
        1600ms murmur u1 them
        2500ms r1 finished
        2600ms caller starts
        3000ms caller stops
        3100ms murmur u2 them       # now it is the caller's turn
        4000ms r2 audible
        5000ms caller starts
        5400ms caller stops
        5500ms murmur u3 stop
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1450ms transcribe u1 1000ms..1450ms
            1600ms resume r1
            2500ms listening
            2500ms unanswered u1 OverAgent
            3000ms transcribe u2 2600ms..3000ms
            3100ms prepare r2: them
            3500ms thinking
            3500ms commit r2
            4000ms speaking
            5200ms pause r2
            5400ms transcribe u3 5000ms..5400ms
            5500ms stop r2 Interrupted
            5500ms listening
            5500ms prepare r3: stop
        "#]],
    );
}

#[test]
fn a_noise_while_the_agent_thinks_does_not_take_the_answer_back() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 what is your name
        2400ms caller starts        # a cough, long enough to silence r2
        2850ms caller stops
        3100ms stt u2
        3600ms r2 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: what is your name
            2300ms thinking
            2300ms commit r2
            2600ms pause r2
            2850ms transcribe u2 2400ms..2850ms
            3100ms resume r2
            3600ms speaking
        "#]],
    );
}

#[test]
fn what_is_written_over_the_agent_interrupts_it() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        500ms  caller writes hello there
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            500ms stop r1 Interrupted
            500ms listening
            500ms thinking
            500ms reply r2: hello there
        "#]],
    );
}

#[test]
fn a_caller_who_never_stops_is_answered_and_does_not_interrupt_the_answer() {
    let short = TurnPolicy { utterance_max: Duration::from_secs(5), utterances_max: 2, ..policy() };
    expect![[r#"
        0ms say r1 Welcome
        10ms listening
        6000ms transcribe u1 1000ms..6000ms
        11000ms transcribe u2 6000ms..11000ms
        11300ms thinking
        11300ms reply r2: so i went there and then i came back
        11500ms speaking
        14000ms listening
        14600ms transcribe u3 11000ms..14500ms
        14900ms prepare r3: and that was it
        15000ms thinking
        15000ms commit r3
        15400ms speaking
    "#]]
    .assert_eq(&run(
        short,
        "
        0ms     ready
        10ms    r1 finished
        1000ms  caller starts
        6200ms  stt u1 so i went there
        9000ms  caller pauses
        9080ms  caller resumes      # a breath changes nothing
        11200ms caller pauses
        11250ms caller resumes
        11300ms stt u2 and then i came back
        11500ms r2 audible
        14000ms r2 finished
        14500ms caller pauses
        14700ms caller stopped 14500ms
        14900ms stt u3 and that was it
        15400ms r3 audible
        ",
    ));
}

#[test]
fn a_murmur_over_the_agent_silences_it_for_a_moment_only() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1400ms caller pauses        # 'mm-hm, yeah'
        1600ms caller stopped 1400ms
        1650ms stt u1 Mm-hm, yeah.
        4000ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1500ms transcribe u1 1000ms..1400ms
            1650ms resume r1
            4000ms listening
            4000ms unanswered u1 OverAgent
        "#]],
    );
}

#[test]
fn a_noise_over_the_agent_lets_it_go_on() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts        # a cough
        1350ms caller pauses
        1500ms stt u1
        1550ms caller stopped 1350ms
        4000ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1450ms transcribe u1 1000ms..1350ms
            1500ms resume r1
            4000ms listening
            4000ms unanswered u1 NoWords
        "#]],
    );
}

#[test]
fn a_command_always_stops_the_agent() {
    let wordy = TurnPolicy { interruption_words_min: 3, ..policy() };
    expect![[r#"
        0ms say r1 Welcome
        50ms speaking
        1250ms transcribe u1 1000ms..1150ms
        1300ms stop r1 Interrupted
        1300ms listening
        1300ms prepare r2: استنى
        1650ms thinking
        1650ms commit r2
        1800ms speaking
        3200ms pause r2
        3400ms transcribe u2 3000ms..3300ms
        3500ms resume r2
    "#]]
    .assert_eq(&run(
        wordy,
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1150ms caller pauses        # too short to silence the agent
        1300ms stt u1 استنى
        1350ms caller stopped 1150ms
        1800ms r2 audible
        3000ms caller starts
        3300ms caller pauses
        3500ms stt u2 tuesday       # too few words
        3550ms caller stopped 3300ms
        ",
    ));
}

#[test]
fn yes_in_the_agents_last_second_is_an_answer() {
    check(
        "
        0ms    ready
        50ms   r1 audible           # 'Shall I book it?'
        1000ms caller starts
        1300ms caller pauses        # 'yes'
        1450ms stt u1 Yes.
        1500ms caller stopped 1300ms
        1900ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1400ms transcribe u1 1000ms..1300ms
            1450ms resume r1
            1900ms listening
            1900ms thinking
            1900ms reply r2: Yes.
        "#]],
    );
}

#[test]
fn the_agent_goes_on_when_nobody_can_tell_what_was_said_and_stops_when_somebody_can() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1300ms caller pauses
        1500ms caller stopped 1300ms
        3500ms stt u1 no not that   # late, and still meant
        4000ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1400ms transcribe u1 1000ms..1300ms
            3000ms resume r1
            3500ms stop r1 Interrupted
            3500ms listening
            3500ms thinking
            3500ms reply r2: no not that
        "#]],
    );
}

#[test]
fn whoever_speaks_on_for_long_is_meant_whatever_the_words() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1700ms stt u1 yeah          # so far
        4000ms caller stops
        4100ms stt u2 yeah yeah i know all that
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1200ms pause r1
            1500ms probe u1 1000ms..1500ms
            3000ms stop r1 Interrupted
            3000ms listening
            4000ms transcribe u2 1000ms..4000ms
            4100ms prepare r2: yeah yeah i know all that
        "#]],
    );
}

#[test]
fn ten_interruptions_in_ten_seconds_are_ten_turns() {
    let mut script = String::from("0ms ready\n50ms r1 audible\n");
    for n in 0..10 {
        let at = 1_000 * (n + 1);
        script += &format!("{at}ms caller starts\n{}ms caller pauses\n", at + 300);
        script += &format!("{}ms stt u{} no\n", at + 420, n + 1);
        script += &format!("{}ms caller stopped {}ms\n", at + 500, at + 300);
        script += &format!("{}ms r{} audible\n", at + 900, n + 2);
    }
    let trace = run(policy(), &script);
    let count = |what: &str| trace.lines().filter(|line| line.contains(what)).count();
    assert_eq!((count("pause "), count("stop "), count("commit ")), (10, 10, 10), "{trace}");
    assert_eq!((count("discard "), count("drop "), count("unanswered ")), (0, 0, 0), "{trace}");
}

#[test]
fn what_is_said_over_a_line_that_can_not_be_interrupted_is_kept() {
    let short = TurnPolicy { call_max: Duration::from_secs(5), ..policy() };
    expect![[r#"
        0ms say r1 Welcome
        10ms listening
        5000ms say r2 Goodbye
        5100ms speaking
        6000ms transcribe u1 5200ms..6000ms
        7000ms unanswered u1 CallEnded
        7000ms end TooLong
    "#]]
    .assert_eq(&run(
        short,
        "
        0ms    ready
        10ms   r1 finished
        5100ms r2 audible
        5200ms caller starts
        6000ms caller stops
        6100ms stt u1 wait i have a question
        7000ms r2 finished
        ",
    ));
}
