//! Scripts of what the server and the calls do, and the trace of what the worker does about it.
//! Repeated, unchanged statuses and pings are left out of the trace.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn rules() -> Rules {
    Rules {
        agent_name: "sawt".into(),
        participant_name: "Sawt".into(),
        version: "1".into(),
        calls_max: 2,
        cpu_max: 1.0,
        drain_max: Duration::from_secs(60),
    }
}

#[track_caller]
fn check(script: &str, trace: Expect) {
    check_with(rules(), script, trace);
}

/// A script that begins where a registration has just been answered; so does its trace.
#[track_caller]
fn check_registered(script: &str, trace: Expect) {
    let opening = "0ms tick\n0ms connected\n0ms registered\n";
    let whole = run_script(rules(), &format!("{opening}{script}"));
    let opened = "0ms connect\n0ms register\n0ms say free, load 0.00, calls 0\n";
    trace.assert_eq(whole.strip_prefix(opened).expect("the opening's trace"));
}

#[track_caller]
fn check_with(rules: Rules, script: &str, expected: Expect) {
    expected.assert_eq(&run_script(rules, script));
}

#[track_caller]
fn run_script(rules: Rules, script: &str) -> String {
    let mut run = Run { session: Session::new(rules), trace: String::new(), said: String::new() };
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (at, what) = line.split_once("ms ").expect("'<time>ms <what>'");
        let at = Duration::from_millis(at.trim().parse().expect("a time"));
        run.advance(at);
        run.input(at, parse(what.trim()));
    }
    run.trace
}

struct Run {
    session: Session,
    trace: String,
    said: String,
}

impl Run {
    /// Wakes the session whenever it asked for it, until `at`.
    fn advance(&mut self, at: Time) {
        while let Some(wake) = self.session.poll_timeout().filter(|wake| *wake <= at) {
            self.input(wake, Input::Tick);
            assert!(self.session.poll_timeout() != Some(wake), "busy loop at {wake:?}");
        }
    }

    fn input(&mut self, now: Time, input: Input) {
        self.session.handle(now, input);
        while let Some(output) = self.session.poll_output() {
            let text = match output {
                Output::Ping => continue,
                Output::Connect => "connect".to_owned(),
                Output::Disconnect(why) => {
                    self.session.handle(now, broken());
                    format!("disconnect: {why}")
                }
                Output::StartJob { offer, identity, .. } => {
                    format!("start {} in {} as {identity}", offer.job_id, offer.room)
                }
                Output::CancelJob { job_id, why } => format!("cancel {job_id}: {why}"),
                Output::Finished { cut_short } => format!("finished, {cut_short} cut short"),
                Output::Send(ToServer::Status { full, load, calls }) => {
                    let full = if full { "full" } else { "free" };
                    let text = format!("say {full}, load {load:.2}, calls {calls}");
                    if text == self.said {
                        continue;
                    }
                    self.said.clone_from(&text);
                    text
                }
                Output::Send(ToServer::Register { .. }) => "register".to_owned(),
                Output::Send(ToServer::Accept { job_id, .. }) => format!("accept {job_id}"),
                Output::Send(ToServer::Decline { job_id }) => format!("decline {job_id}"),
                Output::Send(ToServer::Job { job_id, state }) => format!("job {job_id} {state:?}"),
                Output::Send(ToServer::Migrate { job_ids }) => format!("migrate {job_ids:?}"),
            };
            self.trace += &format!("{}ms {text}\n", now.as_millis());
        }
    }
}

fn broken() -> Input {
    Input::Lost { why: Lost::Broken("broken".into()), chance: 0.5 }
}

fn parse(what: &str) -> Input {
    let mut words = what.split_whitespace();
    let verb = words.next().expect("a verb");
    let mut word = || words.next().unwrap_or_default().to_owned();
    let offer = |job_id: String| Offer { job_id, room: "r".into(), ..Offer::default() };
    match verb {
        "connected" => Input::Connected,
        "refused" => Input::Lost { why: Lost::NobodyThere("nobody".into()), chance: 0.5 },
        "unauthorized" => Input::Lost { why: Lost::KeyRefused("key".into()), chance: 0.5 },
        "lost" => broken(),
        "registered" => Input::Message(FromServer::Registered {
            worker_id: "AW_1".into(),
            server_version: "1.13.5".into(),
        }),
        "offer" => Input::Message(FromServer::Offer(offer(word()))),
        "assign" => Input::Message(FromServer::Assigned {
            offer: offer(word()),
            url: None,
            token: "token".into(),
        }),
        "terminate" => Input::Message(FromServer::Terminated { job_id: word() }),
        "goaway" => Input::Message(FromServer::GoAway { reason: "drain".into() }),
        "ended" => Input::JobEnded { job_id: word(), result: Ok(()) },
        "failed" => Input::JobEnded { job_id: word(), result: Err("no luck".into()) },
        "malformed" => Input::Malformed,
        "heard" => Input::Heard,
        "cpu" => Input::Cpu(word().parse().expect("a share")),
        "unfit" => Input::Unfit(Some("llm: model is truncated".into())),
        "fit" => Input::Unfit(None),
        "drain" => Input::Drain,
        "tick" => Input::Tick,
        other => panic!("unknown verb {other}"),
    }
}

#[test]
fn a_call_from_offer_to_end() {
    check(
        "
        0ms tick
        5ms connected
        6ms registered
        1000ms offer J1
        1005ms assign J1
        5000ms heard
        9000ms ended J1
        ",
        expect![[r#"
            0ms connect
            5ms register
            6ms say free, load 0.00, calls 0
            1000ms accept J1
            1000ms say free, load 0.35, calls 1
            1005ms start J1 in r as agent-J1
            1005ms job J1 Running
            9000ms job J1 Success
            9000ms say free, load 0.00, calls 0
        "#]],
    );
}

#[test]
fn calls_that_could_not_be_answered_are_not_taken() {
    check_registered(
        "
        10ms offer J1
        12ms assign J1
        20ms unfit          # an engine stays away
        30ms offer J2
        50ms fit
        60ms offer J3
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            12ms start J1 in r as agent-J1
            12ms job J1 Running
            20ms say full, load 0.70, calls 1
            30ms decline J2
            50ms say free, load 0.35, calls 1
            60ms accept J3
            60ms say full, load 0.70, calls 2
        "#]],
    );
}

#[test]
fn two_offers_at_once_can_not_overbook() {
    check_registered(
        "
        10ms offer J1
        10ms offer J2
        10ms offer J3       # before any assignment came
        20ms assign J2
        20ms assign J1
        30ms ended J1
        40ms offer J4
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            10ms accept J2
            10ms say full, load 0.70, calls 2
            10ms decline J3
            20ms start J2 in r as agent-J2
            20ms job J2 Running
            20ms start J1 in r as agent-J1
            20ms job J1 Running
            30ms job J1 Success
            30ms say free, load 0.35, calls 1
            40ms accept J4
            40ms say full, load 0.70, calls 2
        "#]],
    );
}

#[test]
fn a_missing_assignment_frees_its_place() {
    check_registered(
        "
        10ms offer J1
        20ms offer J2
        7505ms heard
        7515ms offer J3     # J1's place is free, J2's not yet
        7516ms offer J4
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            20ms accept J2
            20ms say full, load 0.70, calls 2
            7510ms say free, load 0.35, calls 1
            7515ms accept J3
            7515ms say full, load 0.70, calls 2
            7516ms decline J4
        "#]],
    );
}

#[test]
fn a_late_assignment_is_taken_if_there_is_a_place() {
    check_registered(
        "
        10ms offer J1
        8000ms assign J1
        8001ms offer J2
        16000ms offer J3
        16001ms assign J2   # J3 has its place now
        16002ms assign J3
        16003ms assign J3   # said twice
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            7510ms say free, load 0.00, calls 0
            8000ms start J1 in r as agent-J1
            8000ms job J1 Running
            8000ms say free, load 0.35, calls 1
            8001ms accept J2
            8001ms say full, load 0.70, calls 2
            15501ms say free, load 0.35, calls 1
            16000ms accept J3
            16000ms say full, load 0.70, calls 2
            16001ms job J2 Failed("the assignment came too late")
            16002ms start J3 in r as agent-J3
            16002ms job J3 Running
        "#]],
    );
}

#[test]
fn an_offer_that_is_repeated_is_declined() {
    check_registered(
        "
        10ms offer J1
        11ms offer J1
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            11ms decline J1
        "#]],
    );
}

#[test]
fn a_terminated_job_is_cancelled_and_keeps_its_place_until_it_ended() {
    check_registered(
        "
        10ms offer J1
        20ms assign J1
        30ms terminate J1
        40ms terminate unknown
        500ms ended J1
        600ms offer J2
        610ms terminate J2  # before its assignment
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            20ms start J1 in r as agent-J1
            20ms job J1 Running
            30ms cancel J1: LiveKit ended the job
            500ms job J1 Success
            500ms say free, load 0.00, calls 0
            600ms accept J2
            600ms say free, load 0.35, calls 1
            610ms say free, load 0.00, calls 0
        "#]],
    );
}

#[test]
fn a_failed_call_says_why() {
    check_registered(
        "
        10ms offer J1
        20ms assign J1
        30ms failed J1
        40ms ended J1       # a second end changes nothing
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            20ms start J1 in r as agent-J1
            20ms job J1 Running
            30ms job J1 Failed("no luck")
            30ms say free, load 0.00, calls 0
        "#]],
    );
}

#[test]
fn a_restarted_server_finds_us_and_our_running_calls_again() {
    check_registered(
        "
        10ms offer J1
        20ms assign J1
        30ms offer J2
        20000ms heard
        40000ms lost        # J2's promise is void
        40101ms refused
        41202ms refused
        42303ms connected
        42304ms registered
        42400ms ended J1
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            20ms start J1 in r as agent-J1
            20ms job J1 Running
            30ms accept J2
            30ms say full, load 0.70, calls 2
            7530ms say free, load 0.35, calls 1
            40100ms connect
            41201ms connect
            42302ms connect
            42303ms register
            42304ms migrate ["J1"]
            42400ms job J1 Success
            42400ms say free, load 0.00, calls 0
        "#]],
    );
}

#[test]
fn a_refused_key_is_retried_ever_more_slowly() {
    check(
        "
        0ms tick
        0ms unauthorized
        100ms unauthorized
        2200ms unauthorized
        6300ms unauthorized
        12400ms unauthorized
        20500ms unauthorized
        30600ms unauthorized
        40700ms connected
        40700ms registered
        ",
        expect![[r#"
            0ms connect
            100ms connect
            2200ms connect
            6300ms connect
            12400ms connect
            20500ms connect
            30600ms connect
            40700ms connect
            40700ms register
            40700ms say free, load 0.00, calls 0
        "#]],
    );
}

#[test]
fn a_server_that_drops_us_at_once_is_not_hammered() {
    check(
        "
        0ms tick
        0ms connected
        1ms registered
        2ms lost
        102ms connected
        103ms registered
        104ms lost
        2204ms connected
        2205ms registered
        22000ms heard
        32000ms lost        # that one held: start again at the shortest wait
        40000ms tick
        ",
        expect![[r#"
            0ms connect
            0ms register
            1ms say free, load 0.00, calls 0
            102ms connect
            102ms register
            2204ms connect
            2204ms register
            32100ms connect
        "#]],
    );
}

#[test]
fn a_silent_server_is_left() {
    check(
        "
        0ms tick
        0ms connected
        9000ms heard
        10500ms connected
        10600ms registered
        20000ms heard
        51000ms connected
        52000ms tick
        ",
        expect![[r#"
            0ms connect
            0ms register
            10000ms disconnect: the server did not answer the registration
            10100ms connect
            10500ms register
            10600ms say free, load 0.00, calls 0
            50000ms disconnect: the server has been silent for 30 s
            50100ms connect
            51000ms register
        "#]],
    );
}

#[test]
fn hostile_frames_end_in_a_new_connection() {
    let malformed = "10ms malformed\n".repeat(20);
    check(
        &format!("0ms tick\n0ms connected\n0ms registered\n{malformed}"),
        expect![[r#"
        0ms connect
        0ms register
        0ms say free, load 0.00, calls 0
        10ms disconnect: too many unreadable frames
    "#]],
    );
    check(
        "0ms tick\n0ms connected\n1ms offer J1\n2ms registered",
        expect![[r#"
        0ms connect
        0ms register
        1ms disconnect: the first message must be `register`
    "#]],
    );
    check(
        "0ms tick\n0ms connected\n1ms registered\n2ms goaway\n3ms offer J1",
        expect![[r#"
        0ms connect
        0ms register
        1ms say free, load 0.00, calls 0
        2ms disconnect: the server is going down
    "#]],
    );
}

#[test]
fn drain_waits_for_calls_and_refuses_new_ones() {
    check_registered(
        "
        10ms offer J1
        20ms assign J1
        30ms offer J2
        100ms drain
        110ms offer J3
        120ms assign J2     # promised before the drain
        5000ms ended J1
        9000ms ended J2
        9001ms offer J4
        ",
        expect![[r#"
            10ms accept J1
            10ms say free, load 0.35, calls 1
            20ms start J1 in r as agent-J1
            20ms job J1 Running
            30ms accept J2
            30ms say full, load 0.70, calls 2
            110ms decline J3
            120ms start J2 in r as agent-J2
            120ms job J2 Running
            2530ms say full, load 1.00, calls 2
            5000ms job J1 Success
            5000ms say full, load 1.00, calls 1
            9000ms job J2 Success
            9000ms finished, 0 cut short
        "#]],
    );
}

#[test]
fn drain_ends_calls_at_its_deadline() {
    let heard: String = (1..8).map(|n| format!("{}ms heard\n", n * 9_900)).collect();
    let script = format!(
        "0ms tick\n0ms connected\n0ms registered\n10ms offer J1\n20ms assign J1\n\
         30ms offer J2\n40ms assign J2\n100ms drain\n{heard}69500ms ended J1\n80000ms tick"
    );
    check(
        &script,
        expect![[r#"
        0ms connect
        0ms register
        0ms say free, load 0.00, calls 0
        10ms accept J1
        10ms say free, load 0.35, calls 1
        20ms start J1 in r as agent-J1
        20ms job J1 Running
        30ms accept J2
        30ms say full, load 0.70, calls 2
        40ms start J2 in r as agent-J2
        40ms job J2 Running
        2530ms say full, load 1.00, calls 2
        60100ms cancel J1: the drain's time is over
        60100ms cancel J2: the drain's time is over
        69500ms job J1 Success
        69500ms say full, load 1.00, calls 1
        70100ms finished, 2 cut short
    "#]],
    );
}

#[test]
fn drain_without_calls_or_connection_ends_at_once() {
    check(
        "0ms tick\n10ms refused\n20ms drain",
        expect![[r#"
        0ms connect
        20ms finished, 0 cut short
    "#]],
    );
}

#[test]
fn a_busy_processor_refuses_calls_only_where_the_operator_says_so() {
    let script = "
        0ms tick
        0ms connected
        0ms registered
        10ms cpu 0.95
        2600ms offer J1
    ";
    check(
        script,
        expect![[r#"
        0ms connect
        0ms register
        0ms say free, load 0.00, calls 0
        2500ms say free, load 0.66, calls 0
        2600ms accept J1
        2600ms say free, load 0.66, calls 1
    "#]],
    );
    check_with(
        Rules { cpu_max: 0.9, ..rules() },
        script,
        expect![[r#"
        0ms connect
        0ms register
        0ms say free, load 0.00, calls 0
        10ms say full, load 0.70, calls 0
        2600ms decline J1
    "#]],
    );
}

#[test]
fn load_is_said_every_two_and_a_half_seconds() {
    let mut session = Session::new(rules());
    let mut said = 0;
    for ms in (0..10_000).step_by(100) {
        let now = Duration::from_millis(ms);
        let input = match ms {
            0 => Input::Tick,
            100 => Input::Connected,
            200 => parse("registered"),
            _ => Input::Heard,
        };
        session.handle(now, input);
        while let Some(output) = session.poll_output() {
            said += u32::from(matches!(output, Output::Send(ToServer::Status { .. })));
        }
    }
    assert_eq!(said, 4);
}

proptest! {
    /// Whatever the server and the calls do, in whatever order: no more calls than places, each
    /// started job is started once and ended or cancelled, the drain comes to an end.
    #[test]
    fn no_order_of_events_overbooks_or_hangs(steps in proptest::collection::vec((0u8..16, 0u8..6, 0u64..6000), 1..200)) {
        let mut session = Session::new(rules());
        let mut now = Time::ZERO;
        let mut running = std::collections::BTreeSet::new();
        let mut finished = false;
        let mut do_outputs = |session: &mut Session, now: Time| {
            while let Some(output) = session.poll_output() {
                match output {
                    Output::StartJob { offer, .. } => {
                        assert!(running.insert(offer.job_id.clone()), "{} twice", offer.job_id);
                        assert!(running.len() <= 2, "overbooked");
                    }
                    Output::Send(ToServer::Job { job_id, state }) if state != JobState::Running => {
                        running.remove(&job_id);
                    }
                    Output::Disconnect(_) => session.handle(now, broken()),
                    Output::Finished { .. } => finished = true,
                    _ => {}
                }
            }
            // A call that ends while we are away is told to nobody.
            running.retain(|job_id| session.running().any(|j| j == job_id));
            assert!(session.calls() <= 2);
        };
        for (verb, job, wait) in steps {
            now += Duration::from_millis(wait);
            let job = format!("J{job}");
            let input = match verb {
                0 => parse("connected"),
                1 => parse("lost"),
                2 | 3 => parse("registered"),
                4..=7 => parse(&format!("offer {job}")),
                8..=11 => parse(&format!("assign {job}")),
                12 => parse(&format!("terminate {job}")),
                13 => parse(&format!("ended {job}")),
                14 => parse("malformed"),
                _ => parse("heard"),
            };
            session.handle(now, input);
            do_outputs(&mut session, now);
        }
        session.handle(now, Input::Drain);
        do_outputs(&mut session, now);
        for _ in 0..200 {
            let Some(wake) = session.poll_timeout() else { break };
            now = now.max(wake);
            session.handle(now, Input::Tick);
            do_outputs(&mut session, now);
        }
        session.handle(now + Duration::from_secs(100), Input::Tick);
        do_outputs(&mut session, now);
        session.handle(now + Duration::from_secs(200), Input::Tick);
        do_outputs(&mut session, now);
        assert!(finished, "the drain did not end");
    }
}
