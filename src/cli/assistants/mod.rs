//! `sawt assistants`: what there is, what is wrong with it, what a call would run with, and tests.

mod outcome;
mod test;

use std::path::Path;

use anyhow::bail;
use serde_json::json;

use crate::assistants::{Assistant, Findings, Folder, Library, Voices};
use crate::config::Config;
use crate::models::Store;
use crate::policy::residency::Stage;

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
        /// Names or files [default: all of the site]
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
            show(&assistant, language.as_deref(), json)
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
        match Library::load_one(&path, config, &voices(config)) {
            Ok(assistant) => right.push(assistant.name().to_owned()),
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

fn show(assistant: &Assistant, language: Option<&str>, json: bool) -> anyhow::Result<()> {
    if let Some(language) = language.filter(|l| !assistant.languages().iter().any(|has| has == l)) {
        bail!("{} speaks {}, not {language}", assistant.name(), assistant.languages().join(", "));
    }
    let language = language.unwrap_or(&assistant.languages()[0]);
    let config = assistant.config(language);
    let agent = &config.agent;
    let voices: std::collections::BTreeMap<_, _> =
        assistant.languages().iter().map(|tag| (tag, config.voice_for(tag))).collect();
    let grant = assistant.remote();
    let leaving: Vec<_> = Stage::ALL.into_iter().filter(|stage| grant.covers(*stage)).collect();
    if json {
        let shown = json!({
            "may_leave_for": leaving,
            "name": assistant.name(), "title": assistant.title(),
            "version": assistant.version().version, "language": language,
            "languages": assistant.languages(), "voices": voices, "speech_speed": config.tts.speed,
            "system_prompt": agent.system_prompt, "welcome": agent.welcome,
            "silence_prompts": agent.silence_prompts, "goodbye": agent.goodbye,
            "apology": agent.apology, "call_max_s": agent.call_max_s,
            "turns_max": agent.turns_max, "reply_tokens_max": config.llm.reply_tokens_max,
            "turn": config.turn,
        });
        println!("{shown:#}");
        return Ok(());
    }
    println!(
        "{} ({}), version {}",
        assistant.name(),
        assistant.title(),
        assistant.version().version
    );
    println!("in {language}, of {}", assistant.languages().join(", "));
    println!("\nprompt\n{}\n", agent.system_prompt);
    println!("welcome   {}", agent.welcome);
    agent.silence_prompts.iter().for_each(|text| println!("silence   {text}"));
    println!("apology   {}", agent.apology);
    println!("goodbye   {}", agent.goodbye);
    for (language, voice) in voices {
        println!("voice     {language}: {voice}, speed {}", config.tts.speed);
    }
    let leaving: Vec<_> = leaving.iter().map(|stage| stage.as_str()).collect();
    match leaving.as_slice() {
        [] => println!("leaves    nothing"),
        stages => println!("leaves    what {} sends, where the site allows it", stages.join(", ")),
    }
    let turns = match agent.turns_max {
        0 => String::new(),
        turns => format!(" and {turns} turns"),
    };
    println!(
        "limits    {} s{turns} a call, {} tokens a reply",
        agent.call_max_s, config.llm.reply_tokens_max
    );
    println!(
        "turn      over after {} ms of silence ({} to {}), interrupted by {} word(s)",
        config.turn.endpointing_ms,
        config.turn.endpointing_ms_min,
        config.turn.endpointing_ms_max,
        config.turn.interruption_words_min
    );
    Ok(())
}
