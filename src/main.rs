//! Parse, load the configuration, hand over; tell what went wrong.

use std::process::ExitCode;

use clap::Parser as _;
use sawt::cli::{Cli, report, run};

/// As the shell reports a program that SIGPIPE ended.
const EXIT_PIPE: i32 = 141;

#[tokio::main]
async fn main() -> ExitCode {
    end_quietly_with_the_pipe();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}

/// `sawt models list | head -1` closes our output before we are done, which is no bug. SIGPIPE itself
/// stays ignored: a server must not die of a caller's closed connection.
fn end_quietly_with_the_pipe() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to std") && text.contains("Broken pipe") {
            std::process::exit(EXIT_PIPE);
        }
        before(panic);
    }));
}
