//! First audio, real-time factor and CPU of the real engine with the starter voices.
//!
//! `cargo bench -p sawt-tts` prints one line per case. Quiet machines only: the numbers are wall
//! time beside the CPU time that they cost.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)] // a bench
#![allow(unreachable_pub, dead_code)] // support is shared with the tests

#[path = "../tests/support/mod.rs"]
mod support;

use sawt_engine_protocol::v1::SynthesizeRequest;
use support::{Engine, arabic, english, starter_args};

const RUNS: usize = 15;
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
        "{:<9}{:<26}{:>10}{:>10}{:>9}{:>9}{:>11}",
        "threads", "case", "first p50", "first p95", "audio s", "RTF p50", "CPU/audio"
    );
    for threads in [1, 2] {
        let Some(args) = starter_args(threads) else { return };
        let engine = Engine::start(&args).await;
        for (name, request) in [
            ("joe, 3 words", english("Yes, of course.")),
            ("joe, 12 words", english(WORDS_12)),
            ("joe, 30 words", english(WORDS_30)),
            (
                "joe, 2 sentences, 24 kHz",
                SynthesizeRequest { sample_rate_hz: 24_000, ..english(TWO_SENTENCES) },
            ),
            ("espeak-ar, 12 words", SynthesizeRequest { sample_rate_hz: 24_000, ..arabic(ARABIC) }),
        ] {
            measure(&engine, threads, name, &request).await;
        }
        println!("{threads:<9}resident memory {} MB", rss_mb(&engine));
    }
}

async fn measure(engine: &Engine, threads: u32, name: &str, request: &SynthesizeRequest) {
    let (mut first, mut rtf, mut audio_s) = (Vec::new(), Vec::new(), 0.0);
    let cpu_before = engine.cpu_s();
    for _ in 0..RUNS {
        let heard = engine.say(request.clone()).await.unwrap();
        first.push(heard.first_audio.unwrap().as_secs_f64() * 1000.0);
        rtf.push(f64::from(heard.done.total_ms) / 1000.0 / heard.seconds());
        audio_s += heard.seconds();
    }
    let cpu = (engine.cpu_s() - cpu_before) / audio_s;
    first.sort_by(f64::total_cmp);
    rtf.sort_by(f64::total_cmp);
    println!(
        "{threads:<9}{name:<26}{:>7.1} ms{:>7.1} ms{:>9.2}{:>9.3}{:>11.3}",
        first[RUNS / 2],
        first[RUNS * 95 / 100],
        audio_s / RUNS as f64,
        rtf[RUNS / 2],
        cpu
    );
}

fn rss_mb(engine: &Engine) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", engine.child.id().unwrap()));
    let pages = statm.ok().and_then(|s| s.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096 / 1_000_000
}
