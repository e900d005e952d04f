//! `sawt bench`: measure this machine with these models.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::progress::{Counting, Waiting};
use super::say;
use crate::bench::{self, Report};
use crate::config::Config;

/// Measure this machine with these models: how soon, how much, at what cost.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Wall times are only as good as the machine is quiet: the load at the start is part of \
every report.

Examples:
  sawt bench turn --html turn.html        # whole calls through a livekit-server of its own
  sawt bench turn --barge-in-after-ms 800 # how soon the agent falls silent
  sawt bench turn --set turn.speculation=false
  sawt bench stt calls/*.wav --compare whisper-small   # as imported under that name
  sawt bench stt calls --model whisper-base --model whisper-small --language ar --html stt.html
                                          # error rates on a folder of labelled calls, by dialect
  sawt bench llm --set llm.model=smollm2-135m-instruct
  sawt bench tts --json tts.json
  sawt bench sentiment                    # how often the lexicon is right about a caller's mood
  sawt bench transport"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// Write every number here, as JSON
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page with a table and plots here; it loads nothing
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Whole calls: from the caller's last sound to the agent's first, taken from the audio
    Turn {
        /// WAV files to say, of any rate [default: twelve questions, spoken by the voice]
        #[arg(value_name = "WAV")]
        say: Vec<PathBuf>,
        /// Calls, one after another
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
        calls: u16,
        /// Interrupt each answer this long after it began
        #[arg(long, value_name = "MS")]
        barge_in_after_ms: Option<u64>,
    },
    /// Speech to text: when the words are there, and what they cost; on a folder of labelled calls, how
    /// many of them are right
    Stt {
        /// WAV files of up to 29 s [default: three questions, spoken by the voice]; or one folder with
        /// WAV files and a .txt beside each (folders in it are dialects), or with a manifest.tsv of
        /// the columns file, text, dialect, language
        #[arg(value_name = "WAV|DIR")]
        files: Vec<PathBuf>,
        /// An installed model, in place of the configured one; may be repeated
        #[arg(long, value_name = "MODEL")]
        model: Vec<String>,
        /// Language spoken, e.g. ar; may be repeated [default: as configured]
        #[arg(long, value_name = "TAG")]
        language: Vec<String>,
        /// Another installed model on the same clips, in turns; may be repeated
        #[arg(long, value_name = "MODEL")]
        compare: Vec<String>,
        /// Times that each clip is transcribed
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        passes: u16,
    },
    /// Language model: the first word of an answer while the conversation grows
    Llm {
        /// Turns of a conversation
        #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..=1000))]
        turns: u16,
        /// Conversations, one after another
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        passes: u16,
    },
    /// Voice: its first sound, for short and long sentences
    Tts {
        /// Times that each sentence is spoken
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        passes: u16,
    },
    /// Voice detector: callers that one core can hear
    Vad {
        /// WAV file to hear [default: half a minute of a tone]
        #[arg(value_name = "WAV")]
        file: Option<PathBuf>,
        /// Times that it is heard
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        passes: u16,
    },
    /// The caller's mood: how often it is read right, by class and language
    Sentiment {
        /// A table with tabs: half, language, dialect, label (angry, neutral, pleased), words
        /// [default: our own set]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Ask the language model as well
        #[arg(long)]
        with_llm: bool,
    },
    /// The way of sound through LiveKit, one way, on one clock
    Transport {
        /// Clicks, half a second apart
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        clicks: u16,
    },
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    // Before minutes of work: a file that can not be written is no place for its result.
    for file in [&args.json, &args.html].into_iter().flatten() {
        std::fs::write(file, "").with_context(|| format!("can not write {}", file.display()))?;
    }
    // What counts its own progress shows it itself.
    let counts = matches!(&args.what, What::Stt { files, .. } if files.iter().any(|f| f.is_dir()));
    let waiting = (!counts).then(|| Waiting::start("Measuring"));
    let (report, unanswered) = measure(args.what, &config).await?;
    waiting.into_iter().for_each(Waiting::done);
    print!("{}", report.table());
    if let Some(file) = &args.json {
        std::fs::write(file, serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(file) = &args.html {
        std::fs::write(file, bench::page(&report)?)?;
    }
    ensure!(unanswered == 0, "{unanswered} turns got no spoken answer; try `sawt dev --call`");
    Ok(())
}

async fn measure(what: What, config: &Config) -> anyhow::Result<(Report, usize)> {
    let report = match what {
        What::Turn { say: files, calls, barge_in_after_ms } => {
            let folder = tempfile::tempdir()?;
            let say = if files.is_empty() {
                say::speak_into(folder.path(), &bench::calls::QUESTIONS, config).await?
            } else {
                files
            };
            let plan = bench::calls::Plan {
                say,
                calls: usize::from(calls),
                barge_in_after: barge_in_after_ms.map(Duration::from_millis),
                program: std::env::current_exe().context("can not find our own program")?,
            };
            return bench::calls::run(config, &plan).await;
        }
        What::Stt { files, model, language, compare, passes } => {
            let mut config = config.clone();
            if !language.is_empty() {
                config.agent.languages = language;
            }
            let mut models = if model.is_empty() { vec![config.stt.model.clone()] } else { model };
            models.extend(compare);
            if let Some(folder) = files.iter().find(|file| file.is_dir()) {
                ensure!(files.len() == 1, "{} is a folder: give it alone", folder.display());
                let counting = Counting::start("Transcribing");
                let at = |done, of| counting.at(done, of);
                let report = bench::accuracy::run(&config, folder, &models, &at).await?;
                counting.done();
                return Ok((report, 0));
            }
            let folder = tempfile::tempdir()?;
            let files = if files.is_empty() {
                say::speak_into(folder.path(), &bench::calls::QUESTIONS[..3], &config).await?
            } else {
                files
            };
            bench::stt::run(&config, &files, &models, usize::from(passes)).await?
        }
        What::Llm { turns, passes } => {
            bench::llm::run(config, usize::from(turns), usize::from(passes)).await?
        }
        What::Tts { passes } => bench::tts::run(config, usize::from(passes)).await?,
        What::Vad { file, passes } => {
            bench::vad::run(config, file.as_deref(), usize::from(passes))?
        }
        What::Sentiment { file, with_llm } => {
            bench::sentiment::run(config, file.as_deref(), with_llm).await?
        }
        What::Transport { clicks } => bench::transport::run(config, usize::from(clicks)).await?,
    };
    Ok((report, 0))
}
