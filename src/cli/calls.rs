//! `sawt calls`: calls that are over are listed, searched, shown, exported and erased.

mod export;
mod show;

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, bail, ensure};
use chrono::{Local, NaiveDate, NaiveDateTime, TimeZone as _};

use crate::config::Config;
use crate::records::{RecordError, Records};
use crate::store::{CallRow, Filter, Store};

/// Find, show, export and erase calls that are over.
#[derive(Debug, clap::Args)]
#[command(after_help = "Calls are kept where records.dir names a folder.

Examples:
  sawt calls list --since 7d --slow 1500         # last week's, in which a caller waited long
  sawt calls search \"بطاقة مفقودة\" --assistant bank
  sawt calls show AJ_x7Qm2                       # what was said, when, and what came of it
  sawt calls export AJ_x7Qm2 --format wav --out call.wav
  sawt calls erase AJ_x7Qm2                      # the row, the record and the recording")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List calls, newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// Only calls in which these words were said, by either side
        #[arg(long)]
        words: Option<String>,
    },
    /// List calls in which words were said; letters' variants, case and vowel marks do not matter
    Search {
        /// The words, as they follow each other
        words: String,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Show a call: what was said, when, how long it took
    Show {
        /// The call's id
        id: String,
        /// Print the whole record as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a call's record, captions or sound into a file
    Export {
        /// The call's id
        id: String,
        /// What to write
        #[arg(long, value_enum, default_value_t = export::Format::Json)]
        format: export::Format,
        /// Where to [default: standard output; ID.wav for sound]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take calls away: row, record and recording
    Erase {
        /// The calls' ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Wanted {
    /// Began then or later: 2026-11-23, 2026-11-23T14:30, or 90m, 12h, 7d ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Began before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Answered by this assistant
    #[arg(long)]
    assistant: Option<String>,
    /// The caller spoke this language, like ar or en
    #[arg(long)]
    language: Option<String>,
    /// This rule fired
    #[arg(long)]
    rule: Option<String>,
    /// Ended for this reason, like caller_left
    #[arg(long)]
    outcome: Option<String>,
    /// The caller waited at least so long for an answer, in milliseconds
    #[arg(long, value_name = "MS")]
    slow: Option<i64>,
    /// Most calls
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// The store's, or there is no such call.
pub async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let records = Records::from_config(&config.records).ok_or(RecordError::Off)?;
    let store = Store::open(&config.records).await?;
    // A call that ended while the database was down is found all the same.
    store.sweep(&records).await?;
    match args.command {
        Command::List { wanted, words } => list(&store, wanted, words).await,
        Command::Search { words, wanted } => {
            ensure!(!words.trim().is_empty(), "there are no words to look for");
            list(&store, wanted, Some(words)).await
        }
        Command::Show { id, json } => {
            let call = find(&store, &id).await?;
            if json {
                println!("{}", pretty(&call)?)
            } else {
                show::print(&call)?
            }
            Ok(())
        }
        Command::Export { id, format, out } => {
            let call = find(&store, &id).await?;
            export::export(&call, &records, format, out)
        }
        Command::Erase { ids } => erase(&store, &records, &ids).await,
    }
}

async fn find(store: &Store, id: &str) -> anyhow::Result<CallRow> {
    let call = store.get(id).await?;
    call.with_context(|| format!("there is no call {id:?}; `sawt calls list` names them"))
}

/// The whole record.
fn pretty(call: &CallRow) -> anyhow::Result<String> {
    let report: serde_json::Value = serde_json::from_str(&call.report)?;
    Ok(format!("{report:#}"))
}

async fn list(store: &Store, wanted: Wanted, words: Option<String>) -> anyhow::Result<()> {
    let json = wanted.json;
    let calls = store.list(&wanted.filter(words)?).await?;
    if json {
        println!("{:#}", serde_json::to_value(&calls)?);
    } else {
        show::table(&calls);
    }
    Ok(())
}

async fn erase(store: &Store, records: &Records, ids: &[String]) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for id in ids {
        // The files first: a row without them is found and erased again, files without a row would get one.
        let (files, row) = (records.erase(id)?, store.erase(id).await?);
        if files || row {
            println!("erased {id}");
        } else {
            missing.push(id.as_str());
        }
    }
    ensure!(missing.is_empty(), "there are no calls {}", missing.join(", "));
    Ok(())
}

impl Wanted {
    fn filter(self, words: Option<String>) -> anyhow::Result<Filter> {
        #[allow(clippy::disallowed_methods)] // "7d ago" is from now
        let now = SystemTime::now();
        let time = |text: Option<String>| text.map(|text| time_of(&text, now)).transpose();
        Ok(Filter {
            since_ms: time(self.since)?,
            until_ms: time(self.until)?,
            assistant: self.assistant,
            language: self.language,
            rule: self.rule,
            outcome: self.outcome,
            slow_ms: self.slow,
            words,
            limit: self.limit,
        })
    }
}

/// A moment in milliseconds of the Unix epoch: a day or a time where we are, or so long before `now`.
fn time_of(text: &str, now: SystemTime) -> anyhow::Result<i64> {
    let units = [("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000)];
    let ago = units.iter().find_map(|(unit, ms)| {
        text.strip_suffix(unit)?.parse::<u32>().ok().map(|count| i64::from(count) * ms)
    });
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
    if let Some(ago) = ago {
        return Ok(i64::try_from(since_epoch)? - ago);
    }
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"];
    let time = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let Some(time) = day.or(time).and_then(|time| Local.from_local_datetime(&time).earliest())
    else {
        bail!("{text:?} is no time; write 2026-11-23, 2026-11-23T14:30, or 90m, 12h, 7d");
    };
    Ok(time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_days_clocks_or_so_long_ago() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(time_of("2h", now).unwrap(), 1_000_000_000 - 7_200_000);
        let day = time_of("2026-11-23", now).unwrap();
        assert_eq!(time_of("2026-11-23T14:30", now).unwrap() - day, 14 * 3_600_000 + 30 * 60_000);
        for wrong in ["", "yesterday", "7", "d", "-1d", "2026-13-01"] {
            assert!(time_of(wrong, now).unwrap_err().to_string().contains("no time"), "{wrong}");
        }
    }
}
