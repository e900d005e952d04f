//! Who may ask, and what a browser may do with our answers. No accounts: outside of loopback a
//! proxy in front decides who gets here.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::HttpState;
use super::error::Problem;
use crate::livekit_api::LiveKitUrl;

/// What other sites load to show our page in a frame of theirs.
const EMBED_SCRIPT: &str = "/embed.js";

/// The page loads nothing but itself and talks to nobody but us and LiveKit. Only pages of
/// `embed_origins` show it in a frame.
pub(super) fn security_policy(livekit: &LiveKitUrl, embed_origins: &[String]) -> String {
    let ancestors = match embed_origins {
        [] => "'none'".to_owned(),
        origins => format!("'self' {}", origins.join(" ")),
    };
    format!(
        "default-src 'self'; connect-src 'self' {} {}; media-src 'self' blob:; \
         object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}",
        livekit.ws_origin(),
        livekit.http_origin()
    )
}

/// Puts the security headers on every answer, refusals included.
pub(super) async fn with_headers(
    State(state): State<HttpState>,
    request: Request,
    next: Next,
) -> Response {
    let embedded = !state.0.options.embed_origins.is_empty();
    let elsewhere = embedded && request.uri().path() == EMBED_SCRIPT;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&state.0.security_policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), "microphone=(self), camera=()"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            if elsewhere { "cross-origin" } else { "same-origin" },
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !embedded {
        // For browsers without `frame-ancestors`. It knows no list, so where there is one it must
        // not stand.
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

/// Refuses names that are not ours (DNS rebinding) and pages that are not ours (CSRF).
pub(super) async fn only_our_own(
    State(state): State<HttpState>,
    request: Request,
    next: Next,
) -> Response {
    let options = &state.0.options;
    // A request without Host is HTTP/1.0 or a test; a browser always sends one.
    let host = request
        .headers()
        .get(header::HOST)
        .map(|value| value.to_str().unwrap_or("?").to_owned())
        .or_else(|| request.uri().authority().map(ToString::to_string));
    if let Some(host) = &host
        && options.loopback
        && !is_loopback(host)
        && !is_origin_of(&options.public_origin, host)
    {
        return Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "host",
            "Not our name",
            "open the page as localhost; behind a proxy, set http.public_origin",
        )
        .into_response();
    }
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    let origin = same_origin(request.headers(), host.as_deref(), &options.public_origin);
    if let Err(problem) = origin
        && !reads
    {
        return problem.into_response();
    }
    next.run(request).await
}

fn same_origin(headers: &HeaderMap, host: Option<&str>, public: &str) -> Result<(), Problem> {
    let refuse = || {
        Problem::forbidden(
            "origin",
            "this page's origin may not use the API; open our own page, or set http.public_origin",
        )
    };
    let Some(origin) = headers.get(header::ORIGIN) else {
        return match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
            None | Some(b"same-origin" | b"none") => Ok(()),
            Some(_) => Err(refuse()),
        };
    };
    let origin = origin.to_str().map_err(|_| refuse())?;
    let ours = host.is_some_and(|host| is_origin_of(origin, host));
    if ours || (!public.is_empty() && origin == public.trim_end_matches('/')) {
        Ok(())
    } else {
        Err(refuse())
    }
}

/// Whether `origin` is `http://host` or `https://host`.
fn is_origin_of(origin: &str, host: &str) -> bool {
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    rest.is_some_and(|rest| rest.trim_end_matches('/').eq_ignore_ascii_case(host))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_few_names() {
        for ours in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "a.localhost"] {
            assert!(is_loopback(ours), "{ours}");
        }
        for other in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil", "[", "?"] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
