//! `sawt config`: check and show the configuration.

use crate::config::Config;

/// Check and show the configuration.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("this command is not built yet")
}
