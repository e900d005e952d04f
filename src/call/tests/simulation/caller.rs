//! The simulated caller: a plan by frames of 20 ms, and a transport that carries it out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;

use super::stage::{LEAD_MS, RATE_HZ, Stage};
use crate::simulation::Chance;
use crate::transport::{AgentState, CallTransport, Caller, Caption, CloseReason, TransportEvent};
use crate::turn::CallTime;

const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 320;
/// Frames that a transport holds for a call that stands still.
const HELD_MAX: u64 = 50;

/// How loud a sound is tells the voice detector of the simulation what it is.
pub(super) const SPEECH: i16 = 8_000;
pub(super) const NOISE: i16 = 500;

/// What the caller does, by frame.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// From, until, loudness.
    pub(super) sounds: Vec<(u64, u64, i16)>,
    pub(super) muted: Vec<(u64, u64)>,
    events: BTreeMap<u64, Vec<TransportEvent>>,
    /// The call stands still at this frame, for so many.
    pub(super) stall: Option<(u64, u64)>,
    /// The caller hangs up by then; otherwise the agent has to.
    pub(super) hang_up: Option<u64>,
}

pub(super) fn plan(chance: &mut Chance) -> Plan {
    let mut plan = Plan::default();
    let mut now = chance.below(25);
    let caller = Caller { identity: "caller".into(), name: String::new() };
    plan.event(now, TransportEvent::CallerReady(caller.clone()));
    if chance.percent(5) {
        plan.event(now + chance.below(100), TransportEvent::CallerReady(caller)); // subscribed again
    }
    for n in 0..chance.between(1, 6) {
        now += chance.between(5, 150);
        match chance.below(12) {
            0 => plan.event(now, TransportEvent::CallerText(format!("typed {n}"))),
            1 => now = plan.sound(now, chance.between(1, 10), SPEECH), // 0.2 s at most
            2 => now = plan.sound(now, chance.between(10, 100), NOISE),
            3 => {
                // Ten interruptions in ten seconds.
                for _ in 0..10 {
                    now = plan.sound(now, chance.between(8, 35), SPEECH) + chance.between(5, 30);
                }
            }
            4 if chance.percent(20) => now = plan.sound(now, chance.between(500, 2_500), SPEECH),
            5 => {
                let start = now;
                now = plan.sound(now, chance.between(20, 150), SPEECH);
                plan.muted.push((start + chance.below(now - start), now + chance.below(50)));
            }
            6 if chance.percent(30) => {
                plan.event(now, TransportEvent::Reconnecting);
                plan.event(now + chance.below(100), TransportEvent::Reconnected);
            }
            _ => {
                for _ in 0..chance.between(1, 4) {
                    now = plan.sound(now, chance.between(15, 150), SPEECH) + chance.between(3, 60);
                }
            }
        }
    }
    if chance.percent(15) {
        plan.stall = Some((chance.below(now), chance.between(5, 150)));
    }
    if chance.percent(60) {
        let end = now + chance.below(200);
        let reason = match chance.below(3) {
            0 => CloseReason::CallerLeft,
            1 => CloseReason::RoomClosed,
            _ => CloseReason::Lost("as simulated".into()),
        };
        plan.hang_up = Some(end);
        plan.event(end, TransportEvent::Closed(reason));
    }
    plan
}

impl Plan {
    fn event(&mut self, frame: u64, event: TransportEvent) {
        self.events.entry(frame).or_default().push(event);
    }

    fn sound(&mut self, from: u64, frames: u64, loudness: i16) -> u64 {
        self.sounds.push((from, from + frames, loudness));
        from + frames
    }

    fn frame(&self, at: u64) -> TransportEvent {
        let within = |(from, until): (u64, u64)| (from..until).contains(&at);
        if self.muted.iter().any(|span| within(*span)) {
            return TransportEvent::Tick;
        }
        let sound = self.sounds.iter().find(|(from, until, _)| within((*from, *until)));
        let loudness = sound.map_or(0, |(_, _, loudness)| *loudness);
        TransportEvent::CallerAudio(vec![loudness; FRAME_SAMPLES])
    }
}

/// Carries a plan out in virtual time.
pub(super) struct SimulatedTransport {
    stage: Stage,
    plan: Plan,
    frame: u64,
    waiting: VecDeque<TransportEvent>,
}

impl SimulatedTransport {
    pub(super) fn new(stage: Stage, plan: Plan) -> Self {
        Self { stage, plan, frame: 0, waiting: VecDeque::new() }
    }

    /// Time passes while nobody calls us, and the newest second of audio is held.
    fn stand_still(&mut self) {
        let Some((_, frames)) = self.plan.stall.take_if(|(at, _)| *at == self.frame) else {
            return;
        };
        self.stage.lock().stalled += FRAME * frames as u32;
        let end = self.frame + frames;
        for frame in self.frame..end {
            self.waiting.extend(self.plan.events.remove(&frame).unwrap_or_default());
            let audio = self.plan.frame(frame);
            if frame + HELD_MAX >= end && audio != TransportEvent::Tick {
                self.waiting.push_back(audio);
            }
        }
        self.frame = end;
    }
}

#[async_trait]
impl CallTransport for SimulatedTransport {
    fn now(&self) -> CallTime {
        self.stage.now()
    }

    async fn next_event(&mut self) -> TransportEvent {
        if let Some(event) = self.waiting.pop_front() {
            return event;
        }
        let (start, stalled) = {
            let state = self.stage.lock();
            (state.start, state.stalled)
        };
        let due = FRAME * (self.frame + 1) as u32;
        tokio::time::sleep_until(start + due.saturating_sub(stalled)).await;
        self.stand_still();
        self.waiting.extend(self.plan.events.remove(&self.frame).unwrap_or_default());
        self.waiting.push_back(self.plan.frame(self.frame));
        self.frame += 1;
        self.waiting.pop_front().expect("a frame")
    }

    fn agent_rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn lead_ms(&self) -> u32 {
        LEAD_MS
    }

    fn push_audio(&mut self, pcm: &[i16]) {
        let now = self.now();
        self.stage.lock().push(now, pcm);
    }

    fn clear_audio(&mut self) {
        let now = self.now();
        self.stage.tell(|| "clear".into());
        self.stage.lock().clear(now);
    }

    fn send_caption(&mut self, caption: Caption) {
        self.stage.tell(|| format!("{caption:?}"));
        if caption.speaker == crate::transport::Speaker::Agent {
            let now = self.now();
            self.stage.lock().caption(now, &caption);
        }
    }

    fn set_agent_state(&mut self, state: AgentState) {
        self.stage.tell(|| format!("{state:?}"));
    }

    async fn close(&mut self, reason: &str) {
        self.stage.tell(|| format!("closed: {reason}"));
        let now = self.now();
        self.stage.lock().clear(now);
    }
}
