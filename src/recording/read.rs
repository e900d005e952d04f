//! A recording read back, as far as it goes: a file whose writer was killed ends with its last whole page.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use ogg::PacketReader;
use opusic_c::{Channels, Decoder, SampleRate};

use super::{GRANULES_HZ, RATE_HZ, RecordingError};

/// Longest packet that Opus has, in samples of one side.
const PACKET_SAMPLES_MAX: usize = RATE_HZ as usize * 120 / 1_000;

/// Most samples of a side that are read: a day and a bit. A file that holds more is not ours.
const SAMPLES_MAX: usize = RATE_HZ as usize * 25 * 3_600;

/// Both sides of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What the caller said, at [`RATE_HZ`].
    pub caller: Vec<i16>,
    /// What the agent said.
    pub agent: Vec<i16>,
    /// Its writer came to the end.
    pub whole: bool,
}

/// Reads `path` to its end, or to where it breaks off.
///
/// # Errors
/// It can not be read, or is no recording of ours.
pub fn read(path: &Path) -> Result<Decoded, RecordingError> {
    let io = |error| RecordingError::Io { path: path.to_owned(), error };
    let strange = |problem: String| RecordingError::Strange { path: path.to_owned(), problem };
    let file = File::open(path).map_err(io)?;
    decode(BufReader::new(file)).map_err(strange)
}

fn decode(file: impl Read + Seek) -> Result<Decoded, String> {
    let mut packets = PacketReader::new(file);
    let mut next = || packets.read_packet().ok().flatten();
    let head = next().ok_or("it is no Ogg file")?.data;
    if head.len() < 19 || !head.starts_with(b"OpusHead\x01\x02") {
        return Err("it holds no stereo Opus".into());
    }
    let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
    let tags = next().ok_or("it ends in its head")?;
    if !tags.data.starts_with(b"OpusTags") {
        return Err("it has no comments".into());
    }
    let granules = (GRANULES_HZ / RATE_HZ) as usize;
    let skip = pre_skip / granules;
    let mut decoder = Decoder::new(Channels::Stereo, SampleRate::Hz24000)
        .map_err(|error| error.message().to_owned())?;
    let (mut caller, mut agent) = (Vec::new(), Vec::new());
    let mut whole = false;
    let mut frame = vec![0.0; PACKET_SAMPLES_MAX * 2];
    while let Some(packet) = next() {
        let made = decoder.decode_float_to_slice(&packet.data, &mut frame, false);
        let Ok(made) = made else { break };
        for pair in frame[..made * 2].chunks_exact(2) {
            let sample = |s: f32| (s * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
            caller.push(sample(pair[0]));
            agent.push(sample(pair[1]));
        }
        if caller.len() > SAMPLES_MAX {
            return Err("it is longer than a day".into());
        }
        if packet.last_in_stream() {
            let end = usize::try_from(packet.absgp_page()).unwrap_or(usize::MAX) / granules;
            caller.truncate(end);
            agent.truncate(end);
            whole = true;
            break;
        }
    }
    caller.drain(..skip.min(caller.len()));
    agent.drain(..skip.min(agent.len()));
    Ok(Decoded { caller, agent, whole })
}
