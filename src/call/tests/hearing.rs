//! What callers are believed to have said: the transcript guard and the languages, in whole calls.

use std::sync::Mutex;

use futures::stream::BoxStream;

use super::*;
use crate::engines::tts::{Synthesis, Synthesized, TextToSpeech};
use crate::speech::guard::Refusal;

/// Hums like its inner voice, and remembers what it was asked for.
#[derive(Default)]
struct Remembering {
    voice: ScriptedTts,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl TextToSpeech for Remembering {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        self.asked.lock().unwrap().push((request.language.clone(), request.voice.clone()));
        self.voice.synthesize(request)
    }
}

fn bilingual() -> Config {
    let mut config = Config::default();
    config.agent.welcome.clear();
    config.agent.fillers.clear(); // they are spoken ahead, by every voice
    config.agent.languages = vec!["ar".into(), "en".into()];
    config
}

#[tokio::test]
async fn a_videos_ending_in_a_click_is_not_answered_and_thanks_in_speech_are() {
    let heard = ["اشتركوا في القناة", "شكرا", "أبغى إلغاء الاشتراك"];
    let stt = ScriptedStt::new(heard, Duration::from_millis(1));
    let engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    let turns = vec![speech(150, 0, 0), speech(450, 0, 0), speech(1_400, 0, 0)];
    let report = call(bilingual(), turns, engines).await;
    check(
        &report,
        expect![[r#"
             → Are you still there?
            شكرا → You said: شكرا.
            أبغى إلغاء الاشتراك → You said: أبغى إلغاء الاشتراك.
            input_ended
        "#]],
    );
    let [refused] = &report.refused[..] else { panic!("{:?}", report.refused) };
    assert_eq!((refused.reason, refused.text.as_str()), (Refusal::Phrase, heard[0]));
    assert!((100..=250).contains(&(refused.until_ms - refused.from_ms)), "{refused:?}");
}

#[tokio::test]
async fn an_operator_may_believe_everything() {
    let stt = ScriptedStt::new(["ترجمة نانسي قنقر"], Duration::from_millis(1));
    let engines = engines(stt, ScriptedLlm::echo(), ScriptedTts::default());
    let mut config = bilingual();
    config.stt.guard_enabled = false;
    let report = call(config, vec![speech(600, 0, 0)], engines).await;
    assert_eq!(report.turns[0].caller, "ترجمة نانسي قنقر");
    assert!(report.refused.is_empty());
}

#[tokio::test]
async fn a_caller_who_changes_to_english_and_back_is_followed_by_words_and_voice() {
    let heard = ["كم رصيدي", "can you say that in English please", "شكرا لك"];
    let stt = ScriptedStt::new(heard, Duration::from_millis(1));
    let answer = |said: &str| {
        Ok(if said.is_ascii() {
            "Your balance is ten."
        } else {
            "رصيدك عشرة ريالات."
        }
        .to_owned())
    };
    let llm = ScriptedLlm::new(answer, Duration::ZERO, Duration::ZERO);
    let voice = Remembering::default();
    let asked = Arc::clone(&voice.asked);
    let engines = Engines { tts: Arc::new(voice), ..engines(stt, llm, ScriptedTts::default()) };
    let (observer, mut events) = tokio::sync::mpsc::channel(100);
    let setup = CallSetup {
        assistant: None,
        call_id: "test".into(),
        config: Arc::new(bilingual()),
        engines,
        observer: Some(observer),
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let options = WavOptions { agent_rate_hz: 24_000, ..WavOptions::default() };
    let turns = vec![speech(800, 0, 0), speech(1_800, 0, 0), speech(700, 0, 0)];
    let report = run(Box::new(WavTransport::new(turns, options)), setup).await;
    check(
        &report,
        expect![[r#"
            كم رصيدي → رصيدك عشرة ريالات.
            can you say that in English please → Your balance is ten.
            شكرا لك → رصيدك عشرة ريالات.
            input_ended
        "#]],
    );
    let mut languages = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let CallEvent::Language { language } = event {
            languages.push(language);
        }
    }
    assert_eq!(languages, ["ar", "en", "ar"]);
    let mut voices = asked.lock().unwrap().clone();
    voices.dedup();
    let voice = |language: &str, voice: &str| (language.to_owned(), voice.to_owned());
    let joe = voice("en", "en_US-joe-medium");
    assert_eq!(voices, [voice("ar", "espeak-ar"), joe, voice("ar", "espeak-ar")]);
}
