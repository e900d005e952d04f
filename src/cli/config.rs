//! `sawt config`: check and show the configuration, where each key comes from, and what keys there
//! are.

use serde_json::Value;

use crate::config::{self, Loaded, Sources};

/// Check and show the configuration.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say whether the configuration is right, and all that is wrong with it
    Check,
    /// Print what counts; keys and secrets are left out
    Show {
        /// Tell who set each key
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON Schema of the configuration
    Schema,
    /// Print an example with every key, its sentence and its default
    Example {
        /// The names in the environment instead
        #[arg(long)]
        env: bool,
    },
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the configuration, each with its place.
pub fn run(args: &Args, sources: &Sources) -> anyhow::Result<()> {
    match args.command {
        Command::Check => {
            let loaded = sources.load()?;
            println!("The configuration is right.");
            if let Err(missing) = loaded.config.require_livekit() {
                println!("`sawt dev` can run with it, `sawt serve` can not yet: {missing}");
            }
            println!("Models are not looked at here: `sawt doctor` does that.");
        }
        Command::Show { origin } => print!("{}", show(&sources.load()?, origin)?),
        Command::Schema => println!("{:#}", config::schema()),
        Command::Example { env: false } => print!("{}", config::example_toml()),
        Command::Example { env: true } => print!("{}", config::example_env()),
    }
    Ok(())
}

/// The configuration as TOML; with `origin`, each line ends with who set it.
fn show(loaded: &Loaded, origin: bool) -> anyhow::Result<String> {
    let tree = serde_json::to_value(&loaded.config)?;
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut section = "";
    for key in config::keys() {
        let (this, name) = key.path.rsplit_once('.').unwrap_or(("", &key.path));
        if this != section {
            section = this;
            lines.push((format!("\n[{section}]"), String::new()));
        }
        let value = key.path.split('.').fold(&tree, |node, part| &node[part]);
        // A map's entries may come from different places: a line for each.
        let entries: Vec<(String, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(n, v)| (format!("{name}.{n}"), v)).collect(),
            Value::Null => Vec::new(),
            value => vec![(name.to_owned(), value)],
        };
        for (name, value) in entries {
            let shown = match value.as_str() {
                Some("") => "\"\"".into(),
                Some(secret) if key.is_secret() => {
                    format!("\"(set, {} characters)\"", secret.chars().count())
                }
                _ => config::toml_value(key, value),
            };
            let from = loaded.origin(&format!("{section}.{name}")).to_string();
            lines.push((format!("{name} = {shown}"), from));
        }
    }
    let width = lines.iter().map(|(text, _)| text.chars().count()).filter(|&n| n < 60).max();
    let width = width.unwrap_or(0);
    let line = |(text, from): &(String, String)| match from.is_empty() || !origin {
        true => format!("{text}\n"),
        false => format!("{text:width$}  # {from}\n"),
    };
    Ok(lines.iter().map(line).collect::<String>().trim_start().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(set: &[&str]) -> Loaded {
        let set = set.iter().map(|&s| s.to_owned()).collect();
        Sources { set, ..Sources::default() }.load().expect("a right configuration")
    }

    #[test]
    fn what_is_shown_is_a_configuration() {
        let text = show(&loaded(&["tts.speed=1.25", "tts.voice_map.fr=x"]), true).expect("text");
        let parsed: config::Config = toml::from_str(&text).expect("TOML");
        assert_eq!(parsed.tts.speed, 1.25);
        assert_eq!(parsed.tts.voice_map["fr"], "x");
        assert!(text.contains("# --set\n") && text.contains("# default\n"), "{text}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = "livekit.api_secret=hush-hush-hush";
        let text = show(&loaded(&[secret, "remote.openai_api_key=hush"]), true).expect("text");
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("api_secret = \"(set, 14 characters)\""), "{text}");
    }
}
