//! A call from WAV files: the caller speaks them one after another, the conversation is written to
//! a stereo file. Time is counted in samples, so a call runs as fast as the engines do.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use super::{AgentState, CallTransport, Caller, Caption, CloseReason, TransportEvent};
use crate::audio::{self, CALLER_RATE_HZ, FRAME_MS, duration_of, samples_in};
use crate::turn::CallTime;

/// Caller's samples in a frame.
const FRAME_SAMPLES: usize = (CALLER_RATE_HZ * FRAME_MS / 1000) as usize;

/// The agent has ended its say after this much quiet.
const AGENT_QUIET: Duration = Duration::from_millis(700);

/// A welcome comes within this time or not at all.
const WELCOME_WAIT: Duration = Duration::from_secs(2);

/// An answer comes within this time or not at all.
const ANSWER_WAIT: Duration = Duration::from_secs(20);

/// How a call from files is run.
#[derive(Debug, Clone, Default)]
pub struct WavOptions {
    /// Rate of the agent's audio.
    pub agent_rate_hz: u32,
    /// Where the conversation goes: caller left, agent right.
    pub out: Option<PathBuf>,
    /// Let time pass as for a person, and not as fast as the engines allow.
    pub real_time: bool,
}

/// A caller made of files.
pub struct WavTransport {
    options: WavOptions,
    turns: VecDeque<Vec<i16>>,
    events: VecDeque<TransportEvent>,
    frames: u64,
    part: Part,
    /// What the caller said, from the start of the call.
    caller: Vec<i16>,
    /// What the agent said, from the start of the call; ends where its audio ends.
    agent: Vec<i16>,
    real_start: Option<tokio::time::Instant>,
}

/// What the caller does.
enum Part {
    /// Waits for the agent to end its say, since then.
    Waiting {
        since: CallTime,
        patience: Duration,
    },
    Speaking {
        pcm: Vec<i16>,
        at: usize,
    },
}

impl WavTransport {
    /// A caller who speaks `turns` (mono PCM at [`CALLER_RATE_HZ`]).
    pub fn new(turns: Vec<Vec<i16>>, options: WavOptions) -> Self {
        let caller = Caller { identity: "wav".into(), name: String::new() };
        Self {
            options,
            turns: turns.into(),
            events: [TransportEvent::CallerReady(caller)].into(),
            frames: 0,
            part: Part::Waiting { since: CallTime::ZERO, patience: WELCOME_WAIT },
            caller: Vec::new(),
            agent: Vec::new(),
            real_start: None,
        }
    }

    fn agent_ends_at(&self) -> CallTime {
        CallTime::ZERO + duration_of(self.agent.len() as u64, self.options.agent_rate_hz)
    }

    fn agent_index(&self, at: CallTime) -> usize {
        samples_in(at.since(CallTime::ZERO), self.options.agent_rate_hz) as usize
    }

    /// The caller's next 20 ms, or the end of the input.
    fn next_frame(&mut self) -> Option<Vec<i16>> {
        let now = self.now();
        let agent_ends_at = self.agent_ends_at();
        if let Part::Waiting { since, patience } = self.part {
            let answered = agent_ends_at > since && agent_ends_at + AGENT_QUIET <= now;
            let given_up = agent_ends_at <= since && since + patience <= now;
            if answered || given_up {
                let pcm = self.turns.pop_front()?;
                self.part = Part::Speaking { pcm, at: 0 };
            }
        }
        let mut frame = vec![0; FRAME_SAMPLES];
        if let Part::Speaking { pcm, at } = &mut self.part {
            let rest = &pcm[(*at).min(pcm.len())..];
            let length = rest.len().min(FRAME_SAMPLES);
            frame[..length].copy_from_slice(&rest[..length]);
            *at += FRAME_SAMPLES;
            if *at >= pcm.len() {
                self.part = Part::Waiting { since: now, patience: ANSWER_WAIT };
            }
        }
        Some(frame)
    }

    async fn keep_pace(&mut self) {
        if self.options.real_time {
            let start = *self.real_start.get_or_insert_with(tokio::time::Instant::now);
            tokio::time::sleep_until(start + self.now().since(CallTime::ZERO)).await;
        }
    }
}

#[async_trait]
impl CallTransport for WavTransport {
    fn now(&self) -> CallTime {
        CallTime::from_millis(self.frames * u64::from(FRAME_MS))
    }

    async fn next_event(&mut self) -> TransportEvent {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        self.keep_pace().await;
        let Some(frame) = self.next_frame() else {
            return TransportEvent::Closed(CloseReason::InputEnded);
        };
        self.frames += 1;
        self.caller.extend(&frame);
        TransportEvent::CallerAudio(frame)
    }

    fn time_waits(&self) -> bool {
        !self.options.real_time
    }

    fn agent_rate_hz(&self) -> u32 {
        self.options.agent_rate_hz
    }

    fn lead_ms(&self) -> u32 {
        // Nobody is late here; but a call in real time is woken by a clock.
        if self.options.real_time { 40 } else { FRAME_MS }
    }

    fn push_audio(&mut self, pcm: &[i16]) {
        let now = self.agent_index(self.now());
        if self.agent.len() < now {
            self.agent.resize(now, 0);
        }
        self.agent.extend(pcm);
    }

    fn clear_audio(&mut self) {
        let now = self.agent_index(self.now());
        self.agent.truncate(now);
    }

    fn send_caption(&mut self, _: Caption) {}

    fn set_agent_state(&mut self, _: AgentState) {}

    async fn close(&mut self, _: &str) {
        let Some(out) = &self.options.out else { return };
        let rate_hz = self.options.agent_rate_hz;
        let written = audio::resample(&self.caller, CALLER_RATE_HZ, rate_hz)
            .map_err(audio::wav::WavError::from)
            .and_then(|caller| audio::wav::write(out, rate_hz, &[&caller, &self.agent]));
        if let Err(error) = written {
            tracing::error!(%error, "The conversation could not be written.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_caller_waits_for_the_agent_to_end_its_say() {
        let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
        let mut transport = WavTransport::new(vec![vec![1_000; 3_200]], options);
        assert!(matches!(transport.next_event().await, TransportEvent::CallerReady(_)));
        transport.push_audio(&[500; 24_000]);
        let mut spoke_at = None;
        for _ in 0..2_000 {
            match transport.next_event().await {
                TransportEvent::CallerAudio(pcm) if pcm[0] != 0 => {
                    spoke_at.get_or_insert(transport.now());
                }
                TransportEvent::Closed(CloseReason::InputEnded) => break,
                _ => {}
            }
        }
        assert_eq!(spoke_at, Some(CallTime::from_millis(1_720)));
        assert!(transport.now() >= CallTime::from_millis(20_000), "it waited for an answer");
    }

    #[tokio::test]
    async fn cleared_audio_is_not_in_the_recording() {
        let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
        let mut transport = WavTransport::new(Vec::new(), options);
        transport.next_event().await;
        transport.push_audio(&[500; 24_000]);
        transport.next_event().await;
        transport.clear_audio();
        assert_eq!(transport.agent.len(), 480);
    }
}
