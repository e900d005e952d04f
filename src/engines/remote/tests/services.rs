//! What each service is asked, word for word, and what becomes of its answer.

use futures::StreamExt as _;

use super::peer::{self, Peer, Request};
use super::{ALL, Local, clause, engines, here, question, site, spoken, utterance};
use crate::config::RemoteConfig;
use crate::engines::llm::Generated;
use crate::engines::stt::Utterance;
use crate::engines::tts::Synthesis;
use crate::policy::residency::{Grant, Stages};

async fn healthy() -> (Peer, RemoteConfig) {
    let peer = Peer::start(|_, request| peer::healthy(request)).await;
    let mut site = site(&peer.base_url());
    site.openai_api_key = "sk-openai".into();
    site.elevenlabs_api_key = "xi-elevenlabs".into();
    (peer, site)
}

fn has(request: &Request, part: &str) -> bool {
    String::from_utf8_lossy(&request.body).contains(part)
}

#[tokio::test]
async fn a_transcription_is_asked_as_a_form_with_the_language_of_the_call() {
    let (peer, mut site) = healthy().await;
    site.stt.api_key = "sk-stt".into();
    let engines = engines(Local::Unavailable, &site, ALL);
    let locked = Utterance { languages: vec!["ar".into()], ..utterance() };
    let heard = engines.stt.transcribe(locked).await.unwrap();
    assert_eq!((heard.text.as_str(), heard.language.as_str()), ("from afar", "ar"));
    assert_eq!(heard.language_probability, 1.0);
    assert!((heard.confidence - (-0.1_f32).exp()).abs() < 1e-5);
    assert!((heard.no_speech_probability - 0.02).abs() < 1e-5);
    let free = engines.stt.transcribe(utterance()).await.unwrap();
    assert_eq!(free.language, "en", "as it was told");
    let requests = peer.requests();
    for part in [
        "name=\"model\"\r\n\r\nwhisper-1\r\n",
        "name=\"language\"\r\n\r\nar\r\n",
        "name=\"prompt\"\r\n\r\nSawt\r\n",
        "filename=\"utterance.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF",
    ] {
        assert!(has(&requests[0], part), "{part}");
    }
    assert!(requests[0].head.contains("authorization: Bearer sk-stt"), "{}", requests[0].head);
    assert!(!has(&requests[1], "name=\"language\""), "two languages may come");
}

#[tokio::test]
async fn a_language_that_the_assistant_does_not_speak_is_heard_again_in_its_own() {
    let peer = Peer::start(|n, _| {
        let told = if n == 0 { "welsh" } else { "arabic" };
        let text = if n == 0 { "bore da" } else { "صباح الخير" };
        let body = serde_json::json!({ "text": text, "language": told }).to_string();
        peer::answer("200 OK", "application/json", "", body.as_bytes())
    })
    .await;
    let engines = engines(Local::Unavailable, &site(&peer.base_url()), ALL);
    let languages = vec!["ar".to_owned(), "en".to_owned()];
    let heard = engines.stt.transcribe(Utterance { languages, ..utterance() }).await.unwrap();
    assert_eq!((heard.text.as_str(), heard.language.as_str()), ("صباح الخير", "ar"));
    assert!(has(&peer.requests()[1], "name=\"language\"\r\n\r\nar\r\n"));
}

#[tokio::test]
async fn the_names_to_expect_stay_here_where_only_audio_may_leave() {
    let (peer, site) = healthy().await;
    let grant = Grant { text: false, audio: true, stages: Stages::ALL };
    let engines = engines(Local::Unavailable, &site, grant);
    engines.stt.transcribe(utterance()).await.unwrap();
    assert!(!has(&peer.requests()[0], "Sawt"));
}

#[tokio::test]
async fn a_reply_is_asked_as_a_stream_and_counted() {
    let (peer, mut site) = healthy().await;
    site.llm.model = "house-model".into();
    let engines = engines(Local::Unavailable, &site, ALL);
    let pieces: Vec<_> = engines.llm.generate(question()).map(Result::unwrap).collect().await;
    let [Generated::Text(a), Generated::Text(b), Generated::Done(stats)] = pieces.as_slice() else {
        panic!("{pieces:?}")
    };
    assert_eq!((a.as_str(), b.as_str()), ("From ", "afar."));
    assert_eq!((stats.prompt_tokens, stats.completion_tokens, stats.truncated), (7, 3, false));
    let body = peer.requests()[0].json();
    assert_eq!(body["model"], "house-model");
    assert_eq!(body["stream"], true);
    assert_eq!(body["max_tokens"], 40);
    assert_eq!(body["messages"][0]["content"], "my secret words");
}

#[tokio::test]
async fn a_clause_is_asked_of_openai_in_the_voice_of_its_language() {
    let (peer, mut site) = healthy().await;
    site.voice_map.insert("ar".into(), "nova".into());
    let engines = engines(Local::Unavailable, &site, ALL);
    assert_eq!(spoken(engines.tts.synthesize(clause())).await, "500 ms afar");
    let arabic = Synthesis { language: "ar".into(), speed: 1.25, ..clause() };
    let slower = Synthesis { sample_rate_hz: 16_000, ..arabic };
    let samples = spoken(engines.tts.synthesize(slower)).await;
    assert_eq!(samples, "333 ms afar", "8,000 samples: half a second at 16 kHz");
    let [first, second] = [0, 1].map(|n| peer.requests()[n].json());
    assert_eq!((&first["voice"], &second["voice"]), (&"alloy".into(), &"nova".into()));
    assert_eq!(first["response_format"], "pcm");
    assert_eq!((&first["speed"], &second["speed"]), (&serde_json::Value::Null, &1.25.into()));
}

#[tokio::test]
async fn a_clause_is_asked_of_elevenlabs_with_its_key_and_voice() {
    let (peer, mut site) = healthy().await;
    site.tts.service = "elevenlabs".into();
    site.tts.api_key = "xi-own".into();
    site.voice = "Voice123".into();
    let engines = engines(Local::Unavailable, &site, ALL);
    assert_eq!(spoken(engines.tts.synthesize(clause())).await, "500 ms afar");
    let request = &peer.requests()[0];
    assert_eq!(request.path, "/v1/v1/text-to-speech/Voice123/stream?output_format=pcm_24000");
    assert!(request.head.contains("xi-api-key: xi-own"), "{}", request.head);
    assert_eq!(request.json()["model_id"], "eleven_flash_v2_5");
    assert_eq!(request.json()["language_code"], "en");
    site.voice = "../secrets".into();
    let lent = crate::engines::Lender::new(here(Local::Serves), &site);
    assert!(lent.is_err(), "a voice is no path");
}

#[tokio::test]
async fn a_services_own_key_goes_to_no_other_server() {
    let (peer, site) = healthy().await;
    let engines = engines(Local::Unavailable, &site, ALL);
    engines.stt.transcribe(utterance()).await.unwrap();
    assert_eq!(spoken(engines.tts.synthesize(clause())).await, "500 ms afar");
    for request in peer.requests() {
        let head = request.head.to_ascii_lowercase();
        assert!(!head.contains("sk-openai") && !head.contains("authorization"), "{head}");
    }
}
