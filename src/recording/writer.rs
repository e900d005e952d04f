//! Writes one recording on a thread of its own. The call gives pieces over a bounded queue and never waits: where
//! the disk is too slow for that, sound is missing (silence, at its place), and it is said how much.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::stream::{Failed, Stream};
use super::tracks::Tracks;
use super::{PACKET, RecordingError};
use crate::audio::{CALLER_RATE_HZ, duration_of};
use crate::turn::CallTime;

/// Pieces that may wait, of a tenth of a second each. Full: the newest is dropped, and counted.
const PIECES_MAX: usize = 100;

/// Pages between two times that the disk is asked to keep what it was given: a power cut loses that much.
const PAGES_PER_SYNC: u32 = 2;

/// A gap is made of pieces of this length, so that a long one takes no memory.
const STEP: Duration = Duration::from_secs(1);

/// How long the end of a recording may take.
const END_MAX: Duration = Duration::from_secs(5);

/// Where a recording goes.
pub trait Disk: Write + Send {
    /// Keeps what was written, whatever becomes of the machine.
    ///
    /// # Errors
    /// The disk's.
    fn settle(&mut self) -> std::io::Result<()>;
}

impl Disk for File {
    fn settle(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }
}

/// Sound of the call, and the word that nothing earlier comes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    /// The caller's, with its first sample counted from the start of the call.
    pub caller: Option<(u64, Vec<i16>)>,
    /// The agent's, at the rate that [`Writer::start`] was told.
    pub agent: Vec<(u64, Vec<i16>)>,
    /// Everything that was heard before is there.
    pub until: CallTime,
}

impl Piece {
    /// When its first sound was heard.
    fn first(&self, agent_rate_hz: u32) -> CallTime {
        let time = |at: u64, rate_hz| CallTime::ZERO + duration_of(at, rate_hz);
        let caller = self.caller.iter().map(|(at, _)| time(*at, CALLER_RATE_HZ));
        let agent = self.agent.iter().map(|(at, _)| time(*at, agent_rate_hz));
        caller.chain(agent).min().map_or(self.until, |first| first.min(self.until))
    }
}

/// What became of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// How much of the call it holds, in milliseconds.
    pub length_ms: u64,
    /// Why it ends before the call did.
    pub problem: Option<String>,
}

/// A recording in the making. Dropped, it still comes to its end.
#[derive(Debug)]
pub struct Writer {
    pieces: SyncSender<Piece>,
    ended: Receiver<Ended>,
    path: PathBuf,
}

/// Makes the file at `path`, for its owner only. There must be none.
///
/// # Errors
/// The system's.
pub fn create(path: &Path) -> std::io::Result<File> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

impl Writer {
    /// Records from `from` on, into what `open` opens; `path` is its name for people.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start<D: Disk>(
        path: PathBuf,
        from: CallTime,
        agent_rate_hz: u32,
        open: impl FnOnce() -> std::io::Result<D> + Send + 'static,
    ) -> Result<Self, RecordingError> {
        let (pieces, queue) = sync_channel(PIECES_MAX);
        let (tell, ended) = sync_channel(1);
        let name = path.clone();
        let thread = std::thread::Builder::new().name("recording".into());
        let spawned = thread.spawn(move || {
            let mut length = Duration::ZERO;
            let written = write(open, from, agent_rate_hz, &queue, &mut length);
            let problem = written.err().map(|failed| failed.at(&name).to_string());
            if let Some(problem) = &problem {
                tracing::error!(%problem, "A call's recording broke off; the call goes on.");
            }
            let length_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
            let _ = tell.send(Ended { length_ms, problem }); // the call may be gone
        });
        let io = |error| RecordingError::Io { path: path.clone(), error };
        spawned.map_err(io)?;
        Ok(Self { pieces, ended, path })
    }

    /// Takes a piece, and never waits. Returns whether there was room.
    pub fn push(&self, piece: Piece) -> bool {
        // A writer that has failed has said why; what comes later is no loss of its queue.
        !matches!(self.pieces.try_send(piece), Err(TrySendError::Full(_)))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the recording and waits for it, for a few seconds at most. Blocks: not for a task.
    pub fn end(self) -> Ended {
        drop(self.pieces);
        self.ended.recv_timeout(END_MAX).unwrap_or_else(|_| {
            let problem = format!(
                "{} was not written to its end in {} s; check the disk (records.dir)",
                self.path.display(),
                END_MAX.as_secs()
            );
            Ended { length_ms: 0, problem: Some(problem) }
        })
    }
}

fn write<D: Disk>(
    open: impl FnOnce() -> std::io::Result<D>,
    from: CallTime,
    agent_rate_hz: u32,
    pieces: &Receiver<Piece>,
    length: &mut Duration,
) -> Result<(), Failed> {
    let mut stream = Stream::begin(BufWriter::new(open()?), rand::random())?;
    stream.inner().flush()?;
    let mut tracks = Tracks::new(from, agent_rate_hz)?;
    let mut pages = 0;
    while let Ok(piece) = pieces.recv() {
        // What is missing before this piece never comes: it was dropped. A long gap is made in steps.
        let first = piece.first(agent_rate_hz);
        while tracks.settled() + STEP < first {
            tracks.settle(tracks.settled() + STEP)?;
            frames(&mut tracks, &mut stream, &mut pages, length)?;
        }
        if let Some((at, pcm)) = &piece.caller {
            tracks.caller(*at, pcm)?;
        }
        for (at, pcm) in &piece.agent {
            tracks.agent(*at, pcm)?;
        }
        tracks.settle(piece.until)?;
        frames(&mut tracks, &mut stream, &mut pages, length)?;
    }
    tracks.finish()?;
    frames(&mut tracks, &mut stream, &mut pages, length)?;
    let rest = tracks.rest();
    *length += duration_of((rest.len() / 2) as u64, super::RATE_HZ);
    let mut out = stream.end(&rest)?;
    out.flush()?;
    out.get_mut().settle()?;
    Ok(())
}

fn frames<D: Disk>(
    tracks: &mut Tracks,
    stream: &mut Stream<BufWriter<D>>,
    pages: &mut u32,
    length: &mut Duration,
) -> Result<(), Failed> {
    while let Some(frame) = tracks.next_frame() {
        if stream.push(&frame)? {
            *pages += 1;
            stream.inner().flush()?;
            if pages.is_multiple_of(PAGES_PER_SYNC) {
                stream.inner().get_mut().settle()?;
            }
        }
        *length += PACKET;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
