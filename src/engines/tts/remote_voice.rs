//! What voices elsewhere share: one request for a clause, raw PCM back, as a stream; and which of their
//! voices speaks a language.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::time::Instant;

use super::{Synthesis, SynthesisStats, Synthesized};
use crate::audio::AGENT_RATE_HZ;
use crate::engines::EngineError;
use crate::engines::remote::{PcmStream, SERVICE_RATE_HZ, Server};
use crate::policy::remote::Answer;

/// Bytes of a second of what a service sends.
const BYTES_PER_S: usize = SERVICE_RATE_HZ as usize * 2;
/// Speech at half its pace, and what a voice may add in silence: more is not speech of this text.
const MS_PER_CHAR_MAX: usize = 400;
const SPARE_S: usize = 10;
/// What is given on in one piece, in samples: 100 ms at the usual rate.
const PIECE_SAMPLES: usize = AGENT_RATE_HZ as usize / 10;

/// Which voice of the service speaks a language.
#[derive(Debug, Clone)]
pub(crate) struct Voices {
    pub(crate) default: String,
    pub(crate) by_language: BTreeMap<String, String>,
}

impl Voices {
    pub(crate) fn of(&self, language: &str) -> &str {
        self.by_language.get(language).unwrap_or(&self.default)
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.by_language.values().chain([&self.default]).map(String::as_str)
    }
}

/// A request for the audio of a clause.
pub(crate) struct RemoteVoice {
    pub(crate) server: Server,
    pub(crate) path: String,
    pub(crate) body: serde_json::Value,
    pub(crate) voice: String,
    pub(crate) request: Synthesis,
}

struct Speaking {
    asked: RemoteVoice,
    started: Instant,
    answer: Option<(Answer, PcmStream)>,
    ready: Vec<i16>,
    stats: SynthesisStats,
    ended: bool,
    over: bool,
}

/// The audio as it comes.
pub(crate) fn speak(asked: RemoteVoice) -> BoxStream<'static, Result<Synthesized, EngineError>> {
    let stats = SynthesisStats { voice: asked.voice.clone(), ..SynthesisStats::default() };
    let speaking = Speaking {
        asked,
        started: Instant::now(),
        answer: None,
        ready: Vec::new(),
        stats,
        ended: false,
        over: false,
    };
    stream::unfold(speaking, |mut speaking| async move {
        if speaking.over {
            return None;
        }
        let next = speaking.next().await;
        speaking.over |= !matches!(next, Ok(Synthesized::Audio(_)));
        Some((next, speaking))
    })
    .boxed()
}

impl Speaking {
    async fn next(&mut self) -> Result<Synthesized, EngineError> {
        loop {
            if self.ready.len() >= PIECE_SAMPLES || (self.ended && !self.ready.is_empty()) {
                return Ok(Synthesized::Audio(self.piece()));
            }
            if self.ended {
                if self.stats.samples == 0 {
                    return Err(self.asked.server.unexpected("it answered no audio"));
                }
                return Ok(Synthesized::Done(std::mem::take(&mut self.stats)));
            }
            let server = self.asked.server.clone();
            let (answer, pcm) = match &mut self.answer {
                Some(answer) => answer,
                None => {
                    let answer = self.ask().await?;
                    self.answer.insert(answer)
                }
            };
            let chunk = answer.chunk().await.map_err(|e| server.failure(&e))?;
            self.ended = chunk.is_none();
            let samples = match chunk {
                Some(bytes) => pcm.push(&bytes),
                None => pcm.finish(),
            };
            self.ready.extend(samples.map_err(|e| server.unexpected(e.to_string()))?);
        }
    }

    async fn ask(&self) -> Result<(Answer, PcmStream), EngineError> {
        let RemoteVoice { server, path, body, request, .. } = &self.asked;
        let chars = request.text.chars().count();
        let bytes_max = BYTES_PER_S * (SPARE_S * 1_000 + chars * MS_PER_CHAR_MAX) / 1_000;
        let answer = server.post_json(path, body, bytes_max).await?;
        let kind = answer.content_type();
        let audio =
            kind.is_empty() || kind.starts_with("audio/") || kind == "application/octet-stream";
        let packed =
            ["audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/opus", "audio/flac"];
        if !audio || packed.contains(&kind.as_str()) {
            return Err(server.unexpected("it answered something else than raw PCM"));
        }
        let pcm = PcmStream::new(request.sample_rate_hz);
        Ok((answer, pcm.map_err(|e| server.unexpected(e.to_string()))?))
    }

    fn piece(&mut self) -> Vec<i16> {
        let rest = self.ready.split_off(self.ready.len().min(PIECE_SAMPLES));
        let piece = std::mem::replace(&mut self.ready, rest);
        if self.stats.samples == 0 {
            let took = self.started.elapsed().as_millis();
            self.stats.first_audio_ms = u32::try_from(took).unwrap_or(u32::MAX);
        }
        self.stats.samples += piece.len() as u64;
        piece
    }
}
