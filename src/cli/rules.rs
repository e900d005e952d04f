//! `sawt rules`: what rules may know, which there are, and why each fired in a stored call or not.

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use serde_json::json;

use super::assistants::{find, library};
use crate::assistants::Assistant;
use crate::config::Config;
use crate::records::{RecordError, Records, StoredCall};
use crate::rules::{Look, Moment, Why, facts, replay};

/// Show what rules may know, check them, and try them over a stored call.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Rules stand in an assistant's file, as [[rules]]: a condition and what is done then.
Calls are kept where records.dir names a folder; their ids stand in the log as call_id.

Examples:
  sawt rules facts                               # what a condition may look at
  sawt rules check                               # all rules, or what is wrong with them
  sawt rules test bank --call AJ_x7Qm2           # why each rule fired at each turn, or not
  sawt rules test assistants/bank.toml --call call.json --rule angry-twice"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print what a condition may look at
    Facts {
        /// Print the documentation's table
        #[arg(long)]
        markdown: bool,
    },
    /// Print the rules, in the order in which they are asked; exit code 1 when one has a mistake
    Check {
        /// Assistant, by name or file [default: all of the site]
        assistant: Option<String>,
    },
    /// Ask an assistant's rules at each moment of a stored call, and say why each fires or not
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Assistant whose rules are asked, by name or file, as it is now
    assistant: String,
    /// A call's id, or the file of its record
    #[arg(long, value_name = "ID|FILE")]
    call: String,
    /// Only these rules; repeat for more
    #[arg(long)]
    rule: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the rules, or with the record.
pub fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    match args.command {
        Command::Facts { markdown } => {
            print_facts(markdown);
            Ok(())
        }
        Command::Check { assistant: Some(name) } => {
            print_rules(&find(config, &name)?);
            Ok(())
        }
        Command::Check { assistant: None } => {
            library(config)?.all().for_each(|assistant| print_rules(assistant));
            Ok(())
        }
        Command::Test(args) => test(&args, config),
    }
}

fn print_facts(markdown: bool) {
    if markdown {
        print!("{}", facts::table());
        return;
    }
    for fact in facts::FACTS {
        println!("{:16} {:14} {}", fact.name, fact.kind.as_str(), fact.meaning);
    }
}

fn print_rules(assistant: &Assistant) {
    let rules = assistant.rules();
    if rules.is_empty() {
        println!("{}: no rules", assistant.name());
    }
    for rule in rules.iter() {
        let actions: Vec<_> = rule.actions.iter().map(|action| action.kind()).collect();
        let often = match (rule.once, rule.cooldown_turns) {
            (true, _) => "once".to_owned(),
            (false, 0) => "each time".to_owned(),
            (false, turns) => format!("every {turns} turns"),
        };
        println!(
            "{}: {} (priority {}, {often}): {}\n    when {}",
            assistant.name(),
            rule.name,
            rule.priority,
            actions.join(", "),
            rule.when.source()
        );
    }
}

fn test(args: &TestArgs, config: &Config) -> anyhow::Result<()> {
    let assistant = find(config, &args.assistant)?;
    let path = record(&args.call, config)?;
    let call = StoredCall::read(&path)?;
    ensure!(
        !call.moments.is_empty(),
        "the call {} has no moments: nobody spoke in it, or it was kept by an older version",
        call.call_id
    );
    for name in &args.rule {
        ensure!(
            assistant.rules().iter().any(|rule| rule.name == *name),
            "{} has no rule {name:?}; `sawt rules check {}` lists them",
            assistant.name(),
            args.assistant
        );
    }
    let moments = replayed(&assistant, &call, &args.rule);
    if args.json {
        let moments: Vec<_> = moments.iter().map(as_json).collect();
        println!("{:#}", json!({ "call_id": call.call_id, "moments": moments }));
        return Ok(());
    }
    if let Some(then) = &call.assistant {
        let now = assistant.version();
        let same = then.name == now.name && then.version == now.version.as_str();
        let note = if same { "the same as now" } else { "not the same as now" };
        println!("call {}, answered by {} {} ({note})", call.call_id, then.name, then.version);
    }
    moments.iter().for_each(print_moment);
    Ok(())
}

/// A moment of the call, and what the rules say to it now.
struct Replayed<'a> {
    moment: &'a Moment,
    looks: Vec<Look>,
}

fn replayed<'a>(assistant: &Assistant, call: &'a StoredCall, only: &[String]) -> Vec<Replayed<'a>> {
    let all = replay(assistant.rules(), &call.moments);
    let moments = call.moments.iter().zip(all).map(|(moment, mut looks)| {
        looks.retain(|look| only.is_empty() || only.contains(&look.rule));
        Replayed { moment, looks }
    });
    moments.collect()
}

fn print_moment(replayed: &Replayed<'_>) {
    let Replayed { moment, looks } = replayed;
    let facts = &moment.facts;
    let at = moment.at_ms / 1_000;
    println!();
    println!(
        "turn {} at {}:{:02}, {}: {:?}",
        facts.turn,
        at / 60,
        at % 60,
        facts.event,
        facts.words
    );
    if !moment.fired.is_empty() {
        println!("  in the call fired: {}", moment.fired.join(", "));
    }
    for look in looks {
        let mark = if look.why == Why::Fired { "→" } else { " " };
        println!("  {mark} {} {}", look.rule, look.why);
        let values = look.values.iter().map(|(name, value)| format!("{name} = {value}"));
        println!("      {}", values.collect::<Vec<_>>().join(", "));
    }
}

fn as_json(replayed: &Replayed<'_>) -> serde_json::Value {
    let looks = replayed.looks.iter().map(|look| {
        let values: serde_json::Map<_, _> = look.values.iter().cloned().collect();
        json!({
            "rule": look.rule, "fires": look.why == Why::Fired, "why": look.why.to_string(),
            "values": values,
        })
    });
    json!({
        "at_ms": replayed.moment.at_ms, "turn": replayed.moment.facts.turn,
        "event": replayed.moment.facts.event, "fired_in_the_call": replayed.moment.fired,
        "rules": looks.collect::<Vec<_>>(),
    })
}

/// The file of a call: as it was given, or as records.dir has it.
fn record(call: &str, config: &Config) -> anyhow::Result<PathBuf> {
    let path = Path::new(call);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if call.contains('/') || path.extension().is_some_and(|end| end == "json") {
        bail!("there is no file {call}; give the id or the file of a call's record");
    }
    let records = Records::from_config(&config.records).ok_or(RecordError::Off)?;
    Ok(records.find(call)?)
}
