//! Scripts and their traces: adding a case is adding text.

mod endpointing;
mod hostile;
mod interruption;
mod ordered;
mod speculation;
mod waiting;

use std::time::Duration;

use expect_test::{Expect, expect};

use super::{
    CallTime, EndReason, EndpointingPolicy, OrderedLine, ReplyId, ReplyOutcome, TranscriptOutcome,
    TurnInput, TurnMachine, TurnOutput, TurnPolicy, UnansweredReason, UtteranceId,
};

fn policy() -> TurnPolicy {
    TurnPolicy {
        endpointing: EndpointingPolicy {
            usual: Duration::from_millis(500),
            ..TurnPolicy::default().endpointing
        },
        judge_pauses: false,
        // Round numbers: what is tested is the order of things.
        early_transcript: Some(Duration::from_millis(100)),
        filler_after: None,
        interruption_pause: Duration::from_millis(200),
        interruption_min: Duration::from_millis(500),
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
        ["caller", "may", "speak"] => TurnInput::SpeechLikely,
        ["caller", "does", "not"] => TurnInput::SpeechUnlikely,
        ["caller", "pauses"] => TurnInput::SpeechPaused { at: now },
        ["caller", "resumes"] => TurnInput::SpeechResumed { at: now },
        // As after a pause: sure now, over since then.
        ["caller", "stopped", at] => TurnInput::SpeechEnded {
            at: CallTime::from_millis(at.trim_end_matches("ms").parse().unwrap()),
        },
        ["caller", "stops"] => TurnInput::SpeechEnded { at: now },
        ["caller", "writes", words @ ..] => TurnInput::CallerText(words.join(" ")),
        ["stt", utterance, "failed"] => TurnInput::Transcript {
            utterance: UtteranceId(id(utterance)),
            outcome: TranscriptOutcome::Failed,
        },
        ["murmur", utterance, words @ ..] => TurnInput::Transcript {
            utterance: UtteranceId(id(utterance)),
            outcome: TranscriptOutcome::Murmur(words.join(" ")),
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
        ["judged", at, percent] => TurnInput::PauseJudged {
            at: CallTime::from_millis(at.trim_end_matches("ms").parse().unwrap()),
            complete: percent.trim_end_matches('%').parse::<f32>().unwrap() / 100.0,
        },
        ["order", line] => TurnInput::SayLine(OrderedLine(id(line))),
        ["close"] => TurnInput::Close { reason: EndReason::AgentEnded, line: None },
        ["close", "with", line] => {
            TurnInput::Close { reason: EndReason::AgentEnded, line: Some(OrderedLine(id(line))) }
        }
        ["hang", "up"] => TurnInput::HangUp(EndReason::CallerLeft),
        other => panic!("unknown event {other:?}"),
    }
}

fn drain(machine: &mut TurnMachine, now: CallTime, trace: &mut String) {
    while let Some(output) = machine.poll_output() {
        let what = match output {
            TurnOutput::Transcribe { utterance, from, until, partial } => {
                let what = if partial { "probe" } else { "transcribe" };
                format!("{what} {utterance} {from}..{until}")
            }
            TurnOutput::JudgePause { from, at } => format!("judge {from}..{at}"),
            TurnOutput::DropTranscript { utterance } => format!("drop {utterance}"),
            TurnOutput::Reply { reply, to, .. } => format!("reply {reply}: {to}"),
            TurnOutput::Prepare { reply, to } => format!("prepare {reply}: {to}"),
            TurnOutput::Commit { reply, .. } => format!("commit {reply}"),
            TurnOutput::Discard { reply } => format!("discard {reply}"),
            TurnOutput::Pause { reply } => format!("pause {reply}"),
            TurnOutput::Resume { reply } => format!("resume {reply}"),
            TurnOutput::Say { reply, line } => format!("say {reply} {line:?}"),
            TurnOutput::Stop { reply, why } => format!("stop {reply} {why:?}"),
            TurnOutput::SayFiller { reply } => format!("filler {reply}"),
            TurnOutput::StopFiller { reply } => format!("stop filler {reply}"),
            TurnOutput::StartThinkingSound => "sound on".to_owned(),
            TurnOutput::StopThinkingSound => "sound off".to_owned(),
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
fn speech_that_may_have_begun_holds_the_answer_for_a_moment() {
    check(
        "
        0ms    ready
        10ms   r1 finished
        1000ms caller starts
        1800ms caller stops
        1900ms stt u1 i want to
        2250ms caller may speak     # 'cancel', but who knows
        2350ms caller starts
        2900ms caller stops
        3000ms stt u2 i want to cancel
        3450ms caller may speak     # a click; the answer was due at 3,497
        3560ms caller does not
        4200ms r3 audible
        ",
        expect![[r#"
            0ms say r1 Welcome
            10ms listening
            1800ms transcribe u1 1000ms..1800ms
            1900ms prepare r2: i want to
            2350ms drop u1
            2350ms discard r2
            2900ms transcribe u2 1000ms..2900ms
            3000ms prepare r3: i want to cancel
            3560ms thinking
            3560ms commit r3
            4200ms speaking
        "#]],
    );
}
