//! A spinner on a terminal, a plain line elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Something that takes a while.
pub(crate) struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Says what is being waited for.
    pub(crate) fn start(what: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            eprintln!("{what}…");
            return Self(None);
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::new_spinner().with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(Some(bar))
    }

    /// It is over.
    pub(crate) fn done(self) {
        if let Some(bar) = self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Something that takes a while and knows how far it is: a bar on a terminal, a line for each tenth
/// elsewhere.
pub(crate) struct Counting {
    bar: Option<ProgressBar>,
    told: std::sync::atomic::AtomicUsize,
    what: &'static str,
}

impl Counting {
    /// Says what is being counted.
    pub(crate) fn start(what: &'static str) -> Self {
        let told = std::sync::atomic::AtomicUsize::new(0);
        if !std::io::stderr().is_terminal() {
            eprintln!("{what}…");
            return Self { bar: None, told, what };
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style).with_message(what);
        Self { bar: Some(bar), told, what }
    }

    /// `done` of `of` are done.
    pub(crate) fn at(&self, done: usize, of: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            return;
        }
        let tenth = done * 10 / of.max(1);
        if self.told.fetch_max(tenth, std::sync::atomic::Ordering::Relaxed) < tenth {
            eprintln!("{} {done}/{of}", self.what);
        }
    }

    /// It is over.
    pub(crate) fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
