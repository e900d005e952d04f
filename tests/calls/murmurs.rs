//! Listeners' noises over an answer, with real ears: "mm-hm" does not stop the agent, "stop" does.
//!
//! The hums are espeak-ng's (`[[m:hm:]]`, `[[V:h'V:]]`, `[[hm:]]`): sung noises, for voices that read letters spell
//! them. `SAWT_HUMS` names a folder of others, such as recordings of people.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sawt::config::Config;
use sawt::engines::llm::ScriptedLlm;
use sawt::engines::{Engines, RunningEngines};
use sawt::supervisor::EngineKind;

use super::house::{agent, enter, setup};
use super::phone::{Mic, Phone, RATE_HZ};
use super::programs::bin_dir;
use super::speech::spoken;

const LONG: &str = "The harbour opens at seven in the morning and closes when the last boat \
                    has come home in the evening.";

fn hums() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/hums");
    let folder = std::env::var_os("SAWT_HUMS").map_or(own, PathBuf::from);
    let files = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let mut hums: Vec<_> = files.filter(|f| f.extension().is_some_and(|e| e == "wav")).collect();
    hums.sort();
    assert!(!hums.is_empty(), "no .wav in {}", folder.display());
    hums
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listeners_hum_does_not_stop_the_agent_and_a_command_does() {
    let Some(mut house) = enter().await else { return };
    let stop = spoken("Stop, please.").await;
    let server = house.server().await;
    let mut config = Config::default();
    config.engines.dir = Some(bin_dir());
    config.agent.welcome = "Hello.".into();
    config.agent.filler_ms = 0;
    config.agent.silence_prompt_s = 60;
    let kinds = [EngineKind::Stt, EngineKind::Llm, EngineKind::Tts];
    let running = RunningEngines::start(&config, &kinds).unwrap();
    running.ready().await.unwrap();
    let llm = ScriptedLlm::new(|_| Ok(LONG.into()), Duration::ZERO, Duration::ZERO);
    let engines = running.for_calls(&config).unwrap().unwrap();
    let engines = Engines { llm: Arc::new(llm), ..engines };
    let phone = Phone::join(server, "murmurs", Mic::On).await;
    let agent = agent(server, "murmurs", setup("murmurs", Arc::new(config), engines)).await;
    phone.hear_welcome().await;

    let (mut stopped, hums) = (Vec::new(), hums());
    let sounds = hums.iter().map(|hum| sawt::audio::wav::read(hum, RATE_HZ).unwrap());
    for (sound, hum) in sounds.chain([stop]).zip(hums.iter().map(Some).chain([None])) {
        let mark = phone.mark();
        phone.type_text("When does the harbour open?").await;
        phone.until_speech(mark, "answer", 20).await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        phone.say(&sound).await;
        phone.hear_out(mark, "answer", 20).await;
        let told = phone.heard().words(mark.lines, true);
        let whole = told.contains("in the evening");
        let name = hum.map_or("stop".into(), |hum| hum.display().to_string());
        println!("{name}: {}", if whole { "heard to its end" } else { &told });
        match hum {
            Some(_) if !whole => stopped.push(name),
            Some(_) => {}
            None => assert!(!whole || told.matches("harbour").count() > 1, "it went on: {told}"),
        }
    }
    phone.hang_up().await;
    let report = tokio::time::timeout(Duration::from_secs(10), agent).await.unwrap().unwrap();
    running.stop().await;
    let interrupted = report.turns.iter().filter(|turn| turn.interrupted).count();
    assert_eq!(stopped, [""; 0], "hums that stopped the agent");
    assert_eq!(interrupted, 1, "{:?}", report.turns);
}
