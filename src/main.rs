//! Parse, load the configuration, hand over.

use clap::Parser as _;
use sawt::cli::{Cli, run};
use sawt::config::Config;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    run(cli.command, Config::default()).await
}
