//! The agent's audio on its way to the caller's ear: paced, stopped, and counted to the word.
//!
//! Pure: time comes in, frames come out. What was *heard* is what was pushed less what is still
//! ahead of the ear. Before a reply that is late there may be a filler and a quiet sound
//! ([`cover`]); neither is ever heard after the reply has begun.

mod cover;
mod spoken;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{FRAME_MS, duration_of, samples_in};
use crate::transport::Caption;
use crate::turn::{CallTime, ReplyId};

pub(crate) use cover::Phrase;
use cover::{Filler, ThinkingSound};
use spoken::Spoken;

/// How far back a reply may go to begin a word again that was cut by a pause.
const REWIND_MAX: Duration = Duration::from_millis(400);

/// Plays one reply at a time.
#[derive(Debug)]
pub(crate) struct Playout {
    rate_hz: u32,
    lead: Duration,
    frame_samples: usize,
    /// When everything that was pushed will have been heard.
    heard_at: CallTime,
    current: Option<Current>,
    filler: Option<Filler>,
    /// Made when it is wanted first.
    sound: Option<ThinkingSound>,
}

#[derive(Debug)]
struct Current {
    spoken: Spoken,
    queue: VecDeque<i16>,
    /// The last samples pushed: what a pause may have to play again.
    pushed_last: VecDeque<i16>,
    paused: bool,
    /// Samples pushed, padding included.
    pushed: u64,
    /// Nothing more comes.
    complete: bool,
    audible: bool,
    /// Clauses that have begun to be heard.
    begun: usize,
}

/// What a tick brought.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Played {
    /// Frames to push now.
    pub(crate) frames: Vec<Vec<i16>>,
    /// The reply whose first frame this is.
    pub(crate) audible: Option<ReplyId>,
    /// Clauses that begin to be heard.
    pub(crate) clauses: Vec<String>,
    /// Words to show, in time with the voice.
    pub(crate) captions: Vec<Caption>,
    /// The filler that has been heard to its end: its words.
    pub(crate) filler: Option<String>,
    /// The reply that has been heard to its end, and its words.
    pub(crate) finished: Option<(ReplyId, String)>,
}

/// What was heard of something that was stopped, and the end of its caption.
#[derive(Debug, PartialEq)]
pub(crate) struct Stopped {
    pub(crate) heard: String,
    pub(crate) caption: Caption,
}

impl Playout {
    pub(crate) fn new(rate_hz: u32, lead_ms: u32) -> Self {
        Self {
            rate_hz,
            lead: Duration::from_millis(u64::from(lead_ms)),
            frame_samples: (rate_hz * FRAME_MS / 1000) as usize,
            heard_at: CallTime::ZERO,
            current: None,
            filler: None,
            sound: None,
        }
    }

    /// Begins `reply`; the one before must have finished or been stopped.
    pub(crate) fn begin(&mut self, reply: ReplyId) {
        debug_assert!(self.current.is_none(), "{reply} begins over another reply");
        self.current = Some(Current {
            spoken: Spoken::new(reply, self.rate_hz),
            queue: VecDeque::new(),
            pushed_last: VecDeque::new(),
            paused: false,
            pushed: 0,
            complete: false,
            audible: false,
            begun: 0,
        });
    }

    /// The audio that follows belongs to `text`. Ignored for a reply that is not playing.
    pub(crate) fn clause(&mut self, reply: ReplyId, text: String) {
        if let Some(current) = self.of(reply) {
            current.spoken.begin_clause(text);
        }
    }

    /// Audio of the last clause.
    pub(crate) fn audio(&mut self, reply: ReplyId, pcm: &[i16]) {
        let Some(current) = self.of(reply) else { return };
        current.queue.extend(pcm);
        if let Some(clause) = current.spoken.last() {
            clause.samples += pcm.len() as u64;
        }
    }

    /// When words of the last clause start whose audio is still to come.
    pub(crate) fn words_ahead(&mut self, reply: ReplyId, words: Vec<(String, u64)>) {
        let Some(current) = self.of(reply) else { return };
        if let Some(clause) = current.spoken.last() {
            clause.words = words;
        }
    }

    /// When the words of the last clause start; all of its audio has come.
    pub(crate) fn words(&mut self, reply: ReplyId, words: Vec<(String, u64)>) {
        let Some(current) = self.of(reply) else { return };
        if let Some(clause) = current.spoken.last() {
            clause.words = words;
            clause.whole = true;
        }
    }

    /// Nothing more comes for `reply`.
    pub(crate) fn complete(&mut self, reply: ReplyId) {
        if let Some(current) = self.of(reply) {
            current.complete = true;
        }
    }

    /// Says `phrase` before the reply, unless audio of that is there already. Returns whether.
    pub(crate) fn fill(&mut self, reply: ReplyId, phrase: Phrase) -> bool {
        let late = self.current.as_ref().is_none_or(|c| !c.audible && c.queue.is_empty());
        if late {
            self.filler = Some(Filler::new(reply, phrase, self.rate_hz));
        }
        late
    }

    /// Stops the filler at `now`; the transport has to drop what it holds. `None`: it is over, or
    /// the reply is heard already.
    pub(crate) fn stop_filler(&mut self, now: CallTime, reply: ReplyId) -> Option<Stopped> {
        if self.current.as_ref().is_some_and(|current| current.audible) {
            return None;
        }
        let mut filler = self.filler.take_if(|filler| filler.spoken.reply == reply)?;
        let heard = filler.heard(samples_in(self.heard_at.since(now), self.rate_hz));
        self.heard_at = self.heard_at.min(now);
        let heard = filler.spoken.heard(heard);
        Some(Stopped { caption: filler.spoken.end(&heard), heard })
    }

    /// Lets the quiet sound be heard while nothing else is.
    pub(crate) fn start_sound(&mut self) {
        let rate_hz = self.rate_hz;
        self.sound.get_or_insert_with(|| ThinkingSound::new(rate_hz)).wanted = true;
    }

    /// Ends it: under a voice it fades, else it is cut, and the transport has to drop what it
    /// holds. Returns whether.
    pub(crate) fn stop_sound(&mut self, now: CallTime) -> bool {
        let voice = self.filler.is_some() || self.current.as_ref().is_some_and(|c| c.audible);
        let Some(sound) = self.sound.as_mut().filter(|sound| !sound.is_silent()) else {
            return false;
        };
        if voice {
            sound.wanted = false;
        } else {
            sound.cut();
            self.heard_at = self.heard_at.min(now);
        }
        !voice
    }

    /// Lets time pass: what is to be pushed now, and what became of the reply.
    pub(crate) fn tick(&mut self, now: CallTime) -> Played {
        let mut played = Played::default();
        if self.heard_at < now {
            self.heard_at = now; // nothing was ahead of the ear: silence since then
        }
        if self.current.as_ref().is_some_and(|current| current.paused) {
            return played;
        }
        while self.heard_at < now + self.lead.max(Duration::from_millis(1)) {
            let Some(frame) = self.next_frame(&mut played) else { break };
            self.heard_at = self.heard_at + duration_of(frame.len() as u64, self.rate_hz);
            played.frames.push(frame);
        }
        let unheard = samples_in(self.heard_at.since(now), self.rate_hz);
        if let Some(filler) = &mut self.filler {
            played.captions.extend(filler.spoken.show(filler.heard(unheard)));
            if filler.is_over(unheard) {
                let heard = filler.spoken.heard(u64::MAX);
                played.captions.push(filler.spoken.end(&heard));
                played.filler = Some(heard);
                self.filler = None;
            }
        }
        let Some(current) = &mut self.current else { return played };
        let spoken = &mut current.spoken;
        played.captions.extend(spoken.show(current.pushed.saturating_sub(unheard)));
        // A reply without a sound does not wait for what covers it.
        let all_heard = current.pushed == 0 || self.heard_at <= now;
        if current.complete && current.queue.is_empty() && all_heard {
            let heard = spoken.heard(u64::MAX);
            played.captions.push(spoken.end(&heard));
            played.finished = Some((spoken.reply, heard));
            self.current = None;
        }
        played
    }

    /// The next thing to be heard: a filler to its end, then the reply, else the quiet sound.
    fn next_frame(&mut self, played: &mut Played) -> Option<Vec<i16>> {
        let samples = self.frame_samples;
        let keep = samples_in(self.lead + REWIND_MAX, self.rate_hz) as usize + samples;
        let mut voice = self.filler.as_mut().and_then(|filler| filler.next_frame(samples, played));
        let filled = voice.is_some();
        if !filled {
            voice = self.current.as_mut().and_then(|current| current.push(samples, keep, played));
        }
        let spoken = voice.is_some();
        let sound = self.sound.as_mut().filter(|sound| !sound.is_silent());
        let silence = sound.is_some().then(|| vec![0; samples]);
        let mut frame = voice.or(silence)?;
        if let Some(sound) = sound {
            sound.mix(&mut frame, spoken);
        }
        if let Some(filler) = self.filler.as_mut().filter(|_| !filled) {
            filler.behind += samples as u64;
        }
        Some(frame)
    }

    /// Falls silent at `now`, and takes back what was pushed and not heard: the transport drops it.
    pub(crate) fn pause(&mut self, now: CallTime, reply: ReplyId) {
        let unheard = samples_in(self.heard_at.since(now), self.rate_hz);
        let rewind_max = samples_in(REWIND_MAX, self.rate_hz);
        let Some(current) = self.current.as_mut().filter(|c| c.spoken.reply == reply && !c.paused)
        else {
            return;
        };
        current.paused = true;
        current.take_back(unheard);
        current.take_back(current.cut_of_word(rewind_max));
        self.heard_at = now;
    }

    /// Goes on where it was paused.
    pub(crate) fn resume(&mut self, reply: ReplyId) {
        if let Some(current) = self.of(reply) {
            current.paused = false;
        }
    }

    /// Stops `reply` at `now`: returns what was heard, `None` if it is not playing.
    pub(crate) fn stop(&mut self, now: CallTime, reply: ReplyId) -> Option<Stopped> {
        self.current.take_if(|c| c.spoken.reply == reply).map(|mut current| {
            let unheard = samples_in(self.heard_at.since(now), self.rate_hz);
            self.heard_at = now;
            let heard = current.spoken.heard(current.pushed.saturating_sub(unheard));
            Stopped { caption: current.spoken.end(&heard), heard }
        })
    }

    fn of(&mut self, reply: ReplyId) -> Option<&mut Current> {
        self.current.as_mut().filter(|c| c.spoken.reply == reply)
    }
}

impl Current {
    /// A whole frame; the very last one is filled up with silence. Keeps the last `keep` samples.
    fn push(&mut self, samples: usize, keep: usize, played: &mut Played) -> Option<Vec<i16>> {
        let enough = self.queue.len() >= samples || (self.complete && !self.queue.is_empty());
        if !enough {
            return None;
        }
        let mut frame: Vec<i16> = self.queue.drain(..samples.min(self.queue.len())).collect();
        frame.resize(samples, 0);
        if !std::mem::replace(&mut self.audible, true) {
            played.audible = Some(self.spoken.reply);
        }
        self.pushed += samples as u64;
        self.pushed_last.extend(&frame);
        let old = self.pushed_last.len().saturating_sub(keep);
        self.pushed_last.drain(..old);
        let clauses = self.spoken.clauses();
        let begun = clauses.iter().take_while(|clause| clause.from < self.pushed).count();
        let new = clauses.get(self.begun..begun).unwrap_or_default();
        played.clauses.extend(new.iter().map(|clause| clause.text.clone()));
        self.begun = begun.max(self.begun);
        Some(frame)
    }

    /// Puts the last `samples` pushed back at the head of the queue.
    fn take_back(&mut self, samples: u64) {
        let samples = (samples.min(self.pushed) as usize).min(self.pushed_last.len());
        for sample in self.pushed_last.drain(self.pushed_last.len() - samples..).rev() {
            self.queue.push_front(sample);
        }
        self.pushed -= samples as u64;
    }

    /// How much of a word that is not over was heard, in samples; 0 where its start is not known
    /// or too far back. Half a word is no start to go on from.
    fn cut_of_word(&self, samples_max: u64) -> u64 {
        let Some(clause) = self.spoken.at(self.pushed) else { return 0 };
        let heard = self.pushed - clause.from;
        let mut starts = clause.words.iter().map(|(_, start)| *start);
        let Some(start) = starts.rfind(|start| *start <= heard) else { return 0 };
        Some(heard - start).filter(|cut| *cut <= samples_max && heard < clause.samples).unwrap_or(0)
    }
}
