//! What is written down of each use and each refusal, and what never is.

use std::io::Write;
use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;

use super::peer::{self, Peer};
use super::{ALL, Local, ask, engines, site};
use crate::policy::residency::{Grant, Stage};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log and the metrics of what `work` does.
fn watched(work: impl Future<Output = ()>) -> (String, String) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    });
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (log, handle.render())
}

#[test]
fn a_refusal_is_counted_and_audited_without_a_word_of_the_call() {
    let (log, metrics) = watched(async {
        let peer = Peer::start(|_, request| peer::healthy(request)).await;
        let mut sealed = site(&peer.base_url());
        sealed.text_may_leave = false;
        ask(&engines(Local::Unavailable, &sealed, ALL), Stage::Llm).await;
        let open = site(&peer.base_url());
        ask(&engines(Local::Unavailable, &open, Grant::default()), Stage::Tts).await;
        ask(&engines(Local::Serves, &open, Grant::default()), Stage::Tts).await;
        assert_eq!(peer.connections(), 0);
    });
    for (stage, reason) in [("llm", "site"), ("tts", "assistant")] {
        let line = log.lines().find(|line| {
            line.contains("sawt::audit") && line.contains(&format!("stage=\"{stage}\""))
        });
        let line = line.unwrap_or_else(|| panic!("{log}"));
        assert!(line.contains("call_id=call-1") && line.contains("127.0.0.1:"), "{line}");
        assert!(line.contains(&format!("reason=\"{reason}\"")), "{line}");
        let counted =
            format!("sawt_remote_refused_total{{stage=\"{stage}\",reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&counted), "{metrics}");
    }
    assert!(!log.contains("secret words"), "{log}");
}

#[test]
fn a_use_is_counted_and_audited_and_neither_key_nor_words_are_anywhere() {
    let (log, metrics) = watched(async {
        let peer = Peer::start(|n, request| {
            if n < 3 {
                return peer::healthy(request);
            }
            // A service that repeats what it was sent, the key included.
            let body = r#"{"error": {"message": "my secret words sk-hush", "code": "sk-hush x"}}"#;
            peer::answer("400 Bad Request", "application/json", "", body.as_bytes())
        })
        .await;
        let mut open = site(&peer.base_url());
        for stage in [&mut open.stt, &mut open.llm, &mut open.tts] {
            stage.api_key = "sk-hush".into();
        }
        assert!(!format!("{open:?}").contains("sk-hush"));
        let engines = engines(Local::Unavailable, &open, ALL);
        for stage in Stage::ALL.into_iter().chain(Stage::ALL) {
            ask(&engines, stage).await;
        }
    });
    for stage in ["stt", "llm", "tts"] {
        for outcome in ["answered", "failed"] {
            let counted =
                format!("sawt_remote_requests_total{{stage=\"{stage}\",outcome=\"{outcome}\"}} 1");
            assert!(metrics.contains(&counted), "{metrics}");
        }
    }
    assert_eq!(log.matches("Remote engine used.").count(), 6, "{log}");
    assert!(!log.contains("sk-hush") && !log.contains("secret words"), "{log}");
}
