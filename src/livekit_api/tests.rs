//! Tokens read back, and errors as an operator reads them. No server: tests/worker.rs has one.

use ::livekit_api::access_token::TokenVerifier;

use super::*;

const SECRET: &str = "a-secret-of-at-least-32-characters";

fn api() -> LiveKitApi {
    LiveKitApi::new("ws://127.0.0.1:1", "key", SECRET).unwrap()
}

#[test]
fn a_caller_may_join_one_room_speak_hear_and_write() {
    let token = api()
        .caller_token(&CallerGrant {
            room: "room".into(),
            identity: "caller".into(),
            ttl: Duration::from_secs(120),
            agents: vec![AgentRequest { agent_name: "sawt".into(), metadata: "m".into() }],
            ..CallerGrant::default()
        })
        .unwrap();
    let claims = TokenVerifier::with_api_key("key", SECRET).verify(&token).unwrap();
    assert_eq!(claims.sub, "caller");
    assert_eq!(claims.exp - claims.nbf, 120);
    let expected = VideoGrants {
        room_join: true,
        room: "room".into(),
        can_publish: Some(true),
        can_publish_sources: vec!["microphone".into()],
        can_subscribe: Some(true),
        can_publish_data: Some(true),
        can_update_own_metadata: Some(false),
        ..Default::default()
    };
    assert_eq!(claims.video, expected);
    let config = claims.room_config.unwrap();
    assert!(config.egress.is_none());
    assert_eq!(config.agents.len(), 1);
    assert_eq!(config.agents[0].agent_name, "sawt");
    assert_eq!(config.agents[0].metadata, "m");
}

#[test]
fn a_token_needs_a_key() {
    let error = LiveKitApi::new("ws://127.0.0.1:1", "", "").unwrap_err().to_string();
    assert!(error.contains("LIVEKIT_API_KEY"), "{error}");
}

#[test]
fn the_secret_is_in_no_log() {
    assert!(!format!("{:?}", api()).contains(SECRET));
}

#[tokio::test]
async fn nobody_there_names_the_address() {
    let error = api().rooms().await.unwrap_err().to_string();
    assert!(error.contains("http://127.0.0.1:1"), "{error}");
    assert!(error.contains("livekit-server"), "{error}");
}

#[test]
fn excerpts_are_short_and_clean() {
    assert_eq!(excerpt(b"bad\r\n\x1b[31mtoken\xff"), "bad   [31mtoken\u{fffd}");
    assert!(excerpt(&[b'a'; 5000]).len() <= 200);
}

#[test]
fn a_refused_token_is_not_repeated() {
    let says = b"invalid token: eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln, error: expired";
    assert_eq!(excerpt(says), "invalid token: (a token) error: expired");
}
