//! Text streams: captions and chat.

use std::collections::HashMap;

use super::messages;
use super::room::FfiOwnedHandle;

messages! {
    /// Where a text goes and what it carries beside its words.
    StreamTextOptions = "StreamTextOptions" {
        topic: String = (string, required) 1,
        attributes: HashMap<String, String> = (map(string, string)) 2,
        destination_identities: Vec<String> = (string, repeated) 3,
        sender_identity: Option<String> = (string, optional) 11,
    }
    /// Sends a whole text.
    StreamSendTextRequest = "StreamSendTextRequest" {
        local_participant_handle: u64 = (uint64, required) 1,
        options: StreamTextOptions = (message, required) 2,
        text: String = (string, required) 3,
        request_async_id: Option<u64> = (uint64, optional) 4,
    }
    /// The text was sent, or not.
    StreamSendTextCallback = "StreamSendTextCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<StreamError> = (message, optional) 3,
    }
    /// Opens a stream to write to.
    TextStreamOpenRequest = "TextStreamOpenRequest" {
        local_participant_handle: u64 = (uint64, required) 1,
        options: StreamTextOptions = (message, required) 2,
        request_async_id: Option<u64> = (uint64, optional) 3,
    }
    /// Carries the writer.
    TextStreamOpenCallback = "TextStreamOpenCallback" {
        async_id: u64 = (uint64, required) 1,
        writer: Option<OwnedTextStreamWriter> = (message, optional) 2,
        error: Option<StreamError> = (message, optional) 3,
    }
    /// A writer that is ours.
    OwnedTextStreamWriter = "OwnedTextStreamWriter" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: TextStreamInfo = (message, required) 2,
    }
    /// Adds to a stream.
    TextStreamWriterWriteRequest = "TextStreamWriterWriteRequest" {
        writer_handle: u64 = (uint64, required) 1,
        text: String = (string, required) 2,
        request_async_id: Option<u64> = (uint64, optional) 3,
    }
    /// Added, or not.
    TextStreamWriterWriteCallback = "TextStreamWriterWriteCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<StreamError> = (message, optional) 2,
    }
    /// Ends a stream; takes the writer with it.
    TextStreamWriterCloseRequest = "TextStreamWriterCloseRequest" {
        writer_handle: u64 = (uint64, required) 1,
        reason: Option<String> = (string, optional) 2,
        request_async_id: Option<u64> = (uint64, optional) 3,
        attributes: HashMap<String, String> = (map(string, string)) 4,
    }
    /// Ended, or not.
    TextStreamWriterCloseCallback = "TextStreamWriterCloseCallback" {
        async_id: u64 = (uint64, required) 1,
        error: Option<StreamError> = (message, optional) 2,
    }
    /// What a stream is about.
    TextStreamInfo = "TextStreamInfo" {
        stream_id: String = (string, required) 1,
        topic: String = (string, required) 4,
        attributes: HashMap<String, String> = (map(string, string)) 6,
    }
    /// Somebody opened a stream to us.
    TextStreamOpened = "TextStreamOpened" {
        reader: OwnedTextStreamReader = (message, required) 1,
        participant_identity: String = (string, required) 2,
    }
    /// A reader that is ours.
    OwnedTextStreamReader = "OwnedTextStreamReader" {
        handle: FfiOwnedHandle = (message, required) 1,
        info: TextStreamInfo = (message, required) 2,
    }
    /// Starts reading; consumes the reader's handle.
    TextStreamReaderReadIncrementalRequest = "TextStreamReaderReadIncrementalRequest" {
        reader_handle: u64 = (uint64, required) 1,
    }
    /// Words arrived, or the stream ended.
    TextStreamReaderEvent = "TextStreamReaderEvent" {
        reader_handle: u64 = (uint64, required) 1,
        chunk_received: Option<TextStreamReaderChunkReceived> = (message, optional) 2,
        eos: Option<TextStreamReaderEos> = (message, optional) 3,
    }
    /// Words.
    TextStreamReaderChunkReceived = "TextStreamReaderChunkReceived" {
        content: String = (string, required) 1,
    }
    /// The end, with attributes given at closing.
    TextStreamReaderEos = "TextStreamReaderEOS" {
        error: Option<StreamError> = (message, optional) 1,
        attributes: HashMap<String, String> = (map(string, string)) 2,
    }
    /// Why a stream failed.
    StreamError = "StreamError" {
        description: String = (string, required) 1,
    }
    /// Somebody opened a byte stream to us; we only free it.
    ByteStreamOpened = "ByteStreamOpened" {
        reader: OwnedByteStreamReader = (message, required) 1,
        participant_identity: String = (string, required) 2,
    }
    /// A reader that is ours.
    OwnedByteStreamReader = "OwnedByteStreamReader" {
        handle: FfiOwnedHandle = (message, required) 1,
    }
}
