//! A voice that speaks a line once: the audio of fixed lines is kept and given again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::{Synthesis, Synthesized, TextToSpeech};
use crate::engines::EngineError;

/// Most memory that kept audio takes, in samples: 32 MiB, or some ten minutes. More is not kept.
const SAMPLES_MAX: usize = 16 * 1024 * 1024;

/// Keeps what `synthesize_line` of another voice gave. Clones share it.
#[derive(Debug, Clone)]
pub struct KeptLines<T> {
    voice: T,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: HashMap<Key, Arc<Vec<Synthesized>>>,
    samples: usize,
}

/// All that a line's audio depends on; the speed by its bits.
type Key = (String, String, String, u32, u32, Vec<String>);

impl<T: TextToSpeech> KeptLines<T> {
    /// Lines of `voice`.
    pub fn new(voice: T) -> Self {
        Self { voice, kept: Arc::default() }
    }
}

impl<T: TextToSpeech> TextToSpeech for KeptLines<T> {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        self.voice.synthesize(request)
    }

    fn synthesize_line(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let Synthesis { text, voice, language, speed, sample_rate_hz, as_given } = request.clone();
        let key = (text, voice, language, speed.to_bits(), sample_rate_hz, as_given);
        let kept =
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).lines.get(&key).cloned();
        if let Some(kept) = kept {
            let pieces = (0..kept.len()).map(move |n| Ok(kept[n].clone()));
            return stream::iter(pieces).boxed();
        }
        let (kept, mut pieces) = (Arc::clone(&self.kept), Vec::new());
        let watched = self.voice.synthesize_line(request).inspect(move |piece| {
            let Ok(piece) = piece else { return };
            pieces.push(piece.clone());
            if let Synthesized::Done(_) = piece {
                let pieces = std::mem::take(&mut pieces);
                kept.lock().unwrap_or_else(PoisonError::into_inner).keep(key.clone(), pieces);
            }
        });
        watched.boxed()
    }
}

impl Kept {
    fn keep(&mut self, key: Key, pieces: Vec<Synthesized>) {
        let audio = pieces.iter().map(|piece| match piece {
            Synthesized::Audio(pcm) => pcm.len(),
            Synthesized::Words(_) | Synthesized::Done(_) => 0,
        });
        let samples = audio.sum::<usize>();
        if samples > 0 && self.samples + samples <= SAMPLES_MAX && !self.lines.contains_key(&key) {
            self.samples += samples;
            self.lines.insert(key, Arc::new(pieces));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::engines::tts::{ScriptedTts, SynthesisStats};

    /// Counts what it is asked; fails from its second line on.
    struct Once(AtomicU32);

    impl TextToSpeech for Once {
        fn synthesize(
            &self,
            request: Synthesis,
        ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
            let fails = self.0.fetch_add(1, Ordering::Relaxed) > 0;
            ScriptedTts { fails, ..ScriptedTts::default() }.synthesize(request)
        }
    }

    fn line(text: &str) -> Synthesis {
        Synthesis { text: text.into(), sample_rate_hz: 24_000, ..Synthesis::default() }
    }

    #[tokio::test]
    async fn a_line_is_spoken_once_and_heard_again_when_the_engine_is_gone() {
        let voice = KeptLines::new(Once(AtomicU32::new(0)));
        let first: Vec<_> =
            voice.synthesize_line(line("Sorry.")).map(Result::unwrap).collect().await;
        let again: Vec<_> =
            voice.synthesize_line(line("Sorry.")).map(Result::unwrap).collect().await;
        assert_eq!(first, again);
        assert!(matches!(
            again.last(),
            Some(Synthesized::Done(SynthesisStats { samples: 8_640, .. }))
        ));
        let other = voice.synthesize_line(line("Hello.")).next().await;
        assert!(matches!(other, Some(Err(_))), "another line is another request");
        let answer = voice.synthesize(line("Sorry.")).next().await;
        assert!(matches!(answer, Some(Err(_))), "an answer is spoken anew");
    }

    #[tokio::test]
    async fn what_was_not_spoken_to_its_end_is_not_kept() {
        let voice = KeptLines::new(ScriptedTts::default());
        voice.synthesize_line(line("One moment.")).next().await;
        assert!(voice.kept.lock().unwrap().lines.is_empty());
    }
}
