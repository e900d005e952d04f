//! What we let others hear: one published track and the task that feeds it.
//!
//! Pushing never waits. The task pushes 20 ms at a time, so that an interruption finds at most
//! one frame on its way; a longer push would be cut up by the library and go on after a clear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::messages::audio::{
    AudioFrameBufferInfo, CaptureAudioFrameRequest, ClearAudioBufferRequest,
    CreateAudioTrackRequest, NewAudioSourceRequest,
};
use super::messages::envelope::{EventMessage, RequestMessage, ResponseMessage};
use super::messages::room::{
    AudioSourceType, LocalTrackMuteRequest, PublishTrackRequest, TrackPublishOptions, TrackSource,
};
use super::room::REQUEST_MAX;
use super::sdk::{Handle, Sdk, SdkError};
use crate::audio::FRAME_MS;

/// Pushes between the call and the feeding task; when full the push is dropped and counted, which
/// happens only to a pusher far beyond the lead that it was given.
const PUSHES_MAX: usize = 256;

/// After this long without a push, an incomplete frame is filled up with silence and sent.
const FLUSH_AFTER: Duration = Duration::from_millis(40);

/// A published audio track. Dropping it takes the track back with the room.
#[derive(Debug)]
pub struct AudioSource {
    /// The track's id in the room.
    pub track_sid: String,
    sdk: Arc<Sdk>,
    shared: Arc<Shared>,
    pushes: mpsc::Sender<(u64, Vec<i16>)>,
    dropped: u64,
    // Fields drop in this order: publication and track before their source.
    _publication: Handle,
    track: Handle,
}

#[derive(Debug)]
struct Shared {
    source: Handle,
    rate_hz: u32,
    /// Counts clears: what was pushed before the latest one is not sent.
    epoch: AtomicU64,
}

impl AudioSource {
    pub(super) async fn publish(
        sdk: &Arc<Sdk>,
        local: &Handle,
        name: &str,
        rate_hz: u32,
        queue_ms: u32,
    ) -> Result<Self, SdkError> {
        let what = "publish a track";
        let request = NewAudioSourceRequest {
            r#type: AudioSourceType::Native.into(),
            sample_rate: Some(rate_hz),
            num_channels: Some(1),
            queue_size_ms: Some(queue_ms),
        };
        let response = sdk.request(what, RequestMessage::NewAudioSource(request))?;
        let Some(ResponseMessage::NewAudioSource(mut response)) = response else {
            return Err(SdkError::Refused(what));
        };
        let source = sdk.take(&mut response.source.handle);

        let request = CreateAudioTrackRequest { name: name.to_owned(), source_handle: source.id() };
        let response = sdk.request(what, RequestMessage::CreateAudioTrack(request))?;
        let Some(ResponseMessage::CreateAudioTrack(mut response)) = response else {
            return Err(SdkError::Refused(what));
        };
        let track = sdk.take(&mut response.track.handle);

        let request = |async_id| {
            RequestMessage::PublishTrack(PublishTrackRequest {
                local_participant_handle: local.id(),
                track_handle: track.id(),
                options: TrackPublishOptions {
                    dtx: Some(true),
                    red: Some(true),
                    source: Some(TrackSource::Microphone.into()),
                },
                request_async_id: Some(async_id),
            })
        };
        let mut event = sdk.call(what, REQUEST_MAX, request).await?;
        let EventMessage::PublishTrack(callback) = &mut event.message else {
            return Err(SdkError::Refused(what));
        };
        let Some(publication) = &mut callback.publication else {
            let reason = callback.error.take().unwrap_or_default();
            return Err(SdkError::Failed { what, reason });
        };
        let (pushes, receiver) = mpsc::channel(PUSHES_MAX);
        let shared = Arc::new(Shared { source, rate_hz, epoch: AtomicU64::new(0) });
        // Ends when `pushes` is dropped with this source.
        tokio::spawn(feed(Arc::clone(sdk), Arc::clone(&shared), receiver));
        Ok(Self {
            track_sid: publication.info.sid.clone(),
            sdk: Arc::clone(sdk),
            shared,
            pushes,
            dropped: 0,
            _publication: sdk.take(&mut publication.handle),
            track,
        })
    }

    /// Rate of what is pushed.
    pub fn rate_hz(&self) -> u32 {
        self.shared.rate_hz
    }

    /// Queues mono PCM to be heard after what was pushed before. Returns at once.
    pub fn push(&mut self, pcm: &[i16]) {
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        if self.pushes.try_send((epoch, pcm.to_vec())).is_err() {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                warn!(dropped = self.dropped, "Agent audio was pushed faster than it plays.");
            }
        }
    }

    /// Drops what was pushed and not heard yet.
    pub fn clear(&self) {
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
        let request = ClearAudioBufferRequest { source_handle: self.shared.source.id() };
        let cleared = self.sdk.request("clear audio", RequestMessage::ClearAudioBuffer(request));
        if let Err(error) = cleared {
            debug!(%error, "Audio was not cleared.");
        }
    }

    /// Mutes or unmutes the track, as a caller's button does.
    ///
    /// # Errors
    /// When the track has gone.
    pub fn set_muted(&self, mute: bool) -> Result<(), SdkError> {
        let request = LocalTrackMuteRequest { track_handle: self.track.id(), mute };
        self.sdk.request("mute", RequestMessage::LocalTrackMute(request)).map(drop)
    }
}

async fn feed(sdk: Arc<Sdk>, shared: Arc<Shared>, mut pushes: mpsc::Receiver<(u64, Vec<i16>)>) {
    let frame_len = (shared.rate_hz * FRAME_MS / 1000) as usize;
    let mut pending: Vec<i16> = Vec::with_capacity(frame_len * 2);
    let mut pending_epoch = 0;
    loop {
        let push = if pending.is_empty() {
            pushes.recv().await
        } else {
            match tokio::time::timeout(FLUSH_AFTER, pushes.recv()).await {
                Ok(push) => push,
                Err(_) => {
                    // The end of an utterance is seldom a whole frame.
                    pending.resize(frame_len, 0);
                    Some((pending_epoch, Vec::new()))
                }
            }
        };
        let Some((epoch, pcm)) = push else { return };
        if epoch != pending_epoch {
            pending.clear();
            pending_epoch = epoch;
        }
        pending.extend_from_slice(&pcm);
        let mut sent = 0;
        while pending.len() - sent >= frame_len {
            if shared.epoch.load(Ordering::Acquire) != pending_epoch {
                sent = pending.len();
                break;
            }
            let frame = &pending[sent..sent + frame_len];
            if let Err(error) = capture(&sdk, &shared, frame).await {
                debug!(%error, "A frame was not sent.");
            }
            sent += frame_len;
        }
        pending.drain(..sent);
    }
}

/// Sends one frame and waits until the library's queue has room for the next.
async fn capture(sdk: &Arc<Sdk>, shared: &Shared, frame: &[i16]) -> Result<(), SdkError> {
    let what = "send audio";
    let request = |async_id| {
        RequestMessage::CaptureAudioFrame(CaptureAudioFrameRequest {
            source_handle: shared.source.id(),
            buffer: AudioFrameBufferInfo {
                // The library copies the samples before the request returns, and `frame` lives
                // until after that.
                data_ptr: frame.as_ptr() as usize as u64,
                num_channels: 1,
                sample_rate: shared.rate_hz,
                samples_per_channel: frame.len() as u32,
            },
            request_async_id: Some(async_id),
        })
    };
    match &sdk.call(what, REQUEST_MAX, request).await?.message {
        EventMessage::CaptureAudioFrame(callback) => match &callback.error {
            None => Ok(()),
            Some(reason) => Err(SdkError::Failed { what, reason: reason.clone() }),
        },
        _ => Err(SdkError::Refused(what)),
    }
}
