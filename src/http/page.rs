//! The page, embedded in the binary from `web/dist`. Debug builds read it from disk, so that a
//! rebuilt page needs no rebuilt binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use super::error;

#[derive(RustEmbed)]
#[folder = "web/dist/"]
#[allow_missing = true]
struct Dist;

fn dist(path: &str) -> Option<Vec<u8>> {
    Dist::get(path).map(|file| file.data.into_owned())
}

pub(super) async fn index() -> Response {
    page(dist)
}

pub(super) async fn asset(uri: Uri) -> Response {
    match file(uri.path(), dist) {
        Some(response) => response,
        None => error::no_such_path(axum::http::Method::GET, uri).await.into_response(),
    }
}

fn page(read: impl Fn(&str) -> Option<Vec<u8>>) -> Response {
    let Some(html) = read("index.html") else {
        let text = "The page was not built: run scripts/run, or `npm ci && npm run build` in web/ \
                    and build sawt again.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    // The page names its assets by content; itself it must be fresh.
    let headers =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, html).into_response()
}

fn file(path: &str, read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Response> {
    let path = path.strip_prefix('/')?;
    // Built assets have plain names; whatever has not is somebody trying doors.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let absolute = path.starts_with('/');
    if path.is_empty() || absolute || path.contains("..") || !path.chars().all(plain) {
        return None;
    }
    let bytes = read(path)?;
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [(header::CONTENT_TYPE, mime(path)), (header::CACHE_CONTROL, cache)];
    Some((headers, bytes).into_response())
}

fn mime(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "wav" => "audio/wav",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(path: &str) -> Option<Vec<u8>> {
        matches!(path, "index.html" | "assets/app-1a2b.js" | "favicon.svg")
            .then(|| path.as_bytes().to_vec())
    }

    #[test]
    fn assets_have_their_types_and_live_long() {
        let response = file("/assets/app-1a2b.js", fake).unwrap();
        assert_eq!(response.headers()["content-type"], "text/javascript; charset=utf-8");
        assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        let response = file("/favicon.svg", fake).unwrap();
        assert_eq!(response.headers()["content-type"], "image/svg+xml");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(page(fake).headers()["content-type"], "text/html; charset=utf-8");
    }

    #[test]
    fn doors_that_are_not_ours_stay_shut() {
        let any = |_: &str| Some(b"secret".to_vec());
        for path in
            ["", "/", "/../Cargo.toml", "/a/../../x", "/%2e%2e/x", "//etc/passwd", "/a\\b", "/a\0"]
        {
            assert!(file(path, any).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_missing_page_says_how_to_build_it() {
        assert_eq!(page(|_| None).status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
