//! What is pushed, heard and shown, sample by sample.

use super::*;
use crate::transport::Speaker;

const R1: ReplyId = ReplyId(1);

fn at(ms: u64) -> CallTime {
    CallTime::from_millis(ms)
}

/// What was heard of a reply that is stopped.
fn stopped(playout: &mut Playout, at: CallTime) -> Option<String> {
    playout.stop(at, R1).map(|stopped| stopped.heard)
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
    assert_eq!(stopped(&mut playout, at(60)), None);
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
        stopped(&mut playout, at(ms)).unwrap()
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
    assert_eq!(stopped(&mut by_length, at(300)), Some("one two three".into()));

    let mut by_marks = playout(&[("one two three", 1_000)]);
    let marks = [("one", 0), ("two", 700), ("three", 900)];
    by_marks.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
    for ms in (0..=800).step_by(10) {
        by_marks.tick(at(ms));
    }
    assert_eq!(stopped(&mut by_marks, at(800)), Some("one".into()));
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
    assert_eq!(stopped(&mut playout, at(10)), Some(String::new()));
    assert_eq!(stopped(&mut playout, at(10)), None);
}

#[test]
fn audio_for_a_stopped_reply_is_dropped() {
    let mut playout = playout(&[("one", 100)]);
    stopped(&mut playout, at(10));
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
    assert_eq!(stopped(&mut playout, at(900)), Some("one".into()));
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

/// Lets 20 ms pass again and again until `ms`; each caption with its time, `!` for a whole line and
/// `.` for the last.
fn captions(playout: &mut Playout, ms: std::ops::Range<u64>) -> Vec<String> {
    let mut shown = Vec::new();
    for now in ms.step_by(20) {
        shown.extend(playout.tick(at(now)).captions.iter().map(|c| shown_at(now, c)));
    }
    shown
}

fn shown_at(now: u64, caption: &Caption) -> String {
    assert_eq!(caption.speaker, Speaker::Agent);
    let (whole, last) = (if caption.whole { "!" } else { "" }, if caption.last { "." } else { "" });
    format!("{now} {:?}{whole}{last}", caption.text)
}

#[test]
fn words_are_shown_when_the_ear_reaches_them() {
    let mut playout = playout(&[("one two three", 1_000)]);
    let marks = [("one", 0), ("two", 500), ("three", 700)];
    playout.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
    playout.clause(R1, "four five".into());
    playout.audio(R1, &[1; 200]);
    playout.words(R1, Vec::new()); // this one is not told: two words, one as long as the other
    playout.complete(R1);
    let shown = captions(&mut playout, 0..1_300);
    let expected = [
        "20 \"one\"",
        "520 \" two\"",
        "720 \" three\"",
        "1020 \" four\"",
        "1120 \" five\"",
        "1200 \"\".",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_word_that_was_cut_is_taken_back() {
    let mut playout = playout(&[("one two three", 1_000)]);
    let marks = [("one", 0), ("two", 500), ("three", 700)];
    playout.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
    assert_eq!(captions(&mut playout, 0..601), ["20 \"one\"", "520 \" two\""]);
    let stopped = playout.stop(at(610), R1).unwrap();
    assert_eq!(stopped.heard, "one");
    assert_eq!(shown_at(610, &stopped.caption), "610 \"one\"!.");
}

#[test]
fn words_that_a_pause_plays_again_are_shown_once() {
    let mut playout = counting(600);
    let marks = [("one", 0), ("two", 80), ("three", 300)];
    playout.words(R1, marks.map(|(w, s)| (w.to_owned(), s)).to_vec());
    playout.complete(R1);
    let mut shown = captions(&mut playout, 0..121);
    playout.pause(at(120), R1);
    playout.resume(R1);
    shown.extend(captions(&mut playout, 200..1_000));
    assert_eq!(shown, ["20 \"one\"", "100 \" two\"", "440 \" three\"", "720 \"\"."]);
}

const F1: ReplyId = ReplyId(7);

fn phrase() -> Phrase {
    Phrase { text: "one moment".into(), pcm: vec![500; 200], words: Vec::new() }
}

/// A reply that is late, and its filler: 200 ms and a pause of 120.
fn late() -> Playout {
    let mut playout = playout(&[]);
    assert!(playout.fill(F1, phrase()));
    playout
}

#[test]
fn a_filler_is_heard_to_its_end_and_then_the_reply() {
    let mut playout = late();
    let mut pushed = Vec::new();
    let (mut audible, mut filler) = (None, None);
    for ms in (0..800).step_by(20) {
        if ms == 100 {
            playout.clause(R1, "hello".into());
            playout.audio(R1, &[1; 100]);
            playout.words(R1, Vec::new());
            playout.complete(R1);
        }
        let played = playout.tick(at(ms));
        pushed.extend(played.frames.concat());
        audible = audible.or(played.audible.map(|_| ms));
        filler = filler.or(played.filler.map(|words| (ms, words)));
        if let Some((_, words)) = played.finished {
            assert_eq!((ms, words.as_str()), (420, "hello"), "what was heard of the reply");
        }
    }
    let expected = [vec![500; 200], vec![0; 120], vec![1; 100]].concat();
    assert_eq!(pushed, expected);
    assert_eq!(audible, Some(280), "pushed a little ahead of the ear");
    assert_eq!(filler, Some((320, "one moment".into())));
}

#[test]
fn a_filler_comes_never_after_the_replys_audio() {
    let mut waiting = playout(&[("hello", 100)]);
    assert!(!waiting.fill(F1, phrase()), "there, and not pushed yet");
    waiting.tick(at(0));
    assert!(!waiting.fill(F1, phrase()), "heard");
    let alone = &mut Playout::new(1_000, 60);
    assert!(alone.fill(F1, phrase()), "the ears are late: no reply was begun");
    assert_eq!(alone.tick(at(0)).frames.len(), 3);
}

#[test]
fn a_stopped_filler_is_silent_and_its_caption_says_what_was_heard() {
    let mut playout = late();
    assert_eq!(captions(&mut playout, 0..181), ["20 \"one\"", "80 \" moment\""]);
    let stopped = playout.stop_filler(at(190), F1).unwrap();
    assert_eq!(shown_at(190, &stopped.caption), "190 \"one\"!.");
    assert_eq!(playout.stop_filler(at(190), F1), None);
    assert_eq!(playout.tick(at(200)), Played::default());
    assert_eq!(playout.stop(at(210), R1).map(|s| s.heard), Some(String::new()));
}

#[test]
fn a_reply_that_fails_in_silence_does_not_wait_for_what_covered_it() {
    let mut playout = late();
    playout.start_sound();
    playout.tick(at(0));
    playout.complete(R1);
    assert_eq!(playout.tick(at(20)).finished, Some((R1, String::new())));
}

#[test]
fn the_quiet_sound_fades_in_and_ends_with_the_reply() {
    let mut playout = Playout::new(8_000, 60);
    playout.begin(R1);
    playout.start_sound();
    let loudest = |frames: &[Vec<i16>]| {
        frames.iter().flatten().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
    };
    assert!(loudest(&playout.tick(at(0)).frames) < 100);
    let mut loud = 0;
    for ms in (20..5_000).step_by(20) {
        loud = loud.max(loudest(&playout.tick(at(ms)).frames));
    }
    assert!((500..=1_000).contains(&loud), "{loud}");
    playout.clause(R1, "hello".into());
    playout.audio(R1, &[0; 4_000]);
    playout.words(R1, Vec::new());
    playout.complete(R1);
    assert_eq!(playout.tick(at(5_000)).audible, Some(R1));
    assert!(!playout.stop_sound(at(5_000)), "it fades under the voice");
    playout.tick(at(5_020));
    playout.tick(at(5_040));
    let mut heard = None;
    for ms in (5_060..6_000).step_by(20) {
        let played = playout.tick(at(ms));
        assert_eq!(loudest(&played.frames), 0, "at {ms}");
        heard = heard.or(played.finished);
    }
    assert_eq!(heard, Some((R1, "hello".into())));
}

#[test]
fn the_quiet_sound_is_cut_when_nothing_else_is_heard() {
    let mut playout = Playout::new(8_000, 60);
    playout.start_sound();
    playout.tick(at(0));
    assert!(playout.stop_sound(at(20)), "the transport has to drop what it holds");
    assert!(!playout.stop_sound(at(20)));
    assert_eq!(playout.tick(at(40)), Played::default());
}
