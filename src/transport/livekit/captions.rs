//! Captions and agent state into the room, from tasks of their own: the call never waits for them.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::room::Room;
use super::sdk::SdkError;
use super::text::TextWriter;
use crate::transport::{AgentState, Caption, Speaker};

/// Topic of captions.
pub(super) const TRANSCRIPTION_TOPIC: &str = "lk.transcription";

/// Attribute with the agent's state.
pub(super) const AGENT_STATE: &str = "lk.agent.state";

/// Captions waiting to be sent; when full a caption is dropped and counted. A healthy connection
/// sends one in milliseconds, so only a lost one fills this.
const CAPTIONS_MAX: usize = 128;

/// How long the last captions may take after the call has ended.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// A caption with the track it belongs to.
#[derive(Debug)]
pub(super) struct TrackCaption {
    pub(super) caption: Caption,
    /// The speaker's track; empty if they have none.
    pub(super) track_sid: String,
    /// The caller's identity, under which their words are shown.
    pub(super) caller: String,
}

/// The sending half, owned by the transport.
#[derive(Debug)]
pub(super) struct Captions {
    captions: Option<mpsc::Sender<TrackCaption>>,
    state: watch::Sender<AgentState>,
    dropped: u64,
    sending: JoinHandle<()>,
    telling: JoinHandle<()>,
}

impl Captions {
    pub(super) fn start(room: &Room) -> Self {
        let (captions, receiver) = mpsc::channel(CAPTIONS_MAX);
        let (state, states) = watch::channel(AgentState::Initializing);
        Self {
            captions: Some(captions),
            state,
            dropped: 0,
            sending: tokio::spawn(send_captions(room.clone(), receiver)),
            telling: tokio::spawn(tell_state(room.clone(), states)),
        }
    }

    pub(super) fn send(&mut self, caption: TrackCaption) {
        let Some(captions) = &self.captions else { return };
        if captions.try_send(caption).is_err() {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                warn!(dropped = self.dropped, "Captions can not be sent fast enough.");
            }
        }
    }

    pub(super) fn set_state(&self, state: AgentState) {
        self.state.send_replace(state);
    }

    /// Sends what waits, for a limited time.
    pub(super) async fn finish(&mut self) {
        self.captions = None;
        if tokio::time::timeout(FLUSH_MAX, &mut self.sending).await.is_err() {
            debug!("The last captions were not sent.");
        }
    }
}

impl Drop for Captions {
    fn drop(&mut self) {
        // The tasks hold the room; it must not outlive the call because a send hangs.
        self.sending.abort();
        self.telling.abort();
    }
}

/// Only the latest state matters: one that was overtaken while another was sent is skipped.
async fn tell_state(room: Room, mut states: watch::Receiver<AgentState>) {
    loop {
        let state = *states.borrow_and_update();
        if let Err(error) = room.set_attributes(&[(AGENT_STATE, state.as_str())]).await {
            debug!(%error, "The agent's state was not shown.");
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

async fn send_captions(room: Room, mut captions: mpsc::Receiver<TrackCaption>) {
    // Tells this call's segments from those of an earlier agent in the same room.
    let call: u32 = rand::random();
    let mut open: Option<(u64, TextWriter)> = None;
    while let Some(caption) = captions.recv().await {
        let sent = match caption.caption.speaker {
            Speaker::Caller => send_caller(&room, call, caption).await,
            Speaker::Agent => send_agent(&room, call, caption, &mut open).await,
        };
        if let Err(error) = sent {
            debug!(%error, "A caption was not sent.");
            open = None;
        }
    }
    if let Some((_, writer)) = open {
        let _ = writer.close(finality(true)).await;
    }
}

/// A caller's caption is a text of its own each time; the page replaces it by segment.
async fn send_caller(room: &Room, call: u32, caption: TrackCaption) -> Result<(), SdkError> {
    let attributes = attributes(call, &caption, caption.caption.last);
    let sender = (!caption.caller.is_empty()).then_some(caption.caller.as_str());
    room.send_text(TRANSCRIPTION_TOPIC, &caption.caption.text, attributes, sender).await
}

/// The agent's segment is one text, written as it is spoken.
async fn send_agent(
    room: &Room,
    call: u32,
    caption: TrackCaption,
    open: &mut Option<(u64, TextWriter)>,
) -> Result<(), SdkError> {
    let segment = caption.caption.segment;
    if caption.caption.whole {
        // The page takes a newer text for the whole line, unless the one before was final.
        if let Some((_, writer)) = open.take() {
            writer.close(finality(false)).await?;
        }
        let attributes = attributes(call, &caption, caption.caption.last);
        return room.send_text(TRANSCRIPTION_TOPIC, &caption.caption.text, attributes, None).await;
    }
    if let Some((_, left_open)) = open.take_if(|(current, _)| *current != segment) {
        left_open.close(finality(true)).await?;
    }
    if open.is_none() {
        if caption.caption.text.is_empty() {
            return Ok(()); // the end of a segment that never had a word
        }
        let attributes = attributes(call, &caption, false);
        *open = Some((segment, room.open_text(TRANSCRIPTION_TOPIC, attributes).await?));
    }
    if let Some((_, writer)) = open
        && !caption.caption.text.is_empty()
    {
        writer.write(&caption.caption.text).await?;
    }
    if caption.caption.last
        && let Some((_, writer)) = open.take()
    {
        writer.close(finality(true)).await?;
    }
    Ok(())
}

fn attributes(call: u32, caption: &TrackCaption, last: bool) -> HashMap<String, String> {
    let speaker = match caption.caption.speaker {
        Speaker::Caller => 'c',
        Speaker::Agent => 'a',
    };
    let mut attributes = finality(last);
    let segment = format!("SG_{call:08x}{speaker}{}", caption.caption.segment);
    attributes.insert("lk.segment_id".into(), segment);
    if !caption.track_sid.is_empty() {
        attributes.insert("lk.transcribed_track_id".into(), caption.track_sid.clone());
    }
    attributes
}

fn finality(last: bool) -> HashMap<String, String> {
    HashMap::from([("lk.transcription_final".into(), last.to_string())])
}
