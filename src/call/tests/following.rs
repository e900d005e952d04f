//! A caller who speaks long sees their words as they speak, and the model reads along.

use std::sync::Mutex;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::waiting::late_call;
use super::*;
use crate::engines::llm::{Generated, Generation, LanguageModel};
use crate::transport::Speaker;

const SO_FAR: &str = "I would like to know";
const FURTHER: &str = "I would like to know how much a you";
const WHOLE: &str = "I would like to know how much a new card costs";

/// Answers, and keeps the last words of what it read before it was asked.
struct Reading {
    inner: ScriptedLlm,
    read: Arc<Mutex<Vec<String>>>,
}

impl LanguageModel for Reading {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        self.inner.generate(request)
    }

    fn read_ahead(&self, request: Generation) -> BoxFuture<'static, ()> {
        let last = request.messages.last().map(|message| message.content.clone());
        self.read.lock().unwrap().extend(last);
        Box::pin(async {})
    }
}

/// What the caller saw of their own words, each with whether it stuck; and what the model read.
async fn followed(
    config: Config,
    turn: Vec<i16>,
) -> (Vec<(String, bool)>, Vec<String>, CallReport) {
    let read = Arc::<Mutex<Vec<String>>>::default();
    let heard = ScriptedStt::new([SO_FAR, FURTHER, WHOLE], Duration::from_millis(100));
    let mut engines = engines(heard, ScriptedLlm::echo(), ScriptedTts::default());
    engines.llm = Arc::new(Reading { inner: ScriptedLlm::echo(), read: Arc::clone(&read) });
    let heard = late_call(config, vec![turn], engines).await;
    let lines: Vec<_> =
        heard.shown.iter().map(|(_, c)| c).filter(|c| c.speaker == Speaker::Caller).collect();
    assert!(lines.iter().all(|line| line.whole && line.segment == lines[0].segment), "{lines:?}");
    let lines = lines.iter().map(|line| (line.text.clone(), line.last)).collect();
    let read = std::mem::take(&mut *read.lock().unwrap());
    (lines, read, heard.report)
}

#[tokio::test(start_paused = true)]
async fn long_speech_is_shown_and_read_while_it_grows() {
    let (lines, read, report) = followed(quiet_config(), speech(5_000, 0, 0)).await;
    let line = |text: &str, last| (text.to_owned(), last);
    assert_eq!(lines, [line(SO_FAR, false), line(FURTHER, false), line(WHOLE, true)]);
    // Its last words may still change.
    let along: Vec<_> = read.iter().filter(|read| read.starts_with("I would")).collect();
    assert_eq!(along, ["I would like", "I would like to know how much"], "{read:?}");
    assert_eq!(report.turns.len(), 1);
    assert_eq!(report.turns[0].caller, WHOLE, "nothing of it is remembered twice");
}

#[tokio::test(start_paused = true)]
async fn short_speech_and_sites_that_want_none_of_it_are_asked_once() {
    let mut off = quiet_config();
    off.turn.partials_after_ms = 0;
    let mut no_work_ahead = quiet_config();
    no_work_ahead.turn.speculation = false;
    let long = || speech(5_000, 0, 0);
    for (config, turn) in
        [(quiet_config(), speech(1_800, 0, 0)), (off, long()), (no_work_ahead, long())]
    {
        let (lines, read, _) = followed(config, turn).await;
        assert_eq!(lines, [(SO_FAR.to_owned(), true)]);
        assert!(!read.iter().any(|read| read == "I would like"), "{read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_comes_before_the_words_so_far() {
    // The transcript at the pause is the one that may be answered: the other gives way.
    let (lines, _, report) = followed(quiet_config(), speech(2_000, 900, 0)).await;
    assert_eq!(lines.iter().filter(|(_, last)| *last).count(), 1, "{lines:?}");
    assert_eq!(report.turns.len(), 1);
}
