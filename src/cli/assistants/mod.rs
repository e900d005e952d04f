//! `sawt assistants`: what there is, what is wrong with it, what a call would run with, and tests.

mod outcome;
mod show;
mod test;

use std::path::Path;

use anyhow::bail;
use serde_json::json;

use crate::assistants::script::Script;
use crate::assistants::{Assistant, Findings, Folder, Library, Voices};
use crate::config::Config;
use crate::models::Store;

/// List, check, show and test the assistants.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt assistants list
  sawt assistants check                          # all mistakes, each with file and line
  sawt assistants show bank --language en        # what the model is told, and what is said
  sawt assistants test assistants/bank.test.toml --engine scripted
  sawt assistants test assistants/*.test.toml --voice --junit report.xml")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print all assistants
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with the assistants; exit code 1 when something is
    Check {
        /// Names or files, of assistants or of their tests [default: all assistants of the site]
        targets: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a call with an assistant runs with
    Show {
        /// Its name or file
        target: String,
        /// The language that the call begins in [default: its own]
        #[arg(long)]
        language: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Search an assistant's documents; print the passages and their scores
    Search {
        /// Its name or file
        target: String,
        /// What a caller would ask
        question: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Hold the conversations of test files and judge the answers
    Test(test::Args),
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the assistants, or with their answers.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    match args.command {
        Command::List { json } => list(&library(&config)?, json),
        Command::Check { targets, json } => check(&config, &targets, json),
        Command::Show { target, language, json } => {
            let assistant = find(&config, &target)?;
            show::show(&assistant, language.as_deref(), json)
        }
        Command::Search { target, question, json } => {
            search(&find(&config, &target)?, &question, json)
        }
        Command::Test(args) => test::run(args, config).await,
    }
}

/// The site's assistants.
///
/// # Errors
/// All that is wrong with them.
pub(crate) fn library(config: &Config) -> Result<Library, Findings> {
    Library::load(&Library::folder(config), config, &voices(config))
}

fn voices(config: &Config) -> Voices {
    Voices::installed(&Store::from_config(&config.models))
}

/// The assistant that `target` names, or that is in the file `target`.
///
/// # Errors
/// There is none, or something is wrong with it.
pub(crate) fn find(config: &Config, target: &str) -> anyhow::Result<Assistant> {
    if is_file(target) {
        return Ok(Library::load_one(Path::new(target), config, &voices(config))?);
    }
    let choice = crate::assistants::Choice { assistant: Some(target.to_owned()), language: None };
    Ok(Assistant::clone(library(config)?.choose(&choice)?))
}

/// Passages that are shown, whether a model would be given them or not.
const HITS_MAX: usize = 10;

fn search(assistant: &Assistant, question: &str, json: bool) -> anyhow::Result<()> {
    let Some(index) = assistant.toolbox().index() else {
        bail!("{} has no documents; name them under [retrieval]", assistant.name());
    };
    let hits = index.search(question, HITS_MAX);
    if json {
        println!("{}", serde_json::to_string_pretty(&hits)?);
        return Ok(());
    }
    if hits.is_empty() {
        println!("No word of this question is in the {} passages.", index.len());
    }
    for hit in hits {
        let mark = if hit.score >= index.score_min() { " " } else { "-" };
        let text: String = hit.passage.text.chars().take(160).collect();
        println!("{mark} {:.2}  {}  {}", hit.score, hit.passage.place, hit.passage.title);
        println!("        {text}");
    }
    println!("Marked with - : below score_min_percent = {:.0}", index.score_min() * 100.0);
    Ok(())
}

fn is_file(target: &str) -> bool {
    Path::new(target).extension().is_some_and(|end| end == "toml") || target.contains('/')
}

fn list(library: &Library, json: bool) -> anyhow::Result<()> {
    let default = library.default().name();
    if json {
        let all = library.all().map(|a| {
            json!({
                "name": a.name(), "title": a.title(), "languages": a.languages(),
                "version": a.version().version, "default": a.name() == default,
            })
        });
        println!("{:#}", all.collect::<serde_json::Value>());
        return Ok(());
    }
    println!("{:16} {:12}  {:10} title", "name", "version", "languages");
    for a in library.all() {
        let mark = if a.name() == default { " (default)" } else { "" };
        let languages = a.languages().join(" ");
        println!("{:16} {:12}  {languages:10} {}{mark}", a.name(), a.version().version, a.title());
    }
    Ok(())
}

fn check(config: &Config, targets: &[String], json: bool) -> anyhow::Result<()> {
    let (mut findings, mut right) = (Findings::default(), Vec::new());
    if targets.is_empty() {
        match library(config) {
            Ok(library) => right.extend(library.all().map(|a| a.name().to_owned())),
            Err(wrong) => findings.0.extend(wrong.0),
        }
    }
    for target in targets {
        let path = if is_file(target) { target.into() } else { path_of(config, target) };
        let checked = if target.ends_with(".test.toml") {
            Script::load(&path).map(|_| target.clone())
        } else {
            Library::load_one(&path, config, &voices(config)).map(|a| a.name().to_owned())
        };
        match checked {
            Ok(name) => right.push(name),
            Err(wrong) => findings.0.extend(wrong.0),
        }
    }
    if json {
        println!("{:#}", json!({ "right": right, "findings": findings.0 }));
    } else {
        findings.0.iter().for_each(|finding| println!("{finding}"));
        if !right.is_empty() {
            println!("right: {}", right.join(", "));
        }
    }
    match findings.0.len() {
        0 => Ok(()),
        1 => bail!("there is a mistake"),
        n => bail!("there are {n} mistakes"),
    }
}

fn path_of(config: &Config, name: &str) -> std::path::PathBuf {
    match Library::folder(config) {
        Folder::Disk(dir) => dir.join(format!("{name}.toml")),
        Folder::BuiltIn => format!("assistants/{name}.toml").into(),
    }
}
