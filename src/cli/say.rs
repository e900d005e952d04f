//! `sawt say`: speak a text into a WAV file.

use crate::config::Config;

/// Speak a text into a WAV file.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("this command is not built yet")
}
