//! Questions are answered: spoken, recorded by a human, typed, over the agent's own words, or not
//! at all.

use std::time::Duration;

use sawt::caller::{CallPlan, Turn, call};

use super::house::{api, enter};
use super::phone::{Mic, Phone, RATE_HZ, library};
use super::programs::Serve;
use super::speech::{recorded, spoken, transcribed, utterance};

#[tokio::test(flavor = "multi_thread")]
async fn a_spoken_question_is_answered_in_speech_and_both_sides_are_captioned() {
    let Some(mut house) = enter().await else { return };
    let question = spoken("What is the capital of France?").await;
    let (server, _serve) = house.open().await;
    let phone = Phone::call(server, "spoken", Mic::On).await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.say(&question).await;
    let asked_ms = phone.now_ms();
    let answered_ms = phone.until_speech(mark, "answer", 30).await;
    phone.hear_out(mark, "answer", 1).await;
    let (pcm, caller, agent, states) = {
        let heard = phone.heard();
        let states = heard.states[mark.states - 1..].join(" → ");
        (
            heard.pcm[mark.samples..].to_vec(),
            heard.words(mark.lines, false),
            heard.words(mark.lines, true),
            states,
        )
    };
    phone.hang_up().await;
    let said = transcribed(&pcm, "en").await;
    println!("caller's caption: {caller}\nagent's caption: {agent}\nagent's speech: {said}");
    println!("end of the file to the answer: {:.0} ms; states: {states}", answered_ms - asked_ms);
    assert!(caller.to_lowercase().contains("capital of france"), "{caller}");
    assert!(agent.contains("Paris"), "{agent}");
    assert!(said.contains("paris"), "{said}");
    // An answer that was made ahead needs no thought that could be seen.
    let states = states.replace("thinking → ", "");
    assert_eq!(states, "listening → speaking → listening");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_human_voice_from_a_telephone_is_heard_and_answered() {
    let Some(mut house) = enter().await else { return };
    // "Weasels have eaten our phone system."
    let Some(prompt) = recorded("tt-weasels") else {
        println!("no recording: the Debian package asterisk-core-sounds-en-wav is not installed");
        return;
    };
    let (server, _serve) = house.open().await;
    let phone = Phone::call(server, "recorded", Mic::On).await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.say(&prompt).await;
    phone.hear_out(mark, "answer", 30).await;
    let (caller, agent) = {
        let heard = phone.heard();
        (heard.words(mark.lines, false), heard.words(mark.lines, true))
    };
    phone.hang_up().await;
    println!("heard: {caller}\nanswer: {agent}");
    assert!(caller.to_lowercase().contains("phone system"), "{caller}");
    assert!(!agent.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_agent_falls_silent_and_answers_what_it_was_told() {
    let Some(mut house) = enter().await else { return };
    let long = utterance("Tell me everything you know about the ships that sail the oceans.").await;
    let short = utterance("Stop please. What is the capital of France?").await;
    let (server, serve) = house.open().await;
    let plan = CallPlan {
        api: api(server),
        library: library(),
        room: "interrupted".into(),
        identity: "caller".into(),
        agent_name: "sawt".into(),
        turns: vec![Turn::Speech(long), Turn::Speech(short)],
        answer_max: Duration::from_secs(30),
        answer_gap: sawt::caller::ANSWER_GAP,
        barge_in_after: Some(Duration::from_millis(1500)),
        record: true,
    };
    let report = call(&plan).await.unwrap();
    let [long, short] = report.turns.as_slice() else { panic!("{report:?}") };
    println!("first answer, cut: {}\nsecond: {}", long.answer, short.answer);
    let stopped_ms = long.stopped_ms.expect("it was interrupted");
    println!("silent {stopped_ms:.0} ms after the caller began to speak");
    println!("voice to voice {:?} ms and {:?} ms", long.v2v_ms, short.v2v_ms);
    assert!(stopped_ms < 1_500.0, "{stopped_ms}");
    assert!(short.v2v_ms.is_some(), "{report:?}\n{}", serve.log_tail());
    let said = transcribed(&short.answer_pcm, "en").await;
    // What the agent was told, and that it speaks of it. Not whether it is right: what the smallest
    // model knows depends on how much of its first answer was heard, and whether "France" is heard as
    // "friends" on the processor's kernels.
    assert!(short.heard.to_lowercase().contains("capital of"), "{}", short.heard);
    assert!(said.contains("capital") || said.contains("paris"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_microphone_types_and_hears_the_answer() {
    let Some(mut house) = enter().await else { return };
    let (server, _serve) = house.open().await;
    let phone = Phone::call(server, "typed", Mic::None).await;
    phone.hear_welcome().await;
    let mark = phone.mark();
    phone.type_text("What is the capital of Italy?").await;
    let typed_ms = phone.now_ms();
    let answered_ms = phone.until_speech(mark, "answer", 30).await;
    phone.hear_out(mark, "answer", 1).await;
    let (pcm, agent) = {
        let heard = phone.heard();
        (heard.pcm[mark.samples..].to_vec(), heard.words(mark.lines, true))
    };
    phone.hang_up().await;
    let said = transcribed(&pcm, "en").await;
    println!("caption: {agent}\nspeech: {said}\nafter {:.0} ms", answered_ms - typed_ms);
    assert!(agent.contains("Rome") && said.contains("rome"), "{agent} / {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_caller_is_asked_whether_they_are_there_and_then_told_goodbye() {
    let Some(mut house) = enter().await else { return };
    let server = house.server().await;
    let impatient = ["livekit.agent_name=impatient", "agent.silence_prompt_s=3"];
    let serve = Serve::start(server, &impatient).await;
    let phone = Phone::call_agent(server, "muted", Mic::Muted, "impatient").await;
    phone.until("goodbye", 60, |h| h.agent_left).await;
    let (lines, voiced_ms) = {
        let heard = phone.heard();
        let voiced: f64 = heard.meter.spans().iter().map(|s| s.end_ms - s.start_ms).sum();
        (heard.words(0, true), voiced)
    };
    let samples = phone.heard().pcm.len() as u32;
    println!("said: {lines}\n{voiced_ms:.0} ms of speech in {} s", samples / RATE_HZ);
    for line in ["How can I help you?", "Are you still there?", "I can not hear you", "Goodbye."] {
        assert!(lines.contains(line), "{line:?} in {lines:?}");
    }
    assert!(voiced_ms > 3_000.0, "{voiced_ms}");
    serve.until_idle(Duration::from_secs(5)).await;
}
