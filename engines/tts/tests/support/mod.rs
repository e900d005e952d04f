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
pub fn model_file(relative: &str) -> Option<PathBuf> {
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
pub struct Engine {
    pub child: Child,
    pub socket: PathBuf,
    channel: Channel,
    _dir: tempfile::TempDir,
}

/// One synthesis as heard.
#[derive(Debug)]
pub struct Heard {
    pub pcm: Vec<i16>,
    pub done: SynthesizeDone,
    pub first_audio: Option<Duration>,
    pub pieces: usize,
}

impl Heard {
    pub fn seconds(&self) -> f64 {
        self.pcm.len() as f64 / f64::from(self.done.sample_rate_hz)
    }

    /// RMS of 20 ms windows within 25 dB of the loudest, in dBFS.
    pub fn speech_dbfs(&self) -> f64 {
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
pub fn starter_args(threads: u32) -> Option<Vec<String>> {
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

/// A command for the engine binary.
pub fn command(args: &[String], socket: &std::path::Path) -> Command {
    // SAWT_TTS_BINARY measures another build, e.g. a release one.
    let binary = std::env::var("SAWT_TTS_BINARY")
        .unwrap_or_else(|_| env!("CARGO_BIN_EXE_sawt-tts").to_owned());
    let mut command = Command::new(binary);
    command.arg("--socket").arg(socket).args(args).arg("--lifeline");
    command.stdin(Stdio::piped()).kill_on_drop(true);
    command
}

impl Engine {
    pub async fn start(args: &[String]) -> Self {
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
        Self { child, socket, channel, _dir: dir }
    }

    pub fn engine(&self) -> EngineClient<Channel> {
        EngineClient::new(self.channel.clone())
    }

    pub fn tts(&self) -> TextToSpeechClient<Channel> {
        TextToSpeechClient::new(self.channel.clone())
    }

    pub async fn say(&self, request: SynthesizeRequest) -> Result<Heard, Status> {
        hear(self.tts(), request).await
    }
}

pub async fn hear(
    mut tts: TextToSpeechClient<Channel>,
    request: SynthesizeRequest,
) -> Result<Heard, Status> {
    let started = Instant::now();
    let mut stream = tts.synthesize(request).await?.into_inner();
    let (mut pcm, mut first_audio, mut pieces) = (Vec::new(), None, 0);
    while let Some(event) = stream.message().await? {
        match event.event.unwrap() {
            Event::PcmS16le(bytes) => {
                first_audio.get_or_insert_with(|| started.elapsed());
                pieces += 1;
                pcm.extend(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])));
            }
            Event::Done(done) => {
                assert!(stream.message().await?.is_none(), "something follows `done`");
                assert_eq!(done.samples, pcm.len() as u64);
                return Ok(Heard { pcm, done, first_audio, pieces });
            }
        }
    }
    panic!("the stream ended without `done`")
}

pub fn english(text: &str) -> SynthesizeRequest {
    SynthesizeRequest { text: text.into(), language: "en".into(), ..Default::default() }
}

pub fn arabic(text: &str) -> SynthesizeRequest {
    SynthesizeRequest { text: text.into(), language: "ar".into(), ..Default::default() }
}
