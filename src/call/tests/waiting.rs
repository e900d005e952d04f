//! Answers that are late, and captions in time with the voice.

use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::transport::{AgentState, CallTransport, Caption, Speaker, TransportEvent};
use crate::turn::CallTime;

const RATE_HZ: u32 = 24_000;

/// Captions with their time in milliseconds.
type Shown = Arc<Mutex<Vec<(u64, Caption)>>>;

/// A caller made of files who also reads.
struct Reader {
    inner: WavTransport,
    shown: Shown,
}

#[async_trait]
impl CallTransport for Reader {
    fn now(&self) -> CallTime {
        self.inner.now()
    }
    async fn next_event(&mut self) -> TransportEvent {
        self.inner.next_event().await
    }
    fn agent_rate_hz(&self) -> u32 {
        self.inner.agent_rate_hz()
    }
    fn lead_ms(&self) -> u32 {
        self.inner.lead_ms()
    }
    fn push_audio(&mut self, pcm: &[i16]) {
        self.inner.push_audio(pcm);
    }
    fn clear_audio(&mut self) {
        self.inner.clear_audio();
    }
    fn send_caption(&mut self, caption: Caption) {
        self.shown.lock().unwrap().push((self.now().as_millis(), caption));
    }
    fn set_agent_state(&mut self, _: AgentState) {}
    async fn close(&mut self, reason: &str) {
        self.inner.close(reason).await;
    }
}

/// What came of a call: its report, what was shown, what was heard of the agent.
pub(super) struct Heard {
    pub(super) report: CallReport,
    pub(super) shown: Vec<(u64, Caption)>,
    agent: Vec<i16>,
}

impl Heard {
    /// The lines on the agent's side of the screen, as they stand at the end.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<(u64, String)> = Vec::new();
        for (_, caption) in self.shown.iter().filter(|(_, c)| c.speaker == Speaker::Agent) {
            let line = match lines.iter_mut().find(|(segment, _)| *segment == caption.segment) {
                Some((_, line)) => line,
                None => {
                    lines.push((caption.segment, String::new()));
                    let last = lines.len() - 1;
                    &mut lines[last].1
                }
            };
            if caption.whole {
                line.clear();
            }
            line.push_str(&caption.text);
        }
        lines.into_iter().map(|(_, line)| line).filter(|line| !line.is_empty()).collect()
    }

    /// Sound of the agent: when each stretch began and how long it lasted, in milliseconds.
    fn sounds(&self) -> Vec<(usize, usize)> {
        let ms = (RATE_HZ / 1000) as usize;
        let mut sounds: Vec<(usize, usize)> = Vec::new();
        for at in (0..self.agent.len()).filter(|n| self.agent[*n] != 0).map(|n| n / ms) {
            match sounds.last_mut() {
                Some((from, length)) if at <= *from + *length + 40 => *length = at - *from,
                _ => sounds.push((at, 0)),
            }
        }
        sounds
    }
}

pub(super) async fn late_call(config: Config, turns: Vec<Vec<i16>>, engines: Engines) -> Heard {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("call.wav");
    let options = WavOptions { agent_rate_hz: RATE_HZ, out: Some(out.clone()), real_time: true };
    let shown = Shown::default();
    let inner = WavTransport::new(turns, options);
    let setup = CallSetup {
        call_id: "test".into(),
        assistant: None,
        config: Arc::new(config),
        engines,
        observer: None,
        surroundings: Default::default(),
        hang_up: CancellationToken::new(),
    };
    let report = run(Box::new(Reader { inner, shown: Arc::clone(&shown) }), setup).await;
    let samples = hound::WavReader::open(out).unwrap().into_samples::<i16>();
    let agent = samples.skip(1).step_by(2).map(Result::unwrap).collect();
    let shown = std::mem::take(&mut *shown.lock().unwrap());
    Heard { report, shown, agent }
}

/// Thinks for `ms` about questions, and not about anything else.
fn thinker(heard: &[&'static str], ms: u64) -> Engines {
    let llm = ScriptedLlm::new(
        |said| Ok(format!("You said {said}.")),
        Duration::from_millis(ms),
        Duration::ZERO,
    );
    engines(
        ScriptedStt::new(heard.to_vec(), Duration::from_millis(50)),
        llm,
        ScriptedTts::default(),
    )
}

fn patient_config() -> Config {
    let mut config = quiet_config();
    config.turn.speculation = false; // thinking begins when the turn is over
    config.agent.fillers = [("en".into(), "One moment. | Let me see.".into())].into();
    config
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_covered_and_the_filler_is_no_part_of_it() {
    let call =
        late_call(patient_config(), vec![speech(800, 0, 0)], thinker(&["hello"], 2_500)).await;
    // Speech ended at 2,800 ms, the turn at 3,300.
    let [(filler_at, filler_ms), (answer_at, _)] = call.sounds()[..] else {
        panic!("{:?}", call.sounds())
    };
    assert!((4_480..=4_620).contains(&filler_at), "{filler_at}");
    assert!((600..=680).contains(&filler_ms), "{filler_ms}");
    assert!((5_780..=5_920).contains(&answer_at), "{answer_at}");
    assert_eq!(call.lines(), ["One moment.", "You said hello."]);
    let turn = &call.report.turns[0];
    assert_eq!((turn.agent.as_str(), turn.filler.as_str()), ("You said hello.", "One moment."));
    let waited = turn.timing.e2e_latency.unwrap();
    assert!((2_980..=3_120).contains(&waited), "a filler is no answer: {waited}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_has_no_filler() {
    let call = late_call(patient_config(), vec![speech(800, 0, 0)], thinker(&["hello"], 900)).await;
    assert_eq!(call.sounds().len(), 1);
    assert_eq!(call.lines(), ["You said hello."]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_during_the_filler_waits_for_its_end() {
    let call =
        late_call(patient_config(), vec![speech(800, 0, 0)], thinker(&["hello"], 1_400)).await;
    let [(filler_at, _), (answer_at, _)] = call.sounds()[..] else { panic!("{:?}", call.sounds()) };
    let apart = answer_at - filler_at;
    assert!((760..=800).contains(&apart), "the filler and a pause of 120 ms: {apart}");
    assert_eq!(call.lines(), ["One moment.", "You said hello."]);
}

#[tokio::test(start_paused = true)]
async fn fillers_are_off_when_they_are_not_wanted() {
    let mut config = patient_config();
    config.agent.filler_ms = 0;
    let call = late_call(config, vec![speech(800, 0, 0)], thinker(&["hello"], 2_500)).await;
    assert_eq!(call.lines(), ["You said hello."]);
}

#[tokio::test(start_paused = true)]
async fn every_second_late_turn_has_a_filler_and_never_the_same() {
    // One clip, for these callers take a filler for the answer.
    let turns =
        vec![[speech(800, 6_000, 800), speech(0, 6_000, 800), speech(0, 6_000, 800)].concat()];
    let engines = || thinker(&["one", "two", "three", "four"], 2_500);
    let call = late_call(patient_config(), turns.clone(), engines()).await;
    let fillers =
        |call: &Heard| call.report.turns.iter().map(|turn| turn.filler.clone()).collect::<Vec<_>>();
    assert_eq!(fillers(&call), ["One moment.", "", "Let me see.", ""]);
    let mut config = patient_config();
    config.agent.fillers_in_a_row = true;
    let call = late_call(config, turns, engines()).await;
    assert_eq!(fillers(&call), ["One moment.", "Let me see.", "One moment.", "Let me see."]);
}

#[tokio::test(start_paused = true)]
async fn whoever_speaks_over_a_filler_silences_it_and_gets_one_answer_to_everything() {
    // Speaks again at 4,700 ms, over the filler.
    let turns = vec![speech(800, 1_900, 900)];
    let heard = ["my balance", "and the last payment"];
    let call = late_call(patient_config(), turns, thinker(&heard, 2_000)).await;
    let [(filler_at, filler_ms), (answer_at, _)] = call.sounds()[..] else {
        panic!("{:?}", call.sounds())
    };
    assert!(filler_at + filler_ms < 4_860, "{:?}", call.sounds());
    assert!(answer_at > 8_000, "{answer_at}");
    assert_eq!(call.lines().last().unwrap(), "You said my balance and the last payment.");
    assert_eq!(call.report.turns.len(), 1, "{:?}", call.report.turns);
    assert!("One moment.".starts_with(call.lines()[0].as_str()) && call.lines().len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn arabic_callers_hear_arabic_fillers() {
    let mut config = quiet_config();
    config.turn.speculation = false;
    let engines = thinker(&["كم رصيدي"], 3_000);
    let call = late_call(config, vec![speech(800, 0, 0)], engines).await;
    assert_eq!(call.lines()[0], "لحظة من فضلك.");
}

#[tokio::test(start_paused = true)]
async fn ears_that_are_late_are_covered_and_the_answer_follows() {
    let llm = ScriptedLlm::echo();
    let stt = ScriptedStt::new(["hello"], Duration::from_secs(3));
    let engines = engines(stt, llm, ScriptedTts::default());
    let call = late_call(patient_config(), vec![speech(800, 0, 0)], engines).await;
    // Speech ended at 2,800 ms; at 4,000 silence alone would have ended the turn.
    let (filler_at, _) = call.sounds()[0];
    assert!((5_180..=5_320).contains(&filler_at), "{filler_at}");
    assert_eq!(call.lines(), ["One moment.", "You said: hello."]);
    assert_eq!(call.report.turns[0].filler, "One moment.");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_sound_is_heard_while_the_agent_thinks_and_is_no_speech() {
    let mut config = patient_config();
    config.agent.filler_ms = 0;
    config.agent.thinking_sound_ms = 1_000;
    let call = late_call(config, vec![speech(800, 0, 0)], thinker(&["hello"], 4_000)).await;
    let ms = (RATE_HZ / 1000) as usize;
    let loudest = |from: usize, until: usize| {
        call.agent[from * ms..until * ms].iter().map(|s| s.unsigned_abs()).max().unwrap()
    };
    assert_eq!(loudest(0, 4_280), 0, "not before it is wanted");
    let ticking = loudest(5_000, 7_200);
    assert!((300..=1_000).contains(&ticking), "{ticking}");
    assert!(loudest(7_300, 7_600) > 4_000, "the answer");
    assert_eq!(call.lines(), ["You said hello."]);
    let turn = &call.report.turns[0];
    assert_eq!((turn.agent.as_str(), turn.filler.as_str()), ("You said hello.", ""));
    assert!(turn.timing.e2e_latency.unwrap() >= 4_480, "{:?}", turn.timing);
}

#[tokio::test(start_paused = true)]
async fn the_quiet_sound_ends_at_once_when_the_caller_speaks() {
    let mut config = patient_config();
    config.agent.filler_ms = 0;
    config.agent.thinking_sound_ms = 500;
    // Speaks again at 6,000 ms.
    let turns = vec![speech(800, 3_200, 900)];
    let heard = ["my balance", "and the last payment"];
    let call = late_call(config, turns, thinker(&heard, 3_500)).await;
    let sounds = call.sounds();
    let silent = |from: usize, until: usize| {
        let overlaps = |(at, length): &(usize, usize)| *at < until && at + length > from;
        !sounds.iter().any(overlaps)
    };
    assert!(silent(6_150, 7_800), "{sounds:?}");
    assert_eq!(call.lines(), ["You said my balance and the last payment."]);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_answer_shows_the_words_that_were_heard() {
    let story = "Once upon a time there was a very long story that never came to its end.";
    let llm = ScriptedLlm::new(
        move |said| Ok(if said.contains("story") { story.into() } else { "Fine.".into() }),
        Duration::ZERO,
        Duration::ZERO,
    );
    let stt = ScriptedStt::new(["a story", "no", "no, the other one"], Duration::from_millis(100));
    let engines = engines(stt, llm, ScriptedTts::default());
    let call = late_call(quiet_config(), vec![speech(800, 2_000, 900)], engines).await;
    let turns = &call.report.turns;
    assert!(turns[0].interrupted, "{turns:?}");
    assert_eq!(call.lines(), [turns[0].agent.as_str(), "Fine."]);
    // And not all at once: each word when it was heard.
    let words = call.shown.iter().filter(|(_, c)| c.segment == 1 && c.speaker == Speaker::Agent);
    let times: Vec<u64> = words.map(|(at, _)| *at).collect();
    assert!(times.len() >= 5 && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}
