//! What is counted, under which names. Every metric of the program is named here, so this file is
//! also their documentation. The `lk_agents_*` names are LiveKit's own, so that its dashboards work.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

pub use metrics_exporter_prometheus::PrometheusHandle;

/// Gauge: calls that run, and places promised to LiveKit.
pub const ACTIVE_JOBS: &str = "lk_agents_active_job_count";
/// Gauge: load as LiveKit is told, 0..1.
pub const WORKER_LOAD: &str = "lk_agents_worker_load";
/// Gauge: 1 while registered with LiveKit.
pub const WORKER_REGISTERED: &str = "sawt_worker_registered";
/// Counter: calls that began.
pub const CALLS_STARTED: &str = "sawt_calls_started_total";
/// Counter: calls that ended, by `reason`.
pub const CALLS_ENDED: &str = "sawt_calls_ended_total";
/// Counter: turns, by `outcome` (answered, interrupted, failed, …).
pub const TURNS: &str = "sawt_turns_total";
/// Histogram, seconds: the parts of a turn's latency, by `stage`; see [`Stage`].
pub const TURN_SECONDS: &str = "sawt_turn_seconds";
/// Counter: replies prepared before their turn was decided over, by `outcome` (committed, discarded,
/// failed).
pub const SPECULATIONS: &str = "sawt_speculation_replies_total";
/// Counter: tokens of discarded replies, as far as they were read.
pub const SPECULATION_TOKENS: &str = "sawt_speculation_tokens_discarded_total";
/// Counter: clauses of discarded replies that had been given to the voice.
pub const SPECULATION_CLAUSES: &str = "sawt_speculation_clauses_discarded_total";
/// Counter: tools that ran, by `outcome` (done, failed).
pub const TOOLS: &str = "sawt_tools_total";
/// Counter: requests that the egress policy refused, by who asked (tool).
pub const EGRESS_REFUSED: &str = "sawt_egress_refused_total";
/// Counter: fillers that were heard because an answer was late.
pub const FILLERS: &str = "sawt_fillers_total";
/// Counter: transcripts that were not believed, by `reason` (credit, phrase, loop, script,
/// too_many_words, no_speech).
pub const TRANSCRIPTS_REFUSED: &str = "sawt_transcripts_refused_total";
/// Histogram, seconds: adding vowels to a clause of Arabic.
pub const DIACRITIZER_SECONDS: &str = "sawt_diacritizer_seconds";
/// Counter: words that stayed plain because the diacritizer read other letters than are written.
pub const DIACRITIZER_REFUSED: &str = "sawt_diacritizer_words_refused_total";
/// Counter: sentences that stayed plain because the diacritizer failed.
pub const DIACRITIZER_FAILED: &str = "sawt_diacritizer_failures_total";
/// Counter: callers who changed their language in mid-call, by the `language` they changed to.
pub const LANGUAGE_SWITCHES: &str = "sawt_language_switches_total";
/// Counter: what rules and tools had done beside talking, by `action` and `result` (done, failed).
pub const ACTIONS: &str = "sawt_actions_total";
/// Counter: rules that fired.
pub const RULES_FIRED: &str = "sawt_rules_fired_total";
/// Counter: turns of callers, by how they felt, `feeling` (angry, neutral, pleased).
pub const TURN_FEELINGS: &str = "sawt_turn_feelings_total";
/// Histogram, -1 to 1: how callers felt at the end of their calls.
pub const CALL_SENTIMENT: &str = "sawt_call_sentiment";
/// Counter: work done while nobody waits, by `kind` (verdict, summary, record) and `outcome` (done,
/// dropped because somebody came to wait, failed, useless).
pub const ASIDES: &str = "sawt_asides_total";
/// Counter: recordings that were wanted, by `outcome` (recorded, broken_off, not_announced, refused, no_consent).
pub const RECORDINGS: &str = "sawt_recordings_total";
/// Counter: seconds missing in recordings because the disk was too slow.
pub const RECORDING_LOST: &str = "sawt_recording_lost_seconds_total";
/// Counter: calls that could not be put into the store; they get in when it works again.
pub const STORE_FAILURES: &str = "sawt_store_failures_total";
/// Counter: starts of an engine process after its first, by `engine`.
pub const ENGINE_RESTARTS: &str = "sawt_engine_restarts_total";
/// Gauge: 1 while an engine answers its probe, by `engine`.
pub const ENGINE_READY: &str = "sawt_engine_ready";
/// Counter: readings of changed assistants, by `outcome` (changed, refused).
pub const ASSISTANTS_RELOADS: &str = "sawt_assistants_reloads_total";
/// Gauge: 1 while the assistants in force are those on disk; 0: a mistake keeps an older version.
pub const ASSISTANTS_CURRENT: &str = "sawt_assistants_current";
/// Counter: requests to remote engines, by `stage` and `outcome` (answered, failed).
#[cfg(feature = "remote")]
pub const REMOTE_REQUESTS: &str = "sawt_remote_requests_total";
/// Counter: requests that no remote engine was asked for because the policy says no, by `stage` and
/// `reason`: who says so (stage, site, assistant).
#[cfg(feature = "remote")]
pub const REMOTE_REFUSED: &str = "sawt_remote_refused_total";
/// Counter: HTTP answers, by `route` and `status`.
pub const HTTP_ANSWERS: &str = "sawt_http_answers_total";

/// Upper bounds, in seconds, where conversations are decided: tenths around one second.
const TURN_BUCKETS: [f64; 16] =
    [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.85, 1.0, 1.25, 1.5, 2.0, 4.0, 10.0];

/// Upper bounds, in seconds, for small models that stand before a voice.
const SMALL_MODEL_BUCKETS: [f64; 7] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2];
const SENTIMENT_BUCKETS: [f64; 9] = [-0.75, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 0.75, 1.0];

/// The parts of a turn's latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// End of speech until the turn is decided over.
    Endpointing,
    /// Final transcript.
    Stt,
    /// First token of the reply.
    LlmFirstToken,
    /// First clause that can be spoken.
    FirstClause,
    /// First audio of that clause.
    TtsFirstAudio,
    /// That audio reaching the caller.
    Playout,
    /// End of speech until the caller hears the answer.
    VoiceToVoice,
}

impl Stage {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Endpointing => "endpointing",
            Self::Stt => "stt",
            Self::LlmFirstToken => "llm_first_token",
            Self::FirstClause => "first_clause",
            Self::TtsFirstAudio => "tts_first_audio",
            Self::Playout => "playout",
            Self::VoiceToVoice => "voice_to_voice",
        }
    }
}

/// Why nothing is counted.
#[derive(Debug, thiserror::Error)]
#[error("could not set up metrics: {0}")]
pub struct MetricsError(String);

/// Starts counting; once, at the start, inside the runtime. The handle renders `/metrics`.
///
/// # Errors
/// A second call.
pub fn install() -> Result<PrometheusHandle, MetricsError> {
    let wrong = |e: metrics_exporter_prometheus::BuildError| MetricsError(e.to_string());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(TURN_SECONDS.into()), &TURN_BUCKETS)
        .map_err(wrong)?
        .set_buckets_for_metric(Matcher::Full(DIACRITIZER_SECONDS.into()), &SMALL_MODEL_BUCKETS)
        .map_err(wrong)?
        .set_buckets_for_metric(Matcher::Full(CALL_SENTIMENT.into()), &SENTIMENT_BUCKETS)
        .map_err(wrong)?
        .install_recorder()
        .map_err(wrong)?;
    describe();
    // Samples of histograms pile up until somebody folds them, scraped or not.
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe() {
    describe_gauge!(ACTIVE_JOBS, "Calls that run, and places promised to LiveKit");
    describe_gauge!(WORKER_LOAD, "Load as LiveKit is told; at 0.7 it sends no more calls");
    describe_gauge!(WORKER_REGISTERED, "1 while registered with LiveKit");
    describe_counter!(CALLS_STARTED, "Calls that began");
    describe_counter!(CALLS_ENDED, "Calls that ended, by reason");
    describe_counter!(TURNS, "Turns, by outcome");
    describe_histogram!(TURN_SECONDS, Unit::Seconds, "Parts of a turn's latency, by stage");
    describe_counter!(SPECULATIONS, "Replies prepared before the end of their turn, by outcome");
    describe_counter!(SPECULATION_TOKENS, "Tokens of discarded replies");
    describe_counter!(SPECULATION_CLAUSES, "Clauses of discarded replies given to the voice");
    describe_counter!(FILLERS, "Fillers that were heard because an answer was late");
    describe_histogram!(DIACRITIZER_SECONDS, Unit::Seconds, "Adding vowels to a clause of Arabic");
    describe_counter!(DIACRITIZER_REFUSED, "Words whose vowels were not believed");
    describe_counter!(DIACRITIZER_FAILED, "Sentences over which the diacritizer failed");
    describe_counter!(TRANSCRIPTS_REFUSED, "Transcripts that were not believed, by reason");
    describe_counter!(LANGUAGE_SWITCHES, "Changes of a caller's language, by the new one");
    describe_counter!(ACTIONS, "Actions of rules and tools, by kind and result");
    describe_counter!(RULES_FIRED, "Rules that fired");
    describe_counter!(TURN_FEELINGS, "Turns of callers, by how they felt");
    describe_histogram!(CALL_SENTIMENT, "How callers felt at the end of their calls, -1 to 1");
    describe_counter!(ASIDES, "Work done while nobody waits, by kind and outcome");
    describe_counter!(RECORDINGS, "Recordings that were wanted, by what became of them");
    describe_counter!(RECORDING_LOST, "Seconds missing in recordings: the disk was too slow");
    describe_counter!(STORE_FAILURES, "Calls that could not be put into the store at once");
    describe_counter!(ENGINE_RESTARTS, "Starts of an engine process after its first");
    describe_gauge!(ENGINE_READY, "1 while an engine answers its probe");
    describe_counter!(ASSISTANTS_RELOADS, "Readings of changed assistants, by outcome");
    describe_gauge!(ASSISTANTS_CURRENT, "1 while the assistants in force are those on disk");
    #[cfg(feature = "remote")]
    {
        describe_counter!(REMOTE_REQUESTS, "Requests to remote engines, by stage and outcome");
        describe_counter!(REMOTE_REFUSED, "Requests kept here by the policy, by stage and reason");
    }
    describe_counter!(HTTP_ANSWERS, "HTTP answers, by route and status");
}

/// The worker's state.
pub(crate) fn worker(calls: u32, load: f32, registered: bool) {
    gauge!(ACTIVE_JOBS).set(f64::from(calls));
    gauge!(WORKER_LOAD).set(f64::from(load));
    gauge!(WORKER_REGISTERED).set(if registered { 1.0 } else { 0.0 });
}

/// A call is over whose recording was wanted.
pub(crate) fn recording(outcome: &'static str, lost_ms: u64) {
    counter!(RECORDINGS, "outcome" => outcome).increment(1);
    counter!(RECORDING_LOST).increment(lost_ms.div_ceil(1_000));
}

/// The store did not take a call.
pub(crate) fn store_failed() {
    counter!(STORE_FAILURES).increment(1);
}

/// A call began.
pub fn call_started() {
    counter!(CALLS_STARTED).increment(1);
}

/// A call ended; `reason` is one of a few fixed words.
pub fn call_ended(reason: &'static str) {
    counter!(CALLS_ENDED, "reason" => reason).increment(1);
}

/// A turn is over; `outcome` is one of a few fixed words.
pub fn turn(outcome: &'static str) {
    counter!(TURNS, "outcome" => outcome).increment(1);
}

/// One part of a turn's latency.
pub fn turn_stage(stage: Stage, took: Duration) {
    histogram!(TURN_SECONDS, "stage" => stage.as_str()).record(took.as_secs_f64());
}

/// What became of a prepared reply; `outcome` is one of a few fixed words.
pub fn speculation(outcome: &'static str) {
    counter!(SPECULATIONS, "outcome" => outcome).increment(1);
}

/// What was thrown away with one.
pub fn speculation_discarded(tokens: u64, clauses: u64) {
    counter!(SPECULATION_TOKENS).increment(tokens);
    counter!(SPECULATION_CLAUSES).increment(clauses);
}

/// A tool ran; `outcome` is `done` or `failed`.
pub fn tool(outcome: &'static str) {
    counter!(TOOLS, "outcome" => outcome).increment(1);
}

/// Something was not let out of this machine; `by` is a fixed word.
pub fn egress_refused(by: &'static str) {
    counter!(EGRESS_REFUSED, "by" => by).increment(1);
}

/// A filler was heard.
pub fn filler() {
    counter!(FILLERS).increment(1);
}

/// A transcript, or a part of one, was not believed; `reason` is one of a few fixed words.
pub fn transcript_refused(reason: &'static str) {
    counter!(TRANSCRIPTS_REFUSED, "reason" => reason).increment(1);
}

/// A clause of Arabic got its vowels.
pub fn vocalised(took: Duration, words_refused: u32, sentences_failed: u32) {
    histogram!(DIACRITIZER_SECONDS).record(took.as_secs_f64());
    counter!(DIACRITIZER_REFUSED).increment(words_refused.into());
    counter!(DIACRITIZER_FAILED).increment(sentences_failed.into());
}

/// A caller speaks another of the assistant's languages than before.
pub fn language_switched(language: String) {
    counter!(LANGUAGE_SWITCHES, "language" => language).increment(1);
}

/// A rule or a tool had something done; `action` is one of a few fixed words.
pub fn action(action: &'static str, done: bool) {
    let result = if done { "done" } else { "failed" };
    counter!(ACTIONS, "action" => action, "result" => result).increment(1);
}

/// A rule fired.
pub fn rule_fired() {
    counter!(RULES_FIRED).increment(1);
}

/// A turn felt like this; `feeling` is one of three fixed words.
pub fn turn_felt(feeling: &'static str) {
    counter!(TURN_FEELINGS, "feeling" => feeling).increment(1);
}

/// A call ended with the caller feeling like this.
pub fn call_felt(sentiment: f32) {
    histogram!(CALL_SENTIMENT).record(f64::from(sentiment));
}

/// What became of work aside; both are fixed words.
pub fn aside(kind: &'static str, outcome: &'static str) {
    counter!(ASIDES, "kind" => kind, "outcome" => outcome).increment(1);
}

/// An engine process was started again.
pub fn engine_restarted(engine: &'static str) {
    counter!(ENGINE_RESTARTS, "engine" => engine).increment(1);
}

/// An engine answers, or does not.
pub fn engine_ready(engine: &'static str, ready: bool) {
    gauge!(ENGINE_READY, "engine" => engine).set(if ready { 1.0 } else { 0.0 });
}

/// Changed assistants were read; `outcome` is "changed" or "refused".
pub fn assistants_reload(outcome: &'static str) {
    counter!(ASSISTANTS_RELOADS, "outcome" => outcome).increment(1);
}

/// The assistants in force are those on disk, or an older version is.
pub fn assistants_current(current: bool) {
    gauge!(ASSISTANTS_CURRENT).set(if current { 1.0 } else { 0.0 });
}

/// A remote engine was asked; `outcome` is "answered" or "failed".
#[cfg(feature = "remote")]
pub(crate) fn remote_request(stage: &'static str, outcome: &'static str) {
    counter!(REMOTE_REQUESTS, "stage" => stage, "outcome" => outcome).increment(1);
}

/// A request stayed here because the policy says no; `reason` is who said so.
#[cfg(feature = "remote")]
pub(crate) fn remote_refused(stage: &'static str, reason: &'static str) {
    counter!(REMOTE_REFUSED, "stage" => stage, "reason" => reason).increment(1);
}

/// An HTTP answer; `route` is the pattern, never the path that was asked for.
pub(crate) fn http_answer(route: String, status: u16) {
    counter!(HTTP_ANSWERS, "route" => route, "status" => status.to_string()).increment(1);
}
