//! What is written and what is spoken are two things: captions, report and history hold the first,
//! voices get the second.

use std::sync::Mutex;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::*;
use crate::engines::tts::{Synthesis, SynthesisStats, Synthesized, TextToSpeech};

/// Reads a word in 200 ms, tells when each starts before its audio, and notes what it was asked.
#[derive(Clone, Default)]
struct Reader {
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl TextToSpeech for Reader {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let word_samples = u64::from(request.sample_rate_hz) / 5;
        let starts = request.text.split_whitespace().enumerate();
        let words: Vec<_> = starts.map(|(n, w)| (w.to_owned(), n as u64 * word_samples)).collect();
        let samples = words.len() as u64 * word_samples;
        self.asked.lock().unwrap().push((request.language, request.text));
        let stats = SynthesisStats { samples, words: words.clone(), ..SynthesisStats::default() };
        stream::iter([
            Ok(Synthesized::Words(words)),
            Ok(Synthesized::Audio(vec![6_000; samples as usize])),
            Ok(Synthesized::Done(stats)),
        ])
        .boxed()
    }
}

/// A call in which every answer is `answer`, with what the voices were asked.
async fn answered(
    answer: &'static str,
    turns: Vec<Vec<i16>>,
    heard: &[&'static str],
) -> (CallReport, Vec<(String, String)>) {
    let reader = Reader::default();
    let asked = Arc::clone(&reader.asked);
    let llm = ScriptedLlm::new(move |_| Ok(answer.to_owned()), Duration::ZERO, Duration::ZERO);
    let stt = ScriptedStt::new(heard.to_vec(), Duration::from_millis(100));
    let mut engines = engines(stt, llm, ScriptedTts::default());
    engines.tts = Arc::new(reader);
    let mut config = quiet_config();
    config.agent.languages = vec!["ar".into(), "en".into()];
    config.agent.fillers.clear(); // they are spoken ahead, by every voice
    let options = WavOptions { agent_rate_hz: 24_000, real_time: true, ..WavOptions::default() };
    let setup = CallSetup {
        assistant: None,
        call_id: "test".into(),
        config: Arc::new(config),
        engines,
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let report = run(Box::new(WavTransport::new(turns, options)), setup).await;
    let asked = asked.lock().unwrap().clone();
    (report, asked)
}

#[tokio::test(start_paused = true)]
async fn each_voice_gets_its_words_and_the_report_keeps_the_writing() {
    let answer = "رصيدك 1500.50 ريال في **Premium Account** الآن.";
    let (report, asked) = answered(answer, vec![speech(800, 0, 0)], &["كم رصيدي"]).await;
    assert_eq!(report.turns[0].agent, "رصيدك 1500.50 ريال في Premium Account الآن.");
    let asked: Vec<(&str, &str)> = asked.iter().map(|(l, t)| (l.as_str(), t.as_str())).collect();
    let expected = [
        ("ar", "رصيدك ألف وخمسمئة ريال وخمسون هللة في"),
        ("en", "Premium Account"),
        ("ar", "الآن."),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn what_an_interrupting_caller_heard_is_told_in_written_words() {
    // 1,234,567 alone is nine spoken words and 1.8 s.
    let answer =
        "المبلغ 1,234,567.89 ريال سعودي واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة";
    let turns = vec![speech(800, 2_500, 1_500)];
    let (report, _) = answered(answer, turns, &["كم", "لا أريد هذا أبدا شكرا"]).await;
    let turn = &report.turns[0];
    assert!(turn.interrupted, "{:?}", report.turns);
    assert!(answer.starts_with(&turn.agent), "{}", turn.agent);
    let words = turn.agent.split_whitespace().count();
    assert!((1..=5).contains(&words), "of 200 ms a word: {}", turn.agent);
}
