//! A caller who changes the language, twice, in a real room: the words come through the trait (see
//! `arabic`), the assistant's model and voices are real. The answer's words, its voice and the captions follow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use sawt::assistants::{Folder, Library, Voices};
use sawt::call::CallSetup;
use sawt::config::Config;
use sawt::engines::tts::{Synthesis, Synthesized, TextToSpeech};
use sawt::engines::{EngineError, Engines, RunningEngines};
use sawt::supervisor::EngineKind;

use super::house::{agent, enter, setup};
use super::phone::{Mic, Phone};
use super::programs::bin_dir;
use super::prompter::Prompter;
use super::speech::spoken;

/// What is asked, in which language, and whose voice answers.
const TURNS: [(&str, &str, &str); 3] = [
    ("ما هي عاصمة فرنسا؟", "ar", "espeak-ar"),
    ("Do you speak English? How many days are there in a week?", "en", "en_US-joe-medium"),
    ("شكرا لك، وما هي عاصمة مصر؟", "ar", "espeak-ar"),
];

/// Passes on what a voice says, and remembers whose it was.
struct Overheard {
    voices: Arc<dyn TextToSpeech>,
    said: Arc<Mutex<Vec<(String, String)>>>,
}

impl TextToSpeech for Overheard {
    fn synthesize(
        &self,
        request: Synthesis,
    ) -> BoxStream<'static, Result<Synthesized, EngineError>> {
        let (said, text) = (Arc::clone(&self.said), request.text.clone());
        let audio = self.voices.synthesize(request);
        Box::pin(audio.inspect(move |piece| {
            if let Ok(Synthesized::Done(stats)) = piece {
                said.lock().unwrap().push((stats.voice.clone(), text.clone()));
            }
        }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_changes_the_language_is_followed_there_and_back() {
    let Some(mut house) = enter().await else { return };
    let speech = spoken("How many days are there in a week?").await;
    let server = house.server().await;
    let mut site = Config::default();
    site.engines.dir = Some(bin_dir());
    site.agent.filler_ms = 0; // the first thing that is heard is the answer
    site.agent.silence_prompt_s = 60; // nor is anybody asked whether they are there
    let kinds = [EngineKind::Stt, EngineKind::Llm, EngineKind::Tts];
    let running = RunningEngines::start(&site, &kinds).unwrap();
    running.ready().await.unwrap();
    let others = Library::load(&Folder::BuiltIn, &site, &Voices::loaded(&site)).unwrap();
    let starter = Arc::clone(others.default());
    let config = Arc::clone(starter.config("ar"));
    let prompter = Arc::new(Prompter::default());
    let said = Arc::<Mutex<Vec<(String, String)>>>::default();
    let engines = running.for_calls(&site).unwrap().unwrap();
    let voices = Overheard { voices: Arc::clone(&engines.tts), said: Arc::clone(&said) };
    let engines = Engines { stt: Arc::clone(&prompter) as _, tts: Arc::new(voices), ..engines };

    let phone = Phone::join(server, "languages", Mic::On).await;
    let setup = CallSetup { assistant: Some(starter), ..setup("languages", config, engines) };
    let agent = agent(server, "languages", setup).await;
    phone.hear_welcome().await;

    let mut answers = Vec::new();
    for (question, language, voice) in TURNS {
        prompter.hears(question, language);
        said.lock().unwrap().clear();
        let mark = phone.mark();
        let (caller, captions) = phone.ask(mark, &speech).await;
        let spoke = said.lock().unwrap().clone();
        println!("{language}: {caller}\n  captions: {captions}\n  spoken: {spoke:?}");
        assert_eq!(caller, question, "the caller's caption");
        assert!(is_in(&captions, language), "captions in {language}: {captions}");
        assert!(!spoke.is_empty());
        for (by, text) in &spoke {
            // A name in the other script has the other voice.
            let own = if is_in(text, "ar") { "espeak-ar" } else { "en_US-joe-medium" };
            assert_eq!(by, own, "{text}");
        }
        assert!(spoke.iter().any(|(by, _)| by == voice), "{spoke:?}");
        answers.push(captions);
    }
    phone.hang_up().await;
    let report = tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
    running.stop().await;
    let turns: Vec<_> = report.turns.iter().filter(|turn| !turn.caller.is_empty()).collect();
    assert_eq!(turns.len(), TURNS.len(), "{turns:?}");
    for ((turn, (question, language, _)), answer) in turns.iter().zip(TURNS).zip(&answers) {
        assert_eq!(turn.caller, question);
        assert!(is_in(&turn.agent, language), "{language}: {}", turn.agent);
        assert_eq!(turn.agent.trim(), answer.trim(), "what was shown is what was said");
    }
}

/// Whether most letters are of the language's script.
fn is_in(text: &str, language: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (arabic, other): (Vec<char>, Vec<char>) =
        letters.partition(|c| ('\u{600}'..='\u{6ff}').contains(c));
    match language {
        "ar" => arabic.len() > other.len(),
        _ => other.len() > arabic.len(),
    }
}
