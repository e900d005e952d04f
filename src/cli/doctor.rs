//! `sawt doctor`: check that this machine can run Sawt, and say what to do where it can not.

use crate::config::Config;
use crate::doctor::{Finding, Status, examine};

/// Check that this machine can run Sawt.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// At least one check failed.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let findings = examine(&config).await;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        print!("{}", table(&findings));
    }
    let failed = findings.iter().filter(|f| f.status == Status::Fail).count();
    anyhow::ensure!(
        failed == 0,
        "{failed} of {} checks failed; each says what to do",
        findings.len()
    );
    Ok(())
}

fn table(findings: &[Finding]) -> String {
    let width = findings.iter().map(|f| f.check.chars().count()).max().unwrap_or(0);
    let line = |finding: &Finding| {
        let Finding { check, status, found, next } = finding;
        let status = match status {
            Status::Ok => "ok  ",
            Status::Warn => "warn",
            Status::Fail => "FAIL",
        };
        let next = if next.is_empty() { String::new() } else { format!("{:6}→ {next}\n", "") };
        format!("{status}  {check:width$}  {found}\n{next}")
    };
    findings.iter().map(line).collect()
}
