//! `sawt transcribe`: write down what a WAV file says.

use crate::config::Config;

/// Write down what a WAV file says.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("this command is not built yet")
}
