//! Fetches one file by https and goes on where the last try stopped.

use std::fs;
use std::path::Path;

use tokio::io::AsyncWriteExt as _;

use crate::models::ModelError;
use crate::models::manifest::FileSpec;
use crate::policy::egress::{EgressPolicy, HostPort, HttpClient};

/// How far a file may exceed an estimate before we take it for something else.
const ESTIMATE_FACTOR: u64 = 2;

/// A client that speaks to the hosts of one model only.
pub(super) fn client(hosts: &[String]) -> Result<HttpClient, ModelError> {
    let allowed = hosts.iter().map(|host| match host.rsplit_once(':') {
        Some((name, port)) => HostPort { host: name.to_owned(), port: port.parse().unwrap_or(443) },
        None => HostPort::https(host),
    });
    HttpClient::new(EgressPolicy::Allow(allowed.collect()))
        .map_err(|source| ModelError::Fetch { url: hosts.join(", "), source })
}

/// Fetches into `partial`, which stays when this fails.
pub(super) async fn fetch(
    client: &HttpClient,
    url: &str,
    partial: &Path,
    file: &FileSpec,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(), ModelError> {
    let failed = |source| ModelError::Fetch { url: url.to_owned(), source };
    let io = || ModelError::io("write", partial);
    let bytes_max = file.bytes.unwrap_or(file.bytes_expected() * ESTIMATE_FACTOR);

    let mut have = fs::metadata(partial).map_or(0, |meta| meta.len());
    if file.bytes.is_some_and(|bytes| have == bytes) {
        return Ok(()); // all here, and not verified yet
    }
    if have >= bytes_max {
        have = 0;
    }
    let mut download = match client.get(url, have).await {
        // The server knows no byte after what we have: it has changed, so start anew.
        Err(crate::policy::egress::EgressError::Status { status: 416, .. }) => {
            client.get(url, 0).await.map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    if download.starts_at != have {
        have = 0;
        if download.starts_at != 0 {
            download = client.get(url, 0).await.map_err(failed)?;
        }
    }

    let mut out = tokio::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(partial)
        .await
        .map_err(io())?;
    out.set_len(have).await.map_err(io())?;
    tokio::io::AsyncSeekExt::seek(&mut out, std::io::SeekFrom::Start(have)).await.map_err(io())?;
    loop {
        let piece = match download.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                // A write may be under way still; the next attempt goes on from the file's length.
                out.flush().await.map_err(io())?;
                return Err(failed(error));
            }
        };
        let piece = piece.as_ref();
        have += piece.len() as u64;
        if have > bytes_max {
            let _ = fs::remove_file(partial); // not the file that we want
            return Err(ModelError::Archive {
                path: partial.to_owned(),
                detail: "what the server sends is longer than the manifest says".into(),
            });
        }
        out.write_all(piece).await.map_err(io())?;
        progress(have);
    }
    out.flush().await.map_err(io())?;
    Ok(())
}
