//! Ends a reply before any of the caller's stop strings.
//!
//! Text that might be the beginning of a stop string is held until it is known not to be one.

#[derive(Debug)]
pub(crate) struct StopFilter {
    stops: Vec<String>,
    held: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) text: String,
    /// A stop string came; nothing more may be pushed.
    pub(crate) stopped: bool,
}

impl StopFilter {
    /// Empty strings are ignored: they would stop everything.
    pub(crate) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|s| !s.is_empty()).collect();
        Self { stops, held: String::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> Passed {
        self.held.push_str(text);
        let first = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = first {
            self.held.truncate(at);
            return Passed { text: std::mem::take(&mut self.held), stopped: true };
        }
        // The earliest place from which the held text may still become a stop string.
        let keep_from = self
            .held
            .char_indices()
            .map(|(at, _)| at)
            .find(|at| self.stops.iter().any(|stop| stop.starts_with(&self.held[*at..])))
            .unwrap_or(self.held.len());
        let kept = self.held.split_off(keep_from);
        Passed { text: std::mem::replace(&mut self.held, kept), stopped: false }
    }

    /// The reply ended: what was held is text after all.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(stops: &[&str], pieces: &[&str], want: &str, want_stopped: bool) {
        let mut filter = StopFilter::new(stops.iter().map(ToString::to_string).collect());
        let mut text = String::new();
        let mut stopped = false;
        for piece in pieces {
            let passed = filter.push(piece);
            text += &passed.text;
            if passed.stopped {
                stopped = true;
                break;
            }
        }
        if !stopped {
            text += &filter.finish();
        }
        assert_eq!((text.as_str(), stopped), (want, want_stopped));
    }

    #[test]
    fn text_without_stop_strings_passes_at_once() {
        let mut filter = StopFilter::new(Vec::new());
        assert_eq!(filter.push("hello").text, "hello");
    }

    #[test]
    fn reply_ends_before_the_stop_string() {
        check(&["\nUser:"], &["Hi.\n", "Us", "er: and more"], "Hi.", true);
        check(&["b", "ab"], &["xab"], "x", true);
    }

    #[test]
    fn false_beginnings_pass_later() {
        check(&["\nUser:"], &["a\n", "Use", "ful"], "a\nUseful", false);
        check(&["aab"], &["aaa", "ab!"], "aa", true);
    }

    #[test]
    fn held_text_comes_out_at_the_end() {
        check(&["###"], &["ab##"], "ab##", false);
    }

    #[test]
    fn arabic_stop_string_is_found_across_pieces() {
        check(&["مع السلامة"], &["شكرا مع ال", "سلامة أبدا"], "شكرا ", true);
    }

    #[test]
    fn empty_stop_string_stops_nothing() {
        check(&[""], &["abc"], "abc", false);
    }
}
