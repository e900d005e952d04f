//! `sawt say --explain`: the whole path of a text, from what is written to the sounds that a voice makes of it.
//!
//! Rules and lexicon are ours and pure; vowels and phonemes are the voice's, so its engine is asked where it is
//! installed. Where it is not, the path ends with what it would have been given.

use serde::Serialize;

use super::{Args, render, requests_of};
use crate::config::Config;
use crate::speech::{Explained, Manner, Spoken};

/// What a voice makes of a run.
#[derive(Debug, Serialize)]
struct Voiced {
    voice: String,
    /// With the vowels that were added; `null` where nothing adds them.
    vocalised: Option<String>,
    /// Words that stayed plain, because the model read other letters than are written.
    words_refused: u32,
    phonemes: String,
}

#[derive(Debug, Serialize)]
struct Path {
    #[serde(flatten)]
    explained: Explained,
    /// By run; empty where no engine could be asked.
    voices: Vec<Voiced>,
}

/// Prints the path of `text`.
pub(super) async fn explain(
    text: &str,
    manner: &Manner<'_>,
    args: &Args,
    config: &Config,
) -> anyhow::Result<()> {
    let (explained, spoken) = (Spoken::explain(text, manner), Spoken::new(text, manner));
    let voices = match voiced(&spoken, args, config).await {
        Ok(voices) => voices,
        Err(error) => {
            eprintln!(
                "vowels and sounds are not known, for the voice could not be asked: {error:#}"
            );
            Vec::new()
        }
    };
    let path = Path { explained, voices };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&path)?);
    } else {
        print(&path, args, config);
    }
    Ok(())
}

/// Speaks each run and keeps what its voice tells of it. Only the voices that are needed are loaded.
async fn voiced(spoken: &Spoken, args: &Args, config: &Config) -> anyhow::Result<Vec<Voiced>> {
    let rate_hz = config.tts.output_sample_rate_hz;
    let requests = requests_of(spoken, args.voice.as_deref(), args.speed, rate_hz, config);
    let mut needed = config.clone();
    needed.tts.voice.clear();
    needed.tts.voice_map =
        requests.iter().map(|run| (run.language.clone(), run.voice.clone())).collect();
    let Some(first) = requests.first() else { return Ok(Vec::new()) };
    needed.tts.voice_default.clone_from(&first.voice);
    let rendered = render(requests, &needed).await?;
    let told = rendered.into_iter().map(|(_, stats)| {
        let words_refused = stats.vocalised.as_ref().map_or(0, |told| told.words_refused);
        Voiced {
            voice: stats.voice,
            vocalised: stats.vocalised.map(|told| told.text),
            words_refused,
            phonemes: stats.phonemes,
        }
    });
    Ok(told.collect())
}

fn print(path: &Path, args: &Args, config: &Config) {
    let explained = &path.explained;
    println!("text      {}", explained.text.trim());
    println!("written   {}", explained.written);
    for step in &explained.steps {
        println!("          {} → {}   [{}]", step.written, step.spoken, step.by);
    }
    println!("spoken    {}", explained.spoken);
    for (n, run) in explained.runs.iter().enumerate() {
        let voice = args.voice.as_deref().unwrap_or(config.voice_for(&run.language));
        println!("{:<9} {}   [{voice}]", run.language, run.text);
        let Some(voiced) = path.voices.get(n) else { continue };
        if let Some(vocalised) = &voiced.vocalised {
            let refused = match voiced.words_refused {
                0 => String::new(),
                n => format!(", {n} of its words not believed"),
            };
            println!("vowels    {vocalised}   [diacritizer{refused}]");
        }
        println!("sounds    {}", voiced.phonemes);
    }
    if explained.runs.is_empty() {
        println!("          nothing to say: no voice is asked");
    }
}
