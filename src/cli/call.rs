//! `sawt call`: call the agent as a synthetic caller and time its answers.

use crate::config::Config;

/// Call the agent as a synthetic caller and time its answers.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("this command is not built yet")
}
