//! The LiveKit server that `sawt serve` would use: keys, address, and whether it takes them.

use super::Finding;
use crate::config::{Config, LiveKitConfig};
use crate::livekit_api::LiveKitApi;

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    if config.livekit.api_key.is_empty() && config.livekit.api_secret.is_empty() {
        return vec![Finding::warn(
            "LiveKit key",
            "not set; `sawt dev` makes its own, `sawt serve` needs one",
            "put LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET into .env",
        )];
    }
    let key = match config.require_livekit() {
        Ok(()) => Finding::ok("LiveKit key", "set, and its secret is long enough"),
        Err(e) => {
            let next = "mend livekit.api_key and livekit.api_secret, in .env or sawt.toml";
            Finding::fail("LiveKit key", e.to_string(), next)
        }
    };
    vec![key, round_trip(&config.livekit).await]
}

/// A signed question that changes nothing: the server checks key, secret and the token's times.
async fn round_trip(livekit: &LiveKitConfig) -> Finding {
    let check = format!("LiveKit at {}", livekit.url);
    let asked = match LiveKitApi::new(&livekit.url, &livekit.api_key, &livekit.api_secret) {
        Ok(api) => api.rooms().await,
        Err(e) => Err(e),
    };
    match asked {
        Ok(rooms) => Finding::ok(check, format!("takes our key; {} rooms are open", rooms.len())),
        Err(e) => {
            let next =
                "start livekit-server there with the same key and secret, or mend livekit.url";
            Finding::fail(check, e.to_string(), next)
        }
    }
}
