//! Starts the real `sawt-tts` for a test and talks to it over its socket.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use sawt_engine_protocol::client::connect_lazy;
use sawt_engine_protocol::v1::engine_client::EngineClient;
use sawt_engine_protocol::v1::synthesize_event::Event;
use sawt_engine_protocol::v1::text_to_speech_client::TextToSpeechClient;
use sawt_engine_protocol::v1::{InfoRequest, SynthesizeDone, SynthesizeRequest};
use tokio::process::{Child, Command};
use tonic::Status;
use tonic::transport::Channel;

/// A file of the models folder; fails with the next step where it is missing, or returns `None`
/// when SAWT_SKIP_MODEL_TESTS is set.
pub(crate) fn model_file(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SAWT_MODELS_DIR").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".local/share/sawt/models"),
        PathBuf::from,
    );
    let path = root.join(relative);
    if path.is_file() {
        return Some(path);
    }
    assert!(
        std::env::var_os("SAWT_SKIP_MODEL_TESTS").is_some(),
        "{} is missing; run `sawt models pull`, or set SAWT_SKIP_MODEL_TESTS=1",
        path.display()
    );
    None
}

/// A running engine; ends with the test.
pub(crate) struct Engine {
    pub(crate) child: Child,
    channel: Channel,
    _dir: tempfile::TempDir,
}

/// One synthesis as heard.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) pcm: Vec<i16>,
    pub(crate) done: SynthesizeDone,
    #[allow(dead_code)] // read by the bench
    pub(crate) first_audio: Option<Duration>,
    pub(crate) pieces: usize,
    /// Words told before the first audio.
    pub(crate) words_ahead: usize,
}

impl Heard {
    pub(crate) fn seconds(&self) -> f64 {
        self.pcm.len() as f64 / f64::from(self.done.sample_rate_hz)
    }

    /// RMS of 20 ms windows within 25 dB of the loudest, in dBFS.
    pub(crate) fn speech_dbfs(&self) -> f64 {
        let window = self.done.sample_rate_hz as usize / 50;
        let power = |w: &[i16]| {
            w.iter().map(|&s| (f64::from(s) / 32768.0).powi(2)).sum::<f64>() / w.len() as f64
        };
        let powers: Vec<f64> = self.pcm.chunks_exact(window).map(power).collect();
        let loudest = powers.iter().copied().fold(0.0, f64::max);
        let speech: Vec<f64> = powers.into_iter().filter(|p| *p > loudest / 316.0).collect();
        10.0 * (speech.iter().sum::<f64>() / speech.len().max(1) as f64).log10()
    }
}

/// Arguments for the engine with the `joe` voice and espeak's Arabic one.
pub(crate) fn starter_args(threads: u32) -> Option<Vec<String>> {
    let voice = model_file("en_US-joe-medium/en_US-joe-medium.onnx")?;
    let runtime = model_file("onnxruntime/libonnxruntime.so")?;
    Some(
        ["--onnxruntime", runtime.to_str()?, "--voice", voice.to_str()?]
            .into_iter()
            .map(str::to_owned)
            .chain(["--espeak-voice", "ar", "--threads"].map(str::to_owned))
            .chain([threads.to_string()])
            .collect(),
    )
}

/// As [`starter_args`], with a `joe` that draws nothing at random: it says the same text the same
/// way each time. Lives as long as the folder that is given back.
pub(crate) fn steady_args(threads: u32) -> Option<(Vec<String>, tempfile::TempDir)> {
    let mut args = starter_args(threads)?;
    let dir = tempfile::tempdir().unwrap();
    let model = PathBuf::from(&args[3]);
    let config = std::fs::read(format!("{}.json", model.display())).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    config["inference"]["noise_scale"] = 0.into();
    config["inference"]["noise_w"] = 0.into();
    let steady = dir.path().join(model.file_name().unwrap());
    std::os::unix::fs::symlink(&model, &steady).unwrap();
    std::fs::write(steady.with_extension("onnx.json"), config.to_string()).unwrap();
    args[3] = steady.to_str().unwrap().to_owned();
    Some((args, dir))
}

/// A command for the engine binary.
pub(crate) fn command(args: &[String], socket: &std::path::Path) -> Command {
    // SAWT_TTS_BINARY measures another build, e.g. a release one.
    let binary = std::env::var("SAWT_TTS_BINARY")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_sawt-tts").to_owned());
    let mut command = Command::new(binary);
    command.arg("--socket").arg(socket).args(args).arg("--lifeline");
    command.stdin(Stdio::piped()).kill_on_drop(true);
    command
}

impl Engine {
    pub(crate) async fn start(args: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("tts.sock");
        let mut child = command(args, &socket).spawn().unwrap();
        let channel = connect_lazy(&socket);
        let deadline = Instant::now() + Duration::from_secs(90);
        while EngineClient::new(channel.clone()).info(InfoRequest {}).await.is_err() {
            assert!(child.try_wait().unwrap().is_none(), "engine ended while starting");
            assert!(Instant::now() < deadline, "engine did not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { child, channel, _dir: dir }
    }

    pub(crate) fn engine(&self) -> EngineClient<Channel> {
        EngineClient::new(self.channel.clone())
    }

    pub(crate) fn tts(&self) -> TextToSpeechClient<Channel> {
        TextToSpeechClient::new(self.channel.clone())
    }

    /// User and system time so far, in seconds; Linux only, 0 elsewhere.
    pub(crate) fn cpu_s(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().unwrap()));
        let Ok(stat) = stat else { return 0.0 };
        let after_name = stat.rsplit(')').next().unwrap();
        let field =
            |n: usize| after_name.split_whitespace().nth(n).unwrap().parse::<f64>().unwrap();
        (field(11) + field(12)) / 100.0
    }

    pub(crate) async fn say(&self, request: SynthesizeRequest) -> Result<Heard, Status> {
        hear(self.tts(), request).await
    }
}

pub(crate) async fn hear(
    mut tts: TextToSpeechClient<Channel>,
    request: SynthesizeRequest,
) -> Result<Heard, Status> {
    let started = Instant::now();
    let mut stream = tts.synthesize(request).await?.into_inner();
    let (mut pcm, mut first_audio, mut pieces) = (Vec::new(), None, 0);
    let (mut words, mut words_ahead) = (Vec::new(), 0);
    while let Some(event) = stream.message().await? {
        match event.event.unwrap() {
            Event::PcmS16le(bytes) => {
                first_audio.get_or_insert_with(|| started.elapsed());
                pieces += 1;
                pcm.extend(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])));
            }
            Event::Words(told) => {
                assert!(told.words.iter().all(|mark| mark.start_sample >= pcm.len() as u64));
                words.extend(told.words);
                words_ahead = if pieces == 0 { words.len() } else { words_ahead };
            }
            Event::Done(done) => {
                assert_eq!(done.words, words, "told before and told at the end");
                assert!(stream.message().await?.is_none(), "something follows `done`");
                assert_eq!(done.samples, pcm.len() as u64);
                return Ok(Heard { pcm, done, first_audio, pieces, words_ahead });
            }
        }
    }
    panic!("the stream ended without `done`")
}

pub(crate) fn english(text: &str) -> SynthesizeRequest {
    SynthesizeRequest { text: text.into(), language: "en".into(), ..Default::default() }
}

pub(crate) fn arabic(text: &str) -> SynthesizeRequest {
    SynthesizeRequest { text: text.into(), language: "ar".into(), ..Default::default() }
}
