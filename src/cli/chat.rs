//! `sawt chat`: talk to the language model in text, as a call would.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::bail;
use futures::StreamExt as _;

use super::progress::Waiting;
use crate::config::Config;
use crate::dialog::History;
use crate::engines::RunningEngines;
use crate::engines::llm::{Generated, Generation, LanguageModel as _, LocalLlm};
use crate::supervisor::EngineKind;

/// Longest line that is answered.
const LINE_CHARS_MAX: usize = 2_000;

/// Talk to the language model in text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt chat                       # a conversation, one line at a time; end with Ctrl-D
  sawt chat 'ما هي عاصمة فرنسا؟'     # one question, one answer
  sawt chat --set llm.model=smollm2-135m-instruct 'Who are you?'")]
pub struct Args {
    /// One question; without it, a conversation on standard input
    question: Option<String>,
    /// Print token counts and times after each answer
    #[arg(long)]
    stats: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let engines = RunningEngines::start(&config, &[EngineKind::Llm])?;
    let waiting = Waiting::start("Loading the language model");
    engines.ready().await?;
    waiting.done();
    let Some(llm) = engines.llm() else { bail!("the language engine was not started") };
    let history = History::for_call(&config);
    let mut chat = Chat { llm, history, stats: args.stats, config };
    match args.question {
        Some(question) => chat.answer(&question).await?,
        None => converse(&mut chat).await?,
    }
    engines.stop().await;
    Ok(())
}

async fn converse(chat: &mut Chat) -> anyhow::Result<()> {
    let person = std::io::stdin().is_terminal();
    loop {
        if person {
            eprint!("you> ");
            std::io::stderr().flush()?;
        }
        let mut line = String::new();
        // A line of a gigabyte is no line.
        let read = std::io::stdin().lock().read_line(&mut line)?;
        if read == 0 {
            return Ok(());
        }
        let line: String = line.trim().chars().take(LINE_CHARS_MAX).collect();
        if !line.is_empty() {
            chat.answer(&line).await?;
        }
    }
}

struct Chat {
    llm: LocalLlm,
    history: History,
    stats: bool,
    config: Config,
}

impl Chat {
    async fn answer(&mut self, question: &str) -> anyhow::Result<()> {
        self.history.caller_said(question);
        let mut tokens = self.llm.generate(Generation {
            conversation: "chat".into(),
            messages: self.history.messages(),
            max_tokens: self.config.llm.reply_tokens_max,
            temperature: self.config.llm.temperature,
        });
        let mut answer = String::new();
        while let Some(token) = tokens.next().await {
            match token? {
                Generated::Text(text) => {
                    print!("{text}");
                    std::io::stdout().flush()?;
                    answer.push_str(&text);
                }
                Generated::Done(stats) => {
                    println!();
                    if self.stats {
                        eprintln!(
                            "[{} prompt tokens, {} of them cached; {} written; first after {} ms]",
                            stats.prompt_tokens,
                            stats.cached_tokens,
                            stats.completion_tokens,
                            stats.first_token_ms
                        );
                    }
                }
            }
        }
        self.history.agent_was_heard(&answer);
        Ok(())
    }
}
