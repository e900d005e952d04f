//! An Arabic turn, end to end but for the ears: small Whisper models do not hear synthetic Arabic
//! well enough to assert on, so the words come through the trait. Model, voice and room are real.

use std::sync::Arc;
use std::time::Duration;

use sawt::audio::rms;
use sawt::config::Config;
use sawt::engines::stt::ScriptedStt;
use sawt::engines::{Engines, RunningEngines};
use sawt::supervisor::EngineKind;

use super::house::{agent, enter, setup};
use super::phone::{Mic, Phone, RATE_HZ};
use super::programs::bin_dir;
use super::speech::spoken;

const QUESTION: &str = "ما هي عاصمة فرنسا؟";

#[tokio::test(flavor = "multi_thread")]
async fn an_arabic_question_is_answered_in_arabic_speech_and_captions() {
    let Some(mut house) = enter().await else { return };
    // Any speech of that length: what it says is told to the model by the script.
    let speech = spoken("What is the capital of France?").await;
    let server = house.server().await;
    let mut config = Config::default();
    config.engines.dir = Some(bin_dir());
    config.agent.languages = vec!["ar".into(), "en".into()];
    config.agent.filler_ms = 0; // the first thing that is heard is the answer
    config.agent.welcome = "أهلا بك، كيف أساعدك؟".into();
    if let Ok(model) = std::env::var("SAWT_TEST_LLM") {
        config.llm.model = model; // to read what a larger model answers
    }
    let kinds = [EngineKind::Stt, EngineKind::Llm, EngineKind::Tts];
    let running = RunningEngines::start(&config, &kinds).unwrap();
    running.ready().await.unwrap();
    let stt = Arc::new(ScriptedStt::new([QUESTION], Duration::from_millis(300)));
    let engines = Engines { stt, ..running.for_calls(&config).unwrap().unwrap() };

    let phone = Phone::join(server, "arabic", Mic::On).await;
    let model = config.llm.model.clone();
    let setup = setup("arabic", Arc::new(config), engines);
    let agent = agent(server, "arabic", setup).await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.say(&speech).await;
    let asked_ms = phone.now_ms();
    let answered_ms = phone.until_speech(mark, "answer", 40).await;
    phone.hear_out(mark, "answer", 1).await;
    let (level, seconds, welcome, caller, answer) = {
        let heard = phone.heard();
        let pcm = &heard.pcm[mark.samples..];
        let welcome = heard.lines[..mark.lines].iter().map(|l| l.text.clone()).collect::<String>();
        let (caller, answer) = (heard.words(mark.lines, false), heard.words(mark.lines, true));
        (rms(pcm), pcm.len() as u32 / RATE_HZ, welcome, caller, answer)
    };
    phone.hang_up().await;
    let report = tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
    running.stop().await;
    println!("{model}\nwelcome: {welcome}\nquestion: {caller}\nanswer: {answer}");
    println!("after {:.0} ms, level {level:.3} over {seconds} s", answered_ms - asked_ms);
    let turn = report.turns.iter().find(|turn| !turn.caller.is_empty()).expect("one turn");
    assert_eq!((turn.caller.as_str(), caller.as_str()), (QUESTION, QUESTION));
    assert!(is_arabic(&turn.agent), "reply: {}", turn.agent);
    assert!(is_arabic(&answer), "captions: {answer}");
    assert!(is_arabic(&welcome), "welcome: {welcome}");
    assert!(level > 0.005, "{level}");
}

/// Most letters are Arabic.
fn is_arabic(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (arabic, other): (Vec<char>, Vec<char>) =
        letters.partition(|c| ('\u{600}'..='\u{6ff}').contains(c));
    arabic.len() > 5 && arabic.len() > other.len()
}
