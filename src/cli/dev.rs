//! `sawt dev`: start everything on this machine and print the page's address.

use crate::config::Config;

/// Start everything on this machine and print the page's address.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(_args: Args, _config: Config) -> anyhow::Result<()> {
    anyhow::bail!("this command is not built yet")
}
