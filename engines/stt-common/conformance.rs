//! What every STT engine is held to, with a real model: included by each engine's own
//! `tests/conformance.rs`, which says in `BINARY`, `BACKEND` and `model()` which engine it is.
//!
//! Speech is recorded by people: Debian's `asterisk-core-sounds-en-wav`, or a WAV named by
//! `SAWT_TEST_SPEECH` with its words in `SAWT_TEST_SPEECH_TEXT`; we commit no audio we did not make.

use std::path::Path;
use std::time::Duration;

use sawt_engine_protocol::testing::{EngineProcess, check_lifeline, check_ready_engine};
use sawt_engine_protocol::v1::engine_client::EngineClient;
use sawt_engine_protocol::v1::speech_to_text_client::SpeechToTextClient;
use sawt_engine_protocol::v1::transcribe_event::Event;
use sawt_engine_protocol::v1::{ProbeRequest, TranscribePriority, TranscribeRequest, Transcript};
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::{BACKEND, BINARY, model};

const PROMPTS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";

/// An engine that is ready, or none where model tests are skipped.
async fn engine(more: &[&str]) -> Option<EngineProcess> {
    let model = model()?;
    let mut args = vec!["--model", model.to_str().unwrap(), "--threads", "2"];
    args.extend(more);
    let mut engine = EngineProcess::spawn(BINARY, &args);
    engine.ready().await;
    Some(engine)
}

/// A recorded sentence as 16 kHz PCM, and words that must be heard in it.
fn speech(name: &str, words: &'static str) -> (Vec<u8>, String) {
    let recorded = Path::new(PROMPTS).join(name);
    if recorded.exists() {
        return (pcm(&recorded), words.to_owned());
    }
    let file = std::env::var("SAWT_TEST_SPEECH").expect(
        "no recorded speech: install the Debian package asterisk-core-sounds-en-wav, or set \
         SAWT_TEST_SPEECH and SAWT_TEST_SPEECH_TEXT",
    );
    (pcm(Path::new(&file)), std::env::var("SAWT_TEST_SPEECH_TEXT").unwrap_or_default())
}

/// Mono PCM at 16 kHz; 8 kHz recordings are doubled by linear interpolation.
fn pcm(wav: &Path) -> Vec<u8> {
    let mut reader = hound::WavReader::open(wav).unwrap();
    let rate = reader.spec().sample_rate;
    assert!(reader.spec().channels == 1 && matches!(rate, 8_000 | 16_000), "{}", wav.display());
    let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    let mut bytes = Vec::new();
    for (index, &sample) in samples.iter().enumerate() {
        bytes.extend(sample.to_le_bytes());
        if rate == 8_000 {
            let next = samples.get(index + 1).copied().unwrap_or(sample);
            bytes.extend(((i32::from(sample) + i32::from(next)) / 2).to_le_bytes()[..2].iter());
        }
    }
    bytes
}

/// Noise like a crowd's: loud enough to be taken for speech, of any length.
fn noise(seconds: usize) -> Vec<u8> {
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((seed >> 16) as i16 / 8).to_le_bytes()
    };
    (0..seconds * 16_000).flat_map(|_| next()).collect()
}

fn request(pcm: &[u8], languages: &[&str]) -> TranscribeRequest {
    TranscribeRequest {
        pcm_s16le: pcm.to_vec(),
        sample_rate_hz: 16_000,
        languages: languages.iter().map(|l| (*l).to_owned()).collect(),
        prompt: String::new(),
        priority: TranscribePriority::Final.into(),
    }
}

async fn transcribe(channel: &Channel, request: TranscribeRequest) -> Result<Transcript, Status> {
    let mut client = SpeechToTextClient::new(channel.clone());
    let mut stream = client.transcribe(request).await?.into_inner();
    let event = stream.next().await.expect("one event")?;
    assert!(stream.next().await.is_none(), "one event, then the end");
    match event.event.expect("an event") {
        Event::Final(transcript) | Event::Partial(transcript) => Ok(transcript),
    }
}

/// Lower-case words, without punctuation.
fn words(text: &str) -> Vec<String> {
    let letters = |word: &str| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    text.to_lowercase().split_whitespace().map(letters).filter(|w| !w.is_empty()).collect()
}

/// Share of the `expected` words that are missing from what was heard.
fn missing(heard: &str, expected: &str) -> f64 {
    let (heard, expected) = (words(heard), words(expected));
    let lost = expected.iter().filter(|word| !heard.contains(word)).count();
    lost as f64 / expected.len().max(1) as f64
}

#[tokio::test]
async fn it_names_itself_works_and_ends_with_its_parent() {
    let Some(mut engine) = engine(&["--model-name", "whisper-base"]).await else { return };
    let info = check_ready_engine(&mut engine, "stt").await;
    assert_eq!((info.model.as_str(), info.device.as_str()), ("whisper-base", "cpu"));
    assert!(info.backend.starts_with(BACKEND), "{}", info.backend);
    for language in ["ar", "en"] {
        assert!(info.languages.iter().any(|l| l == language), "{language} is missing");
    }
    check_lifeline(engine).await;
}

#[tokio::test]
async fn recorded_people_are_understood() {
    let Some(engine) = engine(&[]).await else { return };
    let channel = engine.channel();
    for (file, said) in [
        ("pbx-invalid.wav", "I am sorry that's not a valid extension please try again"),
        (
            "ss-noservice.wav",
            "the number you have dialed is not in service please check the number and try again",
        ),
        (
            "queue-periodic-announce.wav",
            "representatives are currently busy please stay on the line and your call will be answered by the next available representative",
        ),
    ] {
        let (pcm, said) = speech(file, said);
        for languages in [&["en"][..], &["ar", "en"], &[]] {
            let heard = transcribe(&channel, request(&pcm, languages)).await.unwrap();
            assert!(missing(&heard.text, &said) < 0.2, "{file}: {heard:?}");
            assert_eq!(heard.language, "en", "{file} with {languages:?}");
            assert!(heard.confidence > 0.6 && heard.confidence <= 1.0, "{heard:?}");
            let sure = heard.language_probability;
            assert!(if languages.len() == 1 { sure == 1.0 } else { sure > 0.5 }, "{heard:?}");
            assert_eq!(heard.audio_ms as usize, pcm.len() / 32, "{heard:?}");
        }
    }
}

#[tokio::test]
async fn silence_and_scraps_of_audio_are_empty_text_and_cost_nothing() {
    let Some(engine) = engine(&[]).await else { return };
    let channel = engine.channel();
    let before = engine.cpu_ticks();
    for pcm in [vec![], vec![0; 2], vec![0; 64_000], vec![0; 960_000]] {
        let heard = transcribe(&channel, request(&pcm, &["ar", "en"])).await.unwrap();
        assert_eq!((heard.text.as_str(), heard.confidence), ("", 0.0), "{heard:?}");
    }
    assert!(engine.cpu_ticks() - before < 20, "silence was decoded");
    // Loud but far too short for a whole spectrogram.
    for samples in [1, 100, 199, 1_600] {
        let pcm = noise(1)[..samples * 2].to_vec();
        transcribe(&channel, request(&pcm, &["en"])).await.unwrap();
    }
}

#[tokio::test]
async fn requests_that_can_not_succeed_are_refused_with_a_reason() {
    let Some(engine) = engine(&[]).await else { return };
    let channel = engine.channel();
    let base = request(&noise(1), &["en"]);
    let cases = [
        (
            "rate",
            TranscribeRequest { sample_rate_hz: 8_000, ..base.clone() },
            Code::InvalidArgument,
        ),
        ("no rate", TranscribeRequest { sample_rate_hz: 0, ..base.clone() }, Code::InvalidArgument),
        (
            "odd",
            TranscribeRequest { pcm_s16le: vec![1; 33], ..base.clone() },
            Code::InvalidArgument,
        ),
        (
            "long",
            TranscribeRequest { pcm_s16le: vec![0; 960_002], ..base.clone() },
            Code::InvalidArgument,
        ),
        (
            "prompt",
            TranscribeRequest { prompt: "ب".repeat(201), ..base.clone() },
            Code::InvalidArgument,
        ),
        (
            "language",
            TranscribeRequest { languages: vec!["xx".into()], ..base.clone() },
            Code::FailedPrecondition,
        ),
        (
            "no tag",
            TranscribeRequest { languages: vec![String::new()], ..base.clone() },
            Code::FailedPrecondition,
        ),
        (
            "many",
            TranscribeRequest { languages: vec!["en".into(); 17], ..base.clone() },
            Code::InvalidArgument,
        ),
        (
            "huge",
            TranscribeRequest { pcm_s16le: vec![0; 5 << 20], ..base.clone() },
            Code::OutOfRange,
        ),
    ];
    for (name, bad, code) in cases {
        let status = transcribe(&channel, bad).await.expect_err(name);
        assert_eq!(status.code(), code, "{name}: {status}");
        assert!(!status.message().is_empty(), "{name}");
    }
    // What looks hostile but is only text is served.
    let prompt = "<|endoftext|>[_SOT_] \0 \u{202e}ترجم %s ../../".to_owned();
    transcribe(&channel, TranscribeRequest { prompt, ..base.clone() }).await.unwrap();
    let priority = 77; // not a priority of the contract
    transcribe(&channel, TranscribeRequest { priority, ..base }).await.unwrap();
}

#[tokio::test]
async fn a_caller_that_leaves_frees_the_engine() {
    let Some(engine) = engine(&[]).await else { return };
    let channel = engine.channel();
    let (pcm, _) = speech("pbx-invalid.wav", "");
    // In CPU time, which other programs on the machine do not stretch.
    let cost = async |request: TranscribeRequest| {
        let before = engine.cpu_ticks();
        transcribe(&channel, request).await.unwrap();
        engine.cpu_ticks() - before
    };
    let long = TranscribeRequest {
        priority: TranscribePriority::Partial.into(), // no second look
        ..request(&noise(12), &["en"])
    };
    let one_long = cost(long.clone()).await;
    let one_short = cost(request(&pcm, &["en"])).await;

    // One long job runs and five wait behind it when all six callers leave.
    let before = engine.cpu_ticks();
    let mut streams = Vec::new();
    for _ in 0..6 {
        let mut client = SpeechToTextClient::new(channel.clone());
        streams.push(client.transcribe(long.clone()).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(streams);
    transcribe(&channel, request(&pcm, &["en"])).await.unwrap();
    let after = engine.cpu_ticks() - before;
    println!("ticks: one long {one_long}, one short {one_short}, six dropped and a short {after}");
    // An encoder pass can not be interrupted, so at most one stands before us, not six.
    assert!(after < one_long * 2 + one_short * 2, "{after} ticks");
    let probe = EngineClient::new(channel).probe(ProbeRequest {}).await.unwrap().into_inner();
    assert_eq!(probe.queue_depth, 0);
}

#[tokio::test]
async fn eight_at_once_all_get_their_own_words() {
    let Some(engine) = engine(&["--states", "2"]).await else { return };
    let channel = engine.channel();
    let (one, one_said) = speech("pbx-invalid.wav", "not a valid extension");
    let (two, two_said) = speech("privacy-incorrect.wav", "that number is not valid");
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..8 {
        let (pcm, said) = if index % 2 == 0 { (&one, &one_said) } else { (&two, &two_said) };
        let (channel, request, said) = (channel.clone(), request(pcm, &["en"]), said.clone());
        tasks.spawn(async move { (transcribe(&channel, request).await.unwrap(), said) });
    }
    while let Some(result) = tasks.join_next().await {
        let (heard, said) = result.unwrap();
        assert!(missing(&heard.text, &said) < 0.3, "{said}: {heard:?}");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_finals_shed_partials_and_probes_pass() {
    let Some(engine) = engine(&["--queue-depth", "2"]).await else { return };
    let channel = engine.channel();
    let long = noise(20);
    let partial = TranscribePriority::Partial.into();
    let open = |priority: i32| {
        let mut client = SpeechToTextClient::new(channel.clone());
        let request = TranscribeRequest { priority, ..request(&long, &["en"]) };
        async move { client.transcribe(request).await.unwrap().into_inner() }
    };
    let mut running = open(partial).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut waiting = open(partial).await;
    let _first = open(0).await;
    let _second = open(0).await;
    let mut third = open(0).await;
    let code = async |stream: &mut tonic::Streaming<_>| {
        stream.next().await.unwrap().map(drop).expect_err("refused").code()
    };
    assert_eq!(code(&mut running).await, Code::ResourceExhausted, "a final needed its worker");
    assert_eq!(code(&mut waiting).await, Code::ResourceExhausted, "a final took its place");
    assert_eq!(code(&mut third).await, Code::ResourceExhausted, "no room");
    let probe = EngineClient::new(channel.clone()).probe(ProbeRequest {}).await.unwrap();
    assert!(probe.into_inner().queue_depth > 0, "the probe did not wait for the queue");
}
