//! The agent worker protocol as a state machine: when to connect, what to answer, which jobs are
//! ours, how busy we say we are, when we are drained. No socket, clock, task or randomness: time
//! and chance come in as arguments, so every race is a test of a few lines.
//!
//! Admission lives here. A place is taken *before* an offer is accepted and given back if the
//! assignment does not come, so two offers at once can not overbook.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::proto::{FromServer, JobState, Offer, ToServer};
use super::status::{Link, RunningJob, WorkerStatus};

/// Time since the worker started.
pub(super) type Time = Duration;

/// LiveKit gives a worker no job at or above this load (`agents.target_load` of the server), so
/// whatever fills us up is reported as exactly this.
const LOAD_FULL: f32 = 0.7;
const STATUS_EVERY: Duration = Duration::from_millis(2500);
const REGISTER_WAIT: Duration = Duration::from_secs(10);
const ASSIGNMENT_WAIT: Duration = Duration::from_millis(7500);
/// The server pings every 10 s and we do too; nothing heard for three of these: the line is dead.
const PING_EVERY: Duration = Duration::from_secs(10);
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// A registration that held this long was a good one: the next loss starts at the shortest wait.
const GOOD_LINK: Duration = Duration::from_secs(10);
/// Time for calls to say goodbye after the drain's deadline.
const GOODBYE_WAIT: Duration = Duration::from_secs(10);
/// Unreadable frames on one connection before we call for a new one.
const MALFORMED_MAX: u32 = 16;

/// What the session must know and never changes.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) agent_name: String,
    pub(super) participant_name: String,
    pub(super) version: String,
    pub(super) calls_max: u32,
    /// Share of the processor at which offers are refused; 1 or more: never.
    pub(super) cpu_max: f32,
    /// Time that calls have to finish once we drain.
    pub(super) drain_max: Duration,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    /// The socket is open.
    Connected,
    /// There is no socket (any more). `chance` is a random number 0..1 that spreads reconnects.
    Lost { why: Lost, chance: f32 },
    /// The server said this.
    Message(FromServer),
    /// A frame came that says nothing to us: pings, pongs.
    Heard,
    /// A frame came that no server should send.
    Malformed,
    /// The processor's share of work, 0..1.
    Cpu(f32),
    /// Why a call that came now could not be answered; `None`: it could.
    Unfit(Option<String>),
    /// A call is over.
    JobEnded { job_id: String, result: Result<(), String> },
    /// Take no more calls and finish those that run.
    Drain,
    /// Time has passed.
    Tick,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nobody listens there: the server is down or restarting.
    NobodyThere(String),
    /// The server does not know the key, or the secret is another.
    KeyRefused(String),
    /// Anything else.
    Broken(String),
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Output {
    /// Open a socket.
    Connect,
    /// Send this.
    Send(ToServer),
    /// Send a WebSocket ping.
    Ping,
    /// Close the socket; answered by `Input::Lost`.
    Disconnect(&'static str),
    /// A call begins.
    StartJob { offer: Offer, url: Option<String>, token: String, identity: String },
    /// A call must end.
    CancelJob { job_id: String, why: &'static str },
    /// Drained; `cut_short` calls did not end by themselves.
    Finished { cut_short: u32 },
}

#[derive(Debug)]
enum State {
    Waiting { until: Time },
    Connecting,
    Registering { until: Time },
    Registered { status_due: Time },
    Leaving,
    Finished,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    dispatch_id: String,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Accepted, assignment awaited.
    Reserved {
        until: Time,
    },
    Running,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    No,
    Waiting { until: Time },
    Goodbye { until: Time, cut_short: u32 },
}

/// One worker's side of the protocol, over as many connections as it takes.
#[derive(Debug)]
pub(super) struct Session {
    rules: Rules,
    state: State,
    link: Link,
    places: BTreeMap<String, Place>,
    drain: Drain,
    cpu: f32,
    unfit: Option<String>,
    registered_at: Option<Time>,
    /// Connections lost in a row.
    losses: u32,
    malformed: u32,
    heard: Time,
    ping_due: Time,
    said: Option<(bool, u32)>,
    outputs: VecDeque<Output>,
}

impl Session {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Waiting { until: Time::ZERO },
            link: Link::Connecting,
            places: BTreeMap::new(),
            drain: Drain::No,
            cpu: 0.0,
            unfit: None,
            registered_at: None,
            losses: 0,
            malformed: 0,
            heard: Time::ZERO,
            ping_due: Time::ZERO,
            said: None,
            outputs: VecDeque::new(),
        }
    }

    /// What to do next, in order; `None`: nothing until the next input or timeout.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back with [`Input::Tick`] at the latest.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        if matches!(self.state, State::Finished) {
            return None;
        }
        let state = match self.state {
            State::Waiting { until } | State::Registering { until } => Some(until),
            State::Registered { status_due } => {
                Some(status_due.min(self.ping_due).min(self.heard + SILENCE_MAX))
            }
            State::Connecting | State::Leaving | State::Finished => None,
        };
        let drain = match self.drain {
            Drain::No => None,
            Drain::Waiting { until } | Drain::Goodbye { until, .. } => Some(until),
        };
        let places = self.places.values().filter_map(|place| match place.phase {
            Phase::Reserved { until } => Some(until),
            Phase::Running => None,
        });
        places.chain(state).chain(drain).min()
    }

    /// How things stand, for people and for `/readyz`.
    pub(super) fn status(&self) -> WorkerStatus {
        WorkerStatus {
            link: self.link.clone(),
            calls: self.calls(),
            calls_max: self.rules.calls_max,
            load: self.load(),
            full: self.is_full(),
            unfit: self.unfit.clone(),
            draining: self.drain != Drain::No,
            jobs: self.jobs().collect(),
        }
    }

    pub(super) fn handle(&mut self, now: Time, input: Input) {
        if matches!(self.state, State::Finished) {
            return;
        }
        match input {
            Input::Connected => self.connected(now),
            Input::Lost { why, chance } => self.lost(now, why, chance),
            Input::Message(message) => {
                self.heard = now;
                self.message(now, message);
            }
            Input::Heard => self.heard = now,
            Input::Malformed => {
                self.heard = now;
                self.malformed += 1;
                if self.malformed == MALFORMED_MAX {
                    self.leave("too many unreadable frames");
                }
            }
            Input::Cpu(share) => {
                self.cpu = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
            }
            Input::Unfit(why) => self.unfit = why,
            Input::JobEnded { job_id, result } => self.job_ended(job_id, result),
            Input::Drain => {
                if self.drain == Drain::No {
                    self.drain = Drain::Waiting { until: now + self.rules.drain_max };
                }
            }
            Input::Tick => {}
        }
        self.tick(now);
        self.say_if_changed(now);
    }

    fn connected(&mut self, now: Time) {
        self.state = State::Registering { until: now + REGISTER_WAIT };
        self.malformed = 0;
        self.heard = now;
        self.send(ToServer::Register {
            agent_name: self.rules.agent_name.clone(),
            version: self.rules.version.clone(),
        });
    }

    fn lost(&mut self, now: Time, why: Lost, chance: f32) {
        if self.registered_at.take().is_some_and(|at| now.saturating_sub(at) >= GOOD_LINK) {
            self.losses = 0;
        }
        // The server offers accepted jobs elsewhere when our line breaks, so the places that wait
        // for an assignment are free. Running calls have their own connection and go on.
        self.places.retain(|_, place| place.phase == Phase::Running);
        self.said = None;
        let (problem, wait) = match why {
            // Asking a closed port costs nothing, and a restarted server should find us at once.
            Lost::NobodyThere(problem) => (problem, Duration::from_secs(1)),
            Lost::KeyRefused(problem) | Lost::Broken(problem) => {
                (problem, Duration::from_secs(u64::from(self.losses.min(5) * 2).min(10)))
            }
        };
        self.losses = self.losses.saturating_add(1);
        let spread = 0.75 + 0.5 * chance.clamp(0.0, 1.0);
        let wait = wait.mul_f32(spread) + Duration::from_millis(100);
        self.state = State::Waiting { until: now + wait };
        self.link = Link::Lost { problem };
    }

    fn message(&mut self, now: Time, message: FromServer) {
        match (&self.state, message) {
            (State::Registering { .. }, FromServer::Registered { worker_id, server_version }) => {
                self.state = State::Registered { status_due: now };
                self.registered_at = Some(now);
                self.ping_due = now + PING_EVERY;
                self.link = Link::Registered { worker_id, server_version };
                let job_ids: Vec<String> = self.running().map(str::to_owned).collect();
                if !job_ids.is_empty() {
                    self.send(ToServer::Migrate { job_ids });
                }
            }
            (State::Registering { .. }, _) => self.leave("the first message must be `register`"),
            (State::Registered { .. }, FromServer::Offer(offer)) => self.offer(now, offer),
            (State::Registered { .. }, FromServer::Assigned { offer, url, token }) => {
                self.assigned(offer, url, token);
            }
            (State::Registered { .. }, FromServer::Terminated { job_id }) => {
                match self.places.get(&job_id).map(|place| place.phase) {
                    Some(Phase::Running) => self
                        .outputs
                        .push_back(Output::CancelJob { job_id, why: "LiveKit ended the job" }),
                    Some(Phase::Reserved { .. }) => drop(self.places.remove(&job_id)),
                    None => {}
                }
            }
            (State::Registered { .. }, FromServer::GoAway { .. }) => {
                self.leave("the server is going down");
            }
            // A second registration, news we do not know, or late frames of a line we gave up.
            (_, _) => {}
        }
    }

    fn offer(&mut self, now: Time, offer: Offer) {
        let job_id = offer.job_id;
        if self.places.contains_key(&job_id) || self.is_full() {
            self.send(ToServer::Decline { job_id });
            return;
        }
        let phase = Phase::Reserved { until: now + ASSIGNMENT_WAIT };
        self.places.insert(job_id.clone(), Place { dispatch_id: offer.dispatch_id, phase });
        self.send(ToServer::Accept {
            identity: identity(&job_id),
            job_id,
            name: self.rules.participant_name.clone(),
            agent_name: self.rules.agent_name.clone(),
        });
    }

    fn assigned(&mut self, offer: Offer, url: Option<String>, token: String) {
        let job_id = offer.job_id.clone();
        match self.places.get(&job_id).map(|place| place.phase) {
            Some(Phase::Running) => return, // said twice
            Some(Phase::Reserved { .. }) => {}
            // It comes after we gave its place away. The caller is already alone in the room, so
            // we take it if we still can.
            None if !self.is_full() => {}
            None => {
                let state = JobState::Failed("the assignment came too late".into());
                self.send(ToServer::Job { job_id, state });
                return;
            }
        }
        let place = Place { dispatch_id: offer.dispatch_id.clone(), phase: Phase::Running };
        self.places.insert(job_id.clone(), place);
        let identity = identity(&job_id);
        self.outputs.push_back(Output::StartJob { offer, url, token, identity });
        self.send(ToServer::Job { job_id, state: JobState::Running });
    }

    fn job_ended(&mut self, job_id: String, result: Result<(), String>) {
        if self.places.remove(&job_id).is_none() {
            return;
        }
        let state = match result {
            Ok(()) => JobState::Success,
            Err(why) => JobState::Failed(why),
        };
        self.send(ToServer::Job { job_id, state });
    }

    fn tick(&mut self, now: Time) {
        self.places.retain(|_, place| match place.phase {
            Phase::Reserved { until } => until > now,
            Phase::Running => true,
        });
        self.drain_on(now);
        match self.state {
            State::Waiting { until } if until <= now => {
                self.state = State::Connecting;
                self.outputs.push_back(Output::Connect);
            }
            State::Registering { until } if until <= now => {
                self.leave("the server did not answer the registration");
            }
            State::Registered { status_due } => {
                if now.saturating_sub(self.heard) >= SILENCE_MAX {
                    self.leave("the server has been silent for 30 s");
                    return;
                }
                if self.ping_due <= now {
                    self.ping_due = now + PING_EVERY;
                    self.outputs.push_back(Output::Ping);
                }
                if status_due <= now {
                    self.state = State::Registered { status_due: now + STATUS_EVERY };
                    self.say_status();
                }
            }
            State::Waiting { .. }
            | State::Connecting
            | State::Registering { .. }
            | State::Leaving
            | State::Finished => {}
        }
    }

    fn drain_on(&mut self, now: Time) {
        match self.drain {
            Drain::No => return,
            Drain::Waiting { until } if until <= now && !self.places.is_empty() => {
                let running: Vec<String> = self.running().map(str::to_owned).collect();
                let cut_short = u32::try_from(running.len()).unwrap_or(u32::MAX);
                for job_id in running {
                    let why = "the drain's time is over";
                    self.outputs.push_back(Output::CancelJob { job_id, why });
                }
                self.drain = Drain::Goodbye { until: now + GOODBYE_WAIT, cut_short };
            }
            Drain::Waiting { .. } | Drain::Goodbye { .. } => {}
        }
        let (over, cut_short) = match self.drain {
            Drain::Goodbye { until, cut_short } => (until <= now, cut_short),
            Drain::No | Drain::Waiting { .. } => (false, 0),
        };
        if self.places.is_empty() || over {
            self.state = State::Finished;
            self.outputs.push_back(Output::Finished { cut_short });
        }
    }

    /// Says at once that we became full or free, rather than at the next status: an offer that
    /// must be declined costs its caller time.
    fn say_if_changed(&mut self, now: Time) {
        let news = (self.is_full(), self.calls());
        if matches!(self.state, State::Registered { .. })
            && self.said.is_some_and(|said| said != news)
        {
            self.state = State::Registered { status_due: now + STATUS_EVERY };
            self.say_status();
        }
    }

    fn say_status(&mut self) {
        let (full, calls) = (self.is_full(), self.calls());
        self.said = Some((full, calls));
        let load = self.load();
        self.send(ToServer::Status { full, load, calls });
    }

    fn send(&mut self, message: ToServer) {
        match self.state {
            State::Registering { .. } | State::Registered { .. } => {
                self.outputs.push_back(Output::Send(message));
            }
            // A server that lost us has forgotten our jobs; there is nobody to tell.
            State::Waiting { .. } | State::Connecting | State::Leaving | State::Finished => {}
        }
    }

    fn leave(&mut self, why: &'static str) {
        self.state = State::Leaving;
        self.outputs.push_back(Output::Disconnect(why));
    }

    fn running(&self) -> impl Iterator<Item = &str> {
        self.places
            .iter()
            .filter(|(_, place)| place.phase == Phase::Running)
            .map(|(job_id, _)| job_id.as_str())
    }

    fn jobs(&self) -> impl Iterator<Item = RunningJob> {
        self.running().map(|job_id| RunningJob {
            job_id: job_id.to_owned(),
            dispatch_id: self.places[job_id].dispatch_id.clone(),
            identity: identity(job_id),
        })
    }

    /// Calls that run and places that are promised.
    fn calls(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    fn is_full(&self) -> bool {
        self.drain != Drain::No
            || self.unfit.is_some()
            || self.calls() >= self.rules.calls_max
            || (self.rules.cpu_max < 1.0 && self.cpu >= self.rules.cpu_max)
    }

    /// The worse of calls and processor, such that [`LOAD_FULL`] means full.
    fn load(&self) -> f32 {
        if self.is_full() {
            return if self.drain == Drain::No { LOAD_FULL } else { 1.0 };
        }
        let calls = self.calls() as f32 / self.rules.calls_max.max(1) as f32;
        // Below full the processor only steers calls to idler workers.
        let cpu = (self.cpu / self.rules.cpu_max.clamp(0.01, 1.0)).min(0.95);
        LOAD_FULL * calls.max(cpu)
    }
}

/// Unique for each job, and stable: a second agent with the same job would evict the first.
fn identity(job_id: &str) -> String {
    format!("agent-{job_id}")
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
