//! What the remote may do wrong, for each stage, asked as the second and as the first; and how a result
//! that breaks off goes on, is retried, or is dropped.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::expect;
use futures::StreamExt as _;
use futures::future::join_all;

use super::peer::{self, Peer, Request, Say};
use super::{ALL, Local, ask, clause, engines, question, site, spoken};
use crate::engines::llm::Generated;
use crate::engines::tts::Synthesized;
use crate::policy::residency::Stage;

/// What the remote does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Nobody listens.
    NoConnection,
    TooMany,
    TooManyAMoment,
    ServerError,
    BadKey,
    Redirect,
    HangAtFirst,
    HangInTheMiddle,
    BreakInTheMiddle,
    Html,
    WrongJson,
    OddBytes,
    NoEnd,
}

impl Fault {
    const ALL: [Self; 14] = [
        Self::None,
        Self::NoConnection,
        Self::TooMany,
        Self::TooManyAMoment,
        Self::ServerError,
        Self::BadKey,
        Self::Redirect,
        Self::HangAtFirst,
        Self::HangInTheMiddle,
        Self::BreakInTheMiddle,
        Self::Html,
        Self::WrongJson,
        Self::OddBytes,
        Self::NoEnd,
    ];

    fn says(self, n: usize, request: &Request) -> Vec<Say> {
        let whole = peer::healthy(request);
        let error = |status: &str, more: &str| {
            let body = br#"{"error": {"message": "my secret words", "code": "as_scripted"}}"#;
            peer::answer(status, "application/json", more, body)
        };
        let json = request.path.ends_with("transcriptions");
        let chat = request.path.ends_with("completions");
        // The head and a part: of a transcript, which is one piece, half of it.
        let part = || match whole.as_slice() {
            [Say::Bytes(all)] => vec![Say::Bytes(all[..all.len() - 10].to_vec())],
            pieces => pieces[..if chat { 2 } else { 8 }].to_vec(),
        };
        match self {
            Self::None => whole,
            Self::NoConnection => vec![Say::Break],
            Self::TooMany => error("429 Too Many Requests", "Retry-After: 30\r\n"),
            Self::TooManyAMoment if n == 0 => error("429 Too Many Requests", "Retry-After: 0\r\n"),
            Self::TooManyAMoment => whole,
            Self::ServerError => error("500 Internal Server Error", ""),
            Self::BadKey => error("401 Unauthorized", ""),
            Self::Redirect => error("307 Temporary Redirect", "Location: http://127.0.0.1:9/\r\n"),
            Self::HangAtFirst => vec![Say::Hang],
            Self::HangInTheMiddle => part().into_iter().chain([Say::Hang]).collect(),
            Self::BreakInTheMiddle => part().into_iter().chain([Say::Break]).collect(),
            Self::Html => peer::answer("200 OK", "text/html", "", b"<html>Log in first</html>"),
            Self::WrongJson if chat => {
                let event = peer::piece(b"data: {\"choices\": 7}\n\n");
                vec![peer::stream_head("text/event-stream"), event, peer::piece(b"")]
            }
            Self::WrongJson => peer::answer("200 OK", "application/json", "", br#"{"txt": 1}"#),
            Self::OddBytes if json || chat => whole,
            Self::OddBytes => peer::answer("200 OK", "audio/pcm", "", &[7; 4_801]),
            Self::NoEnd => {
                let kind = if json {
                    "application/json"
                } else if chat {
                    "text/event-stream"
                } else {
                    "audio/pcm"
                };
                let mut all = vec![peer::stream_head(kind)];
                let much = if chat { vec![b'x'; 300_000] } else { vec![7; 1_500_000] };
                all.extend([peer::piece(&much), peer::piece(&much), Say::Hang]);
                all
            }
        }
    }
}

async fn cell(fault: Fault, stage: Stage, prefer: &str, local: Local) -> (String, usize) {
    let peer = Peer::start(move |n, request| fault.says(n, request)).await;
    let mut site = site(&peer.base_url());
    for stage in [&mut site.stt, &mut site.llm, &mut site.tts] {
        stage.prefer = prefer.to_owned();
        stage.take_over_ms = 800;
        stage.retries_max = 1;
    }
    // Bound and not listening: a port that was given back could be another test's by now.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    if fault == Fault::NoConnection {
        let nobody = held.local_addr().unwrap();
        for stage in [&mut site.stt, &mut site.llm, &mut site.tts] {
            stage.base_url = format!("http://{nobody}/v1");
        }
    }
    let gave = ask(&engines(local, &site, ALL), stage).await;
    drop(held);
    (gave, peer.requests().len())
}

#[tokio::test]
async fn every_fault_of_the_remote_in_every_stage() {
    let mut table = String::new();
    for (prefer, local) in
        [("local", Local::Unavailable), ("remote", Local::Serves), ("remote", Local::Unavailable)]
    {
        let _ = writeln!(table, "── prefer {prefer}, the local engine: {local:?}");
        let cells = Fault::ALL.map(|fault| async move {
            let of = |stage| cell(fault, stage, prefer, local);
            (fault, join_all(Stage::ALL.map(of)).await)
        });
        for (fault, stages) in join_all(cells).await {
            let _ = write!(table, "{:<17}", format!("{fault:?}"));
            for (gave, requests) in stages {
                let _ = write!(table, "| {gave:<38} ({requests})");
            }
            let _ = writeln!(table);
        }
    }
    expect![[r#"
        ── prefer local, the local engine: Unavailable
        None             | from afar                              (1)| From afar.                             (1)| 500 ms afar                            (1)
        NoConnection     | ! unavailable                          (0)| ! unavailable                          (0)| ! unavailable                          (0)
        TooMany          | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        TooManyAMoment   | from afar                              (2)| From afar.                             (2)| 500 ms afar                            (2)
        ServerError      | ! unavailable                          (2)| ! unavailable                          (2)| ! unavailable                          (2)
        BadKey           | ! failed                               (1)| ! failed                               (1)| ! failed                               (1)
        Redirect         | ! failed                               (1)| ! failed                               (1)| ! failed                               (1)
        HangAtFirst      | ! timed out                            (1)| ! timed out                            (1)| ! timed out                            (1)
        HangInTheMiddle  | ! timed out                            (1)| From ! timed out                       (1)| 100 ms afar ! timed out                (1)
        BreakInTheMiddle | ! unavailable                          (1)| From ! unavailable                     (1)| 100 ms afar ! unavailable              (1)
        Html             | ! failed                               (1)| ! failed                               (1)| ! failed                               (1)
        WrongJson        | ! failed                               (1)| ! failed                               (1)| ! failed                               (1)
        OddBytes         | from afar                              (1)| From afar.                             (1)| 100 ms afar                            (1)
        NoEnd            | ! failed                               (1)| ! failed                               (1)| 11100 ms afar ! failed                 (1)
        ── prefer remote, the local engine: Serves
        None             | from afar                              (1)| From afar.                             (1)| 500 ms afar                            (1)
        NoConnection     | from here                              (0)| From here.                             (0)| 300 ms here                            (0)
        TooMany          | from here                              (1)| From here.                             (1)| 300 ms here                            (1)
        TooManyAMoment   | from afar                              (2)| From afar.                             (2)| 500 ms afar                            (2)
        ServerError      | from here                              (2)| From here.                             (2)| 300 ms here                            (2)
        BadKey           | from here                              (1)| From here.                             (1)| 300 ms here                            (1)
        Redirect         | from here                              (1)| From here.                             (1)| 300 ms here                            (1)
        HangAtFirst      | from here                              (1)| From here.                             (1)| 300 ms here                            (1)
        HangInTheMiddle  | from here                              (1)| From and here.                         (1)| 100 ms afar ! timed out                (1)
        BreakInTheMiddle | from here                              (1)| From and here.                         (1)| 100 ms afar ! unavailable              (1)
        Html             | from here                              (1)| From here.                             (1)| 300 ms here                            (1)
        WrongJson        | from here                              (1)| From here.                             (1)| 300 ms here                            (1)
        OddBytes         | from afar                              (1)| From afar.                             (1)| 100 ms afar                            (1)
        NoEnd            | from here                              (1)| From here.                             (1)| 11100 ms afar ! failed                 (1)
        ── prefer remote, the local engine: Unavailable
        None             | from afar                              (1)| From afar.                             (1)| 500 ms afar                            (1)
        NoConnection     | ! unavailable                          (0)| ! unavailable                          (0)| ! unavailable                          (0)
        TooMany          | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        TooManyAMoment   | from afar                              (2)| From afar.                             (2)| 500 ms afar                            (2)
        ServerError      | ! unavailable                          (2)| ! unavailable                          (2)| ! unavailable                          (2)
        BadKey           | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        Redirect         | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        HangAtFirst      | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        HangInTheMiddle  | ! unavailable                          (1)| From ! unavailable                     (1)| 100 ms afar ! timed out                (1)
        BreakInTheMiddle | ! unavailable                          (1)| From ! unavailable                     (1)| 100 ms afar ! unavailable              (1)
        Html             | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        WrongJson        | ! unavailable                          (1)| ! unavailable                          (1)| ! unavailable                          (1)
        OddBytes         | from afar                              (1)| From afar.                             (1)| 100 ms afar                            (1)
        NoEnd            | ! unavailable                          (1)| ! unavailable                          (1)| 11100 ms afar ! failed                 (1)
    "#]].assert_eq(&table);
}

#[tokio::test]
async fn a_reply_that_dies_here_goes_on_there_after_the_words_that_were_given() {
    let peer = Peer::start(|_, _| peer::chat("From there on.")).await;
    let engines = engines(Local::Dies, &site(&peer.base_url()), ALL);
    assert_eq!(ask(&engines, Stage::Llm).await, "From there on.", "its beginning is not repeated");
    let asked = peer.requests()[0].json();
    let messages = asked["messages"].as_array().unwrap();
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(messages[1]["content"], "From");
    assert_eq!(messages[2]["role"], "user");
}

#[tokio::test]
async fn a_clause_goes_on_with_the_words_that_had_not_begun() {
    let peer = Peer::start(|_, _| peer::speech(300)).await;
    let engines = engines(Local::Dies, &site(&peer.base_url()), ALL);
    let mut pieces = engines.tts.synthesize(clause());
    let (mut samples, mut last) = (0, None);
    while let Some(piece) = pieces.next().await {
        match piece.unwrap() {
            Synthesized::Audio(pcm) => samples += pcm.len(),
            Synthesized::Words(words) => assert_eq!(words.len(), 3),
            Synthesized::Done(stats) => last = Some(stats),
        }
    }
    assert_eq!(peer.requests()[0].json()["input"], "secret words", "\"my\" was heard");
    assert_eq!(samples, 2_400 + 7_200);
    let stats = last.unwrap();
    assert_eq!((stats.samples, stats.words.len()), (9_600, 0), "half of the marks are no marks");
}

#[tokio::test]
async fn a_clause_that_has_begun_is_never_spoken_from_its_beginning_again() {
    // The remote tells no marks: who takes over could only begin anew.
    let peer = Peer::start(|_, request| {
        let mut part = peer::healthy(request);
        part.truncate(8);
        part.push(Say::Break);
        part
    })
    .await;
    let mut site = site(&peer.base_url());
    site.tts.prefer = "remote".into();
    let engines = engines(Local::Serves, &site, ALL);
    let spoken = spoken(engines.tts.synthesize(clause())).await;
    assert!(spoken.ends_with("ms afar ! unavailable"), "{spoken}");
    assert!(!spoken.contains("here"), "{spoken}");
}

#[tokio::test]
async fn dropping_a_stream_ends_the_request() {
    let stalls = |_: usize, request: &Request| {
        let mut part = peer::healthy(request);
        part.truncate(6);
        part.push(Say::Hang);
        part
    };
    for stage in [Stage::Llm, Stage::Tts] {
        let peer = Peer::start(stalls).await;
        let mut site = site(&peer.base_url());
        site.llm.between_pieces_ms = 60_000;
        site.tts.between_pieces_ms = 60_000;
        let engines = engines(Local::Unavailable, &site, ALL);
        if stage == Stage::Llm {
            let mut tokens = engines.llm.generate(question());
            assert!(matches!(tokens.next().await, Some(Ok(Generated::Text(_)))));
        } else {
            let mut pieces = engines.tts.synthesize(clause());
            assert!(matches!(pieces.next().await, Some(Ok(Synthesized::Audio(_)))));
        }
        assert!(peer.was_left().await, "{stage}");
    }
}

#[tokio::test]
async fn an_engine_that_fails_again_and_again_is_left_alone_by_all_calls() {
    let peer = Peer::start(|_, request| peer::healthy(request)).await;
    let mut site = site(&peer.base_url());
    site.stt.take_over_ms = 400;
    let engines = engines(Local::Hangs, &site, ALL);
    let mut took = Vec::new();
    for _ in 0..4 {
        let started = tokio::time::Instant::now();
        assert_eq!(ask(&engines, Stage::Stt).await, "from afar");
        took.push(started.elapsed());
    }
    let patience = Duration::from_millis(400);
    assert!(took[0] >= patience && took[1] >= patience, "{took:?}");
    assert!(took[2] < patience && took[3] < patience, "{took:?}");
}

#[tokio::test]
async fn what_may_be_thrown_away_is_heard_here_or_not_at_all() {
    let peer = Peer::start(|_, request| peer::healthy(request)).await;
    let engines = engines(Local::Unavailable, &site(&peer.base_url()), ALL);
    let partial = crate::engines::stt::Utterance { partial: true, ..super::utterance() };
    assert!(engines.stt.transcribe(partial).await.is_err());
    engines.llm.read_ahead(question()).await;
    assert_eq!(peer.connections(), 0);
}
