//! `sawt assistants show`: everything that a call with an assistant runs with.

use anyhow::bail;
use serde_json::{Value, json};

use crate::assistants::Assistant;
use crate::config::Config;
use crate::policy::residency::Stage;
use crate::tools::{Kind, Tool, spec::in_language};

/// Prints it, in `language` or else the assistant's first.
///
/// # Errors
/// It does not speak that language.
pub(super) fn show(
    assistant: &Assistant,
    language: Option<&str>,
    json: bool,
) -> anyhow::Result<()> {
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
            "system_prompt": agent.system_prompt, "welcome": agent.opening(),
            "silence_prompts": agent.silence_prompts, "goodbye": agent.goodbye,
            "apology": agent.apology, "call_max_s": agent.call_max_s,
            "turns_max": agent.turns_max, "reply_tokens_max": config.llm.reply_tokens_max,
            "turn": config.turn, "language_policy": agent.language_policy,
            "lexicon": config.tts.lexicon, "fillers": agent.fillers,
            "tools": assistant.toolbox().tools().iter().map(|t| tool_of(t, language)).collect::<Vec<_>>(),
            "mcp_servers": assistant.toolbox().servers().iter().map(|server| json!({
                "name": server.name, "tools": server.allowed(),
            })).collect::<Vec<_>>(),
            "passages": assistant.toolbox().index().map(|index| index.len()),
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
    println!(
        "in {language}, of {}; language_policy {}",
        assistant.languages().join(", "),
        agent.language_policy
    );
    println!("\nprompt\n{}\n", agent.system_prompt);
    println!("welcome   {}", agent.opening());
    agent.silence_prompts.iter().for_each(|text| println!("silence   {text}"));
    println!("apology   {}", agent.apology);
    println!("goodbye   {}", agent.goodbye);
    for (language, voice) in voices {
        println!("voice     {language}: {voice}, speed {}", config.tts.speed);
    }
    print_phrases(config);
    print_tools(assistant, language);
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

/// What the caller is asked and told is in `language`, as the model is told of it.
fn tool_of(tool: &Tool, language: &str) -> Value {
    let schema = in_language(&tool.parameters, language).map(|schema| schema.json());
    json!({
        "name": tool.name, "kind": kind_of(&tool.kind), "changes_something": !tool.reads_only,
        "description": in_language(&tool.description, language), "parameters": schema,
        "confirm": in_language(&tool.confirm, language), "say": in_language(&tool.say, language),
        "filler": in_language(&tool.filler, language), "timeout_ms": tool.timeout.as_millis(),
    })
}

fn kind_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Http(_) => "http",
        Kind::Table(_) => "table",
        Kind::Message(_) => "message",
        Kind::Search(_) => "search",
        Kind::Transfer { .. } => "transfer",
        Kind::EndCall => "end_call",
        Kind::Dtmf => "dtmf",
        _ => "fixed",
    }
}

fn print_tools(assistant: &Assistant, language: &str) {
    for tool in assistant.toolbox().tools() {
        let schema = in_language(&tool.parameters, language).map(|schema| schema.json());
        let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
        let names = properties.into_iter().flat_map(|names| names.keys()).map(String::as_str);
        let (kind, names) = (kind_of(&tool.kind), names.collect::<Vec<_>>().join(", "));
        println!("tool      {} ({kind}): {names}", tool.name);
        let heard = [("asks", &tool.confirm), ("says", &tool.say), ("meanwhile", &tool.filler)];
        for (what, texts) in heard {
            if let Some(text) = in_language(texts, language) {
                println!("            {what:9} {text}");
            }
        }
    }
    for server in assistant.toolbox().servers() {
        println!("tools     {} of the MCP server {}", server.allowed().join(", "), server.name);
    }
    if let Some(index) = assistant.toolbox().index() {
        let how = match assistant.toolbox().documents() {
            Some(_) => "given with each question",
            None => "where the model asks",
        };
        println!("documents {} passages, {how}", index.len());
    }
}

fn print_phrases(config: &Config) {
    for (word, said) in &config.tts.lexicon {
        println!("lexicon   {word}: {said}");
    }
    for (language, fillers) in &config.agent.fillers {
        println!("fillers   {language}: {fillers}");
    }
}
