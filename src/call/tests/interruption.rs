//! Callers who speak over the agent, by what the recording of the call holds.

use super::*;
use crate::call::TurnReport;

const RATE_HZ: u32 = 24_000;

const STORY: &str = "Once upon a time there was a very long story that never came to its end.";

/// Tells the story, and answers everything else with one word.
fn story_teller(heard: &[&'static str], hears_within: Duration) -> Engines {
    let llm = ScriptedLlm::new(
        |said| Ok(if said.contains("story") { STORY.to_owned() } else { "Fine.".to_owned() }),
        Duration::ZERO,
        Duration::ZERO,
    );
    engines(ScriptedStt::new(heard.to_vec(), hears_within), llm, ScriptedTts::default())
}

/// Asks for the story, and 2 s later speaks over it for `over_ms`.
async fn speak_over(heard: &[&'static str], over_ms: u32) -> (CallReport, Vec<i16>) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("call.wav");
    let options = WavOptions { agent_rate_hz: RATE_HZ, out: Some(out.clone()), real_time: true };
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(quiet_config()),
        engines: story_teller(heard, Duration::from_millis(100)),
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let transport = WavTransport::new(vec![speech(800, 2_000, over_ms)], options);
    let report = run(Box::new(transport), setup).await;
    let samples = hound::WavReader::open(out).unwrap().into_samples::<i16>();
    let agent = samples.skip(1).step_by(2).map(Result::unwrap).collect();
    (report, agent)
}

fn loudness(pcm: &[i16]) -> i64 {
    pcm.iter().map(|s| i64::from(*s).abs()).sum()
}

/// Pauses of the agent between its first and its last sound: when each began, and its length.
fn gaps_ms(agent: &[i16]) -> Vec<(usize, usize)> {
    let ms = (RATE_HZ / 1000) as usize;
    let loud: Vec<usize> = (0..agent.len()).filter(|n| agent[*n] != 0).collect();
    let pairs = loud.windows(2).filter(|pair| pair[1] - pair[0] > 40 * ms);
    pairs.map(|pair| (pair[0] / ms, (pair[1] - pair[0]) / ms)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_murmur_costs_a_short_pause_and_no_sample() {
    let (plain, undisturbed) = speak_over(&["tell me a story"], 0).await;
    let (report, agent) = speak_over(&["tell me a story", "Mm-hm."], 300).await;
    let but_times = |report: &CallReport| {
        let turns = report.turns.iter().cloned();
        turns.map(|turn| TurnReport { agent_ms: Vec::new(), ..turn }).collect::<Vec<_>>()
    };
    assert_eq!(but_times(&report), but_times(&plain), "but for the words' times nobody can tell");
    assert_eq!(report.turns[0].agent, STORY);
    assert_eq!(loudness(&agent), loudness(&undisturbed), "nothing lost and nothing twice");
    let gaps = gaps_ms(&agent);
    let [(began, lasted)] = gaps[..] else { panic!("{gaps:?}") };
    // The caller waited 2 s for a welcome, and began to speak over the story at 4,800 ms.
    assert!((4_880..=4_980).contains(&began), "silent {began}");
    assert!(lasted <= 550, "for {lasted} ms");
}

#[tokio::test(start_paused = true)]
async fn a_noise_costs_a_short_pause_too() {
    let (report, agent) = speak_over(&["tell me a story", ""], 300).await;
    assert_eq!(report.turns[0].agent, STORY);
    assert_eq!(gaps_ms(&agent).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_means_to_interrupt_hears_silence_at_once_and_is_answered() {
    let (report, agent) = speak_over(&["tell me a story", "no", "no, the other one"], 900).await;
    check(
        &report,
        expect![[r#"
            tell me a story → Once upon a time there was (cut)
            no, the other one → Fine.
            input_ended
        "#]],
    );
    let silent_at = gaps_ms(&agent)[0].0;
    assert!((4_880..=4_980).contains(&silent_at), "silent at {silent_at}");
}

#[tokio::test(start_paused = true)]
async fn ten_interruptions_in_ten_seconds_say_nothing_twice() {
    let mut pcm = speech(800, 1_500, 0);
    for _ in 0..10 {
        pcm.extend(speech(300, 700, 0));
    }
    let heard = ["a story please"; 1];
    let engines = story_teller(&heard, Duration::from_millis(20));
    let mut config = quiet_config();
    config.turn.endpointing_ms = 300;
    let (report, events) = paced_call(config, vec![pcm], engines).await;
    let cut = report.turns.iter().filter(|turn| turn.interrupted).count();
    assert_eq!((cut, report.turns.len()), (10, 11), "{:?}", report.turns);
    // Each reply was begun once and said no more than its own words.
    let shown = events.into_iter().filter_map(|event| match event {
        CallEvent::Agent { text } => Some(text),
        _ => None,
    });
    let shown = shown.collect::<Vec<_>>().join(" ");
    assert_eq!(shown.matches("Once upon").count(), 11, "{shown}");
    assert_eq!(shown.matches("its end.").count(), 1, "{shown}");
    assert!(report.turns.iter().all(|turn| STORY.starts_with(&turn.agent)));
    assert_eq!(report.turns[10].agent, STORY);
}

#[tokio::test(start_paused = true)]
async fn ears_that_hang_do_not_silence_the_agent_for_ever() {
    let (report, agent) = {
        let mut config = quiet_config();
        config.turn.resume_after_ms = 600;
        config.stt.timeout_ms = 60_000;
        let engines = story_teller(&["tell me a story", "stop"], Duration::from_secs(2));
        let (report, _) = paced_call(config, vec![speech(800, 3_600, 300)], engines).await;
        let agent = report.turns[0].agent.clone();
        (report, agent)
    };
    // It went on after 600 ms, and stopped when the ears had understood.
    assert!(report.turns[0].interrupted, "{:?}", report.turns);
    assert!(STORY.starts_with(&agent) && agent.len() > 20, "{agent}");
}
