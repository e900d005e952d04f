//! The command line: one file per subcommand, and [`report`] for how an error is told.

#![allow(clippy::print_stdout, clippy::print_stderr)] // printing is what a command line is for

pub mod assistants;
pub mod bench;
pub mod call;
pub mod calls;
pub mod chat;
pub mod config;
pub mod console;
pub mod dev;
pub mod doctor;
#[cfg(feature = "microphone")]
mod meter;
pub mod models;
mod progress;
pub mod report;
pub mod rules;
pub mod say;
pub mod serve;
mod signals;
mod tool_turn;
pub mod transcribe;

use crate::config::{Config, Flags, Sources};

/// A self-hosted, offline voice agent for LiveKit rooms.
#[derive(Debug, clap::Parser)]
#[command(name = "sawt", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
    /// Where settings come from
    #[command(flatten)]
    pub flags: Flags,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Start everything on this machine and print the page's address
    Dev(dev::Args),
    /// Answer calls from an existing LiveKit server
    Serve(serve::Args),
    /// Talk to the agent here: microphone and speaker, or WAV files
    Console(console::Args),
    /// Call the agent as a synthetic caller and time its answers
    Call(call::Args),
    /// Speak a text into a WAV file
    Say(say::Args),
    /// Write down what a WAV file says
    Transcribe(transcribe::Args),
    /// Talk to an assistant in text
    Chat(chat::Args),
    /// List, check, show and test the assistants
    Assistants(assistants::Args),
    /// Show what rules may know, check them, and try them over a stored call
    Rules(rules::Args),
    /// Find, show, export and erase calls that are over
    Calls(calls::Args),
    /// Fetch, import, check and remove models
    Models(models::Args),
    /// Measure this machine with these models
    Bench(bench::Args),
    /// Check that this machine can run Sawt
    Doctor(doctor::Args),
    /// Check and show the configuration
    Config(config::Args),
}

/// Loads the configuration and runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { command, flags } = cli;
    let sources = Sources::of_this_process(&flags);
    let command = match command {
        // It tells where settings come from, and explains those that cannot be loaded.
        Command::Config(args) => return config::run(&args, &sources),
        command => command,
    };
    let config = sources.load()?.config;
    crate::telemetry::init(&config.log)?;
    run_command(command, config).await
}

/// Runs one command with a configuration that is already there.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run_command(command: Command, config: Config) -> anyhow::Result<()> {
    match command {
        Command::Dev(args) => dev::run(args, config).await,
        Command::Serve(args) => serve::run(args, config).await,
        Command::Console(args) => console::run(args, config).await,
        Command::Call(args) => call::run(args, config).await,
        Command::Say(args) => say::run(args, config).await,
        Command::Transcribe(args) => transcribe::run(args, config).await,
        Command::Chat(args) => chat::run(args, config).await,
        Command::Assistants(args) => assistants::run(args, config).await,
        Command::Rules(args) => rules::run(args, &config),
        Command::Calls(args) => calls::run(args, &config).await,
        Command::Models(args) => models::run(args, config).await,
        Command::Bench(args) => bench::run(args, config).await,
        Command::Doctor(args) => doctor::run(args, config).await,
        Command::Config(args) => config::run(&args, &Sources::default()),
    }
}
