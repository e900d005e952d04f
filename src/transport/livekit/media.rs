//! Frames of one audio stream between the library's thread and the call.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Frames that may wait; when full the oldest is dropped and counted, because late audio is worth
/// less than present audio. A second of 20 ms frames: no call is that far behind and alive.
const FRAMES_MAX: usize = 50;

/// A bounded queue of frames that never makes its producer wait.
#[derive(Debug, Default)]
pub(super) struct MediaQueue {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Vec<i16>>,
    ended: bool,
    dropped: u64,
}

impl MediaQueue {
    /// Adds a frame.
    pub(super) fn push(&self, pcm: Vec<i16>) {
        let mut state = self.state();
        if state.frames.len() >= FRAMES_MAX {
            state.frames.pop_front();
            state.dropped += 1;
        }
        state.frames.push_back(pcm);
        drop(state);
        self.arrived.notify_one();
    }

    /// No more frames come.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.arrived.notify_one();
    }

    /// The next frame; nothing once the stream has ended. Cancel-safe; one reader at a time.
    pub(super) async fn next(&self) -> Option<Vec<i16>> {
        loop {
            {
                let mut state = self.state();
                if let Some(frame) = state.frames.pop_front() {
                    return Some(frame);
                }
                if state.ended {
                    return None;
                }
            }
            // `notify_one` leaves a permit when nobody waits, so a frame between the check above
            // and this wait is not missed.
            self.arrived.notified().await;
        }
    }

    /// Frames dropped so far because the reader was late.
    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_reader_gets_the_newest_frames_and_the_loss_is_counted() {
        let queue = MediaQueue::default();
        for n in 0..FRAMES_MAX + 3 {
            queue.push(vec![n as i16]);
        }
        assert_eq!(queue.dropped(), 3);
        assert_eq!(queue.next().await, Some(vec![3]));
    }

    #[tokio::test]
    async fn frames_before_the_end_are_still_read() {
        let queue = MediaQueue::default();
        queue.push(vec![7]);
        queue.end();
        assert_eq!(queue.next().await, Some(vec![7]));
        assert_eq!(queue.next().await, None);
    }
}
