//! One livekit-server per test binary, tokens for it, and tones to send.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use livekit_api::access_token::{AccessToken, VideoGrants};
use sawt::audio::rms;
use sawt::transport::livekit::dev_server::{DevServer, DevServerOptions};
use sawt::transport::livekit::{Room, RoomEvent, RoomEvents, RoomOptions, Sdk, library_path};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Tests run side by side, but one that counts the process's threads runs alone.
static ALONE: RwLock<()> = RwLock::const_new(());

/// A server of the test's own, which ends with it.
pub(super) struct Server {
    pub(super) dev: DevServer,
    _beside: Option<RwLockReadGuard<'static, ()>>,
    _alone: Option<RwLockWriteGuard<'static, ()>>,
}

impl Server {
    /// Nothing when these tests are skipped on purpose.
    pub(super) async fn start() -> Option<Self> {
        let beside = ALONE.read().await;
        Some(Self { dev: Self::dev().await?, _beside: Some(beside), _alone: None })
    }

    /// The same while no other test runs.
    pub(super) async fn start_alone() -> Option<Self> {
        let alone = ALONE.write().await;
        Some(Self { dev: Self::dev().await?, _beside: None, _alone: Some(alone) })
    }

    async fn dev() -> Option<DevServer> {
        let library = library();
        let skip = std::env::var_os("SAWT_SKIP_LIVEKIT_TESTS").is_some();
        let dev = DevServer::start(&DevServerOptions::default()).await;
        match (library.is_file(), dev) {
            (true, Ok(dev)) => Some(dev),
            _ if skip => None,
            (false, _) => panic!(
                "{} is missing: run `sawt models pull`, or set SAWT_SKIP_LIVEKIT_TESTS=1",
                library.display()
            ),
            (_, Err(error)) => panic!("{error}\n(or set SAWT_SKIP_LIVEKIT_TESTS=1)"),
        }
    }

    pub(super) fn token(&self, room: &str, identity: &str, agent: bool) -> String {
        AccessToken::with_api_key(self.dev.api_key(), self.dev.api_secret())
            .with_ttl(Duration::from_secs(600))
            .with_identity(identity)
            .with_name(identity)
            .with_kind(if agent { "agent" } else { "standard" })
            .with_grants(VideoGrants {
                room_join: true,
                room: room.to_owned(),
                agent,
                can_update_own_metadata: Some(true),
                ..Default::default()
            })
            .to_jwt()
            .unwrap()
    }

    pub(super) async fn join(&self, room: &str, identity: &str) -> (Room, RoomEvents) {
        self.join_as(room, identity, false).await
    }

    pub(super) async fn join_as(
        &self,
        room: &str,
        identity: &str,
        agent: bool,
    ) -> (Room, RoomEvents) {
        let token = self.token(room, identity, agent);
        let options = RoomOptions { auto_subscribe: true };
        Room::connect(&sdk(), self.dev.url(), &token, options).await.unwrap()
    }

    pub(super) fn api(&self) -> sawt::livekit_api::LiveKitApi {
        let (key, secret) = (self.dev.api_key(), self.dev.api_secret());
        sawt::livekit_api::LiveKitApi::new(self.dev.url(), key, secret).unwrap()
    }
}

pub(super) fn library() -> PathBuf {
    library_path(sawt::models::Store::open(None).dir())
}

pub(super) fn sdk() -> std::sync::Arc<Sdk> {
    Sdk::load(&library()).unwrap()
}

/// A room name of its own for each test.
pub(super) fn room_name(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// `ms` of a 440 Hz tone.
pub(super) fn tone(rate_hz: u32, ms: u32) -> Vec<i16> {
    (0..rate_hz * ms / 1000)
        .map(|n| {
            let phase = n as f32 * 440.0 * std::f32::consts::TAU / rate_hz as f32;
            (phase.sin() * 8000.0) as i16
        })
        .collect()
}

pub(super) fn is_loud(pcm: &[i16]) -> bool {
    rms(pcm) > 0.02
}

/// Waits for the event that `wanted` turns into something.
pub(super) async fn wait_for<T>(
    events: &mut RoomEvents,
    what: &str,
    mut wanted: impl FnMut(RoomEvent) -> Option<T>,
) -> T {
    let wait = async {
        loop {
            let event =
                events.next().await.unwrap_or_else(|| panic!("the room ended before {what}"));
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap_or_else(|_| panic!("no {what} within 20 s"))
}
