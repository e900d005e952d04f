//! Scripts and their traces: adding a case is adding text.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::{
    CallTime, EndReason, EndpointingPolicy, ReplyId, ReplyOutcome, TranscriptOutcome, TurnInput,
    TurnMachine, TurnOutput, TurnPolicy, UtteranceId,
};

fn policy() -> TurnPolicy {
    TurnPolicy {
        endpointing: EndpointingPolicy {
            usual: Duration::from_millis(500),
            ..TurnPolicy::default().endpointing
        },
        judge_pauses: false,
        interruption_min: Duration::from_millis(400),
        ..TurnPolicy::default()
    }
}

/// Runs `script` (`<time>ms <what happens>` per line, `#` starts a remark) and compares what the
/// machine asked for. Timers run on the way.
#[track_caller]
fn check(script: &str, expected: Expect) {
    expected.assert_eq(&run(policy(), script));
}

fn run(policy: TurnPolicy, script: &str) -> String {
    let mut machine = TurnMachine::new(policy);
    let mut trace = String::new();
    for line in script.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (time, what) = line.split_once("ms ").expect("a line is '<time>ms <event>'");
        let now = CallTime::from_millis(time.parse().unwrap());
        pass_time(&mut machine, now, &mut trace);
        machine.handle_input(now, parse(now, what.trim()));
        drain(&mut machine, now, &mut trace);
    }
    trace
}

fn pass_time(machine: &mut TurnMachine, until: CallTime, trace: &mut String) {
    while let Some(due) = machine.poll_timeout().filter(|due| *due < until) {
        machine.handle_timeout(due);
        drain(machine, due, trace);
    }
}

fn parse(now: CallTime, what: &str) -> TurnInput {
    let id = |text: &str| text[1..].parse::<u32>().unwrap();
    match what.split(' ').collect::<Vec<_>>().as_slice() {
        ["ready"] => TurnInput::CallerReady,
        ["caller", "starts"] => TurnInput::SpeechStarted { at: now },
        ["caller", "pauses"] => TurnInput::SpeechPaused { at: now },
        ["caller", "resumes"] => TurnInput::SpeechResumed { at: now },
        // As after a pause: sure now, over since then.
        ["caller", "stopped", at] => TurnInput::SpeechEnded {
            at: CallTime::from_millis(at.trim_end_matches("ms").parse().unwrap()),
        },
        ["caller", "stops"] => TurnInput::SpeechEnded { at: now },
        ["judged", at, percent] => TurnInput::PauseJudged {
            at: CallTime::from_millis(at.trim_end_matches("ms").parse().unwrap()),
            complete: percent.trim_end_matches('%').parse::<f32>().unwrap() / 100.0,
        },
        ["caller", "writes", words @ ..] => TurnInput::CallerText(words.join(" ")),
        ["stt", utterance, "failed"] => TurnInput::Transcript {
            utterance: UtteranceId(id(utterance)),
            outcome: TranscriptOutcome::Failed,
        },
        ["stt", utterance, words @ ..] => TurnInput::Transcript {
            utterance: UtteranceId(id(utterance)),
            outcome: TranscriptOutcome::Words(words.join(" ")),
        },
        [reply, "audible"] => TurnInput::ReplyAudible { reply: ReplyId(id(reply)) },
        [reply, "finished"] => {
            TurnInput::ReplyEnded { reply: ReplyId(id(reply)), outcome: ReplyOutcome::Finished }
        }
        [reply, "failed"] => {
            TurnInput::ReplyEnded { reply: ReplyId(id(reply)), outcome: ReplyOutcome::Failed }
        }
        ["hang", "up"] => TurnInput::HangUp(EndReason::CallerLeft),
        other => panic!("unknown event {other:?}"),
    }
}

fn drain(machine: &mut TurnMachine, now: CallTime, trace: &mut String) {
    while let Some(output) = machine.poll_output() {
        let what = match output {
            TurnOutput::Transcribe { utterance, from, until } => {
                format!("transcribe {utterance} {from}..{until}")
            }
            TurnOutput::JudgePause { from, at } => format!("judge {from}..{at}"),
            TurnOutput::DropTranscript { utterance } => format!("drop {utterance}"),
            TurnOutput::Reply { reply, to, .. } => format!("reply {reply}: {to}"),
            TurnOutput::Prepare { reply, to } => format!("prepare {reply}: {to}"),
            TurnOutput::Commit { reply, .. } => format!("commit {reply}"),
            TurnOutput::Discard { reply } => format!("discard {reply}"),
            TurnOutput::Say { reply, line } => format!("say {reply} {line:?}"),
            TurnOutput::Stop { reply, why } => format!("stop {reply} {why:?}"),
            TurnOutput::Unanswered { utterance, why } => match utterance {
                Some(utterance) => format!("unanswered {utterance} {why:?}"),
                None => format!("unanswered {why:?}"),
            },
            TurnOutput::State(state) => state.as_str().to_owned(),
            TurnOutput::End(reason) => format!("end {reason:?}"),
        };
        trace.push_str(&format!("{now} {what}\n"));
    }
}

#[test]
fn a_turn_is_answered_after_the_silence() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        900ms  r1 finished
        2000ms caller starts        # 'What time is it?'
        3000ms caller stops
        3200ms stt u1 what time is it
        3600ms r2 audible
        4200ms r2 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            900ms listening
            3000ms transcribe u1 2000ms..3000ms
            3200ms prepare r2: what time is it
            3500ms thinking
            3500ms commit r2
            3600ms speaking
            4200ms listening
        "#]],
    );
}

#[test]
fn a_late_transcript_is_answered_when_it_comes() {
    check(
        "
        0ms    ready
        50ms   r1 finished
        2000ms caller starts
        3000ms caller stops
        4100ms stt u1 hello
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms listening
            3000ms transcribe u1 2000ms..3000ms
            4100ms thinking
            4100ms reply r2: hello
        "#]],
    );
}

#[test]
fn a_caller_who_pauses_and_goes_on_is_heard_to_the_end() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts        # 'I want to…'
        1800ms caller stops
        2000ms stt u1 i want to
        2200ms caller starts        # '…cancel my order'
        3100ms caller stops
        3150ms stt u1 too late      # dropped: not asked any more
        3300ms stt u2 i want to cancel my order
        4000ms r3 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            2000ms prepare r2: i want to
            2200ms drop u1
            2200ms discard r2
            3100ms transcribe u2 1000ms..3100ms
            3300ms prepare r3: i want to cancel my order
            3629ms thinking
            3629ms commit r3
            4000ms speaking
        "#]],
    );
}

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
        3600ms caller stops
        3700ms stt u2 cancel my order
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
            2800ms stop r2 CallerWentOn
            2800ms listening
            3600ms transcribe u2 2400ms..3600ms
            3700ms prepare r3: i want to cancel my order
            4219ms thinking
            4219ms commit r3
            4300ms speaking
        "#]],
    );
}

#[test]
fn speech_over_the_agent_stops_it_and_is_the_next_turn() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        2000ms caller stops
        2100ms stt u1 wait please
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1400ms stop r1 Interrupted
            1400ms listening
            2000ms transcribe u1 1000ms..2000ms
            2100ms prepare r2: wait please
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
        1300ms caller stops
        2500ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1300ms unanswered OverAgent
            2500ms listening
        "#]],
    );
}

#[test]
fn a_noise_is_not_answered_and_says_so() {
    check(
        "
        0ms    ready
        50ms   r1 finished
        1000ms caller starts
        1300ms caller stops
        1400ms stt u1
        2500ms caller starts
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms listening
            1300ms transcribe u1 1000ms..1300ms
            1800ms unanswered u1 NoWords
            1800ms listening
        "#]],
    );
}

#[test]
fn a_noise_that_stopped_an_unheard_answer_brings_it_back() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 what is your name
        2400ms caller starts        # a cough, long enough to stop r2
        3000ms caller stops
        3100ms stt u2
        3600ms r3 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: what is your name
            2300ms thinking
            2300ms commit r2
            2800ms stop r2 CallerWentOn
            2800ms listening
            3000ms transcribe u2 2400ms..3000ms
            3100ms prepare r3: what is your name
        "#]],
    );
}

#[test]
fn a_failed_transcript_is_apologised_for() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 failed
        2400ms r2 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            2300ms unanswered u1 TranscriptFailed
            2300ms say r2 Apology
            2400ms speaking
        "#]],
    );
}

#[test]
fn a_failed_reply_is_apologised_for_once() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller writes hello
        1500ms r2 failed
        1600ms r3 failed            # the apology fails too: listening, not looping
        1700ms caller writes again
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1000ms thinking
            1000ms reply r2: hello
            1500ms listening
            1500ms unanswered ReplyFailed
            1500ms say r3 Apology
            1600ms listening
            1700ms thinking
            1700ms reply r4: again
        "#]],
    );
}

#[test]
fn an_engine_that_never_answers_is_given_up() {
    check(
        "
        0ms     ready
        10ms    r1 finished
        1000ms  caller starts
        2000ms  caller stops
        40000ms r2 audible
        41000ms r2 finished
        42000ms caller writes hello
        120000ms r4 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            2000ms transcribe u1 1000ms..2000ms
            32000ms drop u1
            32000ms unanswered u1 TranscriptFailed
            32000ms say r2 Apology
            40000ms speaking
            41000ms listening
            42000ms thinking
            42000ms reply r3: hello
            92000ms stop r3 TimedOut
            92000ms listening
            92000ms unanswered ReplyFailed
            92000ms say r4 Apology
            120000ms speaking
        "#]],
    );
}

#[test]
fn a_silent_caller_is_asked_twice_and_then_let_go() {
    check(
        "
        0ms     ready
        1000ms  r1 finished
        12000ms r2 finished
        23000ms r3 finished
        34000ms r4 finished
        35000ms caller starts       # over: nothing happens any more
        ",
        expect![[r#"
            0ms say r1 Welcome
            1000ms listening
            11000ms say r2 SilencePrompt(0)
            12000ms listening
            22000ms say r3 SilencePrompt(1)
            23000ms listening
            33000ms say r4 Goodbye
            34000ms end Silence
        "#]],
    );
}

#[test]
fn a_call_ends_at_its_longest_length_and_the_goodbye_is_not_interrupted() {
    let short = TurnPolicy { call_max: Duration::from_secs(5), ..policy() };
    expect![[r#"
        0ms say r1 Welcome
        10ms listening
        4000ms thinking
        4000ms reply r2: tell me a story
        4500ms speaking
        5000ms stop r2 Ending
        5000ms say r3 Goodbye
        5100ms speaking
        6500ms transcribe u1 5200ms..6500ms
        7000ms drop u1
        7000ms unanswered u1 CallEnded
        7000ms end TooLong
    "#]]
    .assert_eq(&run(
        short,
        "
        0ms    ready
        10ms   r1 finished
        4000ms caller writes tell me a story
        4500ms r2 audible
        5100ms r3 audible
        5200ms caller starts
        6500ms caller stops
        7000ms r3 finished
        ",
    ));
}

#[test]
fn a_caller_who_leaves_in_mid_reply_stops_everything() {
    check(
        "
        0ms    ready
        50ms   r1 audible
        1000ms caller starts
        1100ms hang up
        1200ms stt u1 nothing
        1300ms r1 finished
        ",
        expect![[r#"
            0ms say r1 Welcome
            50ms speaking
            1100ms stop r1 Ending
            1100ms end CallerLeft
        "#]],
    );
}

#[test]
fn a_long_speech_is_transcribed_in_pieces_and_answered_as_one() {
    check(
        "
        0ms     ready
        10ms    r1 finished
        1000ms  caller starts
        31000ms stt u1 first part
        40000ms caller stops
        40100ms stt u2 second part
        41000ms r2 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            30000ms transcribe u1 1000ms..30000ms
            40000ms transcribe u2 30000ms..40000ms
            40100ms prepare r2: first part second part
            40500ms thinking
            40500ms commit r2
            41000ms speaking
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

fn check_judged(script: &str, expected: Expect) {
    let endpointing = EndpointingPolicy {
        usual: Duration::from_millis(500),
        min: Duration::from_millis(300),
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
