//! What every TTS engine of Sawt must do, shown on the real binary with the real starter voice.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test: it may panic and read clocks

mod support;

use std::time::{Duration, Instant};

use sawt_engine_protocol::v1::synthesize_event::Event;
use sawt_engine_protocol::v1::{InfoRequest, ProbeRequest, SynthesizeRequest};
use support::{Engine, arabic, command, english, hear, starter_args, steady_args};
use tonic::Code;

const LONG_SENTENCE: &str = "I have checked your account and I can see that the payment was \
    received yesterday so the technician will visit your house tomorrow morning between nine and \
    eleven if that suits you.";
const SENTENCE: &str = "Hello, thank you for calling. How can I help you today?";

/// One engine for all checks: loading the voice takes longer than most of them.
#[tokio::test]
async fn starter_voices_keep_the_contract() {
    let Some(args) = starter_args(2) else { return };
    let mut engine = Engine::start(&args).await;
    tells_what_it_is(&engine).await;
    english_is_plausible_speech(&engine).await;
    words_are_marked(&engine).await;
    arabic_by_espeak_is_as_loud_as_english(&engine).await;
    every_rate_gives_the_same_duration(&engine).await;
    speed_is_kept(&engine).await;
    unknown_voice_lists_the_voices(&engine).await;
    wrong_requests_are_refused(&engine).await;
    hostile_text_is_survived(&engine).await;
    a_long_sentence_is_heard_before_it_is_made(&engine).await;
    long_text_streams_and_cancels(&engine).await;
    a_sentence_nobody_hears_costs_nothing(&engine).await;
    six_callers_are_served_at_once(&engine).await;
    // Last: the parent's death ends it.
    drop(engine.child.stdin.take());
    let status = tokio::time::timeout(Duration::from_secs(5), engine.child.wait()).await;
    assert!(status.expect("engine outlives its parent").unwrap().success());
}

async fn tells_what_it_is(engine: &Engine) {
    let info = engine.engine().info(InfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.kind.as_str(), info.device.as_str()), ("tts", "cpu"));
    let voices: Vec<_> =
        info.voices.iter().map(|v| (v.name.as_str(), v.language.as_str())).collect();
    assert_eq!(voices, [("en_US-joe-medium", "en"), ("espeak-ar", "ar")]);
    assert_eq!(info.voices[0].sample_rate_hz, 22_050);
    assert_eq!(info.languages, ["ar", "en"]);
    let probe = engine.engine().probe(ProbeRequest {}).await.unwrap().into_inner();
    assert!(probe.inference_us > 100, "a probe is a real synthesis");
    assert!(probe.rss_bytes > 10_000_000);
}

async fn english_is_plausible_speech(engine: &Engine) {
    let first = engine.say(english(SENTENCE)).await.unwrap();
    let second = engine.say(english(SENTENCE)).await.unwrap();
    assert!((2.0..6.0).contains(&first.seconds()), "{} s", first.seconds());
    assert!((first.speech_dbfs() + 20.0).abs() < 3.0, "{} dBFS", first.speech_dbfs());
    assert!(!first.pcm.iter().any(|s| s.unsigned_abs() >= 32_700), "clipped");
    assert!(first.pieces > 10, "audio comes in pieces");
    assert_eq!(first.done.voice, "en_US-joe-medium");
    assert!(first.done.phonemes.contains("həlˈoʊ,"), "{}", first.done.phonemes);
    // Piper draws its durations at random around the same mean.
    let ratio = first.seconds() / second.seconds();
    assert!((0.8..1.25).contains(&ratio), "same text twice: {ratio}");
}

async fn words_are_marked(engine: &Engine) {
    let heard = engine.say(english(SENTENCE)).await.unwrap();
    let words: Vec<&str> = heard.done.words.iter().map(|mark| mark.word.as_str()).collect();
    assert_eq!(words.join(" "), SENTENCE);
    let starts: Vec<u64> = heard.done.words.iter().map(|mark| mark.start_sample).collect();
    assert!(starts.is_sorted(), "{starts:?}");
    assert!(*starts.last().unwrap() < heard.done.samples);
    // "today?" is the last word: it starts in the last third but not at the very end.
    assert!(*starts.last().unwrap() > heard.done.samples / 2);
    // They are told before there is anything to hear: the first sentence's two clauses.
    assert_eq!(heard.words_ahead, 5, "the first sentence's words before its audio");
    let heard = engine.say(arabic("مرحبا كيف حالك")).await.unwrap();
    assert_eq!((heard.done.words.len(), heard.words_ahead), (3, 3));
}

async fn arabic_by_espeak_is_as_loud_as_english(engine: &Engine) {
    let heard = engine.say(arabic("مرحبا، كيف يمكنني مساعدتك؟ اسمي Sawt.")).await.unwrap();
    assert_eq!(heard.done.voice, "espeak-ar");
    assert!(heard.seconds() > 1.5, "{}", heard.seconds());
    assert!((heard.speech_dbfs() + 20.0).abs() < 3.0, "{} dBFS", heard.speech_dbfs());
    // A regional tag finds its language.
    let regional = SynthesizeRequest { language: "ar-JO".into(), ..arabic("مرحبا") };
    assert_eq!(engine.say(regional).await.unwrap().done.voice, "espeak-ar");
}

async fn every_rate_gives_the_same_duration(engine: &Engine) {
    // espeak's durations differ by one period of its voice (9 ms) from run to run; that our own
    // resampling keeps every millisecond is shown in its unit tests.
    let at = |rate| SynthesizeRequest {
        sample_rate_hz: rate, ..arabic("مرحبا كيف حالك اليوم")
    };
    let own = engine.say(at(0)).await.unwrap();
    for rate in [8_000, 16_000, 22_050, 24_000, 48_000] {
        let heard = engine.say(at(rate)).await.unwrap();
        assert_eq!(heard.done.sample_rate_hz, rate);
        assert!((heard.seconds() - own.seconds()).abs() < 0.02, "{rate}: {}", heard.seconds());
        assert!((heard.speech_dbfs() - own.speech_dbfs()).abs() < 1.5, "{rate}");
    }
}

async fn speed_is_kept(engine: &Engine) {
    for request in [english(SENTENCE), arabic("مرحبا كيف حالك اليوم وكيف يمكنني مساعدتك")]
    {
        let normal = mean_seconds(engine, &request).await;
        for speed in [0.5, 0.8, 1.25, 2.0] {
            let request = SynthesizeRequest { speed, ..request.clone() };
            let kept = normal / mean_seconds(engine, &request).await / f64::from(speed);
            assert!((0.82..1.2).contains(&kept), "{:?} {speed}: {kept}", request.language);
        }
    }
}

/// Piper draws its durations at random: the mean of a few is steady to about 2 %.
async fn mean_seconds(engine: &Engine, request: &SynthesizeRequest) -> f64 {
    let mut sum = 0.0;
    for _ in 0..4 {
        sum += engine.say(request.clone()).await.unwrap().seconds();
    }
    sum / 4.0
}

async fn unknown_voice_lists_the_voices(engine: &Engine) {
    for request in [
        SynthesizeRequest { voice: "nobody".into(), ..english("hi") },
        SynthesizeRequest { language: "fr".into(), ..english("hi") },
        SynthesizeRequest { text: "hi".into(), ..Default::default() },
    ] {
        let status = engine.say(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        let message = status.message();
        assert!(message.contains("en_US-joe-medium (en), espeak-ar (ar)"), "{message}");
    }
}

async fn wrong_requests_are_refused(engine: &Engine) {
    for request in [
        english(&"a".repeat(2001)),
        SynthesizeRequest { speed: 3.0, ..english("hi") },
        SynthesizeRequest { speed: f32::NAN, ..english("hi") },
        SynthesizeRequest { speed: -1.0, ..english("hi") },
        SynthesizeRequest { sample_rate_hz: 12_345, ..english("hi") },
        SynthesizeRequest { sample_rate_hz: u32::MAX, ..english("hi") },
    ] {
        assert_eq!(engine.say(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}

async fn hostile_text_is_survived(engine: &Engine) {
    for silent in
        ["", "   \n\t ", "😀👍🏽🎉", "\0\0\0", "...!?", "\u{202E}\u{202D}\u{2066}", "\u{0301}"]
    {
        for request in [english(silent), arabic(silent)] {
            let heard = engine.say(request).await.unwrap();
            assert_eq!((heard.done.samples, heard.pieces), (0, 0), "{silent:?}");
        }
    }
    let marks = format!("a{}", "\u{0301}".repeat(1999));
    let spoken = [
        marks.as_str(),
        "Hello\0 there",
        "\u{202E}olleh\u{202C} hello \u{2067}abc",
        "<speak>hi</speak> <mark name='x'/> [[h@l@U]] &amp;",
        "مرحبا hello مرحبا 123",
        "a",
    ];
    for text in spoken {
        for request in [english(text), arabic(text)] {
            let heard = engine.say(request).await.unwrap();
            assert!(heard.done.samples > 0, "{text:?} by {}", heard.done.voice);
            assert!(heard.seconds() < 30.0, "{text:?} by {}", heard.done.voice);
        }
    }
    let solid = "9".repeat(700);
    assert!(engine.say(arabic(&solid)).await.is_ok());
    // The engine is as well as before.
    english_is_plausible_speech(engine).await;
}

async fn long_text_streams_and_cancels(engine: &Engine) {
    let long = SENTENCE.repeat(30);
    let started = Instant::now();
    let mut stream = engine.tts().synthesize(english(&long)).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let first = started.elapsed();
    drop(stream);
    let started = Instant::now();
    engine.say(english("Yes.")).await.unwrap();
    // Two sentences are under way at most; thirty would take far longer.
    let limit = first * 3 + Duration::from_secs(2);
    assert!(started.elapsed() < limit, "{:?} after a first {first:?}", started.elapsed());
}

async fn a_long_sentence_is_heard_before_it_is_made(engine: &Engine) {
    let heard = engine.say(english(LONG_SENTENCE)).await.unwrap();
    assert_eq!(heard.words_ahead, LONG_SENTENCE.split(' ').count());
    let (first, total) = (heard.done.first_audio_ms, heard.done.total_ms);
    assert!(first * 2 < total, "first audio after {first} of {total} ms");
    let (first, last) = (heard.first_audio.unwrap().as_millis(), u128::from(total));
    assert!(first * 2 < last, "it came after {first} of {last} ms");
}

async fn a_sentence_nobody_hears_costs_nothing(engine: &Engine) {
    let long = LONG_SENTENCE.replace('.', ", and ").repeat(8);
    let mut stream = engine.tts().synthesize(english(&long)).await.unwrap().into_inner();
    while stream
        .message()
        .await
        .unwrap()
        .is_some_and(|event| !matches!(event.event, Some(Event::PcmS16le(_))))
    {}
    drop(stream);
    // The step that is under way may end, whenever this machine gets to it.
    let begun = engine.cpu_s();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let before = engine.cpu_s();
        tokio::time::sleep(Duration::from_millis(500)).await;
        if engine.cpu_s() - before < 0.05 {
            break;
        }
        assert!(Instant::now() < deadline, "it works on for a caller who has gone");
    }
    // All of it takes several seconds of work.
    let spent = engine.cpu_s() - begun;
    assert!(spent < 1.0, "{spent} s of work for a caller who has gone");
}

async fn six_callers_are_served_at_once(engine: &Engine) {
    let calls = (0..6).map(|i| {
        let request =
            if i % 2 == 0 { english(SENTENCE) } else { arabic("مرحبا كيف حالك") };
        tokio::spawn(hear(engine.tts(), request))
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().unwrap().seconds() > 0.8);
    }
}

/// What is streamed is what the voice would have said in one go, at every rate and speed. Rates
/// other than the voice's own show that the resampler leaves no seam between chunks either.
#[tokio::test]
async fn streamed_audio_is_that_of_a_whole_run() {
    let Some((args, _dir)) = steady_args(1) else { return };
    let streaming = Engine::start(&args).await;
    let whole = Engine::start(&[args, vec!["--whole-sentences".into()]].concat()).await;
    let mut requests: Vec<SynthesizeRequest> =
        [SENTENCE, LONG_SENTENCE, "Yes.", "9".repeat(90).as_str()].map(english).to_vec();
    requests
        .extend([0.5, 0.7, 1.4, 2.0].map(|speed| SynthesizeRequest { speed, ..english(SENTENCE) }));
    requests.extend(
        [8_000, 16_000, 22_050, 24_000, 48_000]
            .map(|rate| SynthesizeRequest { sample_rate_hz: rate, ..english(SENTENCE) }),
    );
    for request in requests {
        let streamed = streaming.say(request.clone()).await.unwrap();
        let reference = whole.say(request.clone()).await.unwrap();
        assert_eq!(streamed.pcm.len(), reference.pcm.len(), "{request:?}");
        assert_eq!(streamed.done.words, reference.done.words, "{request:?}");
        assert_eq!(streamed.done.phonemes, reference.done.phonemes);
        let snr_db = snr_db(&reference.pcm, &streamed.pcm);
        assert!(snr_db >= 40.0, "{request:?}: {snr_db} dB");
    }
    a_short_answer_overtakes_a_long_one(&streaming).await;
}

/// One worker: chunks of the long answer and the short one take turns.
async fn a_short_answer_overtakes_a_long_one(engine: &Engine) {
    let long = english(&format!("{LONG_SENTENCE} ").repeat(6));
    let long = tokio::spawn(hear(engine.tts(), long));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let short = engine.say(english("Yes.")).await.unwrap();
    assert!(!long.is_finished(), "the short answer waited for {} ms", short.done.total_ms);
    assert!(long.await.unwrap().unwrap().seconds() > 30.0);
}

#[tokio::test]
async fn a_voice_that_can_not_be_cut_speaks_whole_sentences() {
    let Some((mut args, dir)) = steady_args(1) else { return };
    // One more output: protobuf merges what is appended with the graph before it.
    let name = b"/Add_output_0";
    let length = name.len() as u8;
    let mut model = std::fs::read(&args[3]).unwrap();
    model.extend([0x3A, length + 4, 0x62, length + 2, 0x0A, length]);
    model.extend(name);
    let path = dir.path().join("two-outputs.onnx");
    std::fs::write(&path, model).unwrap();
    std::fs::copy(format!("{}.json", args[3]), path.with_extension("onnx.json")).unwrap();
    args[3] = path.to_str().unwrap().to_owned();
    let engine = Engine::start(&args).await;
    let heard = engine.say(english(LONG_SENTENCE)).await.unwrap();
    assert_eq!(heard.done.voice, "two-outputs");
    assert_eq!(heard.words_ahead, LONG_SENTENCE.split(' ').count());
    // All of it was made before any of it was heard.
    let (first, total) = (heard.done.first_audio_ms, heard.done.total_ms);
    assert!(first * 4 > total * 3, "first audio after {first} of {total} ms");
}

/// How far `other` is from `reference`.
fn snr_db(reference: &[i16], other: &[i16]) -> f64 {
    let power = |value: f64| value * value;
    let signal: f64 = reference.iter().map(|&s| power(f64::from(s))).sum();
    let noise: f64 =
        reference.iter().zip(other).map(|(&a, &b)| power(f64::from(a) - f64::from(b))).sum();
    10.0 * (signal / noise.max(1.0)).log10()
}

#[tokio::test]
async fn a_full_engine_refuses_at_once() {
    let Some(mut args) = starter_args(1) else { return };
    args.extend(["--requests-max".into(), "1".into()]);
    let engine = Engine::start(&args).await;
    let long = english(&"One sentence follows the other. ".repeat(40));
    let stream = engine.tts().synthesize(long).await.unwrap();
    let status = engine.say(english("hi")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    drop(stream);
    let deadline = Instant::now() + Duration::from_secs(20);
    while engine.say(english("hi")).await.is_err() {
        assert!(Instant::now() < deadline, "the place is not given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_can_not_work_ends_with_code_78_and_the_next_step() {
    let Some(args) = starter_args(1) else { return };
    let dir = tempfile::tempdir().unwrap();
    let (runtime, model) = (args[1].clone(), std::path::PathBuf::from(&args[3]));
    let config = std::fs::read(format!("{}.json", model.display())).unwrap();
    let voice = |name: &str, onnx: &[u8], json: &[u8]| -> String {
        let path = dir.path().join(name);
        std::fs::write(&path, onnx).unwrap();
        std::fs::write(path.with_extension("onnx.json"), json).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let head = std::fs::read(&model).unwrap()[..100_000].to_vec();
    let truncated = voice("truncated.onnx", &head, &config);
    let garbage = voice("garbage.onnx", b"not a model", &config);
    let hostile = voice("hostile.onnx", b"x", br#"{"audio":{"sample_rate":1000000}}"#);
    let missing = dir.path().join("missing.onnx").to_str().unwrap().to_owned();
    let with = |voice: &str, runtime: &str| -> Vec<String> {
        ["--onnxruntime", runtime, "--voice", voice].map(str::to_owned).to_vec()
    };
    let good = args[3].as_str();
    for (args, word) in [
        (with(&missing, &runtime), "sawt models pull"),
        (with(&truncated, &runtime), "sawt models verify"),
        (with(&garbage, &runtime), "sawt models verify"),
        (with(&hostile, &runtime), "configuration"),
        (with(good, "/nowhere/libonnxruntime.so"), "sawt models pull"),
        (with(good, good), "sawt models pull"),
        (vec![], "--voice"),
        (vec!["--espeak-voice".into(), "xx-none".into()], "xx-none"),
        (vec!["--espeak-voice".into(), "../x".into()], "no voice name"),
        (["--espeak-voice", "ar", "--espeak-voice", "ar"].map(str::to_owned).to_vec(), "once"),
        (
            ["--espeak-voice", "ar", "--espeak-lib", "/nowhere"].map(str::to_owned).to_vec(),
            "libespeak-ng1",
        ),
    ] {
        let mut command = command(&args, &dir.path().join("s.sock"));
        let output = command.stderr(std::process::Stdio::piped()).output().await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{args:?}: {stderr}");
        assert!(stderr.contains(word), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}
