//! What the caller does: calls, waits for the welcome, speaks, hears the answer out, hangs up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::measure::{Span, percentile};
use super::presence::{Shared, State, listen, speak};
use super::{CallError, CallPlan, CallReport, RATE_HZ, Turn, TurnReport};
use crate::livekit_api::{AgentRequest, CallerGrant};
use crate::transport::livekit::{Room, RoomError, RoomOptions, Sdk};

/// How long an agent may take to come.
const AGENT_MAX: Duration = Duration::from_secs(10);

/// An agent that has said nothing this long after it came has no welcome.
const WELCOME_MAX: Duration = Duration::from_secs(8);

/// Silence after which an answer is over although the agent still calls itself busy.
const STUCK_GAP_MS: f64 = 5_000.0;

/// Longest answer that is heard out.
const ANSWER_LEN_MAX_MS: f64 = 120_000.0;

/// How often the script looks at what the ears found.
const LOOK: Duration = Duration::from_millis(10);

/// Makes the call that `plan` describes.
///
/// # Errors
/// When no agent answers, or leaves in the middle. A turn without an answer is not an error here:
/// see [`CallReport::unanswered`].
pub async fn call(plan: &CallPlan) -> Result<CallReport, CallError> {
    let token = plan.api.caller_token(&CallerGrant {
        room: plan.room.clone(),
        identity: plan.identity.clone(),
        name: plan.identity.clone(),
        attributes: BTreeMap::from([("lk.simulator".into(), "true".into())]),
        ttl: Duration::from_secs(3600),
        ..Default::default()
    })?;
    let sdk = Sdk::load(&plan.library).map_err(RoomError::from)?;
    let url = plan.api.url().ws_base();
    let options = RoomOptions { auto_subscribe: true };
    let (room, events) = Room::connect(&sdk, &url, &token, options).await?;
    let shared = Shared::new(plan.record);
    let source = room.publish_audio("microphone", RATE_HZ, 200).await?;
    // Both end with the set, however this function ends.
    let mut presence = tokio::task::JoinSet::new();
    presence.spawn(speak(Arc::clone(&shared), source));
    presence.spawn(listen(Arc::clone(&shared), room.clone(), events));
    let report = run(plan, &room, &shared).await;
    room.disconnect().await;
    report
}

async fn run(plan: &CallPlan, room: &Room, shared: &Arc<Shared>) -> Result<CallReport, CallError> {
    let agent_joined_ms = wait_for_agent(plan, shared).await?;
    wait_for_welcome(plan, shared).await?;
    let welcome = captions(&shared.state(), 0, true);
    let mut turns: Vec<TurnReport> = Vec::new();
    for (n, turn) in plan.turns.iter().enumerate() {
        let interrupt = plan.barge_in_after.filter(|_| n + 1 < plan.turns.len());
        turns.push(take_turn(plan, turn, interrupt, room, shared, turns.len()).await?);
        if n > 0 && plan.barge_in_after.is_some() {
            note_interruption(&mut turns, shared);
        }
    }
    let v2v: Vec<f64> = turns.iter().filter_map(|t| t.v2v_ms).collect();
    Ok(CallReport {
        room: plan.room.clone(),
        agent_joined_ms,
        welcome,
        v2v_p50_ms: percentile(&v2v, 0.5),
        v2v_p95_ms: percentile(&v2v, 0.95),
        turns: turns.into_iter().map(|t| with_audio(t, shared)).collect(),
        recording: plan.record.then(|| shared.state().recording.clone()),
    })
}

async fn wait_for_agent(plan: &CallPlan, shared: &Shared) -> Result<f64, CallError> {
    let seconds = AGENT_MAX.as_secs();
    let came = wait(shared, AGENT_MAX, |s| s.agent_identity.is_some());
    if plan.agent_name.is_empty() {
        if !came.await {
            let dispatch = "none was asked for, because no agent name is set".into();
            return Err(CallError::NoAgent { seconds, dispatch });
        }
    } else {
        let agent = AgentRequest { agent_name: plan.agent_name.clone(), ..Default::default() };
        let asked = plan.api.dispatch(&plan.room, &agent, |_| None);
        tokio::pin!(came, asked);
        // Asking polls until a worker took the job; the room itself may tell sooner.
        let (came, asked) = tokio::select! {
            came = &mut came => (came, None),
            asked = &mut asked => (false, Some(asked?)),
        };
        let came = came || (asked.is_some() && came_after(shared).await);
        if !came {
            let name = &plan.agent_name;
            let dispatch = match asked.and_then(|d| d.taken) {
                Some(taken) => format!("a worker took job {} and never joined", taken.job_id),
                None => format!("the dispatch of {name:?} found no free worker"),
            };
            return Err(CallError::NoAgent { seconds, dispatch });
        }
    }
    if !wait(shared, AGENT_MAX, |s| s.agent_heard_ms.is_some()).await {
        return Err(CallError::NoTrack { seconds });
    }
    Ok(shared.state().agent_heard_ms.unwrap_or_default())
}

async fn came_after(shared: &Shared) -> bool {
    wait(shared, AGENT_MAX, |s| s.agent_identity.is_some()).await
}

async fn wait_for_welcome(plan: &CallPlan, shared: &Shared) -> Result<(), CallError> {
    if wait(shared, WELCOME_MAX, |s| !s.meter.spans().is_empty() || s.agent_left).await {
        hear_out(shared, 0, plan.answer_gap).await;
    }
    if shared.state().agent_left { Err(CallError::AgentLeft { turns: 0 }) } else { Ok(()) }
}

async fn take_turn(
    plan: &CallPlan,
    turn: &Turn,
    interrupt: Option<Duration>,
    room: &Room,
    shared: &Shared,
    turns_before: usize,
) -> Result<TurnReport, CallError> {
    let (spans_before, captions_before) = {
        let state = shared.state();
        (state.meter.spans().len(), state.captions.len())
    };
    let (said, speech_end_ms) = match turn {
        Turn::Speech(utterance) => {
            shared.say(&utterance.pcm);
            wait(shared, Duration::from_secs(5), |s| s.said_from_ms.is_some()).await;
            let from = shared.state().said_from_ms.unwrap_or_else(|| shared.now_ms());
            (utterance.name.clone(), from + utterance.speech_end_ms)
        }
        Turn::Text(text) => {
            room.send_text("lk.chat", text, Default::default(), None).await?;
            (text.clone(), shared.now_ms())
        }
    };
    let speaking_ms = (speech_end_ms - shared.now_ms()).max(0.0);
    let limit = Duration::from_secs_f64(speaking_ms / 1000.0) + plan.answer_max;
    wait(shared, limit, |s| s.meter.spans().len() > spans_before || s.agent_left).await;
    let onset = shared.state().meter.spans().get(spans_before).copied();
    if let Some(onset) = onset {
        match interrupt {
            Some(after) => {
                let until_ms = onset.start_ms + after.as_secs_f64() * 1000.0;
                let left_ms = (until_ms - shared.now_ms()).max(0.0);
                tokio::time::sleep(Duration::from_secs_f64(left_ms / 1000.0)).await;
            }
            None => hear_out(shared, spans_before, plan.answer_gap).await,
        }
    }
    let state = shared.state();
    if state.agent_left && onset.is_none() {
        return Err(CallError::AgentLeft { turns: turns_before });
    }
    let answer = answer_span(&state, spans_before);
    Ok(TurnReport {
        said,
        heard: captions(&state, captions_before, false),
        answer: captions(&state, captions_before, true),
        v2v_ms: onset.map(|onset| onset.start_ms - speech_end_ms),
        answer_ms: answer.map_or(0.0, |a| a.end_ms - a.start_ms),
        stopped_ms: None,
        answer_from_ms: answer.map_or(0.0, |a| a.start_ms),
        answer_pcm: Vec::new(),
    })
}

/// The turn before the latest was interrupted by it: how long did the agent go on?
fn note_interruption(turns: &mut [TurnReport], shared: &Shared) {
    let state = shared.state();
    let [.., interrupted, _] = turns else { return };
    let Some(said_from_ms) = state.said_from_ms else { return };
    let talking = state.meter.spans().iter().rfind(|s| s.start_ms < said_from_ms);
    if let Some(span) = talking.filter(|_| interrupted.v2v_ms.is_some()) {
        interrupted.answer_ms = span.end_ms - interrupted.answer_from_ms;
        interrupted.stopped_ms = Some((span.end_ms - said_from_ms).max(0.0));
    }
}

/// Waits until the answer that began with span `first` is over.
async fn hear_out(shared: &Shared, first: usize, gap: Duration) {
    let gap_ms = gap.as_secs_f64() * 1000.0;
    loop {
        {
            let state = shared.state();
            let now_ms = shared.now_ms();
            let Some(answer) = answer_span(&state, first) else { return };
            let silent_ms = now_ms - answer.end_ms;
            let idle = state.agent_state.as_deref().is_none_or(|s| s == "listening" || s == "idle");
            let over = silent_ms >= STUCK_GAP_MS || (silent_ms >= gap_ms && idle);
            if over || state.agent_left || now_ms - answer.start_ms > ANSWER_LEN_MAX_MS {
                return;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// From the first sound of span `first` to the last sound so far.
fn answer_span(state: &State, first: usize) -> Option<Span> {
    let spans = state.meter.spans().get(first..)?;
    Some(Span { start_ms: spans.first()?.start_ms, end_ms: spans.last()?.end_ms })
}

fn captions(state: &State, from: usize, by_agent: bool) -> String {
    let lines = state.captions.iter().skip(from).filter(|s| s.by_agent == by_agent);
    let texts: Vec<&str> = lines.map(|s| s.text.trim()).filter(|t| !t.is_empty()).collect();
    texts.join(" ")
}

fn with_audio(mut turn: TurnReport, shared: &Shared) -> TurnReport {
    let state = shared.state();
    let at = |ms: f64| (ms.max(0.0) * f64::from(RATE_HZ) / 1000.0) as usize;
    // Arrival times jitter against the recording by up to a tenth of a second.
    let from = at(turn.answer_from_ms - 100.0).min(state.recording.agent.len());
    let to = at(turn.answer_from_ms + turn.answer_ms + 100.0).min(state.recording.agent.len());
    if turn.v2v_ms.is_some() && from < to {
        turn.answer_pcm = state.recording.agent[from..to].to_vec();
    }
    turn
}

/// Looks every 10 ms, at most for `limit`, whether `done`.
async fn wait(shared: &Shared, limit: Duration, done: impl Fn(&State) -> bool) -> bool {
    let until_ms = shared.now_ms() + limit.as_secs_f64() * 1000.0;
    loop {
        if done(&shared.state()) {
            return true;
        }
        if shared.now_ms() >= until_ms {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
}
