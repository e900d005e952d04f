//! Reads a JSON body: small, quick, in UTF-8, of the right shape; says where it is not.

use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use futures::StreamExt as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::error::Problem;

/// Largest body; the largest sensible one is a token request with some metadata.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;
/// Longest that a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(5);

/// A JSON body. No body at all reads as `{}`, because all fields of the standard token request are
/// optional.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        if head.headers.get(header::CONTENT_ENCODING).is_some_and(|e| e != "identity") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "encoding",
                "Encoded body",
                "send the JSON as it is, without Content-Encoding",
            ));
        }
        let body = tokio::time::timeout(BODY_WAIT, read(&head.headers, body)).await;
        let body = body.map_err(|_| {
            Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "slow",
                "Too slow",
                "the body did not arrive within 5 s",
            )
        })??;
        if body.is_empty() {
            return parse(b"{}").map(Json);
        }
        if !is_json(&head.headers) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content-type",
                "Not JSON",
                "send JSON with Content-Type: application/json",
            ));
        }
        parse(&body).map(Json)
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Body too large",
            "a body has at most 65536 bytes",
        )
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "body",
                "Broken body",
                "the body ended early or is framed wrongly; send it again",
            )
        })?;
        if bytes.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    let utf8 = !charset.starts_with("charset=")
        || matches!(charset.trim_start_matches("charset=").trim_matches('"'), "utf-8" | "utf8");
    kind.trim().eq_ignore_ascii_case("application/json") && utf8
}

/// A JSON object and nothing else: derived structs would also read an array, field by field.
#[derive(Debug, Default)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Fields that are skipped would not be checked.
    let text = std::str::from_utf8(body).map_err(|error| not_json(&error))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let field = if path == "." { "body".to_owned() } else { path };
            Problem::field(field, shorten(&inner.to_string()))
        } else {
            not_json(&inner)
        }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &dyn std::error::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "json",
        "Not JSON",
        format!("{}; send one JSON object in UTF-8", shorten(&error.to_string())),
    )
}

/// serde quotes what it was given, which may be long.
fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
