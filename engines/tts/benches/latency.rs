//! First audio, real-time factor and CPU of the real engine with the starter voices, streamed and
//! in whole sentences, and of other packages if they are there.
//!
//! `cargo bench -p sawt-tts` prints one line per case; `benches/peers/tts` sets the other packages
//! up and runs it. All take turns sentence by sentence, so that what else the machine does meets
//! all of them: ratios hold, wall times only on a quiet machine.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)] // a bench
#![allow(unreachable_pub, dead_code)] // support is shared with the tests

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sawt_engine_protocol::v1::SynthesizeRequest;
use support::{Engine, arabic, english, starter_args};

const RUNS: usize = 15;
const WORDS_3: &str = "Yes, of course.";
const WORDS_12: &str = "Your order has been shipped and will arrive on Monday before noon.";
const WORDS_30: &str = "I have checked your account and I can see that the payment was received \
    yesterday, so the technician will visit your house tomorrow morning between nine and eleven \
    if that suits you.";
const TWO_SENTENCES: &str = "Thank you, I found your order. It was shipped this morning and will \
    reach you before the weekend.";
const ARABIC: &str = "شكرا على اتصالك، تم شحن طلبك هذا الصباح وسيصل إليك قبل نهاية الأسبوع.";

#[tokio::main]
async fn main() {
    println!(
        "{:<8}{:<26}{:<16}{:>10}{:>10}{:>9}{:>9}{:>11}",
        "threads", "case", "voice", "first p50", "first p95", "audio s", "RTF p50", "CPU/audio"
    );
    for threads in [1, 2] {
        let Some(args) = starter_args(threads) else { return };
        let whole = [&args[..], &["--whole-sentences".to_owned()]].concat();
        let mut voices = vec![
            Voice::Ours("ours", Engine::start(&args).await),
            Voice::Ours("ours, whole", Engine::start(&whole).await),
        ];
        for kind in ["piper-tts", "streaming-vits"] {
            voices.extend(Peer::start(kind, &args[3], threads).map(Voice::Other));
        }
        let at_24_khz =
            |request: SynthesizeRequest| SynthesizeRequest { sample_rate_hz: 24_000, ..request };
        for (name, request) in [
            ("joe, 3 words", english(WORDS_3)),
            ("joe, 12 words", english(WORDS_12)),
            ("joe, 30 words", english(WORDS_30)),
            ("joe, 2 sentences, 24 kHz", at_24_khz(english(TWO_SENTENCES))),
            ("espeak-ar, 12 words", at_24_khz(arabic(ARABIC))),
        ] {
            measure(&mut voices, threads, name, &request).await;
        }
        for voice in &voices {
            println!("{threads:<8}resident memory of {}: {} MB", voice.name(), voice.rss_mb());
        }
    }
}

/// Who speaks.
enum Voice {
    Ours(&'static str, Engine),
    Other(Peer),
}

/// One sentence, in seconds.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
struct Spoken {
    first_s: f64,
    total_s: f64,
    cpu_s: f64,
    audio_s: f64,
}

async fn measure(voices: &mut [Voice], threads: u32, case: &str, request: &SynthesizeRequest) {
    let mut spoken: Vec<Vec<Spoken>> = vec![Vec::new(); voices.len()];
    for _ in 0..RUNS {
        for (voice, spoken) in voices.iter_mut().zip(&mut spoken) {
            spoken.extend(voice.say(request).await);
        }
    }
    for (voice, spoken) in voices.iter().zip(&spoken).filter(|(_, spoken)| !spoken.is_empty()) {
        let ranked = |value: fn(&Spoken) -> f64| {
            let mut values: Vec<f64> = spoken.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let sum = |value: fn(&Spoken) -> f64| spoken.iter().map(value).sum::<f64>();
        let first = ranked(|s| s.first_s * 1000.0);
        println!(
            "{threads:<8}{case:<26}{:<16}{:>7.1} ms{:>7.1} ms{:>9.2}{:>9.3}{:>11.3}",
            voice.name(),
            first[RUNS / 2],
            first[RUNS * 95 / 100],
            sum(|s| s.audio_s) / RUNS as f64,
            ranked(|s| s.total_s / s.audio_s)[RUNS / 2],
            sum(|s| s.cpu_s) / sum(|s| s.audio_s),
        );
    }
}

impl Voice {
    const fn name(&self) -> &'static str {
        match self {
            Self::Ours(name, _) => name,
            Self::Other(peer) => peer.name,
        }
    }

    /// None if this voice has no such language.
    async fn say(&mut self, request: &SynthesizeRequest) -> Option<Spoken> {
        match self {
            Self::Other(_) if request.language != "en" => None,
            Self::Other(peer) => Some(peer.say(&request.text)),
            Self::Ours(_, engine) => {
                let cpu_s = engine.cpu_s();
                let heard = engine.say(request.clone()).await.unwrap();
                Some(Spoken {
                    first_s: heard.first_audio.unwrap().as_secs_f64(),
                    total_s: f64::from(heard.done.total_ms) / 1000.0,
                    cpu_s: engine.cpu_s() - cpu_s,
                    audio_s: heard.seconds(),
                })
            }
        }
    }

    fn rss_mb(&self) -> u64 {
        let pid = match self {
            Self::Ours(_, engine) => engine.child.id().unwrap(),
            Self::Other(peer) => peer.child.id(),
        };
        let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"));
        let pages = statm.ok().and_then(|s| s.split_whitespace().nth(1)?.parse::<u64>().ok());
        pages.unwrap_or(0) * 4096 / 1_000_000
    }
}

/// Another package, in a process of its own that speaks texts line by line.
struct Peer {
    name: &'static str,
    child: Child,
    texts: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// None unless SAWT_TTS_PEERS says how to run them.
    fn start(name: &'static str, voice: &str, threads: u32) -> Option<Self> {
        let command = std::env::var("SAWT_TTS_PEERS").ok()?;
        let mut words = command.split_whitespace();
        let mut child = Command::new(words.next()?)
            .args(words)
            .args([name, voice, &threads.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let texts = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { name, child, texts, answers };
        peer.line(); // ready
        Some(peer)
    }

    fn say(&mut self, text: &str) -> Spoken {
        writeln!(self.texts, "{text}").unwrap();
        serde_json::from_str(&self.line()).unwrap()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
