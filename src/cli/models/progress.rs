//! Shows a pull: bars on a terminal, lines elsewhere, JSON on request.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::models::pull::{EventSink, PullEvent};
use crate::models::size;

/// The sink that fits where the output goes.
pub(super) fn sink(json: bool) -> EventSink {
    if json {
        Arc::new(json_line)
    } else if std::io::stderr().is_terminal() {
        let bars = Mutex::new(Bar::default());
        Arc::new(move |event| {
            bars.lock().unwrap_or_else(PoisonError::into_inner).show(event);
        })
    } else {
        Arc::new(plain_line)
    }
}

fn json_line(event: PullEvent) {
    if let Ok(line) = serde_json::to_string(&event) {
        println!("{line}");
    }
}

fn plain_line(event: PullEvent) {
    match event {
        PullEvent::Started { model, bytes } => println!("{model}: {}", size(bytes)),
        PullEvent::Step { model, step } => println!("{model}: {step}"),
        PullEvent::Progress { .. } => {} // a log file wants steps, not percents
        other => println!("{}", sentence(&other)),
    }
}

fn sentence(event: &PullEvent) -> String {
    match event {
        PullEvent::Installed { model, was_here: true, .. } => format!("{model}: is here"),
        PullEvent::Installed { model, dir, .. } => {
            format!("{model}: installed in {}", dir.display())
        }
        PullEvent::DigestRecorded { model, file, sha256 } => format!(
            "{model}: no digest of {file} was published; recorded sha256 {sha256} \
             (compare it with a source you trust)"
        ),
        PullEvent::Started { model, .. }
        | PullEvent::Step { model, .. }
        | PullEvent::Progress { model, .. } => model.clone(),
    }
}

/// One bar for the step at work; finished models are lines above it.
#[derive(Default)]
struct Bar {
    bar: Option<ProgressBar>,
    /// Models whose bar counts bytes by now.
    counting: HashSet<String>,
}

impl Bar {
    fn show(&mut self, event: PullEvent) {
        match event {
            PullEvent::Started { .. } => {}
            PullEvent::Step { model, step } => {
                self.clear();
                let bar = ProgressBar::new_spinner();
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                    bar.set_style(style);
                }
                bar.set_message(format!("{model}: {step}"));
                bar.enable_steady_tick(Duration::from_millis(120));
                self.bar = Some(bar);
            }
            PullEvent::Progress { model, done_bytes, total_bytes } => {
                let Some(bar) = &self.bar else { return };
                if self.counting.insert(model) && total_bytes > 0 {
                    let template = "{spinner} {msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}";
                    if let Ok(style) = ProgressStyle::with_template(template) {
                        bar.set_style(style);
                    }
                }
                bar.set_length(total_bytes);
                bar.set_position(done_bytes);
            }
            PullEvent::Installed { .. } | PullEvent::DigestRecorded { .. } => {
                self.clear();
                eprintln!("{}", sentence(&event));
            }
        }
    }

    fn clear(&mut self) {
        self.counting.clear();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
