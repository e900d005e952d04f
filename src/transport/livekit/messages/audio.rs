//! Sound: sources that we publish from, streams that we hear.

use super::messages;
use super::room::{FfiOwnedHandle, OwnedTrack};

messages! {
    /// Makes a source that samples are pushed into.
    NewAudioSourceRequest = "NewAudioSourceRequest" {
        r#type: i32 = (enumeration(super::room::AudioSourceType), required) 1,
        sample_rate: Option<u32> = (uint32, optional) 3,
        num_channels: Option<u32> = (uint32, optional) 4,
        queue_size_ms: Option<u32> = (uint32, optional) 5,
    }
    /// Carries the new source.
    NewAudioSourceResponse = "NewAudioSourceResponse" {
        source: OwnedAudioSource = (message, required) 1,
    }
    /// A source that is ours.
    OwnedAudioSource = "OwnedAudioSource" {
        handle: FfiOwnedHandle = (message, required) 1,
    }
    /// Makes a track that plays a source.
    CreateAudioTrackRequest = "CreateAudioTrackRequest" {
        name: String = (string, required) 1,
        source_handle: u64 = (uint64, required) 2,
    }
    /// Carries the new track.
    CreateAudioTrackResponse = "CreateAudioTrackResponse" {
        track: OwnedTrack = (message, required) 1,
    }
    /// Where samples lie in memory.
    AudioFrameBufferInfo = "AudioFrameBufferInfo" {
        data_ptr: u64 = (uint64, required) 1,
        num_channels: u32 = (uint32, required) 2,
        sample_rate: u32 = (uint32, required) 3,
        samples_per_channel: u32 = (uint32, required) 4,
    }
    /// Pushes samples; they are copied before the request returns.
    CaptureAudioFrameRequest = "CaptureAudioFrameRequest" {
        source_handle: u64 = (uint64, required) 1,
        buffer: AudioFrameBufferInfo = (message, required) 2,
        request_async_id: Option<u64> = (uint64, optional) 3,
    }
    /// There is room in the source's queue again. Not: it was heard.
    CaptureAudioFrameCallback = "CaptureAudioFrameCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<String> = (string, optional) 2,
    }
    /// Empties a source's queue.
    ClearAudioBufferRequest = "ClearAudioBufferRequest" {
        source_handle: u64 = (uint64, required) 1,
    }
    /// Starts hearing a track.
    NewAudioStreamRequest = "NewAudioStreamRequest" {
        track_handle: u64 = (uint64, required) 1,
        r#type: i32 = (enumeration(super::room::AudioStreamType), required) 2,
        sample_rate: Option<u32> = (uint32, optional) 3,
        num_channels: Option<u32> = (uint32, optional) 4,
        frame_size_ms: Option<u32> = (uint32, optional) 7,
        queue_size_frames: Option<u32> = (uint32, optional) 8,
    }
    /// Carries the new stream.
    NewAudioStreamResponse = "NewAudioStreamResponse" {
        stream: OwnedAudioStream = (message, required) 1,
    }
    /// A stream that is ours.
    OwnedAudioStream = "OwnedAudioStream" {
        handle: FfiOwnedHandle = (message, required) 1,
    }
    /// A frame was heard, or the track ended.
    AudioStreamEvent = "AudioStreamEvent" {
        stream_handle: u64 = (uint64, required) 1,
        frame_received: Option<AudioFrameReceived> = (message, optional) 2,
        eos: Option<AudioStreamEos> = (message, optional) 3,
    }
    /// A frame that is ours to free.
    AudioFrameReceived = "AudioFrameReceived" {
        frame: OwnedAudioFrameBuffer = (message, required) 1,
    }
    /// Samples and the handle that keeps them alive.
    OwnedAudioFrameBuffer = "OwnedAudioFrameBuffer" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: AudioFrameBufferInfo = (message, required) 2,
    }
    /// The track ended.
    AudioStreamEos = "AudioStreamEOS" {}
}
