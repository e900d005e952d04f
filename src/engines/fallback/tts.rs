//! A voice that may be elsewhere. A clause of which nothing was heard is spoken anew by the other voice.
//! One that has begun never is: the other voice speaks the words that had not begun, where it is known
//! which those are; else the clause fails.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::{Lane, Permit, Route, Side, Step};
use crate::engines::EngineError;
use crate::engines::tts::{Synthesis, Synthesized, TextToSpeech};

/// The voice of one call.
pub(crate) struct FallbackTts {
    pub(crate) local: Arc<dyn TextToSpeech>,
    pub(crate) lane: Arc<Lane<dyn TextToSpeech>>,
    pub(crate) permit: Permit,
}

type Pieces = BoxStream<'static, Result<Synthesized, EngineError>>;

struct Speaking {
    local: Arc<dyn TextToSpeech>,
    remote: Option<Arc<dyn TextToSpeech>>,
    route: Route<dyn TextToSpeech>,
    /// What is left to say.
    request: Synthesis,
    /// The audio may be kept.
    is_line: bool,
    now: Option<(Step<dyn TextToSpeech>, Pieces)>,
    /// Samples given, by all voices.
    given_samples: u64,
    /// Where the voice that speaks now began.
    from_sample: u64,
    /// Words of earlier voices.
    words_before: Vec<(String, u64)>,
    /// Words that the voice that speaks now has told; they are given with its first audio.
    words: Vec<(String, u64)>,
    words_are_new: bool,
    /// A voice did not tell all of its words.
    unknown: bool,
    ready: VecDeque<Synthesized>,
    last: Option<EngineError>,
    over: bool,
}

impl FallbackTts {
    fn speak(&self, request: Synthesis, is_line: bool) -> Pieces {
        let speaking = Speaking {
            local: Arc::clone(&self.local),
            remote: self.lane.remote.clone(),
            route: Route::new(&self.lane, &self.permit),
            request,
            is_line,
            now: None,
            given_samples: 0,
            from_sample: 0,
            words_before: Vec::new(),
            words: Vec::new(),
            words_are_new: false,
            unknown: false,
            ready: VecDeque::new(),
            last: None,
            over: false,
        };
        stream::unfold(speaking, |mut speaking| async move {
            let next = speaking.next().await?;
            Some((next, speaking))
        })
        .boxed()
    }
}

impl TextToSpeech for FallbackTts {
    fn synthesize(&self, request: Synthesis) -> Pieces {
        self.speak(request, false)
    }

    fn synthesize_line(&self, request: Synthesis) -> Pieces {
        self.speak(request, true)
    }
}

impl Speaking {
    async fn next(&mut self) -> Option<Result<Synthesized, EngineError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            if self.over {
                return None;
            }
            if self.now.is_none() {
                let Some(step) = self.route.next_step() else {
                    self.over = true;
                    return self.last.take().map(Err);
                };
                let pieces = self.ask(step.side);
                self.now = Some((step, pieces));
            }
            let Some((step, pieces)) = &mut self.now else { continue };
            let error = match step.wait(pieces.next()).await {
                Ok(Some(Ok(piece))) => {
                    step.gave_a_piece();
                    if let Synthesized::Done(_) = piece {
                        step.succeeded();
                        self.over = true;
                    }
                    self.take(piece);
                    continue;
                }
                Ok(Some(Err(error))) | Err(error) => error,
                Ok(None) => {
                    let detail = "it ended in mid-clause".to_owned();
                    EngineError::Unavailable { engine: "tts", detail }
                }
            };
            step.failed(&error);
            let side = step.side;
            self.now = None;
            if !self.route.goes_on_after(side, &error) || !self.leave_the_rest() {
                self.over = true;
                return Some(Err(error));
            }
            self.last = Some(error);
        }
    }

    fn ask(&mut self, side: Side) -> Pieces {
        let request = self.request.clone();
        let voice = match (side, &self.remote) {
            (Side::Remote, Some(remote)) => remote,
            (Side::Remote | Side::Local, _) => &self.local,
        };
        // The rest of a line is none.
        if self.is_line && self.from_sample == 0 {
            voice.synthesize_line(request)
        } else {
            voice.synthesize(request)
        }
    }

    /// Gives on what the voice gave, counted from the start of the clause.
    fn take(&mut self, piece: Synthesized) {
        match piece {
            Synthesized::Words(words) => {
                self.words = self.placed(words);
                self.words_are_new = true;
            }
            Synthesized::Audio(pcm) => {
                if std::mem::take(&mut self.words_are_new) && !self.unknown {
                    self.ready.push_back(Synthesized::Words(self.all_words()));
                }
                self.given_samples += pcm.len() as u64;
                self.ready.push_back(Synthesized::Audio(pcm));
            }
            Synthesized::Done(mut stats) => {
                self.words = self.placed(std::mem::take(&mut stats.words));
                self.unknown |= self.words.is_empty();
                stats.words = if self.unknown { Vec::new() } else { self.all_words() };
                stats.samples = self.given_samples;
                self.ready.push_back(Synthesized::Done(stats));
            }
        }
    }

    fn placed(&self, words: Vec<(String, u64)>) -> Vec<(String, u64)> {
        words.into_iter().map(|(word, start)| (word, start + self.from_sample)).collect()
    }

    fn all_words(&self) -> Vec<(String, u64)> {
        self.words_before.iter().chain(&self.words).cloned().collect()
    }

    /// After a voice failed: leaves only what it had not begun to say. Whether the other may go on.
    fn leave_the_rest(&mut self) -> bool {
        let words = std::mem::take(&mut self.words);
        self.words_are_new = false;
        if self.given_samples == self.from_sample {
            return true; // nothing of it was heard
        }
        let text: Vec<&str> = self.request.text.split_whitespace().collect();
        if words.len() != text.len() {
            return false;
        }
        let begun = words.iter().take_while(|(_, start)| *start < self.given_samples).count();
        let rest = text[begun..].join(" ");
        if rest.is_empty() {
            return false; // all but the end of the last word: nothing is left to say
        }
        self.words_before.extend(words.into_iter().take(begun));
        self.request.text = rest;
        self.from_sample = self.given_samples;
        true
    }
}
