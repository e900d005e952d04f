//! The order in which steps are rendered. Pure: no thread, no clock.
//!
//! The request with the least audio made so far goes first, so a new caller's first chunk overtakes
//! the later chunks of an answer that is already playing, and equals take turns.

/// Waiting jobs; bounded by the admission gate in front of it.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    waiting: Vec<Waiting<T>>,
    arrivals: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    audio_ms: u64,
    arrival: u64,
    job: T,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: Vec::new(), arrivals: 0 }
    }
}

impl<T> Queue<T> {
    /// Adds `job` of a request that has `audio_ms` of audio already.
    pub(crate) fn push(&mut self, audio_ms: u64, job: T) {
        self.waiting.push(Waiting { audio_ms, arrival: self.arrivals, job });
        self.arrivals += 1;
    }

    /// The next job: least audio made, then first come.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let keys = self.waiting.iter().enumerate();
        let (index, _) = keys.min_by_key(|(_, w)| (w.audio_ms, w.arrival))?;
        Some(self.waiting.swap_remove(index).job)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_sentences_overtake_later_ones_and_equals_keep_their_order() {
        let mut queue = Queue::default();
        queue.push(4000, "long answer, third sentence");
        queue.push(0, "first caller");
        queue.push(0, "second caller");
        queue.push(900, "short answer, second sentence");
        assert_eq!(queue.len(), 4);
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(
            order,
            [
                "first caller",
                "second caller",
                "short answer, second sentence",
                "long answer, third sentence"
            ]
        );
    }
}
