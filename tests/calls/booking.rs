//! The bank's example in a real room, with the starter's models: an appointment is asked for, confirmed and
//! kept. In English all is spoken and heard; Arabic words come through the trait (see `prompter`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sawt::assistants::{Library, Voices};
use sawt::call::CallSetup;
use sawt::config::Config;
use sawt::engines::{Engines, RunningEngines};
use sawt::supervisor::EngineKind;
use serde_json::Value;

use super::house::{agent, enter, setup};
use super::phone::{Mic, Phone};
use super::programs::bin_dir;
use super::prompter::Prompter;
use super::speech::spoken;

struct Case {
    language: &'static str,
    /// What is wanted, and what confirms it.
    says: [&'static str; 2],
    city: &'static str,
    day: &'static str,
}

const CASES: [Case; 2] = [
    Case {
        language: "en",
        says: ["I want to book an appointment at the Riyadh branch on Sunday.", "Yes, please."],
        city: "Riyadh",
        day: "Sunday",
    },
    Case {
        language: "ar",
        says: ["أريد حجز موعد في فرع الرياض يوم الأحد.", "نعم، من فضلك."],
        city: "الرياض",
        day: "الأحد",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_bank_books_an_appointment_after_the_callers_yes() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let kept = tempfile::tempdir().unwrap();
    let mut site = Config::default();
    site.engines.dir = Some(bin_dir());
    site.agent.filler_ms = 0; // the first thing that is heard is the answer
    site.agent.silence_prompt_s = 60; // nor is anybody asked whether they are there
    site.tools.messages_dir = Some(kept.path().to_owned());
    let kinds = [EngineKind::Stt, EngineKind::Llm, EngineKind::Tts];
    let running = RunningEngines::start(&site, &kinds).unwrap();
    running.ready().await.unwrap();
    let bank = Path::new(env!("CARGO_MANIFEST_DIR")).join("assistants/bank.toml");
    let bank = Arc::new(Library::load_one(&bank, &site, &Voices::loaded(&site)).unwrap());
    let messages = kept.path().join("bank.jsonl");
    let rows = || -> Vec<Value> {
        let text = std::fs::read_to_string(&messages).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };

    for (nth, case) in CASES.iter().enumerate() {
        let room = format!("booking-{}", case.language);
        let heard = case.language == "en";
        let mut engines = running.for_calls(&site).unwrap().unwrap();
        let prompter = Arc::new(Prompter::default());
        if !heard {
            engines = Engines { stt: Arc::clone(&prompter) as _, ..engines };
        }
        let phone = Phone::join(server, &room, Mic::On).await;
        let setup = CallSetup {
            assistant: Some(Arc::clone(&bank)),
            ..setup(&room, Arc::clone(bank.config(case.language)), engines)
        };
        let agent = agent(server, &room, setup).await;
        phone.hear_welcome().await;

        let mut answers = Vec::new();
        for words in case.says {
            assert_eq!(rows().len(), nth, "nothing is booked before the yes");
            prompter.hears(words, case.language);
            let speech = spoken(if heard { words } else { "I would like an appointment, please." });
            let speech = speech.await;
            let mark = phone.mark();
            let (caller, captions) = phone.ask(mark, &speech).await;
            println!("caller: {caller}\nagent: {captions}");
            answers.push(captions);
        }
        phone.hang_up().await;
        let report = tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
        let rows = rows();
        println!("{rows:?}");
        assert_eq!(rows.len(), nth + 1);
        let row = rows.last().unwrap();
        assert_eq!(row["call"], room.as_str());
        assert_eq!(row["message"]["day"], case.day);
        let city = row["message"]["city"].as_str().unwrap();
        // Small ears may hear another city in a voice of a machine; what is asked is then that one.
        assert!(heard || city == case.city, "{city}");
        let [question, told] = answers.as_slice() else { panic!("{answers:?}") };
        assert!(question.contains(city) && question.contains(case.day), "{question}");
        assert!(told.contains(row["reference"].as_str().unwrap()), "{told}");
        assert_eq!(report.turns.iter().filter(|turn| !turn.caller.is_empty()).count(), 2);
    }
    running.stop().await;
}
