//! `[remote]`: addresses that make sense, keys for whoever needs one. Asks no server.

use std::net::{IpAddr, SocketAddr};

use super::Checker;
use crate::config::settings::{Config, PREFERENCES, RemoteConfig, RemoteStageConfig, SERVICES};

/// The keys of one stage, as errors name them.
struct Keys {
    enabled: &'static str,
    service: &'static str,
    base_url: &'static str,
    prefer: &'static str,
    take_over_ms: &'static str,
    first_byte_ms: &'static str,
    between_pieces_ms: &'static str,
    retries_max: &'static str,
}

macro_rules! keys {
    ($stage:literal) => {
        Keys {
            enabled: concat!("remote.", $stage, ".enabled"),
            service: concat!("remote.", $stage, ".service"),
            base_url: concat!("remote.", $stage, ".base_url"),
            prefer: concat!("remote.", $stage, ".prefer"),
            take_over_ms: concat!("remote.", $stage, ".take_over_ms"),
            first_byte_ms: concat!("remote.", $stage, ".first_byte_ms"),
            between_pieces_ms: concat!("remote.", $stage, ".between_pieces_ms"),
            retries_max: concat!("remote.", $stage, ".retries_max"),
        }
    };
}

pub(super) fn check(c: &mut Checker<'_>, remote: &RemoteConfig) {
    for host in &remote.plain_http_hosts {
        let private = host.parse::<SocketAddr>().is_ok_and(|address| is_private(address.ip()));
        c.that(
            private,
            "remote.plain_http_hosts",
            format!(
                "{host:?} is no private IP address with a port; write it like 10.1.2.3:8000, and \
                 give servers elsewhere TLS"
            ),
        );
    }
    let proxy = reqwest::Url::parse(&remote.proxy_url);
    c.that(
        remote.proxy_url.is_empty() || proxy.as_ref().is_ok_and(is_plain_address),
        "remote.proxy_url",
        "no address of a proxy; write it like http://10.0.0.1:3128, without a name or password",
    );
    let loaded = c.loaded;
    let Config { stt, llm, tts, .. } = &loaded.config;
    stage(c, remote, &remote.stt, &keys!("stt"), stt.timeout_ms);
    stage(c, remote, &remote.llm, &keys!("llm"), llm.timeout_ms);
    stage(c, remote, &remote.tts, &keys!("tts"), tts.timeout_ms);
    let elevenlabs = remote.tts.enabled && remote.tts.service == "elevenlabs";
    c.that(
        !elevenlabs || !remote.voice.is_empty() || !remote.voice_map.is_empty(),
        "remote.voice",
        "empty, and ElevenLabs has no usual voice; name one (ELEVENLABS_VOICE_ID), or one for each \
         language in remote.voice_map",
    );
}

fn stage(
    c: &mut Checker<'_>,
    remote: &RemoteConfig,
    stage: &RemoteStageConfig,
    keys: &Keys,
    timeout_ms: u32,
) {
    c.that(
        cfg!(feature = "remote") || !stage.enabled,
        keys.enabled,
        "this program was built without remote engines; set it to false, or build with \
         `--features remote`",
    );
    let service = stage.service.as_str();
    let known = SERVICES.contains(&service);
    c.that(known, keys.service, format!("{service:?} is none of {SERVICES:?}"));
    c.that(
        keys.service == "remote.tts.service" || service != "elevenlabs",
        keys.service,
        "ElevenLabs is for voices (remote.tts) only; use openai here",
    );
    c.that(
        PREFERENCES.contains(&stage.prefer.as_str()),
        keys.prefer,
        format!("{:?} is none of {PREFERENCES:?}", stage.prefer),
    );
    c.within(keys.take_over_ms, stage.take_over_ms, 100, 60_000);
    c.within(keys.first_byte_ms, stage.first_byte_ms, 100, 60_000);
    c.within(keys.between_pieces_ms, stage.between_pieces_ms, 100, 60_000);
    c.within(keys.retries_max, stage.retries_max, 0, 5);
    let both = stage.take_over_ms.saturating_add(stage.first_byte_ms);
    c.that(
        !stage.enabled || both <= timeout_ms,
        keys.take_over_ms,
        format!(
            "with first_byte_ms it is {both}, and a caller's turn is given up after {timeout_ms} \
             (timeout_ms of the stage); make them shorter, or raise that"
        ),
    );
    if !stage.base_url.is_empty() {
        let problem = problem_of(&stage.base_url, &remote.plain_http_hosts);
        c.that(problem.is_none(), keys.base_url, problem.unwrap_or_default());
    } else if stage.enabled && known {
        let (key, value) = match service {
            "elevenlabs" => ("remote.elevenlabs_api_key", &remote.elevenlabs_api_key),
            _ => ("remote.openai_api_key", &remote.openai_api_key),
        };
        let set = !value.is_empty() || !stage.api_key.is_empty();
        c.that(set, key, format!("empty, but {} asks for that service", keys.enabled));
    }
}

/// What is wrong with the address of a server.
fn problem_of(base_url: &str, plain_http_hosts: &[String]) -> Option<String> {
    let expected = "write it like https://10.1.2.3/v1, without a name, password or query";
    let Ok(url) = reqwest::Url::parse(base_url) else {
        return Some(format!("not an address; {expected}"));
    };
    if !is_plain_address(&url) {
        return Some(format!("not an address of a server; {expected}"));
    }
    let host = url.host_str().unwrap_or_default();
    let loopback = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let address = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
    let named = loopback || plain_http_hosts.contains(&address);
    (url.scheme() == "http" && !named).then(|| {
        format!(
            "plain http can be read on the way; use https, or put {address:?} into \
             remote.plain_http_hosts if it is a server of your own network"
        )
    })
}

fn is_plain_address(url: &reqwest::Url) -> bool {
    ["http", "https"].contains(&url.scheme())
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::problem_of;

    #[test]
    fn an_address_has_tls_or_was_named_as_one_of_the_own_network() {
        let named = ["10.1.2.3:8000".to_owned()];
        for url in [
            "https://voices.example/v1",
            "https://10.1.2.3/v1",
            "http://10.1.2.3:8000/v1",
            "http://127.0.0.1:9/v1",
            "http://[::1]:9/v1",
        ] {
            assert_eq!(problem_of(url, &named), None, "{url}");
        }
        for url in [
            "http://10.1.2.4:8000/v1",
            "http://10.1.2.3/v1",
            "http://voices.example/v1",
            "https://name:word@voices.example/v1",
            "https://voices.example/v1?key=x",
            "ftp://voices.example",
            "voices.example",
        ] {
            assert!(problem_of(url, &named).is_some(), "{url}");
        }
    }
}
