//! What happened in a call: turns with their stopwatch, events as they come, the end.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

use super::action::ActionReport;
use super::recording::RecordingReport;
use super::speculation::SpeculationReport;
use crate::assistants::AssistantVersion;
use crate::dialog::Variables;
use crate::dialog::record::CallOutcome;
use crate::rules::Moment;
use crate::sentiment::{Feeling, TurnMood};
use crate::speech::guard::{Evidence, Refusal};
use crate::telemetry::Words;
use crate::telemetry::metrics::{self, Stage};
use crate::turn::{CallTime, EndReason, ReplyId, UnansweredReason};

/// One exchange: what the caller said, what they heard, and where the time went.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TurnReport {
    /// The caller's words; empty for lines that the agent said by itself.
    pub caller: String,
    /// The agent's words that were heard.
    pub agent: String,
    /// What was said while the answer was late, as far as it was heard; no part of the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filler: String,
    /// Tools that ran for the answer, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The reply was stopped before its end.
    pub interrupted: bool,
    /// How the caller's words felt, from -1 (furious) to 1 (delighted).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<f32>,
    /// When the caller's words began and ended, in milliseconds of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller_ms: Option<(u64, u64)>,
    /// When each of the agent's words began to be heard, in milliseconds of the call; those of a filler, and of a reply
    /// that was cut, among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_ms: Vec<(u64, String)>,
    /// Times in milliseconds, by the field's names.
    #[serde(flatten)]
    pub timing: TurnTiming,
}

/// Where the time between the caller's last word and the agent's first went, in milliseconds.
/// `None` where a stage did not run. What was done ahead took none of it: a stage that was over
/// when the turn was decided counts 0, so the stages still sum up to what the caller waited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TurnTiming {
    /// End of speech → the turn was decided over.
    pub end_of_turn_delay: Option<u64>,
    /// End of speech → final transcript.
    pub transcription_delay: Option<u64>,
    /// Turn decided → first token.
    pub llm_ttft: Option<u64>,
    /// Turn decided → first clause complete.
    pub llm_ttfs: Option<u64>,
    /// First clause given to the voice → its first audio.
    pub tts_ttfb: Option<u64>,
    /// First audio made → pushed towards the caller.
    pub playout_delay: Option<u64>,
    /// End of speech → first audio pushed. The network and the caller's buffer come on top.
    pub e2e_latency: Option<u64>,
}

/// What observers are told while a call runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CallEvent {
    /// The caller is there.
    Started,
    /// Words of the caller that are being answered.
    Caller {
        /// the words
        text: String,
    },
    /// A clause of the agent begins to be heard.
    Agent {
        /// its words
        text: String,
    },
    /// An exchange is over.
    Turn(TurnReport),
    /// Speech that got no reply.
    Unanswered {
        /// why, for people
        why: String,
    },
    /// Words of the speech model that were not believed.
    Refused(RefusedTranscript),
    /// The caller speaks another of the assistant's languages than before.
    Language {
        /// BCP 47 primary tag
        language: String,
    },
    /// Something was done beside talking, or could not be.
    Action(ActionReport),
    /// How the caller feels. The same turn may come again, when more is known about it.
    Sentiment {
        /// the caller's turn, from 1
        turn: u32,
        /// of the turn, from -1 (furious) to 1 (delighted)
        value: f32,
        /// of the call so far
        smoothed: f32,
        /// what it was read from, for people
        why: Vec<String>,
    },
    /// The call is over.
    Ended {
        /// why
        reason: String,
    },
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallReport {
    /// The call's name in logs.
    pub call_id: String,
    /// LiveKit's room; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room: String,
    /// When it began, in milliseconds of the Unix epoch; told by whoever carried it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_unix_ms: Option<u64>,
    /// Languages that the caller spoke, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Who answered, and which version of its files.
    pub assistant: Option<AssistantVersion>,
    /// Who took over from them, in order.
    pub handed_over_to: Vec<AssistantVersion>,
    /// Why it ended.
    pub reason: EndReason,
    /// How long it lasted, in milliseconds.
    pub length_ms: u64,
    /// Exchanges in order; the agent's own lines have an empty caller.
    pub turns: Vec<TurnReport>,
    /// What became of the work done ahead of the end of a turn.
    pub speculation: SpeculationReport,
    /// Words of the speech model that were not believed, in order.
    pub refused: Vec<RefusedTranscript>,
    /// What was done beside talking, in order.
    pub actions: Vec<ActionReport>,
    /// What rules could know at each turn and silence, and which fired.
    pub moments: Vec<Moment>,
    /// How the caller felt in the end, from -1 to 1; none where they said nothing.
    pub sentiment: Option<f32>,
    /// What was kept under names.
    #[serde(skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// What the call was about, by the language model; made after it ([`super::conclude`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it came to, by the assistant's `[outcome]`; made after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// What became of its recording; none where none was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingReport>,
}

/// Words of the speech model that the caller did not say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefusedTranscript {
    /// Where their audio begins in the call, in milliseconds.
    pub from_ms: u64,
    /// Where it ends.
    pub until_ms: u64,
    /// Why they were not believed.
    pub reason: Refusal,
    /// The words.
    pub text: String,
    /// What is known of their sound.
    pub evidence: Evidence,
}

/// Refusals kept in a report; all of them are counted.
const REFUSED_MAX: usize = 200;

/// Actions kept in a report; all of them are told.
const ACTIONS_MAX: usize = 500;

/// Bytes of words and variables in a report's moments; later moments are left out.
const MOMENTS_BYTES_MAX: usize = 1 << 20;

/// Tools kept of a turn.
const TOOLS_MAX: usize = 50;

/// Words of a reply whose times are kept.
const WORDS_MAX: usize = 1_000;

/// Turns kept in a report: an hour of quick talk.
const TURNS_MAX: usize = 2_000;

/// Collects the report while the call runs, and tells observers.
#[derive(Debug)]
pub(crate) struct Reporter {
    call_id: String,
    assistant: Option<AssistantVersion>,
    observer: Option<mpsc::Sender<CallEvent>>,
    turns: Vec<TurnReport>,
    open: Option<OpenTurn>,
    /// Heard before the answer that comes next.
    filler: String,
    /// Ran for the answer that comes next.
    tools: Vec<String>,
    speculation: SpeculationReport,
    refused: Vec<RefusedTranscript>,
    handed_over_to: Vec<AssistantVersion>,
    actions: Vec<ActionReport>,
    moments: Vec<Moment>,
    /// Of the variables and words that the moments hold.
    moments_bytes: usize,
    mood: Option<TurnMood>,
    variables: Variables,
    recording: Option<RecordingReport>,
    languages: Vec<String>,
    /// When the words that are answered next began and ended.
    caller_span: Option<(CallTime, CallTime)>,
}

#[derive(Debug)]
struct OpenTurn {
    reply: ReplyId,
    caller: String,
    speech_ended: Option<CallTime>,
    decided: CallTime,
    sentiment: Option<f32>,
    caller_span: Option<(CallTime, CallTime)>,
    words: Vec<(u64, String)>,
    marks: Marks,
}

#[derive(Debug, Default)]
struct Marks {
    transcript: Option<CallTime>,
    first_token: Option<CallTime>,
    first_clause: Option<CallTime>,
    first_audio: Option<CallTime>,
    audible: Option<CallTime>,
}

impl Reporter {
    pub(crate) fn new(call_id: String, observer: Option<mpsc::Sender<CallEvent>>) -> Self {
        let speculation = SpeculationReport::default();
        Self {
            call_id,
            assistant: None,
            observer,
            turns: Vec::new(),
            open: None,
            filler: String::new(),
            tools: Vec::new(),
            speculation,
            refused: Vec::new(),
            handed_over_to: Vec::new(),
            actions: Vec::new(),
            moments: Vec::new(),
            moments_bytes: 0,
            mood: None,
            variables: Variables::default(),
            recording: None,
            languages: Vec::new(),
            caller_span: None,
        }
    }

    /// What became of the recording.
    pub(crate) fn recorded(&mut self, recording: Option<RecordingReport>) {
        self.recording = recording;
    }

    /// Words of the caller that were believed, and when they were spoken.
    pub(crate) fn heard(&mut self, from: CallTime, until: CallTime) {
        let (first, last) = self.caller_span.unwrap_or((from, until));
        self.caller_span = Some((first.min(from), last.max(until)));
    }

    /// Words of a reply begin to be heard.
    pub(crate) fn words(&mut self, reply: u64, words: &str, now: CallTime) {
        let open = self.open.as_mut().filter(|open| u64::from(open.reply.0) == reply);
        let Some(open) = open else { return };
        let words = words.split_whitespace().map(|word| (now.as_millis(), word.to_owned()));
        let room = WORDS_MAX.saturating_sub(open.words.len());
        open.words.extend(words.take(room));
    }

    /// The record says who answered.
    pub(crate) fn of(mut self, assistant: Option<AssistantVersion>) -> Self {
        self.assistant = assistant;
        self
    }

    pub(crate) fn speculation(&mut self) -> &mut SpeculationReport {
        &mut self.speculation
    }

    pub(crate) fn speculation_committed(&mut self) {
        self.speculation.committed += 1;
        metrics::speculation("committed");
    }

    pub(crate) fn speculation_failed(&mut self) {
        self.speculation.failed += 1;
        metrics::speculation("failed");
    }

    pub(crate) fn transcript_dropped(&mut self) {
        self.speculation.transcripts_dropped += 1;
    }

    /// Words that were not believed, with the audio that they were made of.
    pub(crate) fn refused(
        &mut self,
        from: CallTime,
        until: CallTime,
        text: String,
        why: Refusal,
        evidence: Evidence,
    ) {
        let (from_ms, until_ms) = (from.as_millis(), until.as_millis());
        tracing::info!(
            call_id = %self.call_id,
            reason = why.as_str(),
            from_ms,
            until_ms,
            speech_ms = evidence.speech_ms,
            confidence = evidence.confidence,
            no_speech_probability = evidence.no_speech_probability,
            language_probability = evidence.language_probability,
            words = %Words::new(&text),
            "Transcript refused."
        );
        metrics::transcript_refused(why.as_str());
        let refused = RefusedTranscript { from_ms, until_ms, reason: why, text, evidence };
        self.tell(CallEvent::Refused(refused.clone()));
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(refused);
        }
    }

    /// Something was done, or could not be.
    pub(crate) fn action(&mut self, action: ActionReport) {
        tracing::info!(
            call_id = %self.call_id,
            action = action.action,
            detail = %action.detail,
            reason = %action.reason,
            failed = action.failed.as_deref(),
            "Action."
        );
        metrics::action(action.action, action.failed.is_none());
        self.tell(CallEvent::Action(action.clone()));
        if self.actions.len() < ACTIONS_MAX {
            self.actions.push(action);
        }
    }

    /// What rules know at this moment.
    pub(crate) fn moment(&mut self, moment: Moment) {
        let facts = &moment.facts;
        let variables = facts
            .variables
            .iter()
            .map(|(name, value)| name.len() + value.as_str().map_or(8, str::len));
        self.moments_bytes += 256 + facts.words.len() + variables.sum::<usize>();
        if self.moments_bytes <= MOMENTS_BYTES_MAX {
            self.moments.push(moment);
        }
    }

    /// How long the caller waited for the last answer that they heard; 0 before the first.
    pub(crate) fn last_latency_ms(&self) -> i64 {
        let last = self.turns.iter().rev().find_map(|turn| turn.timing.e2e_latency);
        last.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0)
    }

    /// Somebody else answers from now on.
    pub(crate) fn handed_over(&mut self, to: AssistantVersion) {
        tracing::info!(
            call_id = %self.call_id,
            assistant = %to.name,
            assistant_version = %to.version,
            "Another assistant answers."
        );
        if self.handed_over_to.len() < ACTIONS_MAX {
            self.handed_over_to.push(to);
        }
    }

    /// The caller speaks `language` from now on; `first` when none was known before.
    pub(crate) fn language(&self, language: &str, first: bool) {
        tracing::info!(call_id = %self.call_id, language, first, "The caller's language.");
        if !first {
            metrics::language_switched(language.to_owned());
        }
        self.tell(CallEvent::Language { language: language.to_owned() });
    }

    /// The caller said something in this language.
    pub(crate) fn speaks(&mut self, language: &str) {
        if !self.languages.iter().any(|known| known == language) {
            self.languages.push(language.to_owned());
        }
    }

    /// An observer who does not keep up misses events; the call never waits for one.
    pub(crate) fn tell(&self, event: CallEvent) {
        if let Some(observer) = &self.observer {
            let _ = observer.try_send(event);
        }
    }

    pub(crate) fn begin(
        &mut self,
        reply: ReplyId,
        caller: &str,
        speech_ended: Option<CallTime>,
        transcript: Option<CallTime>,
        now: CallTime,
    ) {
        let marks = Marks { transcript, ..Marks::default() };
        let caller = caller.to_owned();
        let sentiment = None;
        let caller_span = if caller.is_empty() { None } else { self.caller_span.take() };
        #[rustfmt::skip]
        let open = OpenTurn {
            reply, caller, speech_ended, decided: now, sentiment, caller_span, words: Vec::new(), marks,
        };
        self.open = Some(open);
    }

    /// How the turn felt that is being answered, or was just now.
    pub(crate) fn felt(&mut self, mood: TurnMood, why: Vec<String>) {
        let TurnMood { turn, value, smoothed } = mood;
        let answered = self.turns.iter_mut().rev().find(|turn| !turn.caller.is_empty());
        match self.open.as_mut().filter(|open| !open.caller.is_empty()) {
            Some(open) => open.sentiment = Some(value),
            None => answered.into_iter().for_each(|turn| turn.sentiment = Some(value)),
        }
        self.mood = Some(mood);
        self.tell(CallEvent::Sentiment { turn, value, smoothed, why });
    }

    /// What the call knows under names by its end.
    pub(crate) fn knows(&mut self, variables: Variables) {
        self.variables = variables;
    }

    pub(crate) fn first_token(&mut self, reply: ReplyId, now: CallTime) {
        self.mark(reply, |marks| &mut marks.first_token, now);
    }

    pub(crate) fn first_clause(&mut self, reply: ReplyId, now: CallTime) {
        self.mark(reply, |marks| &mut marks.first_clause, now);
    }

    pub(crate) fn first_audio(&mut self, reply: ReplyId, now: CallTime) {
        self.mark(reply, |marks| &mut marks.first_audio, now);
    }

    pub(crate) fn audible(&mut self, reply: ReplyId, now: CallTime) {
        self.mark(reply, |marks| &mut marks.audible, now);
    }

    fn mark(
        &mut self,
        reply: ReplyId,
        which: fn(&mut Marks) -> &mut Option<CallTime>,
        now: CallTime,
    ) {
        if let Some(open) = self.open.as_mut().filter(|open| open.reply == reply) {
            which(&mut open.marks).get_or_insert(now);
        }
    }

    /// A tool ran.
    pub(crate) fn tool_used(&mut self, tool: &str, failed: bool) {
        tracing::info!(call_id = %self.call_id, tool, failed, "A tool was used.");
        if self.tools.len() < TOOLS_MAX {
            self.tools.push(tool.to_owned());
        }
    }

    /// The reply is over; `heard` is what the caller heard of it.
    pub(crate) fn finish(&mut self, reply: ReplyId, heard: &str, interrupted: bool) {
        let Some(open) = self.open.take_if(|open| open.reply == reply) else { return };
        let timing = open.timing();
        let answers = !open.caller.is_empty();
        let filler = if answers { std::mem::take(&mut self.filler) } else { String::new() };
        let agent = heard.to_owned();
        let tools = if answers { std::mem::take(&mut self.tools) } else { Vec::new() };
        let (caller, sentiment) = (open.caller, open.sentiment);
        let caller_ms = open.caller_span.map(|(from, until)| (from.as_millis(), until.as_millis()));
        let agent_ms = open.words;
        #[rustfmt::skip]
        let turn = TurnReport {
            caller, agent, filler, tools, interrupted, sentiment, caller_ms, agent_ms, timing,
        };
        tracing::info!(
            call_id = %self.call_id,
            %reply,
            interrupted,
            answers_caller = answers,
            end_of_turn_delay_ms = timing.end_of_turn_delay,
            transcription_delay_ms = timing.transcription_delay,
            llm_ttft_ms = timing.llm_ttft,
            llm_ttfs_ms = timing.llm_ttfs,
            tts_ttfb_ms = timing.tts_ttfb,
            playout_delay_ms = timing.playout_delay,
            e2e_latency_ms = timing.e2e_latency,
            "Reply over."
        );
        count(&turn);
        self.tell(CallEvent::Turn(turn.clone()));
        if self.turns.len() < TURNS_MAX {
            self.turns.push(turn);
        }
    }

    /// A filler was heard as far as `words`.
    pub(crate) fn filler_heard(&mut self, words: String) {
        if !words.is_empty() {
            metrics::filler();
            self.filler = words;
        }
    }

    /// The reply was taken back before anything was heard: it is no turn.
    pub(crate) fn forget(&mut self, reply: ReplyId) {
        let forgotten = self.open.take_if(|open| open.reply == reply);
        if let Some((from, until)) = forgotten.and_then(|open| open.caller_span) {
            self.heard(from, until); // the caller goes on with what they were saying
        }
    }

    pub(crate) fn unanswered(&self, why: UnansweredReason) {
        tracing::info!(call_id = %self.call_id, ?why, "Speech got no reply.");
        self.tell(CallEvent::Unanswered { why: format!("{why:?}") });
    }

    pub(crate) fn end(&mut self, reason: EndReason, now: CallTime) -> CallReport {
        tracing::info!(
            call_id = %self.call_id,
            assistant = self.assistant.as_ref().map(|a| a.name.as_str()),
            assistant_version = self.assistant.as_ref().map(|a| a.version.as_str()),
            reason = reason.as_str(),
            length_ms = now.as_millis(),
            turns = self.turns.len(),
            sentiment = self.mood.map(|mood| mood.smoothed),
            "Call over."
        );
        if let Some(mood) = self.mood {
            metrics::call_felt(mood.smoothed);
        }
        self.tell(CallEvent::Ended { reason: reason.as_str().to_owned() });
        CallReport {
            call_id: self.call_id.clone(),
            room: String::new(),
            started_unix_ms: None,
            languages: std::mem::take(&mut self.languages),
            assistant: self.assistant.clone(),
            reason,
            length_ms: now.as_millis(),
            turns: std::mem::take(&mut self.turns),
            speculation: self.speculation,
            refused: std::mem::take(&mut self.refused),
            handed_over_to: std::mem::take(&mut self.handed_over_to),
            actions: std::mem::take(&mut self.actions),
            moments: std::mem::take(&mut self.moments),
            sentiment: self.mood.map(|mood| mood.smoothed),
            variables: std::mem::take(&mut self.variables),
            summary: None,
            outcome: None,
            recording: self.recording.take(),
        }
    }
}

impl OpenTurn {
    fn timing(&self) -> TurnTiming {
        let marks = &self.marks;
        let ms = |later: CallTime, earlier: CallTime| -> u64 {
            u64::try_from(later.since(earlier).as_millis()).unwrap_or(u64::MAX)
        };
        let between =
            |later: Option<CallTime>, earlier: Option<CallTime>| Some(ms(later?, earlier?));
        let decided = Some(self.decided);
        let start = self.speech_ended.or((!self.caller.is_empty()).then_some(self.decided));
        TurnTiming {
            end_of_turn_delay: between(decided, self.speech_ended),
            transcription_delay: between(marks.transcript, self.speech_ended),
            llm_ttft: between(marks.first_token, decided),
            llm_ttfs: between(marks.first_clause, decided.filter(|_| marks.first_token.is_some())),
            tts_ttfb: between(marks.first_audio, marks.first_clause),
            playout_delay: between(marks.audible, marks.first_audio),
            e2e_latency: between(marks.audible, start),
        }
    }
}

/// What the operator's dashboards show of a turn.
fn count(turn: &TurnReport) {
    metrics::turn(if turn.interrupted { "interrupted" } else { "finished" });
    if turn.caller.is_empty() {
        return; // the agent's own lines wait for nobody
    }
    if let Some(value) = turn.sentiment {
        metrics::turn_felt(Feeling::of(value).as_str());
    }
    let timing = turn.timing;
    let stages = [
        (Stage::Endpointing, timing.end_of_turn_delay),
        (Stage::Stt, timing.transcription_delay),
        (Stage::LlmFirstToken, timing.llm_ttft),
        (Stage::FirstClause, timing.llm_ttfs),
        (Stage::TtsFirstAudio, timing.tts_ttfb),
        (Stage::Playout, timing.playout_delay),
        (Stage::VoiceToVoice, timing.e2e_latency),
    ];
    for (stage, took_ms) in stages {
        if let Some(took_ms) = took_ms {
            metrics::turn_stage(stage, Duration::from_millis(took_ms));
        }
    }
}
