//! The agent's audio on its way to the caller's ear: paced, stopped, and counted to the word.
//!
//! Pure: time comes in, frames come out. What was *heard* is what was pushed less what is still
//! ahead of the ear.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::{FRAME_MS, duration_of, samples_in};
use crate::turn::{CallTime, ReplyId};

/// Pace of speech where a clause's length is not known yet.
const WORDS_PER_SECOND: u64 = 2;

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
}

#[derive(Debug)]
struct Current {
    reply: ReplyId,
    queue: VecDeque<i16>,
    /// The last samples pushed: what a pause may have to play again.
    pushed_last: VecDeque<i16>,
    paused: bool,
    clauses: Vec<Clause>,
    /// Samples pushed, padding included.
    pushed: u64,
    /// Nothing more comes.
    complete: bool,
    audible: bool,
    captioned: usize,
}

#[derive(Debug)]
struct Clause {
    text: String,
    /// First sample in the reply.
    from: u64,
    samples: u64,
    /// Start of each word, in samples of the clause; empty when the voice does not tell.
    words: Vec<(String, u64)>,
    /// All of its audio has come; before that its length is not known.
    whole: bool,
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
    /// The reply that has been heard to its end, and its words.
    pub(crate) finished: Option<(ReplyId, String)>,
}

impl Playout {
    pub(crate) fn new(rate_hz: u32, lead_ms: u32) -> Self {
        Self {
            rate_hz,
            lead: Duration::from_millis(u64::from(lead_ms)),
            frame_samples: (rate_hz * FRAME_MS / 1000) as usize,
            heard_at: CallTime::ZERO,
            current: None,
        }
    }

    /// Begins `reply`; the one before must have finished or been stopped.
    pub(crate) fn begin(&mut self, reply: ReplyId) {
        debug_assert!(self.current.is_none(), "{reply} begins over another reply");
        self.current = Some(Current {
            reply,
            queue: VecDeque::new(),
            pushed_last: VecDeque::new(),
            paused: false,
            clauses: Vec::new(),
            pushed: 0,
            complete: false,
            audible: false,
            captioned: 0,
        });
    }

    /// The audio that follows belongs to `text`. Ignored for a reply that is not playing.
    pub(crate) fn clause(&mut self, reply: ReplyId, text: String) {
        let Some(current) = self.of(reply) else { return };
        let from = current.clauses.last().map_or(0, |c| c.from + c.samples);
        current.clauses.push(Clause { text, from, samples: 0, words: Vec::new(), whole: false });
    }

    /// Audio of the last clause.
    pub(crate) fn audio(&mut self, reply: ReplyId, pcm: &[i16]) {
        let Some(current) = self.of(reply) else { return };
        current.queue.extend(pcm);
        if let Some(clause) = current.clauses.last_mut() {
            clause.samples += pcm.len() as u64;
        }
    }

    /// When words of the last clause start whose audio is still to come.
    pub(crate) fn words_ahead(&mut self, reply: ReplyId, words: Vec<(String, u64)>) {
        let Some(current) = self.of(reply) else { return };
        if let Some(clause) = current.clauses.last_mut() {
            clause.words = words;
        }
    }

    /// When the words of the last clause start; all of its audio has come.
    pub(crate) fn words(&mut self, reply: ReplyId, words: Vec<(String, u64)>) {
        let Some(current) = self.of(reply) else { return };
        if let Some(clause) = current.clauses.last_mut() {
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

    /// Lets time pass: what is to be pushed now, and what became of the reply.
    pub(crate) fn tick(&mut self, now: CallTime) -> Played {
        let mut played = Played::default();
        let Some(current) = &mut self.current else { return played };
        if self.heard_at < now {
            self.heard_at = now; // nothing was ahead of the ear: silence since then
        }
        if current.paused {
            return played;
        }
        let keep = samples_in(self.lead + REWIND_MAX, self.rate_hz) as usize + self.frame_samples;
        while self.heard_at < now + self.lead.max(Duration::from_millis(1)) {
            let Some(frame) = current.next_frame(self.frame_samples) else { break };
            if !current.audible {
                current.audible = true;
                played.audible = Some(current.reply);
            }
            current.pushed += frame.len() as u64;
            current.pushed_last.extend(&frame);
            let old = current.pushed_last.len().saturating_sub(keep);
            current.pushed_last.drain(..old);
            self.heard_at = self.heard_at + duration_of(frame.len() as u64, self.rate_hz);
            played.frames.push(frame);
            let begun = current.clauses.iter().take_while(|c| c.from < current.pushed).count();
            for clause in current.clauses.get(current.captioned..begun).unwrap_or_default() {
                played.clauses.push(clause.text.clone());
            }
            current.captioned = begun.max(current.captioned);
        }
        if current.complete && current.queue.is_empty() && self.heard_at <= now {
            let heard = current.heard(u64::MAX, self.rate_hz);
            played.finished = Some((current.reply, heard));
            self.current = None;
        }
        played
    }

    /// Falls silent at `now`, and takes back what was pushed and not heard: the transport drops it.
    pub(crate) fn pause(&mut self, now: CallTime, reply: ReplyId) {
        let unheard = samples_in(self.heard_at.since(now), self.rate_hz);
        let rewind_max = samples_in(REWIND_MAX, self.rate_hz);
        let Some(current) = self.current.as_mut().filter(|c| c.reply == reply && !c.paused) else {
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

    /// Stops `reply` at `now`: returns the words that were heard, `None` if it is not playing.
    pub(crate) fn stop(&mut self, now: CallTime, reply: ReplyId) -> Option<String> {
        self.current.take_if(|c| c.reply == reply).map(|current| {
            let unheard = samples_in(self.heard_at.since(now), self.rate_hz);
            self.heard_at = now;
            current.heard(current.pushed.saturating_sub(unheard), self.rate_hz)
        })
    }

    fn of(&mut self, reply: ReplyId) -> Option<&mut Current> {
        self.current.as_mut().filter(|c| c.reply == reply)
    }
}

impl Current {
    /// A whole frame; the very last one is filled up with silence.
    fn next_frame(&mut self, samples: usize) -> Option<Vec<i16>> {
        let enough = self.queue.len() >= samples || (self.complete && !self.queue.is_empty());
        enough.then(|| {
            let mut frame: Vec<i16> = self.queue.drain(..samples.min(self.queue.len())).collect();
            frame.resize(samples, 0);
            frame
        })
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
        let Some(clause) = self.clauses.iter().rfind(|c| c.from < self.pushed) else { return 0 };
        let heard = self.pushed - clause.from;
        let mut starts = clause.words.iter().map(|(_, start)| *start);
        let Some(start) = starts.rfind(|start| *start <= heard) else { return 0 };
        Some(heard - start).filter(|cut| *cut <= samples_max && heard < clause.samples).unwrap_or(0)
    }

    /// The words within the first `samples`.
    fn heard(&self, samples: u64, rate_hz: u32) -> String {
        let rate_hz = u64::from(rate_hz.max(1));
        let heard: Vec<String> = self
            .clauses
            .iter()
            .take_while(|clause| clause.from < samples)
            .map(|clause| clause.heard((samples - clause.from).min(clause.samples), rate_hz))
            .filter(|text| !text.is_empty())
            .collect();
        heard.join(" ")
    }
}

impl Clause {
    fn heard(&self, samples: u64, rate_hz: u64) -> String {
        if self.samples == 0 {
            return String::new(); // a voice that said nothing was not heard to say it
        }
        if samples >= self.samples && self.whole {
            return self.text.clone();
        }
        let words: Vec<&str> = self.text.split_whitespace().collect();
        // A word counts when the next one has begun.
        let begun = || self.words.iter().skip(1).filter(|(_, start)| *start <= samples).count();
        if !self.whole {
            // Words come before their audio: the known ones are the first of the text.
            if (1..=words.len()).contains(&self.words.len()) {
                return words[..begun()].join(" ");
            }
            // Its length is not known: people say about that many words in that time.
            let count = (samples * WORDS_PER_SECOND / rate_hz) as usize;
            return words[..count.min(words.len())].join(" ");
        }
        let count = if self.words.len() == words.len() {
            begun()
        } else {
            (words.len() as u64 * samples / self.samples.max(1)) as usize
        };
        words[..count.min(words.len())].join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const R1: ReplyId = ReplyId(1);

    fn at(ms: u64) -> CallTime {
        CallTime::from_millis(ms)
    }

    /// A playout at 1 kHz: a sample is a millisecond, a frame 20 samples.
    fn playout(clauses: &[(&str, usize)]) -> Playout {
        let mut playout = Playout::new(1_000, 60);
        playout.begin(R1);
        for (text, samples) in clauses {
            playout.clause(R1, (*text).to_owned());
            playout.audio(R1, &vec![1; *samples]);
            playout.words(R1, Vec::new());
        }
        playout
    }

    #[test]
    fn audio_is_pushed_no_further_ahead_than_the_lead() {
        let mut playout = playout(&[("one two three", 1_000)]);
        let first = playout.tick(at(100));
        assert_eq!(first.audible, Some(R1));
        assert_eq!(first.clauses, ["one two three"]);
        assert_eq!(first.frames.len(), 3);
        assert_eq!(playout.tick(at(110)).frames.len(), 1);
        assert_eq!(playout.tick(at(110)).frames.len(), 0);
        assert_eq!(playout.tick(at(200)).frames.len(), 3, "after a gap the lead is full again");
    }

    #[test]
    fn a_reply_is_finished_when_its_last_sample_was_heard() {
        let mut playout = playout(&[("hello", 50)]);
        playout.complete(R1);
        let frames: usize = playout.tick(at(0)).frames.iter().map(Vec::len).sum();
        assert_eq!(frames, 60, "filled up to whole frames");
        assert_eq!(playout.tick(at(40)).finished, None);
        assert_eq!(playout.tick(at(60)).finished, Some((R1, "hello".into())));
        assert_eq!(playout.stop(at(60), R1), None);
    }

    #[test]
    fn words_told_ahead_count_before_the_clause_is_whole() {
        let stopped_at = |ms: u64| {
            let mut playout = Playout::new(1_000, 60);
            playout.begin(R1);
            playout.clause(R1, "one two three".to_owned());
            let marks = [("one", 0), ("two", 100), ("three", 900)];
            let marks = marks.map(|(word, at)| (word.to_owned(), at)).to_vec();
            playout.words_ahead(R1, marks);
            playout.audio(R1, &vec![1; 600]);
            for now in (0..ms).step_by(10) {
                playout.tick(at(now));
            }
            playout.stop(at(ms), R1).unwrap()
        };
        assert_eq!(stopped_at(50), "");
        assert_eq!(stopped_at(150), "one");
        assert_eq!(stopped_at(590), "one", "its second word goes on in audio that never came");
    }

    #[test]
    fn what_was_heard_before_a_stop_is_known_to_the_word() {
        let mut by_length = playout(&[("one two", 100), ("three four five six", 400)]);
        for ms in (0..300).step_by(10) {
            by_length.tick(at(ms));
        }
        assert_eq!(by_length.stop(at(300), R1), Some("one two three four".into()));

        let mut by_marks = playout(&[("one two three", 1_000)]);
        let marks = [("one", 0), ("two", 700), ("three", 900)];
        by_marks.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
        for ms in (0..=800).step_by(10) {
            by_marks.tick(at(ms));
        }
        assert_eq!(by_marks.stop(at(800), R1), Some("one".into()));
    }

    #[test]
    fn a_clause_without_audio_was_not_heard() {
        let mut playout = playout(&[("one two", 100), ("three", 0), ("four", 0)]);
        playout.complete(R1);
        let finished = (0..200).step_by(10).find_map(|ms| playout.tick(at(ms)).finished);
        assert_eq!(finished, Some((R1, "one two".into())));
    }

    #[test]
    fn a_reply_stopped_before_it_began_was_not_heard() {
        let mut playout = playout(&[]);
        assert_eq!(playout.stop(at(10), R1), Some(String::new()));
        assert_eq!(playout.stop(at(10), R1), None);
    }

    #[test]
    fn audio_for_a_stopped_reply_is_dropped() {
        let mut playout = playout(&[("one", 100)]);
        playout.stop(at(10), R1);
        playout.audio(R1, &[1; 100]);
        assert_eq!(playout.tick(at(20)), Played::default());
    }

    /// Counts up from 1, so that every sample is known by its value.
    fn counting(samples: i16) -> Playout {
        let mut playout = Playout::new(1_000, 60);
        playout.begin(R1);
        playout.clause(R1, "one two three".to_owned());
        playout.audio(R1, &(1..=samples).collect::<Vec<_>>());
        playout
    }

    #[test]
    fn what_a_pause_took_back_is_played_again_and_nothing_twice() {
        let mut playout = counting(400);
        let mut heard = Vec::new();
        for ms in (0..100).step_by(20) {
            heard.extend(playout.tick(at(ms)).frames.concat());
        }
        // Of 140 ms pushed, 100 were heard when the transport drops the rest.
        assert_eq!(heard.len(), 140);
        playout.pause(at(100), R1);
        heard.truncate(100);
        for ms in (100..400).step_by(20) {
            assert_eq!(playout.tick(at(ms)), Played::default(), "silent while paused");
        }
        playout.resume(R1);
        playout.complete(R1);
        for ms in (400..900).step_by(20) {
            heard.extend(playout.tick(at(ms)).frames.concat());
        }
        assert_eq!(heard, (1..=400).collect::<Vec<_>>());
    }

    #[test]
    fn a_word_cut_by_a_pause_begins_again() {
        let mut playout = counting(600);
        let marks = [("one", 0), ("two", 80), ("three", 300)];
        playout.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
        for ms in (0..=100).step_by(20) {
            playout.tick(at(ms));
        }
        playout.pause(at(120), R1);
        playout.pause(at(140), R1); // again: nothing more is taken back
        playout.resume(R1);
        assert_eq!(playout.tick(at(200)).frames.concat()[0], 81, "where the second word starts");
    }

    #[test]
    fn a_reply_stopped_in_its_pause_was_heard_up_to_it() {
        let mut playout = counting(600);
        let marks = [("one", 0), ("two", 80), ("three", 300)];
        playout.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
        for ms in (0..=100).step_by(20) {
            playout.tick(at(ms));
        }
        playout.pause(at(100), R1);
        assert_eq!(playout.stop(at(900), R1), Some("one".into()));
    }

    #[test]
    fn a_slow_voice_leaves_a_gap_and_goes_on() {
        let mut playout = playout(&[("one", 40)]);
        assert_eq!(playout.tick(at(0)).frames.len(), 2);
        assert_eq!(playout.tick(at(200)).frames.len(), 0);
        playout.audio(R1, &[1; 40]);
        playout.complete(R1);
        assert_eq!(playout.tick(at(220)).frames.len(), 2);
        assert_eq!(playout.tick(at(260)).finished.map(|f| f.0), Some(R1));
    }

    #[test]
    fn a_clause_that_was_never_made_was_not_heard() {
        let mut playout = playout(&[("one", 20)]);
        playout.clause(R1, "two three four".into());
        playout.complete(R1);
        playout.tick(at(0));
        assert_eq!(playout.tick(at(20)).finished, Some((R1, "one".into())));
    }

    #[test]
    fn of_a_clause_that_broke_off_only_what_fits_was_heard() {
        let mut playout = playout(&[]);
        playout.clause(R1, "one two three four five six".into());
        playout.audio(R1, &[1; 1_000]);
        playout.complete(R1);
        let mut heard = None;
        for ms in (0..=1_100).step_by(20) {
            heard = heard.or(playout.tick(at(ms)).finished);
        }
        assert_eq!(heard, Some((R1, "one two".into())));
    }
}
