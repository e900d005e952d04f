//! `sawt chat`: talk to an assistant in text, as a call would.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;

use anyhow::bail;

use super::progress::Waiting;
use super::tool_turn::{TextTools, printable};
use crate::assistants::{Assistant, Choice};
use crate::call::{Clerk, SpeculationGate};
use crate::config::Config;
use crate::dialog::History;
use crate::dialog::record::Transcript;
use crate::engines::RunningEngines;
use crate::engines::llm::{LocalLlm, Role};
use crate::speech::language_of;
use crate::supervisor::EngineKind;

/// Longest line that is answered.
const LINE_CHARS_MAX: usize = 2_000;

/// Talk to an assistant in text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt chat                       # a conversation, one line at a time; end with Ctrl-D
  sawt chat bank                  # with this assistant
  sawt chat bank 'متى يفتح الفرع؟'   # one question, one answer
  sawt chat 'ما هي عاصمة فرنسا؟'     # one question, one answer
  sawt chat bank --outcome        # and its record at the end, as a call has it
  sawt chat --set llm.model=smollm2-135m-instruct 'Who are you?'")]
pub struct Args {
    /// The assistant's name, or a question to the site's default; without a question, a
    /// conversation on standard input
    #[arg(value_name = "ASSISTANT|QUESTION")]
    first: Option<String>,
    /// A question to the assistant
    #[arg(value_name = "QUESTION")]
    second: Option<String>,
    /// The language to begin in [default: the assistant's own]
    #[arg(long)]
    language: Option<String>,
    /// Print token counts and times after each answer
    #[arg(long)]
    stats: bool,
    /// At the end, print the record that a call would have: its summary and the assistant's [outcome]
    #[arg(long)]
    outcome: bool,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let library = super::assistants::library(&config)?;
    let named = args.first.as_deref().and_then(|name| library.get(name));
    let (assistant, question) = match (named, args.first, args.second) {
        (Some(assistant), _, question) => (assistant, question),
        (None, Some(name), Some(_)) => {
            library.choose(&Choice { assistant: Some(name), language: None })?;
            bail!("give an assistant and a question, or a question alone");
        }
        (None, question, None) => (library.default(), question),
        (None, None, Some(_)) => bail!("give a question"),
    };
    let config = assistant.config(args.language.as_deref().unwrap_or_default());
    let engines = RunningEngines::start(config, &[EngineKind::Llm])?;
    let waiting = Waiting::start("Loading the language model");
    engines.ready().await?;
    waiting.done();
    let Some(llm) = engines.llm() else { bail!("the language engine was not started") };
    let history = History::for_call(config, &assistant.declarations(config));
    let (assistant, config) = (Arc::clone(assistant), Arc::clone(config));
    let tools = TextTools::default();
    let mut chat = Chat { llm, history, stats: args.stats, assistant, config, tools };
    match question {
        Some(question) => chat.answer(&question).await?,
        None => {
            println!("{}", chat.config.agent.opening());
            chat.history.agent_was_heard(&chat.config.agent.opening());
            converse(&mut chat).await?;
        }
    }
    if args.outcome {
        chat.conclude().await?;
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
    assistant: Arc<Assistant>,
    config: Arc<Config>,
    tools: TextTools,
}

impl Chat {
    /// What the conversation came to.
    async fn conclude(&self) -> anyhow::Result<()> {
        let mut transcript = Transcript::default();
        for turn in self.history.turns() {
            match turn.role {
                Role::User => transcript.caller(&turn.content),
                Role::Assistant => transcript.agent(&turn.content),
                // What a tool brought is in the answer that was made of it.
                Role::System | Role::ToolCall | Role::Tool => {}
            }
        }
        let clerk = Clerk {
            call_id: "chat",
            config: &self.config,
            assistant: Some(&self.assistant),
            llm: &self.llm,
            gate: &SpeculationGate::default(),
        };
        let conclusion = clerk.conclude(&transcript, self.history.variables()).await;
        println!("{}", serde_json::to_string_pretty(&conclusion)?);
        Ok(())
    }

    async fn answer(&mut self, question: &str) -> anyhow::Result<()> {
        // As in a call: instructions in the language that is spoken.
        let language = language_of(question, &self.config.agent.languages);
        self.config = Arc::clone(self.assistant.config(language));
        self.history.instruct(&self.config.agent.system_prompt);
        self.history.caller_said(question);
        let assistant = Arc::clone(&self.assistant);
        assistant.toolbox().connect().await;
        let config = Arc::clone(&self.config);
        let mut tell = |text: &str| {
            print!("{text}");
            // What can not be shown now is shown with the next piece.
            let _ = std::io::stdout().flush();
        };
        let (history, llm) = (&mut self.history, &self.llm);
        let answer = self
            .tools
            .answer("chat", question, &assistant, &config, history, llm, &mut tell)
            .await?;
        println!();
        for (tool, arguments) in &answer.tools {
            eprintln!("[{tool} {}]", printable(arguments));
        }
        if self.stats {
            let stats = &answer.stats;
            eprintln!(
                "[{} prompt tokens, {} of them cached; {} written; first after {} ms]",
                stats.prompt_tokens,
                stats.cached_tokens,
                stats.completion_tokens,
                stats.first_token_ms
            );
        }
        let mut answer = answer.text;
        if answer.trim().is_empty() {
            eprintln!("[no words; in a call this is said in their place:]");
            answer.clone_from(&self.config.agent.apology);
            println!("{answer}");
        }
        self.history.agent_was_heard(&answer);
        Ok(())
    }
}
