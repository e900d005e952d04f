//! How the caller feels, in whole calls: from the words, the voice, and the model where it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;

use super::{engines, paced_call, quiet_config, slow_engines, speech};
use crate::call::CallEvent;
use crate::engines::EngineError;
use crate::engines::llm::{Generated, Generation, GenerationStats, LanguageModel, ScriptedLlm};
use crate::engines::stt::ScriptedStt;
use crate::engines::tts::ScriptedTts;

/// Each sentiment event: turn, value and line in hundredths, reasons.
fn felt(events: &[CallEvent]) -> Vec<String> {
    let line = |event: &CallEvent| match event {
        CallEvent::Sentiment { turn, value, smoothed, why } => {
            Some(format!("{turn} {value:+.1} {smoothed:+.1} {}", why.join(", ")))
        }
        _ => None,
    };
    events.iter().filter_map(line).collect()
}

fn turns(n: usize) -> Vec<Vec<i16>> {
    (0..n).map(|_| speech(900, 0, 0)).collect()
}

#[tokio::test(start_paused = true)]
async fn two_angry_turns_are_plain_in_events_and_report() {
    let said = ["what are your hours", "this is terrible", "خدمتكم سيئة جدا"];
    let (report, events) = paced_call(quiet_config(), turns(3), slow_engines(&said)).await;
    let felt = felt(&events);
    assert_eq!(felt.len(), 3, "{felt:?}");
    assert!(felt[0].starts_with("1 +0.0 +0.0"), "{felt:?}");
    assert!(felt[1].starts_with("2 -0.7 -0.4 terrible -0.80"), "{felt:?}");
    let values: Vec<f32> = report.turns.iter().filter_map(|turn| turn.sentiment).collect();
    assert!(values.len() == 3 && values[2] < -0.7, "{values:?}");
    assert!(report.sentiment.unwrap() < -0.5, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_again_longer_is_felt_once() {
    // Sure of the end too early, the caller goes on.
    let mut config = quiet_config();
    config.turn.endpointing_ms = 300;
    config.turn.endpointing_ms_min = 300;
    let heard = ["this is terrible", "this is terrible traffic but you are great"];
    let engines = slow_engines(&heard);
    let (report, events) = paced_call(config, vec![speech(900, 320, 900)], engines).await;
    let last = felt(&events).last().cloned().unwrap_or_default();
    assert!(last.starts_with("1 "), "{:?} {:?}", felt(&events), report.turns);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_felt_where_the_operator_does_not_want_it() {
    let mut config = quiet_config();
    config.sentiment.enabled = false;
    let (report, events) = paced_call(config, turns(1), slow_engines(&["this is terrible"])).await;
    assert_eq!((felt(&events), report.sentiment), (Vec::new(), None));
    assert_eq!(report.turns[0].sentiment, None);
}

/// Talks as told, and judges feelings as told, after a while.
struct Judge {
    talk: ScriptedLlm,
    verdict: &'static str,
    after: Duration,
    asked: Arc<AtomicU32>,
}

impl LanguageModel for Judge {
    fn generate(&self, request: Generation) -> BoxStream<'static, Result<Generated, EngineError>> {
        if request.conversation != "sawt-verdict" {
            return self.talk.generate(request);
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(request.max_tokens <= 20);
        let (verdict, after) = (self.verdict, self.after);
        let done = Ok(Generated::Done(GenerationStats::default()));
        futures::stream::iter([Ok(Generated::Text(verdict.to_owned())), done])
            .then(move |piece| async move {
                tokio::time::sleep(after).await;
                piece
            })
            .boxed()
    }
}

async fn judged(verdict: &'static str, after: Duration) -> (Vec<String>, u32, Vec<Option<f32>>) {
    let ms = Duration::from_millis;
    let asked = Arc::new(AtomicU32::new(0));
    let talk = ScriptedLlm::new(|said| Ok(format!("You said: {said}.")), ms(100), ms(20));
    let stt = ScriptedStt::new(["my parcel went to the moon", "and mine to mars"], ms(100));
    let mut engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    engines.llm = Arc::new(Judge { talk, verdict, after, asked: Arc::clone(&asked) });
    let mut config = quiet_config();
    config.sentiment.model = true;
    let (report, events) = paced_call(config, turns(2), engines).await;
    assert_eq!(report.turns.len(), 2, "the conversation does not depend on it");
    let values = report.turns.iter().map(|turn| turn.sentiment).collect();
    (felt(&events), asked.load(Ordering::Relaxed), values)
}

#[tokio::test(start_paused = true)]
async fn the_models_view_comes_in_slack_and_corrects_the_turn() {
    let (felt, _, values) = judged("{\"feeling\": \"angry\"}", Duration::from_millis(100)).await;
    assert_eq!(felt.len(), 4, "{felt:?}");
    assert!(felt[1].starts_with("1 -0.4 -0.2 the model says angry"), "{felt:?}");
    assert!(values.iter().all(|value| value.is_some_and(|value| value < -0.3)), "{values:?}");
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_none_or_never_comes_changes_nothing() {
    for (verdict, after) in [("As an AI I feel", 10), ("{\"feeling\":\"angry\"}", 600_000)] {
        let (felt, asked, _) = judged(verdict, Duration::from_millis(after)).await;
        assert_eq!(felt.len(), 2, "{felt:?}");
        assert!(asked >= 2, "{asked}");
    }
}
