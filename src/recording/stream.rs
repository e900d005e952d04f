//! Stereo frames into an Ogg/Opus stream: pages that are whole in themselves, often.

use std::io::Write;

use ogg::{PacketWriteEndInfo, PacketWriter};
use opusic_c::{Application, Bitrate, Channels, Encoder, SampleRate, Signal};

use super::{GRANULES_HZ, PACKET_SAMPLES, RATE_HZ, RecordingError};

/// Packets of 20 ms in a page: what is lost at most when the program is killed, less what is on its way.
const PAGE_PACKETS: u32 = 20;

/// Both sides together; speech needs half of it. About 20 MB for an hour of talk, little for silence.
const BITS_PER_SECOND: u32 = 48_000;

/// What Opus is allowed to think, 0 to 10; above 5 nobody hears a difference in speech.
const COMPLEXITY: u8 = 5;

/// Most bytes of a packet of 20 ms.
const PACKET_BYTES_MAX: usize = 2_000;

/// Granules in a sample of ours.
const GRANULES: u64 = (GRANULES_HZ / RATE_HZ) as u64;

/// A stream that is being written.
pub(super) struct Stream<W: Write> {
    encoder: Encoder,
    pages: PacketWriter<'static, W>,
    serial: u32,
    /// Samples that the encoder delays what it is given.
    delay: u64,
    /// Samples of each side given to it.
    samples: u64,
    /// The last packet: it may turn out to be the stream's last.
    held: Option<Vec<u8>>,
    in_page: u32,
}

impl<W: Write> Stream<W> {
    /// Writes the stream's head.
    ///
    /// # Errors
    /// The writer's, or Opus can not be set up.
    pub(super) fn begin(to: W, serial: u32) -> Result<Self, Failed> {
        let mut encoder = Encoder::new(Channels::Stereo, SampleRate::Hz24000, Application::Audio)?;
        encoder.set_bitrate(Bitrate::Value(BITS_PER_SECOND))?;
        encoder.set_vbr(true)?;
        encoder.set_complexity(COMPLEXITY)?;
        encoder.set_dtx(true)?; // silence, most of each side, takes next to nothing
        encoder.set_signal(Signal::Voice)?;
        let delay = u64::from(encoder.get_look_ahead()?);
        let mut pages = PacketWriter::new(to);
        let end_page = PacketWriteEndInfo::EndPage;
        pages.write_packet(head(delay * GRANULES), serial, end_page, 0)?;
        pages.write_packet(tags(), serial, end_page, 0)?;
        Ok(Self { encoder, pages, serial, delay, samples: 0, held: None, in_page: 0 })
    }

    /// Adds a frame of 20 ms. Returns whether a page went out.
    pub(super) fn push(&mut self, stereo: &[i16]) -> Result<bool, Failed> {
        let frame: Vec<f32> = stereo.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let length = self.encoder.encode_float_to_slice(&frame, &mut packet)?;
        packet.truncate(length);
        let before = self.samples;
        self.samples += PACKET_SAMPLES as u64;
        let Some(held) = self.held.replace(packet) else { return Ok(false) };
        self.in_page += 1;
        let whole = self.in_page >= PAGE_PACKETS;
        let ends =
            if whole { PacketWriteEndInfo::EndPage } else { PacketWriteEndInfo::NormalPacket };
        self.pages.write_packet(held, self.serial, ends, before * GRANULES)?;
        if whole {
            self.in_page = 0;
        }
        Ok(whole)
    }

    /// Adds the last samples, fewer than a frame, and ends the stream.
    pub(super) fn end(mut self, rest: &[i16]) -> Result<W, Failed> {
        let samples = self.samples + (rest.len() / 2) as u64;
        let mut frame = rest.to_vec();
        // The encoder gives out what it has kept back when silence pushes it through.
        while self.samples < samples + self.delay || self.held.is_none() {
            frame.resize(PACKET_SAMPLES * 2, 0);
            self.push(&frame)?;
            frame.clear();
        }
        let end = (samples + self.delay) * GRANULES;
        let last = self.held.take().unwrap_or_default();
        self.pages.write_packet(last, self.serial, PacketWriteEndInfo::EndStream, end)?;
        Ok(self.pages.into_inner())
    }

    /// Where it is written.
    pub(super) fn inner(&mut self) -> &mut W {
        self.pages.inner_mut()
    }
}

/// What went wrong in a stream, without its name.
#[derive(Debug)]
pub(super) enum Failed {
    Io(std::io::Error),
    Opus(String),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<opusic_c::ErrorCode> for Failed {
    fn from(error: opusic_c::ErrorCode) -> Self {
        Self::Opus(error.message().to_owned())
    }
}

impl From<crate::audio::ResampleError> for Failed {
    fn from(error: crate::audio::ResampleError) -> Self {
        Self::Opus(error.to_string())
    }
}

impl Failed {
    pub(super) fn at(self, path: &std::path::Path) -> RecordingError {
        match self {
            Self::Io(error) => RecordingError::Io { path: path.to_owned(), error },
            Self::Opus(problem) => RecordingError::Opus(problem),
        }
    }
}

/// The identification header of RFC 7845: version 1, two channels, plain stereo.
fn head(pre_skip: u64) -> Vec<u8> {
    let mut head = b"OpusHead\x01\x02".to_vec();
    head.extend(u16::try_from(pre_skip).unwrap_or(u16::MAX).to_le_bytes());
    head.extend(RATE_HZ.to_le_bytes());
    head.extend([0, 0, 0]); // no gain, mapping family 0
    head
}

/// The comment header: who made it, and nothing of the call.
fn tags() -> Vec<u8> {
    let vendor = concat!("sawt ", env!("CARGO_PKG_VERSION"));
    let mut tags = b"OpusTags".to_vec();
    tags.extend((vendor.len() as u32).to_le_bytes());
    tags.extend(vendor.as_bytes());
    tags.extend(0_u32.to_le_bytes());
    tags
}
