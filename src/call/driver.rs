//! Owns one call: transport events in, the turn machine's wishes out.
//!
//! The only place of a call that reads a clock, and it is the transport's: it never waits for an
//! engine, and never sleeps, because the transport yields an event every 20 ms.

mod acting;
mod asides;
mod ending;
mod feelings;
mod following;
mod playing;
mod routing;
mod tooling;
mod transcribing;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::action::{Action, Ordered, Reason, Surroundings, SwitchboardError};
use super::aside::AsideOutcome;
use super::fillers::{self, Fillers};
use super::hands::Used;
use super::hearing::{Heard, UsualLevel};
use super::judging::Judging;
use super::language::LanguageLock;
use super::listening::{Listening, Sound};
use super::playout::{Phrase, Playout};
use super::recording::Recording;
use super::replying::{self, Content, ReplyEvent};
use super::report::{CallEvent, CallReport, Reporter};
use super::speculation::{Preparation, PreparedReply, SpeculationGate};
use super::speech_gate::SpeechEdge;
use asides::Asides;
use feelings::Feelings;
use following::Following;

use crate::assistants::Assistant;
use crate::config::Config;
use crate::dialog::History;
use crate::engines::llm::Generation;
use crate::engines::{EngineError, Engines};
use crate::policy::residency::Grant;
use crate::speech::guard::Guard;
use crate::speech::language_of;
use acting::Acting;
use ending::end_reason;
use routing::Routing;
use tooling::Tooling;

use crate::transport::{CallTransport, Caption, TransportEvent};
use crate::turn::{
    CallTime, EndReason, Line, ReplyId, ReplyOutcome, TranscriptOutcome, TurnInput, TurnMachine,
    TurnOutput, TurnPolicy, UtteranceId,
};

/// What a call needs beside its transport.
pub struct CallSetup {
    /// Its name in logs and in the language model's cache.
    pub call_id: String,
    /// Settings, the same for the whole call.
    pub config: Arc<Config>,
    /// Who answers, in the version that the call keeps; `config` is its own. None: the site's
    /// configuration alone answers.
    pub assistant: Option<Arc<Assistant>>,
    /// Engines.
    pub engines: Engines,
    /// Told what happens, where somebody wants to know.
    pub observer: Option<mpsc::Sender<CallEvent>>,
    /// What is around the call.
    pub surroundings: Surroundings,
    /// Cancelling it ends the call.
    pub hang_up: CancellationToken,
}

/// What the tasks of a call report.
#[derive(Debug)]
pub(crate) enum Outcome {
    Transcript(UtteranceId, Result<Heard, EngineError>),
    /// Words so far of the speech that began then.
    SoFar(CallTime, String),
    Reply(ReplyId, ReplyEvent),
    Judged(CallTime, Result<f32, EngineError>),
    /// A filler of this language can be said from now on.
    Filler(String, Phrase),
    /// A tool ran.
    Used(Box<Used>),
    /// Somebody wants something done.
    Ordered(Box<Ordered>),
    /// A webhook was heard, or was not.
    Told(Box<(Action, Reason, Option<String>)>),
    /// The caller is with somebody else, or still with us.
    Transferred(Result<(), SwitchboardError>),
    /// Work aside is over, or was dropped.
    Aside(u64, AsideOutcome),
}

/// Outcomes that may wait: a reply's audio comes in chunks of 100 ms. Full: the engines wait.
const OUTCOMES_MAX: usize = 64;

/// Most characters of a written message that are answered.
const CALLER_TEXT_CHARS_MAX: usize = 2_000;

/// Carries a call from its first to its last frame.
pub async fn run(transport: Box<dyn CallTransport>, setup: CallSetup) -> CallReport {
    run_gated(transport, setup, SpeculationGate::default()).await
}

/// Like [`run`], with a say in whether the call may work ahead.
pub async fn run_gated(
    transport: Box<dyn CallTransport>,
    setup: CallSetup,
    gate: SpeculationGate,
) -> CallReport {
    run_observed(transport, setup, gate, |_| {}).await
}

/// Like [`run_gated`]; `begun` gets hold of the way to the call before it begins.
pub(super) async fn run_observed(
    mut transport: Box<dyn CallTransport>,
    setup: CallSetup,
    gate: SpeculationGate,
    begun: impl FnOnce(&mpsc::Sender<Outcome>),
) -> CallReport {
    let (outcomes_in, mut outcomes) = mpsc::channel(OUTCOMES_MAX);
    begun(&outcomes_in);
    let hang_up = setup.hang_up.clone();
    let mut call = Call::new(transport.as_ref(), setup, gate, outcomes_in);
    let reason = loop {
        // Files wait for the engines; people do not.
        let hold = transport.time_waits() && call.engines_are_busy();
        tokio::select! {
            biased;
            () = hang_up.cancelled() => {
                call.input(transport.now(), TurnInput::HangUp(EndReason::Stopped));
            }
            Some(outcome) = outcomes.recv() => call.handle_outcome(transport.now(), outcome),
            event = transport.next_event(), if !hold => {
                call.handle_event(transport.now(), event);
            }
        }
        call.machine.allow_speculation(call.gate.is_open());
        // What was made ahead is heard at once, and not with the next event.
        let ended = call.obey(transport.as_mut());
        call.play(transport.as_mut());
        call.recording.follow(transport.now(), &call.listening);
        call.act(transport.as_mut());
        call.use_slack(transport.now());
        if let Some(reason) = ended.or_else(|| call.obey(transport.as_mut())) {
            break reason;
        }
    };
    let now = transport.now();
    call.asides.stop();
    transport.close(reason.as_str()).await;
    let recording = call.recording.end(now, &call.listening).await;
    call.reporter.recorded(recording);
    call.reporter.knows(call.history.variables().clone());
    call.reporter.end(reason, now)
}

struct Call {
    config: Arc<Config>,
    assistant: Option<Arc<Assistant>>,
    /// What of this call may leave.
    grant: Grant,
    engines: Engines,
    gate: SpeculationGate,
    conversation: String,
    agent_rate_hz: u32,
    outcomes: mpsc::Sender<Outcome>,
    machine: TurnMachine,
    listening: Listening,
    judging: Judging,
    languages: LanguageLock,
    /// Absent where the operator believes every transcript.
    guard: Option<Arc<Guard>>,
    usual_level: UsualLevel,
    playout: Playout,
    recording: Recording,
    history: History,
    reporter: Reporter,
    transcriptions: HashMap<UtteranceId, Transcription>,
    /// When the newest transcript came.
    transcript_at: Option<CallTime>,
    reply: Option<ActiveReply>,
    prepared: Option<PreparedReply>,
    reading_ahead: Option<AbortHandle>,
    /// Line on the screen that the caller's words go to.
    caller_segment: u64,
    fillers: Fillers,
    rendering: Option<AbortHandle>,
    /// Language of the words that were answered last.
    caller_language: String,
    acting: Acting,
    routing: Routing,
    tooling: Tooling,
    feelings: Feelings,
    following: Following,
    asides: Asides,
}

/// A piece of audio whose words are awaited.
struct Transcription {
    from: CallTime,
    until: CallTime,
    sound: Sound,
    task: AbortHandle,
}

struct ActiveReply {
    id: ReplyId,
    task: AbortHandle,
    /// Words that it answers.
    to: String,
    outcome: ReplyOutcome,
    /// The task has reported its end.
    complete: bool,
}

impl Call {
    fn new(
        transport: &dyn CallTransport,
        setup: CallSetup,
        gate: SpeculationGate,
        outcomes: mpsc::Sender<Outcome>,
    ) -> Self {
        let CallSetup { call_id, config, assistant, engines, observer, surroundings, hang_up: _ } =
            setup;
        let agent_rate_hz = transport.agent_rate_hz();
        let mut policy = TurnPolicy::from(&*config);
        policy.judge_pauses &= engines.turn_detector.is_some();
        let caller_language = config.agent.languages.first().cloned().unwrap_or_default();
        let rendering = policy.filler_after.map(|_| {
            fillers::spawn(Arc::clone(&config), &engines, agent_rate_hz, outcomes.clone())
        });
        let mut surroundings = surroundings;
        Self {
            machine: TurnMachine::new(policy),
            judging: Judging::new(engines.turn_detector.clone(), outcomes.clone()),
            listening: Listening::new(&config.vad, (engines.vad)(), (engines.vad_fallback)()),
            languages: LanguageLock::new(
                config.agent.languages.clone(),
                config.agent.language_policy.as_str().into(),
            ),
            guard: guard_of(&config).map(Arc::new),
            usual_level: UsualLevel::default(),
            playout: Playout::new(agent_rate_hz, transport.lead_ms()),
            recording: Recording::new(surroundings.recording.take(), agent_rate_hz),
            history: match &assistant {
                Some(assistant) => History::for_call(&config, &assistant.declarations(&config)),
                None => History::for_call(&config, &[]),
            },
            reporter: Reporter::new(call_id.clone(), observer)
                .of(assistant.as_ref().map(|assistant| assistant.version())),
            tooling: Tooling::default(),
            routing: Routing::new(assistant.as_ref(), surroundings.queue.clone()),
            grant: assistant.as_ref().map(|assistant| assistant.remote()).unwrap_or_default(),
            assistant,
            conversation: call_id,
            config,
            engines,
            agent_rate_hz,
            outcomes,
            transcriptions: HashMap::new(),
            transcript_at: None,
            reply: None,
            prepared: None,
            reading_ahead: None,
            caller_segment: 0,
            fillers: Fillers::default(),
            feelings: Feelings::default(),
            following: Following::default(),
            asides: Asides::new(&gate),
            gate,
            rendering,
            caller_language,
            acting: Acting::new(surroundings),
        }
    }

    fn engines_are_busy(&self) -> bool {
        !self.transcriptions.is_empty()
            || self.judging.is_busy()
            || self.acting.is_busy()
            || self.reply.as_ref().is_some_and(|r| !r.complete)
            || self.prepared.as_ref().is_some_and(|p| !p.rests)
            || self.following.is_busy()
    }

    fn input(&mut self, now: CallTime, input: TurnInput) {
        self.machine.handle_input(now, input);
    }

    // ── what happened ──────────────────────────────────────────────────────────────────────

    fn handle_event(&mut self, now: CallTime, event: TransportEvent) {
        let edges = match event {
            TransportEvent::Tick => self.listening.hear_nothing(now),
            TransportEvent::CallerAudio(pcm) => self.listening.hear(now, &pcm),
            TransportEvent::CallerReady(caller) => {
                tracing::info!(caller = %caller.identity, "Caller can hear us.");
                self.reporter.tell(CallEvent::Started);
                self.acting.caller = caller.identity;
                self.connect_tools();
                if self.reading_ahead.is_none() {
                    self.read_ahead();
                }
                self.input(now, TurnInput::CallerReady);
                Vec::new()
            }
            TransportEvent::CallerText(text) => {
                let text: String = text.chars().take(CALLER_TEXT_CHARS_MAX).collect();
                self.input(now, TurnInput::CallerText(text));
                Vec::new()
            }
            TransportEvent::Reconnecting => {
                tracing::warn!("Connection lost; trying to get it back.");
                Vec::new()
            }
            TransportEvent::Reconnected => {
                tracing::info!("Connection is back.");
                Vec::new()
            }
            TransportEvent::Closed(reason) => {
                self.input(now, TurnInput::HangUp(end_reason(&reason)));
                Vec::new()
            }
        };
        for edge in edges {
            if let SpeechEdge::Started { .. } = edge {
                self.judging.stop(); // the caller has answered that question
                self.asides.caller_spoke(now);
            }
            self.following.hears(&edge, self.config.turn.partials_after_ms);
            self.input(
                now,
                match edge {
                    SpeechEdge::Likely => TurnInput::SpeechLikely,
                    SpeechEdge::Unlikely => TurnInput::SpeechUnlikely,
                    SpeechEdge::Started { at } => TurnInput::SpeechStarted { at },
                    SpeechEdge::Paused { at } => TurnInput::SpeechPaused { at },
                    SpeechEdge::Resumed { at } => TurnInput::SpeechResumed { at },
                    SpeechEdge::Ended { at } => TurnInput::SpeechEnded { at },
                },
            );
        }
        self.machine.handle_timeout(now);
        self.listen_along(now);
    }

    /// What is known of the conversation is read while nobody waits: the instructions during the
    /// welcome, and what the caller heard while they speak, so that only their words are new.
    fn read_ahead(&mut self) {
        let llm = &self.engines.llm;
        let reading = llm.read_ahead(Generation {
            conversation: self.conversation.clone(),
            messages: self.history.messages(),
            tools: self.declarations(),
            ..Generation::default()
        });
        self.stop_reading_ahead();
        self.reading_ahead = Some(tokio::spawn(reading).abort_handle());
    }

    /// Reads what was heard since, unless the engines have better things to do.
    fn read_on(&mut self) {
        if self.config.turn.speculation && self.gate.is_open() {
            self.read_ahead();
        }
    }

    /// A question is there: reading on beside it would only take its place.
    fn stop_reading_ahead(&mut self) {
        if let Some(reading) = self.reading_ahead.take() {
            reading.abort();
        }
    }

    fn handle_outcome(&mut self, now: CallTime, outcome: Outcome) {
        match outcome {
            Outcome::Transcript(utterance, result) => self.transcribed(now, utterance, result),
            Outcome::SoFar(from, words) => self.heard_so_far(from, &words),
            Outcome::Reply(reply, event) => self.reply_event(now, reply, event),
            Outcome::Judged(at, judged) => {
                if let Some(judgement) = self.judging.judged(at, judged) {
                    self.input(now, judgement);
                }
            }
            Outcome::Filler(language, phrase) => self.fillers.add(language, phrase),
            Outcome::Used(used) => self.tool_used(&used),
            Outcome::Ordered(ordered) => drop(self.order(now, *ordered)),
            Outcome::Told(told) => self.told(now, *told),
            Outcome::Transferred(result) => self.transferred(now, result),
            Outcome::Aside(id, outcome) => self.aside_over(now, id, outcome),
        }
    }

    fn transcribed(
        &mut self,
        now: CallTime,
        utterance: UtteranceId,
        result: Result<Heard, EngineError>,
    ) {
        let Some(asked) = self.transcriptions.remove(&utterance) else {
            return; // dropped meanwhile
        };
        let outcome = match result {
            Ok(heard) => {
                self.feelings.heard(asked.sound, self.usual_level.dbfs(), &heard.text);
                self.learn_from(&asked, &heard);
                if !heard.text.is_empty() {
                    self.reporter.heard(asked.from, asked.until);
                }
                if let Some((words, why, evidence)) = heard.refused {
                    self.routing.facts.refusals += 1;
                    self.reporter.refused(asked.from, asked.until, words, why, evidence);
                }
                self.transcript_at = Some(now);
                match heard.murmur {
                    true => TranscriptOutcome::Murmur(heard.text),
                    false => TranscriptOutcome::Words(heard.text),
                }
            }
            Err(error) => {
                tracing::warn!(%utterance, %error, "Transcription failed.");
                TranscriptOutcome::Failed
            }
        };
        self.input(now, TurnInput::Transcript { utterance, outcome });
    }

    /// What is believed says which language the caller speaks, and how loud.
    fn learn_from(&mut self, asked: &Transcription, heard: &Heard) {
        if heard.text.is_empty() {
            return;
        }
        self.usual_level.learn(asked.sound);
        let first = self.languages.current().is_none();
        if self.languages.learn(asked.from, &heard.first)
            && let Some(language) = self.languages.current()
        {
            self.reporter.language(language, first);
        }
    }

    fn reply_event(&mut self, now: CallTime, id: ReplyId, event: ReplyEvent) {
        let Some(reply) = self.reply.as_mut().filter(|r| r.id == id) else {
            self.prepared_event(now, id, event);
            return;
        };
        match event {
            ReplyEvent::FirstToken => self.reporter.first_token(id, now),
            ReplyEvent::Clause(text) => {
                self.reporter.first_clause(id, now);
                self.playout.clause(id, text);
            }
            ReplyEvent::Audio(pcm) => {
                self.reporter.first_audio(id, now);
                self.playout.audio(id, &pcm);
            }
            ReplyEvent::WordsAhead(words) => self.playout.words_ahead(id, words),
            ReplyEvent::Words(words) => self.playout.words(id, words),
            ReplyEvent::Waits => {}
            ReplyEvent::Done => {
                reply.complete = true;
                self.playout.complete(id);
            }
            ReplyEvent::Failed(error) => {
                tracing::warn!(reply = %id, %error, "Reply failed.");
                reply.complete = true;
                reply.outcome = ReplyOutcome::Failed;
                // What was made before is still played.
                self.playout.complete(id);
            }
        }
    }

    /// Holds back what is not wanted yet.
    fn prepared_event(&mut self, now: CallTime, id: ReplyId, event: ReplyEvent) {
        let Some(prepared) = self.prepared.as_mut().filter(|p| p.id == id) else { return };
        match event {
            ReplyEvent::Failed(error) => {
                tracing::warn!(reply = %id, %error, "Prepared reply failed.");
                self.prepared = None;
                self.reporter.speculation_failed();
                let outcome = ReplyOutcome::Failed;
                self.input(now, TurnInput::ReplyEnded { reply: id, outcome });
            }
            ReplyEvent::Waits => prepared.rests = true,
            made => prepared.made.push(made),
        }
    }

    // ── what is to be done ─────────────────────────────────────────────────────────────────

    /// Does what the machine wants; returns why the call ended, when it did.
    fn obey(&mut self, transport: &mut dyn CallTransport) -> Option<EndReason> {
        let now = transport.now();
        if let Some(caption) = self.following.caption.take() {
            transport.send_caption(caption);
        }
        while let Some(output) = self.machine.poll_output() {
            match output {
                TurnOutput::Transcribe { utterance, from, until, partial } => {
                    self.transcribe(utterance, from, until, partial);
                }
                TurnOutput::JudgePause { from, at } => {
                    self.judging.ask(at, self.listening.cut(from, now));
                }
                TurnOutput::DropTranscript { utterance } => {
                    self.reporter.transcript_dropped();
                    if let Some(asked) = self.transcriptions.remove(&utterance) {
                        asked.task.abort();
                    }
                }
                TurnOutput::Reply { reply, to, speech_ended } => {
                    let caption = self.begin_answer(now, reply, &to, speech_ended);
                    caption.into_iter().for_each(|caption| transport.send_caption(caption));
                    self.answer(transport, now, reply, to, None);
                }
                TurnOutput::Prepare { reply, to } => self.prepare(reply, to),
                TurnOutput::Commit { reply, speech_ended } => {
                    let Some(prepared) = self.prepared.take_if(|p| p.id == reply) else { continue };
                    let caption = self.begin_answer(now, reply, &prepared.to, speech_ended);
                    caption.into_iter().for_each(|caption| transport.send_caption(caption));
                    let to = prepared.to.clone();
                    self.answer(transport, now, reply, to, Some(prepared));
                }
                TurnOutput::Discard { reply } => {
                    if let Some(prepared) = self.prepared.take_if(|p| p.id == reply) {
                        prepared.discard(self.reporter.speculation());
                    }
                }
                TurnOutput::Say { reply, line } => {
                    self.reporter.begin(reply, "", None, None, now);
                    let words = self.words_of(line, reply);
                    self.speak(reply, String::new(), Content::Line(words));
                    match line {
                        Line::SilencePrompt(_) => self.route_silence(now),
                        Line::Apology => self.routing.facts.failures += 1,
                        Line::Welcome | Line::Goodbye => {}
                        Line::Ordered(_) | Line::Parting(_) => {}
                    }
                }
                TurnOutput::Pause { reply } => {
                    self.take_back(transport, now);
                    self.playout.pause(now, reply);
                }
                TurnOutput::Resume { reply } => self.playout.resume(reply),
                TurnOutput::Stop { reply, why } => self.stop(transport, now, reply, why),
                TurnOutput::SayFiller { reply } => self.say_filler(reply),
                TurnOutput::StopFiller { reply } => self.stop_filler(transport, now, reply),
                TurnOutput::StartThinkingSound => self.playout.start_sound(),
                TurnOutput::StopThinkingSound => {
                    if self.playout.stop_sound(now) {
                        self.take_back(transport, now);
                    }
                }
                TurnOutput::Unanswered { utterance: _, why } => {
                    self.following.turn_is_over();
                    self.asides.nobody_waits();
                    self.reporter.unanswered(why);
                }
                TurnOutput::State(state) => transport.set_agent_state(state),
                TurnOutput::End(reason) => return Some(reason),
            }
        }
        None
    }

    /// The caller's words are answered: they enter the history and the report, and their caption
    /// is returned where they were spoken.
    fn begin_answer(
        &mut self,
        now: CallTime,
        reply: ReplyId,
        to: &str,
        speech_ended: Option<CallTime>,
    ) -> Option<Caption> {
        self.reporter.tell(CallEvent::Caller { text: to.to_owned() });
        let transcript = self.transcript_at.take().filter(|_| speech_ended.is_some());
        self.reporter.begin(reply, to, speech_ended, transcript, now);
        self.asides.nobody_waits();
        self.following.turn_is_over();
        self.feel(to);
        self.history.caller_said(to);
        self.tooling.turn_begins(to);
        self.recording.caller_said(to);
        // Digits and marks are in the language that is spoken anyway.
        if to.chars().any(char::is_alphabetic) {
            self.caller_language = language_of(to, &self.config.agent.languages).to_owned();
            self.reporter.speaks(&self.caller_language);
        }
        speech_ended.map(|_| self.caller_caption(to))
    }

    /// What the model is asked: the conversation as it stands, which ends in `words`.
    fn answer_content(&mut self, words: &str) -> Content {
        self.stop_reading_ahead();
        self.follow_language(words);
        let conversation = self.conversation.clone();
        let (messages, to) = (self.history.messages(), words.to_owned());
        Content::Answer { conversation, messages, to }
    }

    /// An assistant has instructions and lines for each of its languages: they are in the one that
    /// the caller speaks or writes.
    fn follow_language(&mut self, words: &str) {
        let Some(assistant) = &self.assistant else { return };
        let config = assistant.config(language_of(words, &self.config.agent.languages));
        // Digits and marks are in the language that is spoken anyway.
        if words.chars().any(char::is_alphabetic) && !Arc::ptr_eq(config, &self.config) {
            self.config = Arc::clone(config);
            self.history.instruct(&self.config.agent.system_prompt);
        }
    }

    fn speak(&mut self, id: ReplyId, to: String, content: Content) {
        self.playout.begin(id);
        let (_, wanted) = Preparation::new(true);
        let task = self.spawn_reply(id, content, wanted);
        let outcome = ReplyOutcome::Finished;
        self.reply = Some(ActiveReply { id, task, to, outcome, complete: false });
    }

    fn prepare(&mut self, id: ReplyId, to: String) {
        // As the model would be asked at the end of the turn; the history itself does not change.
        self.history.caller_said(&to);
        let content = self.answer_content(&to);
        self.history.retract_caller(&to);
        let (commit, shared) = Preparation::new(false);
        let task = self.spawn_reply(id, content, shared.clone());
        let made = Vec::new();
        self.prepared = Some(PreparedReply { id, to, task, commit, shared, made, rests: false });
    }

    /// The prepared reply becomes the reply; what was made of it is played.
    fn commit(&mut self, now: CallTime, mut prepared: PreparedReply) {
        let id = prepared.id;
        self.reporter.speculation_committed();
        self.playout.begin(id);
        prepared.commit.send_replace(true);
        self.reply = Some(ActiveReply {
            id,
            task: prepared.task.clone(),
            to: std::mem::take(&mut prepared.to),
            outcome: ReplyOutcome::Finished,
            complete: false,
        });
        for event in std::mem::take(&mut prepared.made) {
            self.reply_event(now, id, event);
        }
    }

    fn spawn_reply(&self, id: ReplyId, content: Content, preparation: Preparation) -> AbortHandle {
        replying::spawn(
            id,
            content,
            preparation,
            self.agent_rate_hz,
            Arc::clone(&self.config),
            self.engines.clone(),
            self.hands(),
            self.outcomes.clone(),
        )
    }
}

/// The transcript guard, where it is wanted.
fn guard_of(config: &Config) -> Option<Guard> {
    let more = config.stt.guard_phrases.values().flat_map(|list| list.split([',', '،']));
    config.stt.guard_enabled.then(|| Guard::new(&config.agent.languages, more))
}
