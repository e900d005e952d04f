//! Text streams in a room: captions and chat.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::messages::envelope::{EventMessage, RequestMessage};
use super::messages::text::{
    OwnedTextStreamReader, StreamError, StreamSendTextRequest, StreamTextOptions,
    TextStreamOpenRequest, TextStreamReaderEvent, TextStreamReaderReadIncrementalRequest,
    TextStreamWriterCloseRequest, TextStreamWriterWriteRequest,
};
use super::room::REQUEST_MAX;
use super::sdk::{Handle, Sdk, SdkError};

/// A text that somebody sends. Nothing is read until asked for; dropping it refuses the text.
#[derive(Debug)]
pub struct TextReader {
    /// What it is about, e.g. `lk.chat`.
    pub topic: String,
    /// What it carries beside its words.
    pub attributes: HashMap<String, String>,
    sdk: Arc<Sdk>,
    handle: Option<Handle>,
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    id: u64,
    chunks: mpsc::Receiver<TextStreamReaderEvent>,
}

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPiece {
    /// Words to add.
    Chunk(String),
    /// The end, with the attributes given at closing.
    End(HashMap<String, String>),
}

impl TextReader {
    pub(super) fn new(sdk: &Arc<Sdk>, owned: &mut OwnedTextStreamReader) -> Self {
        Self {
            topic: std::mem::take(&mut owned.info.topic),
            attributes: std::mem::take(&mut owned.info.attributes),
            sdk: Arc::clone(sdk),
            handle: Some(sdk.take(&mut owned.handle)),
            reading: None,
        }
    }

    /// The next piece. Cancel-safe.
    ///
    /// # Errors
    /// When the sender breaks off, or is faster than we read.
    pub async fn next(&mut self) -> Result<TextPiece, SdkError> {
        let what = "read a text";
        if let Some(handle) = self.handle.take() {
            let id = handle.id();
            let chunks = self.sdk.listen_to_text(id);
            self.reading = Some(Reading { id, chunks });
            let request = TextStreamReaderReadIncrementalRequest { reader_handle: id };
            self.sdk.request(what, RequestMessage::TextReadIncremental(request))?;
            handle.consumed();
        }
        let Some(reading) = &mut self.reading else { return Err(SdkError::Refused(what)) };
        loop {
            let broken = || SdkError::Failed { what, reason: "it broke off".into() };
            let event = reading.chunks.recv().await.ok_or_else(broken)?;
            if let Some(chunk) = event.chunk_received {
                return Ok(TextPiece::Chunk(chunk.content));
            }
            if let Some(end) = event.eos {
                done(what, end.error)?;
                return Ok(TextPiece::End(end.attributes));
            }
        }
    }

    /// The whole text, at most `bytes_max` of it, within `deadline`.
    ///
    /// # Errors
    /// When it breaks off, is too long or too slow.
    pub async fn read_all(
        mut self,
        bytes_max: usize,
        deadline: Duration,
    ) -> Result<String, SdkError> {
        let what = "read a text";
        let read = async {
            let mut text = String::new();
            while let TextPiece::Chunk(chunk) = self.next().await? {
                if text.len() + chunk.len() > bytes_max {
                    let reason = format!("it is longer than {bytes_max} bytes");
                    return Err(SdkError::Failed { what, reason });
                }
                text.push_str(&chunk);
            }
            Ok(text)
        };
        tokio::time::timeout(deadline, read)
            .await
            .unwrap_or(Err(SdkError::TimedOut { what, seconds: deadline.as_secs() }))
    }
}

impl Drop for TextReader {
    fn drop(&mut self) {
        if let Some(reading) = &self.reading {
            self.sdk.forget_text(reading.id);
        }
    }
}

/// A text being written bit by bit.
#[derive(Debug)]
pub struct TextWriter {
    sdk: Arc<Sdk>,
    handle: Handle,
}

impl TextWriter {
    pub(super) async fn open(
        sdk: &Arc<Sdk>,
        local: &Handle,
        topic: &str,
        attributes: HashMap<String, String>,
    ) -> Result<Self, SdkError> {
        let what = "open a text";
        let request = |async_id| {
            RequestMessage::TextStreamOpen(TextStreamOpenRequest {
                local_participant_handle: local.id(),
                options: options(topic, attributes, None),
                request_async_id: Some(async_id),
            })
        };
        let mut event = sdk.call(what, REQUEST_MAX, request).await?;
        let EventMessage::TextOpen(callback) = &mut event.message else {
            return Err(SdkError::Refused(what));
        };
        done(what, callback.error.take())?;
        let writer = callback.writer.as_mut().ok_or(SdkError::Refused(what))?;
        Ok(Self { sdk: Arc::clone(sdk), handle: sdk.take(&mut writer.handle) })
    }

    /// Adds words.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn write(&self, text: &str) -> Result<(), SdkError> {
        let what = "write a text";
        let request = |async_id| {
            RequestMessage::TextStreamWrite(TextStreamWriterWriteRequest {
                writer_handle: self.handle.id(),
                text: text.to_owned(),
                request_async_id: Some(async_id),
            })
        };
        match &self.sdk.call(what, REQUEST_MAX, request).await?.message {
            EventMessage::TextWrite(callback) => done(what, callback.error.clone()),
            _ => Err(SdkError::Refused(what)),
        }
    }

    /// Ends the text; `attributes` are added to those it was opened with.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn close(self, attributes: HashMap<String, String>) -> Result<(), SdkError> {
        let what = "close a text";
        let Self { sdk, handle } = self;
        let id = handle.id();
        let request = |async_id| {
            // The library takes the writer with this request, whatever comes of it.
            handle.consumed();
            RequestMessage::TextStreamClose(TextStreamWriterCloseRequest {
                writer_handle: id,
                reason: None,
                request_async_id: Some(async_id),
                attributes,
            })
        };
        match &sdk.call(what, REQUEST_MAX, request).await?.message {
            EventMessage::TextClose(callback) => done(what, callback.error.clone()),
            _ => Err(SdkError::Refused(what)),
        }
    }
}

pub(super) async fn send(
    sdk: &Arc<Sdk>,
    local: &Handle,
    topic: &str,
    text: &str,
    attributes: HashMap<String, String>,
    sender: Option<&str>,
) -> Result<(), SdkError> {
    let what = "send a text";
    let request = |async_id| {
        RequestMessage::SendText(StreamSendTextRequest {
            local_participant_handle: local.id(),
            options: options(topic, attributes, sender),
            text: text.to_owned(),
            request_async_id: Some(async_id),
        })
    };
    match &sdk.call(what, REQUEST_MAX, request).await?.message {
        EventMessage::SendText(callback) => done(what, callback.error.clone()),
        _ => Err(SdkError::Refused(what)),
    }
}

fn options(
    topic: &str,
    attributes: HashMap<String, String>,
    sender: Option<&str>,
) -> StreamTextOptions {
    StreamTextOptions {
        topic: topic.to_owned(),
        attributes,
        destination_identities: Vec::new(),
        sender_identity: sender.map(str::to_owned),
    }
}

fn done(what: &'static str, error: Option<StreamError>) -> Result<(), SdkError> {
    match error {
        None => Ok(()),
        Some(error) => Err(SdkError::Failed { what, reason: error.description }),
    }
}
