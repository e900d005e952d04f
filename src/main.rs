//! Parse, load the configuration, hand over; tell what went wrong.

use std::process::ExitCode;

use clap::Parser as _;
use sawt::cli::{Cli, report, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
