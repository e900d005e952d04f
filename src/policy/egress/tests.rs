//! What leaves, and what does not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn allow(hosts: &[&str]) -> EgressPolicy {
    EgressPolicy::Allow(hosts.iter().map(|host| HostPort::https(host)).collect())
}

#[test]
fn sealed_lets_nothing_out() {
    for url in ["https://example.org/", "http://127.0.0.1:1/", "file:///etc/passwd", "nonsense"] {
        assert!(EgressPolicy::default().check(url).is_err(), "{url}");
    }
}

#[test]
fn only_named_hosts_by_https() {
    let policy = allow(&["hub.example", "*.cdn.example"]);
    for url in ["https://hub.example/a?b", "https://HUB.example/", "https://x.y.cdn.example/"] {
        assert!(policy.check(url).is_ok(), "{url}");
    }
    for url in [
        "http://hub.example/",
        "https://hub.example:8443/",
        "https://cdn.example/",
        "https://evilcdn.example/",
        "https://hub.example.evil.test/",
        "https://hub.example@evil.test/",
        "ftp://hub.example/",
    ] {
        assert!(policy.check(url).is_err(), "{url}");
    }
}

#[test]
fn a_refusal_does_not_repeat_the_query() {
    let error = EgressPolicy::Sealed.check("https://example.org/a?key=secret").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await.unwrap();
        stream
            .write_all(
                b"HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n",
            )
            .await
            .unwrap();
    });
    let policy = EgressPolicy::Allow(vec![HostPort { host: "127.0.0.1".into(), port }]);
    let client = HttpClient::new(policy).unwrap();
    let error = client.get(&format!("http://127.0.0.1:{port}/"), 0).await.unwrap_err();
    assert!(error.to_string().contains("not on the list"), "{error}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_sealed_client_sends_nothing() {
    let client = HttpClient::new(EgressPolicy::Sealed).unwrap();
    let error = client.get("http://127.0.0.1:9/", 0).await.unwrap_err();
    assert!(matches!(error, EgressError::Refused { .. }), "{error}");
}
