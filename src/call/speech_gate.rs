//! From speech probabilities to "the caller speaks" and "the caller stopped". Pure.

use std::time::Duration;

use crate::config::VadConfig;
use crate::turn::CallTime;

/// Hysteresis over the voice detector's windows.
#[derive(Debug)]
pub(crate) struct SpeechGate {
    start_above: f32,
    end_below: f32,
    speech_min: Duration,
    silence_min: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Silence,
    /// Maybe speech: so far voiced since then.
    Rising {
        since: CallTime,
    },
    Speech,
    /// Maybe over: silent since then.
    Falling {
        since: CallTime,
    },
}

/// What the gate has become sure of, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpeechEdge {
    /// Perhaps somebody begins to speak.
    Likely,
    /// Nobody did.
    Unlikely,
    Started {
        at: CallTime,
    },
    /// Silence in speech: a breath or its end.
    Paused {
        at: CallTime,
    },
    /// It was a breath.
    Resumed {
        at: CallTime,
    },
    Ended {
        at: CallTime,
    },
}

/// How far the probability must fall below the threshold before speech may be over.
const HYSTERESIS: f32 = 0.15;

impl SpeechGate {
    pub(crate) fn new(config: &VadConfig) -> Self {
        Self {
            start_above: config.threshold,
            end_below: (config.threshold - HYSTERESIS).max(0.01),
            speech_min: Duration::from_millis(u64::from(config.speech_ms_min)),
            silence_min: Duration::from_millis(u64::from(config.silence_ms_min)),
            state: State::Silence,
        }
    }

    /// Takes the probability of the window `from..until`.
    pub(crate) fn push(
        &mut self,
        from: CallTime,
        until: CallTime,
        probability: f32,
    ) -> Option<SpeechEdge> {
        let voiced = probability >= self.start_above;
        let silent = probability < self.end_below;
        let (state, edge) = match self.state {
            State::Silence if voiced => {
                let (state, edge) = self.rise(from, until);
                (state, edge.or(Some(SpeechEdge::Likely)))
            }
            State::Silence => (State::Silence, None),
            State::Rising { .. } if silent => (State::Silence, Some(SpeechEdge::Unlikely)),
            State::Rising { since } => self.rise(since, until),
            State::Speech if silent => {
                let (state, edge) = self.fall(from, until);
                (state, edge.or(Some(SpeechEdge::Paused { at: from })))
            }
            State::Speech => (State::Speech, None),
            State::Falling { .. } if voiced => {
                (State::Speech, Some(SpeechEdge::Resumed { at: from }))
            }
            State::Falling { since } => self.fall(since, until),
        };
        self.state = state;
        edge
    }

    fn rise(&self, since: CallTime, until: CallTime) -> (State, Option<SpeechEdge>) {
        if until.since(since) >= self.speech_min {
            (State::Speech, Some(SpeechEdge::Started { at: since }))
        } else {
            (State::Rising { since }, None)
        }
    }

    fn fall(&self, since: CallTime, until: CallTime) -> (State, Option<SpeechEdge>) {
        if until.since(since) >= self.silence_min {
            (State::Silence, Some(SpeechEdge::Ended { at: since }))
        } else {
            (State::Falling { since }, None)
        }
    }

    /// Audio stopped coming at `at`: whoever spoke does not any more.
    pub(crate) fn cut_off(&mut self, at: CallTime) -> Option<SpeechEdge> {
        let was = std::mem::replace(&mut self.state, State::Silence);
        match was {
            State::Speech => Some(SpeechEdge::Ended { at }),
            State::Falling { since } => Some(SpeechEdge::Ended { at: since }),
            State::Rising { .. } => Some(SpeechEdge::Unlikely),
            State::Silence => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One character a window of 32 ms: `#` speech, `.` silence, `~` in between.
    fn edges(windows: &str) -> Vec<SpeechEdge> {
        let mut gate = SpeechGate::new(&VadConfig::default());
        windows
            .chars()
            .enumerate()
            .filter_map(|(n, c)| {
                let from = CallTime::from_millis(32 * n as u64);
                let until = from + Duration::from_millis(32);
                let probability = match c {
                    '#' => 0.9,
                    '~' => 0.4,
                    _ => 0.05,
                };
                gate.push(from, until, probability)
            })
            .filter(|edge| !matches!(edge, SpeechEdge::Likely | SpeechEdge::Unlikely))
            .collect()
    }

    fn started(window: u64) -> SpeechEdge {
        SpeechEdge::Started { at: CallTime::from_millis(32 * window) }
    }

    fn paused(window: u64) -> SpeechEdge {
        SpeechEdge::Paused { at: CallTime::from_millis(32 * window) }
    }

    fn resumed(window: u64) -> SpeechEdge {
        SpeechEdge::Resumed { at: CallTime::from_millis(32 * window) }
    }

    fn ended(window: u64) -> SpeechEdge {
        SpeechEdge::Ended { at: CallTime::from_millis(32 * window) }
    }

    #[test]
    fn speech_has_a_start_and_an_end_at_their_true_times() {
        assert_eq!(edges("....######........."), [started(4), paused(10), ended(10)]);
    }

    #[test]
    fn a_click_is_no_speech_and_a_breath_is_no_end() {
        assert_eq!(edges("..##......#........"), []);
        assert_eq!(
            edges("..####....####..........."),
            [started(2), paused(6), resumed(10), paused(14), ended(14)]
        );
    }

    #[test]
    fn what_may_become_speech_is_told_at_once_and_taken_back() {
        let mut gate = SpeechGate::new(&VadConfig::default());
        let mut push = |n: u64, probability| {
            let from = CallTime::from_millis(32 * n);
            gate.push(from, from + Duration::from_millis(32), probability)
        };
        assert_eq!(push(0, 0.9), Some(SpeechEdge::Likely));
        assert_eq!(push(1, 0.9), None);
        assert_eq!(push(2, 0.0), Some(SpeechEdge::Unlikely));
        assert_eq!(gate.cut_off(CallTime::from_millis(200)), None);
    }

    #[test]
    fn doubtful_windows_hold_what_was() {
        assert_eq!(edges("..####~~~~~~~~~~~~"), [started(2)]);
        assert_eq!(edges("~~~~~~~~~~~~~~~~~~"), []);
    }
}
