//! Server-sent events, as far as streamed chat needs them: the data of each event, from bytes in
//! pieces of any size. Names, ids and retry times are passed over. Pure, and bounded.

/// Longest event: a token with its statistics has a few hundred bytes.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Why the stream is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    /// An event without end.
    #[error("an event of more than {EVENT_BYTES_MAX} bytes")]
    TooLong,
    /// Not text.
    #[error("an event that is not UTF-8")]
    NotUtf8,
}

/// Takes bytes, gives the data of whole events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Option<String>,
}

impl Events {
    /// Takes the next bytes; returns the data of the events that they complete.
    ///
    /// # Errors
    /// When this is no stream of events that we could read.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, SseError> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
            if held > EVENT_BYTES_MAX {
                return Err(SseError::TooLong);
            }
            if self.line.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                let line = std::str::from_utf8(&line).map_err(|_| SseError::NotUtf8)?;
                events.extend(self.take_line(line.trim_end_matches(['\r', '\n'])));
            }
        }
        Ok(events)
    }

    fn take_line(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            return self.data.take();
        }
        let value = line.strip_prefix("data:")?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            none => *none = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str =
        ": hello\r\nevent: x\r\ndata: {\"a\":1}\r\n\r\n\ndata:one\ndata: two\n\ndata: مرحبا\n\n";

    #[test]
    fn events_come_whole_however_they_are_cut() {
        for size in 1..=STREAM.len() {
            let mut events = Events::default();
            let found: Vec<String> = STREAM
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| events.push(piece).unwrap())
                .collect();
            assert_eq!(found, ["{\"a\":1}", "one\ntwo", "مرحبا"], "pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; 1024];
        let error = (0..10_000).find_map(|_| events.push(&piece).err());
        assert_eq!(error, Some(SseError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let mut events = Events::default();
            let _ = events.push(&bytes);
            let _ = events.push(&bytes);
        }
    }
}
