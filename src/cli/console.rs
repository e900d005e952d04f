//! `sawt console`: talk to the agent here: microphone and speaker, or WAV files.

use crate::config::Config;

/// Talk to the agent here: microphone and speaker, or WAV files.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("this command is not built yet")
}
