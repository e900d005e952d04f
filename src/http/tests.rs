//! Every endpoint through the router, without a socket but where the socket is the subject.

use ::livekit_api::access_token::{Claims, TokenVerifier};
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

mod page;

use super::*;
use crate::assistants::{Folder, Library, Voices};
use crate::config::Config;
use crate::worker::Link;

const SECRET: &str = "a-secret-of-at-least-32-characters";

struct Fixture {
    router: Router,
    worker: watch::Sender<WorkerStatus>,
    parts: watch::Sender<Parts>,
}

fn fixture() -> Fixture {
    fixture_with("sawt", "")
}

fn fixture_with(agent_name: &str, public_origin: &str) -> Fixture {
    fixture_where(|options| {
        options.agent_name = agent_name.into();
        options.public_origin = public_origin.into();
    })
}

fn fixture_where(change: impl FnOnce(&mut HttpOptions)) -> Fixture {
    let (worker, worker_out) = watch::channel(WorkerStatus::starting(4));
    let (parts, parts_out) = watch::channel(Parts::new());
    let mut options = HttpOptions {
        // Nobody listens on port 1.
        api: LiveKitApi::new("ws://127.0.0.1:1", "key", SECRET).unwrap(),
        livekit_public_url: "wss://lk.example.com".into(),
        agent_name: "sawt".into(),
        loopback: true,
        public_origin: String::new(),
        embed_origins: Vec::new(),
        worker: worker_out,
        parts: parts_out,
        assistants: assistants(),
    };
    change(&mut options);
    Fixture { router: router(HttpState::new(options, None).unwrap()), worker, parts }
}

/// The built-in starter alone.
fn assistants() -> Assistants {
    let voices = Voices::named(["en_US-joe-medium"]);
    let library = Library::load(&Folder::BuiltIn, &Config::default(), &voices);
    Assistants::fixed(library.unwrap())
}

impl Fixture {
    async fn ask(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.ask(request.body(body.into()).unwrap()).await
    }
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| {
            panic!("{e}: {}", String::from_utf8_lossy(&self.body));
        })
    }

    /// Checks that this is a problem with that status, and returns its detail.
    #[track_caller]
    fn problem(&self, status: u16) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{text}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], status);
        assert!(json["type"].as_str().unwrap().starts_with("urn:sawt:problem:"), "{json}");
        assert!(!json["title"].as_str().unwrap().is_empty());
        json["detail"].as_str().unwrap().to_owned()
    }

    fn field(&self) -> String {
        self.json()["field"].as_str().unwrap_or_default().to_owned()
    }

    fn claims(&self) -> Claims {
        let token = self.json()["participant_token"].as_str().unwrap().to_owned();
        TokenVerifier::with_api_key("key", SECRET).verify(&token).unwrap()
    }
}

#[tokio::test]
async fn a_token_opens_one_room_and_brings_our_agent() {
    let body = json!({
        "room_name": "room-1", "participant_identity": "u1", "participant_name": "سلمى",
        "participant_metadata": "m", "participant_attributes": {"tier": "gold"},
        "room_config": {"agents": [{"agent_name": "sawt", "metadata": "hello"}], "tags": {}},
        "some_newer_field": 1
    });
    let answer = fixture().post("/api/token", body.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let json = answer.json();
    for (snake, camel) in [
        ("server_url", "serverUrl"),
        ("participant_token", "participantToken"),
        ("room_name", "roomName"),
        ("participant_name", "participantName"),
    ] {
        assert_eq!(json[snake], json[camel]);
        assert!(json[snake].is_string(), "{snake}");
    }
    assert_eq!(json["server_url"], "wss://lk.example.com");
    let claims = answer.claims();
    assert_eq!((claims.sub.as_str(), claims.name.as_str()), ("u1", "سلمى"));
    assert_eq!((claims.metadata.as_str(), claims.attributes["tier"].as_str()), ("m", "gold"));
    assert_eq!(claims.exp - claims.nbf, 120);
    assert!(claims.video.room_join && claims.video.room == "room-1");
    assert_eq!(claims.video.can_publish_sources, ["microphone"]);
    assert!(!claims.video.room_admin && !claims.video.room_create && !claims.video.room_list);
    assert!(!claims.video.hidden && !claims.video.recorder && !claims.video.agent);
    assert_eq!(claims.video.can_update_own_metadata, Some(false));
    let config = claims.room_config.unwrap();
    assert!(config.egress.is_none());
    assert_eq!(config.agents[0].agent_name, "sawt");
    assert_eq!(config.agents[0].metadata, "hello");
}

#[tokio::test]
async fn all_fields_of_a_token_request_are_optional() {
    let fixture = fixture();
    let empty = Request::post("/api/token").body(Body::empty()).unwrap();
    for answer in [fixture.ask(empty).await, fixture.post("/api/token", "{}").await] {
        assert_eq!(answer.status, StatusCode::CREATED);
        let claims = answer.claims();
        assert!(claims.video.room.starts_with("call-") && claims.video.room.len() == 37);
        assert!(claims.sub.starts_with("caller-"));
        assert_eq!(claims.room_config.unwrap().agents[0].agent_name, "sawt");
    }
}

#[tokio::test]
async fn camel_case_and_the_starters_address_work_as_well() {
    let fixture = fixture();
    let body = json!({"roomName": "r", "participantIdentity": "u",
        "roomConfig": {"agents": [{"agentName": "sawt"}]}})
    .to_string();
    let claims = fixture.post("/api/token", body.clone()).await.claims();
    assert_eq!((claims.video.room.as_str(), claims.sub.as_str()), ("r", "u"));
    let answer = fixture.post("/api/connection-details", body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["roomName"], "r");
    assert_eq!(fixture.get("/api/connection-details").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_caller_may_ask_for_an_assistant_and_a_language() {
    let fixture = fixture();
    let body = json!({"assistant": "starter", "language": "ar"}).to_string();
    let agents = fixture.post("/api/token", body).await.claims().room_config.unwrap().agents;
    assert_eq!(agents[0].metadata, "{\"assistant\":\"starter\",\"language\":\"ar\"}");
    let theirs = |metadata: &str| json!({"room_config": {"agents": [{"metadata": metadata}]}});
    for body in [json!({"assistant": "stater"}), theirs("{\"assistant\": \"stater\"}")] {
        let answer = fixture.post("/api/token", body.to_string()).await;
        assert!(answer.problem(404).contains("did you mean \"starter\"?"));
    }
    let mut both = theirs("hello");
    both["assistant"] = "starter".into();
    fixture.post("/api/token", both.to_string()).await.problem(422);
    let body = json!({"room": "r", "assistant": "nobody"}).to_string();
    fixture.post("/api/dispatch-agent", body).await.problem(404);
    let by_itself = fixture_with("", "");
    let body = json!({"assistant": "starter"}).to_string();
    assert!(by_itself.post("/api/token", body).await.problem(422).contains("room's metadata"));
}

#[tokio::test]
async fn an_agent_that_joins_by_itself_is_not_dispatched() {
    let answer = fixture_with("", "").post("/api/token", "{}").await;
    assert_eq!(answer.claims().room_config, None);
}

#[tokio::test]
async fn values_that_do_not_fit_are_named() {
    let fixture = fixture();
    let long = "x".repeat(65);
    for (body, field) in [
        (json!({"room_name": 7}), "room_name"),
        (json!({"room_name": "../etc"}), "room_name"),
        (json!({"room_name": long}), "room_name"),
        (json!({"participant_identity": "agent-AJ_1"}), "participant_identity"),
        (json!({"participant_name": "a\u{202e}b"}), "participant_name"),
        (json!({"participant_metadata": "x".repeat(20_000)}), "participant_metadata"),
        (json!({"participant_attributes": {"a": 1}}), "participant_attributes.a"),
        (json!({"participant_attributes": {"lk.agent.state": "x"}}), "participant_attributes"),
        (json!({"room_config": []}), "room_config"),
        (json!({"room_config": {"agents": [[]]}}), "room_config.agents[0]"),
        (
            json!({"room_config": {"agents": [{"agent_name": 1}]}}),
            "room_config.agents[0].agent_name",
        ),
        (
            json!({"room_config": {"agents": [{"agent_name": "other"}]}}),
            "room_config.agents[0].agent_name",
        ),
        (json!({"room_config": {"agents": [{}, {}]}}), "room_config.agents"),
        (json!({"room_config": {"egress": {"room": {}}}}), "room_config.egress"),
        (json!([1, 2]), "body"),
        (json!("text"), "body"),
        (json!(null), "body"),
    ] {
        let answer = fixture.post("/api/token", body.to_string()).await;
        answer.problem(422);
        assert_eq!(answer.field(), field, "{body}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused() {
    let fixture = fixture();
    let deep = "{\"a\":".repeat(10_000);
    for path in ["/api/token", "/api/dispatch-agent", "/api/connection-details"] {
        let too_deep = fixture.post(path, deep.clone()).await.status;
        assert!(too_deep.is_client_error(), "{too_deep}");
        let bad: [&[u8]; 5] =
            [b"{", b"not json", b"{} {}", b"{\"room\":\"\xff\xfe\"}", b"\xef\xbb\xbf"];
        for body in bad {
            let detail = fixture.post(path, body.to_vec()).await.problem(400);
            assert!(detail.contains("UTF-8"), "{detail}");
        }
        fixture.post(path, vec![b' '; 65_537]).await.problem(413);
        let announced = Request::post(path)
            .header("content-type", "application/json")
            .header("content-length", "99999999999")
            .body(Body::empty());
        fixture.ask(announced.unwrap()).await.problem(413);
        for (name, value) in [
            ("content-type", "text/plain"),
            ("content-type", "application/json; charset=utf-16"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-encoding", "gzip"),
        ] {
            let request = Request::post(path).header(name, value).body(Body::from("{}")).unwrap();
            fixture.ask(request).await.problem(415);
        }
    }
}

#[tokio::test]
async fn a_dispatch_says_what_is_missing_or_misspelt() {
    let fixture = fixture();
    let answer = fixture.post("/api/dispatch-agent", "{}").await;
    assert!(answer.problem(422).contains("room"));
    assert_eq!(answer.field(), "room");
    let answer = fixture.post("/api/dispatch-agent", r#"{"rooom":"r"}"#).await;
    assert!(answer.problem(422).contains("rooom"));
    let answer = fixture.post("/api/dispatch-agent", r#"{"room":"r","agent_name":"other"}"#).await;
    answer.problem(422);
    assert_eq!(answer.field(), "agent_name");
}

#[tokio::test]
async fn a_dispatch_without_livekit_says_where_it_looked() {
    for body in [r#"{"room":"r"}"#, r#"{"room_name":"r"}"#, r#"{"roomName":"r"}"#] {
        let answer = fixture().post("/api/dispatch-agent", body).await;
        let detail = answer.problem(503);
        assert!(detail.contains("http://127.0.0.1:1"), "{detail}");
        assert_eq!(answer.headers["retry-after"], "5");
    }
}

#[tokio::test]
async fn every_answer_has_its_security_headers() {
    let fixture = fixture();
    for path in ["/", "/livez", "/nothing", "/callcenter/call-with-audio?room=r&user=u"] {
        let headers = fixture.get(path).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'self'",
            "connect-src 'self' wss://lk.example.com https://lk.example.com;",
            "media-src 'self' blob:",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["permissions-policy"], "microphone=(self), camera=()");
    }
}

#[tokio::test]
async fn wrong_paths_and_methods_are_problems_too() {
    let fixture = fixture();
    fixture.get("/api/nothing").await.problem(404);
    fixture.get("/%2e%2e/%2e%2e/etc/passwd").await.problem(404);
    fixture.post("/api/nothing", "{}").await.problem(404);
    let answer = fixture.get("/api/token").await;
    answer.problem(405);
    assert!(answer.headers["allow"].to_str().unwrap().contains("POST"));
}

#[tokio::test]
async fn other_names_and_other_pages_are_refused() {
    let fixture = fixture_with("sawt", "https://voice.example.com");
    let get = |host: &str| Request::get("/livez").header("host", host).body(Body::empty()).unwrap();
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "voice.example.com"] {
        assert_eq!(fixture.ask(get(host)).await.status, StatusCode::OK, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example:8080", "10.0.0.1", ""] {
        fixture.ask(get(host)).await.problem(421);
    }
    let post = |name: &str, value: &str| {
        let request = Request::post("/api/token").header("host", "localhost:8080");
        request.header(name, value).body(Body::empty()).unwrap()
    };
    for (name, value) in [
        ("origin", "http://localhost:8080"),
        ("origin", "https://voice.example.com"),
        ("sec-fetch-site", "same-origin"),
    ] {
        assert_eq!(fixture.ask(post(name, value)).await.status, StatusCode::CREATED, "{value}");
    }
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:9999"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        fixture.ask(post(name, value)).await.problem(403);
    }
}

#[tokio::test]
async fn readiness_names_each_part_that_is_not() {
    let fixture = fixture();
    let registered = Link::Registered { worker_id: "AW".into(), server_version: "1".into() };
    fixture.parts.send_replace([("engines".to_owned(), Some("stt is loading".to_owned()))].into());
    let answer = fixture.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let json = answer.json();
    assert_eq!(json["ready"], false);
    assert_eq!(json["parts"]["engines"]["reason"], "stt is loading");
    assert_eq!(json["parts"]["livekit"]["reason"], "not connected to LiveKit yet");
    assert_eq!(fixture.get("/livez").await.status, StatusCode::OK);

    fixture.parts.send_replace([("engines".to_owned(), None)].into());
    fixture.worker.send_modify(|status| status.link = registered);
    let answer = fixture.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["parts"]["livekit"], json!({"ready": true}));

    fixture.worker.send_modify(|status| status.draining = true);
    assert_eq!(fixture.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_worker_answers_in_livekits_words() {
    let fixture = fixture();
    fixture.worker.send_modify(|status| {
        status.calls = 2;
        status.load = 0.5;
    });
    let json = fixture.get("/worker").await.json();
    assert_eq!(json["worker_type"], "JT_ROOM");
    assert_eq!(json["agent_name"], "sawt");
    assert_eq!(json["active_jobs"], 2);
    assert_eq!(json["worker_load"], 0.5);
}

#[tokio::test]
async fn metrics_have_their_names() {
    let (worker, worker_out) = watch::channel(WorkerStatus::starting(4));
    let (_parts, parts) = watch::channel(Parts::new());
    let options = HttpOptions {
        api: LiveKitApi::new("ws://127.0.0.1:1", "key", SECRET).unwrap(),
        livekit_public_url: String::new(),
        agent_name: "sawt".into(),
        loopback: true,
        public_origin: String::new(),
        embed_origins: Vec::new(),
        worker: worker_out,
        parts,
        assistants: assistants(),
    };
    let metrics = crate::telemetry::metrics::install().unwrap();
    let router = router(HttpState::new(options, Some(metrics)).unwrap());
    let fixture = Fixture { router, worker, parts: watch::channel(Parts::new()).0 };
    crate::telemetry::metrics::worker(3, 0.5, false);
    let took = std::time::Duration::from_millis(250);
    crate::telemetry::metrics::turn_stage(crate::telemetry::metrics::Stage::Stt, took);
    fixture.get("/livez").await;
    let answer = fixture.get("/metrics").await;
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "lk_agents_active_job_count 3",
        "lk_agents_worker_load 0.5",
        "sawt_worker_registered 0",
        "sawt_turn_seconds_bucket{stage=\"stt\",le=\"0.3\"} 1",
        "sawt_http_answers_total{route=\"/livez\",status=\"200\"}",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_taken_port_names_the_setting() {
    let held = bind("127.0.0.1", 0).await.unwrap();
    let port = held.local_addr().unwrap().port();
    let error = bind("127.0.0.1", port).await.unwrap_err().to_string();
    assert!(error.contains(&format!("http.port {port} is taken")), "{error}");
    let error = bind("203.0.113.1", 0).await.unwrap_err().to_string();
    assert!(error.contains("http.bind"), "{error}");
}

#[tokio::test]
async fn slow_and_broken_clients_are_cut_and_others_served() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = bind("127.0.0.1", 0).await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let server = tokio::spawn(serve(listener, fixture().router, shutdown.clone()));
    let talk = |bytes: Vec<u8>| async move {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let _ = socket.write_all(&bytes).await;
        let mut answer = Vec::new();
        let wait = std::time::Duration::from_secs(20);
        let _ = tokio::time::timeout(wait, socket.read_to_end(&mut answer)).await.expect("cut");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let head = "POST /api/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let (slow_body, slow_head, big, junk, good) = tokio::join!(
        talk(format!("{head}Connection: close\r\nContent-Length: 10\r\n\r\n{{").into_bytes()),
        talk(b"GET / HTTP/1.1\r\nHost: loc".to_vec()),
        talk(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000)).into_bytes()),
        talk(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec()),
        talk(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec()),
    );
    assert!(slow_body.starts_with("HTTP/1.1 408"), "{slow_body}");
    assert!(slow_head.is_empty() || slow_head.starts_with("HTTP/1.1 408"), "{slow_head}");
    assert!(big.is_empty() || big.starts_with("HTTP/1.1 431"), "{big}");
    assert!(junk.starts_with("HTTP/1.1 400"), "{junk}");
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("ok\n"), "{good}");
    shutdown.cancel();
    server.await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Whatever arrives, the answer blames the sender and never us.
    #[test]
    fn no_body_makes_a_server_error(body in proptest::collection::vec(any::<u8>(), 0..300), wrap in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let body = if wrap {
            json!({"room_name": String::from_utf8_lossy(&body), "participant_name": String::from_utf8_lossy(&body)})
                .to_string()
                .into_bytes()
        } else {
            body
        };
        let answer = runtime.block_on(fixture().post("/api/token", body));
        prop_assert!(answer.status.as_u16() < 500, "{}", answer.status);
    }
}
