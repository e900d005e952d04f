//! What our server tells browsers.

use futures::StreamExt as _;
use livekit_protocol::{SignalResponse, signal_response::Message as Signal};
use prost::Message as _;
use tokio_tungstenite::tungstenite::Message;

use super::harness::{Server, room_name};

#[tokio::test(flavor = "multi_thread")]
async fn no_client_is_told_of_a_public_host() {
    let Some(server) = Server::start().await else { return };
    let token = server.token(&room_name("ice"), "browser", false);
    let url = format!(
        "{}/rtc?access_token={token}&protocol=15&sdk=js&auto_subscribe=1",
        server.dev.url()
    );
    let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
    let join = loop {
        let frame = socket.next().await.expect("the server's greeting").unwrap();
        let Message::Binary(bytes) = frame else { continue };
        if let Some(Signal::Join(join)) = SignalResponse::decode(bytes).unwrap().message {
            break join;
        }
    };
    let urls: Vec<String> = join.ice_servers.into_iter().flat_map(|s| s.urls).collect();
    println!("ICE servers: {urls:?}");
    for url in &urls {
        let host = url.split(':').nth(1).unwrap_or_default();
        assert!(host == "127.0.0.1" || host == "localhost", "{url} is not on this machine");
    }
}
