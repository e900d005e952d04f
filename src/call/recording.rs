//! Whether this call is recorded, and what of it: consent first, then both sides on the call's own timeline.
//!
//! The caller's side is what `listening` heard, the agent's what `playout` paced out, at the time when it is heard: what
//! is taken back before is in no recording. Pieces of a tenth of a second go to the [`Writer`], which is never
//! waited for. Lacks withdrawal: a consent that was given holds for the call; and a second try: whoever talks over the
//! consent line, so that it is cut, is not recorded.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::listening::Listening;
use crate::audio::{duration_of, samples_in};
use crate::recording::{Ended, Piece, Writer, create};
use crate::speech::normalise::{Form, normalise};
use crate::telemetry::metrics;
use crate::tools::{Answer, answer_of};
use crate::turn::CallTime;

/// Pieces are this long: few enough to cost nothing, and what is lost at most on the way to the disk.
const PIECE: Duration = Duration::from_millis(100);

/// What makes a recording lawful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The assistant's consent line was said in full.
    Announced,
    /// And the caller's next words were nothing but a yes.
    Given,
}

/// A recording that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRecording {
    /// Where it goes; made when there is consent, and not before.
    pub path: PathBuf,
    /// What has to come first.
    pub after: Consent,
}

/// What became of the recording of a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordingReport {
    /// `recorded`, `broken_off`, `not_announced`, `refused` or `no_consent`.
    pub outcome: &'static str,
    /// The file's name, beside the call's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Time in the call of its first sample, in milliseconds.
    pub from_ms: u64,
    /// How long it is, in milliseconds.
    pub length_ms: u64,
    /// How much of that is missing, and silent, because the disk was too slow.
    pub lost_ms: u64,
    /// Why it is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The recording of one call.
#[derive(Debug)]
pub(crate) struct Recording {
    wanted: Option<WantedRecording>,
    agent_rate_hz: u32,
    state: State,
    /// Agent's frames that are not in a piece yet, with the time when each is heard.
    agent: VecDeque<(CallTime, Vec<i16>)>,
    /// When everything that was pushed will have been heard.
    heard_at: CallTime,
}

#[derive(Debug)]
enum State {
    /// Nobody has said yet that the call is recorded.
    Unannounced,
    /// The caller was asked; what their words of now mean, once they stand.
    Asked(Option<Answer>),
    /// The caller said no.
    Refused,
    /// The caller said something else.
    NoConsent,
    Running(Running),
    /// It could not be begun.
    Failed(String),
}

#[derive(Debug)]
struct Running {
    writer: Writer,
    from: CallTime,
    /// Everything before is with the writer.
    sent_until: CallTime,
    /// The first of the caller's samples that is not.
    caller_next: u64,
    lost: Duration,
}

impl Recording {
    pub(crate) fn new(wanted: Option<WantedRecording>, agent_rate_hz: u32) -> Self {
        Self {
            wanted,
            agent_rate_hz,
            state: State::Unannounced,
            agent: VecDeque::new(),
            heard_at: CallTime::ZERO,
        }
    }

    /// The caller has heard these words of the agent, `consent` being its line for that.
    pub(crate) fn said(&mut self, now: CallTime, heard: &str, consent: &str) {
        let Some(wanted) = &self.wanted else { return };
        let (heard, consent) = (normalise(heard, Form::Folded), normalise(consent, Form::Folded));
        let announced = !consent.is_empty() && heard.contains(&consent);
        if announced && matches!(self.state, State::Unannounced) {
            match wanted.after {
                Consent::Announced => self.start(now),
                Consent::Given => self.state = State::Asked(None),
            }
        }
    }

    /// The caller's turn seems to be over. They may still go on.
    pub(crate) fn caller_said(&mut self, words: &str) {
        if let State::Asked(answer) = &mut self.state {
            *answer = Some(answer_of(words));
        }
    }

    /// The answer to the caller's turn is heard: what they said will not change any more.
    pub(crate) fn turn_stands(&mut self, now: CallTime) {
        match self.state {
            State::Asked(Some(Answer::Yes)) => self.start(now),
            State::Asked(Some(Answer::No)) => self.state = State::Refused,
            State::Asked(Some(Answer::Neither)) => self.state = State::NoConsent,
            _ => {}
        }
    }

    fn start(&mut self, now: CallTime) {
        let Some(wanted) = &self.wanted else { return };
        // Whole milliseconds, and none before the consent.
        let from = CallTime::from_millis(now.as_millis() + 1);
        let path = wanted.path.clone();
        let open = {
            let path = path.clone();
            move || create(&path)
        };
        self.state = match Writer::start(path, from, self.agent_rate_hz, open) {
            Ok(writer) => {
                tracing::info!(from_ms = from.as_millis(), "The call is recorded from here on.");
                let (sent_until, lost) = (from, Duration::ZERO);
                State::Running(Running { writer, from, sent_until, caller_next: 0, lost })
            }
            Err(error) => {
                tracing::error!(%error, "The call is not recorded.");
                State::Failed(error.to_string())
            }
        };
    }

    /// Audio was pushed at `now`, to be heard after what was pushed before.
    pub(crate) fn pushed(&mut self, now: CallTime, frame: &[i16]) {
        if self.wanted.is_none() {
            return;
        }
        let at = self.heard_at.max(now);
        self.heard_at = at + duration_of(frame.len() as u64, self.agent_rate_hz);
        self.agent.push_back((at, frame.to_vec()));
    }

    /// What was not heard at `now` never will be.
    pub(crate) fn taken_back(&mut self, now: CallTime) {
        self.heard_at = self.heard_at.min(now);
        while let Some((at, frame)) = self.agent.back_mut() {
            let heard = samples_in(now.since(*at), self.agent_rate_hz) as usize;
            frame.truncate(heard);
            if heard > 0 {
                break;
            }
            self.agent.pop_back();
        }
    }

    /// Gives what was heard since to the writer, where that is worth a piece.
    pub(crate) fn follow(&mut self, now: CallTime, listening: &Listening) {
        let State::Running(running) = &mut self.state else {
            // Only what is still to be heard may become part of a recording.
            let rate_hz = self.agent_rate_hz;
            let over =
                |at: CallTime, frame: &[i16]| at + duration_of(frame.len() as u64, rate_hz) <= now;
            while self.agent.pop_front_if(|(at, frame)| over(*at, frame)).is_some() {}
            return;
        };
        if now.since(running.sent_until) < PIECE {
            return;
        }
        running.send(now, listening, &mut self.agent, self.agent_rate_hz);
    }

    /// The call is over. What is returned waits for the file's end, a few seconds at most; none: no recording was
    /// wanted.
    pub(crate) fn end(
        &mut self,
        now: CallTime,
        listening: &Listening,
    ) -> impl Future<Output = Option<RecordingReport>> + Send + use<> {
        self.taken_back(now);
        let wanted = self.wanted.take();
        let mut state = std::mem::replace(&mut self.state, State::Unannounced);
        if let State::Running(running) = &mut state {
            running.send(now, listening, &mut self.agent, self.agent_rate_hz);
        }
        async move { Some(report(wanted?, state).await) }
    }

    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }
}

/// Waits for the file's end, where there is one.
async fn report(wanted: WantedRecording, state: State) -> RecordingReport {
    let (outcome, problem) = match &state {
        State::Unannounced => ("not_announced", None),
        State::Asked(_) | State::NoConsent => ("no_consent", None),
        State::Refused => ("refused", None),
        State::Failed(problem) => ("broken_off", Some(problem.clone())),
        State::Running(_) => ("recorded", None),
    };
    let (file, from_ms, length_ms, lost_ms) = (None, 0, 0, 0);
    let mut report = RecordingReport { outcome, file, from_ms, length_ms, lost_ms, problem };
    if let State::Running(Running { writer, from, lost, .. }) = state {
        let ended = tokio::task::spawn_blocking(move || writer.end()).await;
        let ended = ended.unwrap_or_else(|error| Ended {
            length_ms: 0,
            problem: Some(format!("its writer broke off: {error}")),
        });
        let name = wanted.path.file_name();
        report.file = name.map(|name| name.to_string_lossy().into_owned());
        report.outcome = if ended.problem.is_none() { "recorded" } else { "broken_off" };
        (report.length_ms, report.problem) = (ended.length_ms, ended.problem);
        report.from_ms = from.as_millis();
        report.lost_ms = u64::try_from(lost.as_millis()).unwrap_or(u64::MAX);
    }
    metrics::recording(report.outcome, report.lost_ms);
    if report.lost_ms > 0 {
        let lost_ms = report.lost_ms;
        tracing::warn!(lost_ms, "The disk was too slow for the recording; there are gaps in it.");
    }
    report
}

impl Running {
    fn send(
        &mut self,
        now: CallTime,
        listening: &Listening,
        agent: &mut VecDeque<(CallTime, Vec<i16>)>,
        agent_rate_hz: u32,
    ) {
        let (at, pcm) = listening.since(self.caller_next);
        self.caller_next = at + pcm.len() as u64;
        // What the caller says may still be on its way to us; the agent's side is known until now.
        let until = listening.heard_until().min(now);
        let mut pieces = Vec::new();
        let length = |frame: &[i16]| duration_of(frame.len() as u64, agent_rate_hz);
        while let Some((at, frame)) = agent.pop_front_if(|(at, frame)| *at + length(frame) <= now) {
            pieces.push((samples_in(at.since(CallTime::ZERO), agent_rate_hz), frame));
        }
        // A frame that is being heard comes whole with the next piece.
        let until = agent.front().map_or(until, |(at, _)| until.min(*at));
        let piece = Piece { caller: Some((at, pcm)), agent: pieces, until };
        if !self.writer.push(piece) {
            self.lost += until.since(self.sent_until);
        }
        self.sent_until = self.sent_until.max(until);
    }
}

#[cfg(test)]
mod tests;
