//! The server and the agent that the tests share, and the turn-taking among tests: a machine of
//! two cores carries one call at a time.

use std::sync::Arc;
use std::time::Duration;

use livekit_api::access_token::{AccessToken, VideoGrants};
use sawt::call::{CallReport, CallSetup};
use sawt::config::Config;
use sawt::engines::Engines;
use sawt::livekit_api::LiveKitApi;
use sawt::transport::livekit::dev_server::{DevServer, DevServerOptions};
use sawt::transport::livekit::{JoinOptions, LiveKitTransport};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::phone::library;
use super::programs::{Serve, bin_dir};

/// Its server and agent live until the test binary ends.
static HOUSE: Mutex<House> = Mutex::const_new(House { server: None, serve: None });

/// A livekit-server, and `sawt serve` for it.
pub(super) struct House {
    server: Option<DevServer>,
    serve: Option<Serve>,
}

/// The house for one test alone; nothing when these tests are skipped on purpose.
pub(super) async fn enter() -> Option<MutexGuard<'static, House>> {
    if std::env::var_os("SAWT_SKIP_LIVEKIT_TESTS").is_some() {
        return None;
    }
    for program in ["sawt", "sawt-stt", "sawt-stt-ct2", "sawt-llm", "sawt-tts"] {
        let path = bin_dir().join(program);
        assert!(
            path.is_file(),
            "{} is missing: run `cargo build --release --workspace`, or name the folder in \
             SAWT_BIN_DIR, or set SAWT_SKIP_LIVEKIT_TESTS=1",
            path.display()
        );
    }
    assert!(
        library().is_file(),
        "{} is missing: run `sawt models pull`, or set SAWT_SKIP_LIVEKIT_TESTS=1",
        library().display()
    );
    Some(HOUSE.lock().await)
}

impl House {
    /// The server; a test that broke it before does not break this one.
    pub(super) async fn server(&mut self) -> &mut DevServer {
        if !self.server.as_mut().is_some_and(DevServer::is_running) {
            self.serve = None; // it knows the old server's address
            let started = DevServer::start(&DevServerOptions::default()).await;
            self.server =
                Some(started.unwrap_or_else(|e| panic!("{e}\n(or set SAWT_SKIP_LIVEKIT_TESTS=1)")));
        }
        self.server.as_mut().unwrap()
    }

    /// Server and agent, ready for calls and idle.
    pub(super) async fn open(&mut self) -> (&mut DevServer, &mut Serve) {
        self.server().await;
        let server = self.server.as_mut().unwrap();
        if !self.serve.as_mut().is_some_and(Serve::is_running) {
            // The first thing that is heard after a question has to be the answer.
            self.serve = Some(Serve::start(server, &["agent.filler_ms=0"]).await);
        }
        let serve = self.serve.as_mut().unwrap();
        serve.until_ready(Duration::from_secs(60)).await;
        serve.until_idle(Duration::from_secs(40)).await;
        (server, serve)
    }

    /// Ends the shared agent, for tests that bring their own under the same name.
    pub(super) fn close(&mut self) {
        self.serve = None;
    }
}

pub(super) fn api(server: &DevServer) -> LiveKitApi {
    LiveKitApi::new(server.url(), server.api_key(), server.api_secret()).unwrap()
}

/// Callers in `room`, for LiveKit does not count agents; 0 when there is no such room.
pub(super) async fn people_in(server: &DevServer, room: &str) -> u32 {
    let rooms = api(server).rooms().await.unwrap();
    rooms.iter().find(|r| r.name == room).map_or(0, |r| r.participants)
}

/// A call in `room` with no assistant and nobody around.
pub(super) fn setup(room: &str, config: Arc<Config>, engines: Engines) -> CallSetup {
    CallSetup {
        call_id: room.into(),
        assistant: None,
        config,
        engines,
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    }
}

/// An agent of the test's own joins `room` and holds the call.
pub(super) async fn agent(
    server: &DevServer,
    room: &str,
    setup: CallSetup,
) -> JoinHandle<CallReport> {
    let (token, options) = (agent_token(server, room), JoinOptions::new(library()));
    let transport = LiveKitTransport::join(server.url(), &token, options).await.unwrap();
    tokio::spawn(sawt::call::run(Box::new(transport), setup))
}

/// What an agent of the test's own joins `room` with.
fn agent_token(server: &DevServer, room: &str) -> String {
    AccessToken::with_api_key(server.api_key(), server.api_secret())
        .with_ttl(Duration::from_secs(600))
        .with_identity(&format!("agent-{room}"))
        .with_kind("agent")
        .with_grants(VideoGrants {
            room_join: true,
            room: room.into(),
            agent: true,
            can_update_own_metadata: Some(true),
            ..Default::default()
        })
        .to_jwt()
        .unwrap()
}
