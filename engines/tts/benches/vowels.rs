//! What vowels cost: the same Arabic sentences by espeak's voice, with the diacritizer and without, in turns.
//!
//! `cargo bench -p sawt-tts --bench vowels`. The diacritizer's own time is what the engine tells of each sentence;
//! processor time is the difference of both engines, so that nothing else is counted.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)] // a bench
#![allow(unreachable_pub, dead_code)] // support is shared with the tests

#[path = "../tests/support/mod.rs"]
mod support;

use support::{Engine, arabic, model_file};

const RUNS: usize = 200;
const SENTENCES: [(&str, &str); 3] = [
    ("5 words", "تم تحويل المبلغ إلى حسابك."),
    ("12 words", "تم شحن طلبك هذا الصباح وسيصل إليك قبل نهاية هذا الأسبوع بإذن."),
    (
        "30 words",
        "راجعت حسابك الآن ووجدت أن الدفعة وصلت أمس، ولذلك سيزور الفني منزلك غدا صباحا بين الساعة \
         التاسعة والحادية عشرة إن كان هذا الوقت يناسبك، وسيتصل بك قبل وصوله بنصف ساعة",
    ),
];

#[tokio::main]
async fn main() {
    let Some(runtime) = model_file("onnxruntime/libonnxruntime.so") else { return };
    let Some(model) = model_file("rawi-ensemble/rawi_ensemble.int8.onnx") else { return };
    let plain: Vec<String> = ["--espeak-voice", "ar", "--threads", "1"].map(str::to_owned).into();
    let mut with = plain.clone();
    for (flag, path) in [("--onnxruntime", runtime), ("--diacritizer", model)] {
        with.extend([flag.to_owned(), path.to_str().unwrap().to_owned()]);
    }
    let (plain, with) = (Engine::start(&plain).await, Engine::start(&with).await);
    println!(
        "{:<10}{:>10}{:>10}{:>10}{:>16}",
        "sentence", "p50 ms", "p95 ms", "max ms", "CPU ms more"
    );
    for (name, text) in SENTENCES {
        let mut took = Vec::new();
        let (mut cpu_plain, mut cpu_with) = (0.0, 0.0);
        for _ in 0..RUNS {
            let before = plain.cpu_s();
            plain.say(arabic(text)).await.unwrap();
            cpu_plain += plain.cpu_s() - before;
            let before = with.cpu_s();
            let heard = with.say(arabic(text)).await.unwrap();
            cpu_with += with.cpu_s() - before;
            took.push(f64::from(heard.done.vocalised.unwrap().took_us) / 1000.0);
        }
        took.sort_by(f64::total_cmp);
        let more = (cpu_with - cpu_plain) * 1000.0 / RUNS as f64;
        let at = |part: usize| took[(RUNS - 1) * part / 100];
        println!("{name:<10}{:>10.2}{:>10.2}{:>10.2}{more:>16.2}", at(50), at(95), at(100));
    }
}
