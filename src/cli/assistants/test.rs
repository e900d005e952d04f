//! `sawt assistants test`: holds the conversations of test files, in text or by voice.
//!
//! The language model always takes its likeliest word, so that the same model gives the same
//! answers; how it is configured to vary them in calls does not count here.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio_util::sync::CancellationToken;

use super::outcome::{ConversationOutcome, FileOutcome, Outcome, TurnOutcome};
use crate::assistants::script::{Conversation, Script, Unmet};
use crate::assistants::{Assistant, Findings, Library};
use crate::audio::CALLER_RATE_HZ;
use crate::call::{self, CallSetup, Clerk, Conclusion, SpeculationGate, Surroundings};
use crate::cli::progress::Waiting;
use crate::cli::say::speech_of;
use crate::cli::tool_turn::TextTools;
use crate::config::Config;
use crate::dialog::record::Transcript;
use crate::engines::llm::{LanguageModel, ScriptedLlm};
use crate::engines::{Engines, RunningEngines};
use crate::speech::{language_of, written};
use crate::supervisor::EngineKind;
use crate::transport::wav::{WavOptions, WavTransport};

/// A call of the longest test, in real time.
const CALL_MAX: Duration = Duration::from_secs(1_800);

/// Hold the conversations of test files and judge the answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Test files, NAME.test.toml beside the assistant
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Who answers: the configured language model, or the `reply` of each turn
    #[arg(long, value_enum, default_value_t = Engine::Local)]
    engine: Engine,
    /// Speak and hear: the caller's words by the voice, through a whole call
    #[arg(long, conflicts_with = "engine")]
    voice: bool,
    /// Only conversations whose name holds this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Show the record of each conversation as well: the assistant's [outcome], and its summary where after_call.summary is on
    #[arg(long)]
    outcome: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write JUnit's XML here
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Local,
    Scripted,
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the files, or how many answers were not as expected.
pub(super) async fn run(args: Args, config: Config) -> anyhow::Result<()> {
    let mut scripts = load(&args.files, &config)?;
    if let Some(only) = &args.only {
        for (script, _) in &mut scripts {
            script.conversations.retain(|c| c.name.contains(only.as_str()));
        }
        let left = scripts.iter().any(|(script, _)| !script.conversations.is_empty());
        ensure!(left, "no conversation's name holds {only:?}");
    }
    let files = match (args.voice, args.engine) {
        (true, _) => by_voice(&scripts, &config, args.outcome).await?,
        (false, Engine::Local) => by_text(&scripts, &config, args.outcome).await?,
        (false, Engine::Scripted) => by_script(&scripts).await?,
    };
    let outcome = Outcome::new(files);
    if let Some(path) = &args.junit {
        std::fs::write(path, outcome.junit())
            .with_context(|| format!("{} can not be written", path.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print!("{}", outcome.table());
    }
    if outcome.failed > 0 {
        bail!("{} of {} answers are not as expected", outcome.failed, outcome.turns);
    }
    Ok(())
}

/// All mistakes of all files in one go.
fn load(files: &[PathBuf], config: &Config) -> Result<Vec<(Script, Arc<Assistant>)>, Findings> {
    let voices = super::voices(config);
    let mut findings = Findings::default();
    let mut loaded = Vec::new();
    for file in files {
        let script = match Script::load(file) {
            Ok(script) => script,
            Err(wrong) => {
                findings.0.extend(wrong.0);
                continue;
            }
        };
        match Library::load_one(&script.assistant, config, &voices) {
            Ok(assistant) => {
                let assistant = with_fakes(assistant.without_chance(), &script);
                loaded.push((script, Arc::new(assistant)));
            }
            Err(wrong) => findings.0.extend(wrong.0),
        }
    }
    if findings.0.is_empty() { Ok(loaded) } else { Err(findings) }
}

/// A tool of which the script says what it brings does nothing else.
fn with_fakes(assistant: Assistant, script: &Script) -> Assistant {
    if script.tool_results.is_empty() {
        return assistant;
    }
    let faked = assistant.toolbox().faked(&script.tool_results);
    assistant.with_toolbox(faked)
}

fn file_outcome(
    script: &Script,
    assistant: &Assistant,
    engine: &str,
    conversations: Vec<ConversationOutcome>,
) -> FileOutcome {
    FileOutcome {
        file: script.path.display().to_string(),
        assistant: assistant.version(),
        engine: engine.to_owned(),
        conversations,
    }
}

async fn by_script(scripts: &[(Script, Arc<Assistant>)]) -> anyhow::Result<Vec<FileOutcome>> {
    let mut files = Vec::new();
    for (script, assistant) in scripts {
        let mut conversations = Vec::new();
        for conversation in &script.conversations {
            let replies: VecDeque<_> = conversation.turns.iter().map(|t| t.reply.clone()).collect();
            let replies = Mutex::new(replies);
            let next = move |_: &str| {
                let mut replies = replies.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(replies.pop_front().unwrap_or_default())
            };
            let llm = ScriptedLlm::new(next, Duration::ZERO, Duration::ZERO);
            conversations.push(in_text(conversation, assistant, &llm, false, false).await?);
        }
        files.push(file_outcome(script, assistant, "scripted", conversations));
    }
    Ok(files)
}

async fn by_text(
    scripts: &[(Script, Arc<Assistant>)],
    config: &Config,
    outcome: bool,
) -> anyhow::Result<Vec<FileOutcome>> {
    let engines = RunningEngines::start(config, &[EngineKind::Llm])?;
    let waiting = Waiting::start("Loading the language model");
    engines.ready().await?;
    waiting.done();
    let Some(llm) = engines.llm() else { bail!("the language engine was not started") };
    let mut files = Vec::new();
    for (script, assistant) in scripts {
        let mut conversations = Vec::new();
        for conversation in &script.conversations {
            conversations.push(in_text(conversation, assistant, &llm, true, outcome).await?);
        }
        files.push(file_outcome(script, assistant, &config.llm.model, conversations));
    }
    engines.stop().await;
    Ok(files)
}

/// One conversation, as a call would hold it, without sound.
async fn in_text(
    conversation: &Conversation,
    assistant: &Assistant,
    llm: &dyn LanguageModel,
    judge_tools: bool,
    outcome: bool,
) -> anyhow::Result<ConversationOutcome> {
    let begun = assistant.config(conversation.language.as_deref().unwrap_or_default());
    let mut history = crate::dialog::History::for_call(begun, &assistant.declarations(begun));
    history.agent_was_heard(&begun.agent.opening());
    let mut turns = Vec::new();
    let mut tools = TextTools::default();
    for turn in &conversation.turns {
        let config = assistant.config(language_of(&turn.say, &begun.agent.languages));
        history.instruct(&config.agent.system_prompt);
        history.caller_said(&turn.say);
        let name = format!("test {}", conversation.name);
        let (history_now, say) = (&mut history, &turn.say);
        let answer =
            tools.answer(&name, say, assistant, config, history_now, llm, &mut |_| {}).await?;
        let mut unmet = Vec::new();
        if let Some(tool) = turn.expect_tool.as_ref().filter(|_| judge_tools)
            && !answer.tools.iter().any(|(name, _)| name == tool)
        {
            let called: Vec<_> = answer.tools.iter().map(|(name, _)| name.as_str()).collect();
            unmet.push(Unmet(format!("called {called:?}, not {tool:?}")));
        }
        let reply = answer.text;
        // What is judged is what would be heard.
        let reply = written(&reply);
        history.agent_was_heard(&reply);
        turns.push(TurnOutcome {
            line: turn.line,
            say: turn.say.clone(),
            heard: None,
            unmet: {
                unmet.extend(turn.expect.check(&reply, assistant.languages()));
                unmet
            },
            reply,
        });
    }
    let mut record = None;
    if outcome {
        let mut transcript = Transcript::default();
        for TurnOutcome { say, reply, .. } in &turns {
            transcript.caller(say);
            transcript.agent(reply);
        }
        let call_id = format!("test {}", conversation.name);
        let gate = SpeculationGate::default();
        let clerk = Clerk {
            call_id: &call_id,
            config: begun,
            assistant: Some(assistant),
            llm,
            gate: &gate,
        };
        record = Some(clerk.conclude(&transcript, history.variables()).await);
    }
    Ok(ConversationOutcome { name: conversation.name.clone(), turns, record })
}

async fn by_voice(
    scripts: &[(Script, Arc<Assistant>)],
    config: &Config,
    outcome: bool,
) -> anyhow::Result<Vec<FileOutcome>> {
    // Every voice of every assistant that is tested.
    let mut with_voices = config.clone();
    for (_, assistant) in scripts {
        for (n, voice) in assistant.voices().enumerate() {
            let name = format!("{}/{n}", assistant.name());
            with_voices.tts.voice_map.insert(name, voice.to_owned());
        }
    }
    let kinds = [EngineKind::Stt, EngineKind::Llm, EngineKind::Tts];
    let running = RunningEngines::start(&with_voices, &kinds)?;
    let waiting = Waiting::start("Loading the models");
    running.ready().await?;
    waiting.done();
    let engines = running.for_calls(config)?.context("the engines were not started")?;
    let mut files = Vec::new();
    for (script, assistant) in scripts {
        let mut conversations = Vec::new();
        for conversation in &script.conversations {
            conversations.push(in_a_call(conversation, assistant, &engines, outcome).await?);
        }
        let engine = format!("{} and {}, by voice", config.stt.model, config.llm.model);
        files.push(file_outcome(script, assistant, &engine, conversations));
    }
    running.stop().await;
    Ok(files)
}

/// One conversation as a whole call from files, with the caller's words spoken by the voice.
async fn in_a_call(
    conversation: &Conversation,
    assistant: &Arc<Assistant>,
    engines: &Engines,
    outcome: bool,
) -> anyhow::Result<ConversationOutcome> {
    let config = assistant.config(conversation.language.as_deref().unwrap_or_default());
    let mut spoken = Vec::new();
    for turn in &conversation.turns {
        spoken.push(speech_of(&turn.say, CALLER_RATE_HZ, config, engines.tts.as_ref()).await?);
    }
    let options =
        WavOptions { agent_rate_hz: config.tts.output_sample_rate_hz, ..WavOptions::default() };
    let setup = CallSetup {
        call_id: format!("test {}", conversation.name),
        config: Arc::clone(config),
        assistant: Some(Arc::clone(assistant)),
        engines: engines.clone(),
        observer: None,
        surroundings: Surroundings::default(),
        hang_up: CancellationToken::new(),
    };
    let call = call::run(Box::new(WavTransport::new(spoken, options)), setup);
    let report = tokio::time::timeout(CALL_MAX, call)
        .await
        .with_context(|| format!("the call {:?} did not end", conversation.name))?;
    let mut report = report;
    let mut record = None;
    if outcome {
        let (who, llm) = (Some(assistant.as_ref()), engines.llm.as_ref());
        let gate = SpeculationGate::default();
        let problem = call::conclude(&mut report, config, who, llm, &gate).await.err();
        let (summary, outcome) = (report.summary.take(), report.outcome.take());
        record = Some(Conclusion { summary, outcome, problem });
    }
    let mut answers = report.turns.into_iter().filter(|turn| !turn.caller.is_empty());
    let turns = conversation.turns.iter().map(|turn| {
        let (heard, reply) = answers.next().map(|a| (a.caller, a.agent)).unwrap_or_default();
        let mut unmet = turn.expect.check(&reply, assistant.languages());
        if heard.is_empty() {
            unmet = vec![Unmet("never came".into())];
        }
        let (line, say) = (turn.line, turn.say.clone());
        TurnOutcome { line, say, heard: Some(heard), reply, unmet }
    });
    let turns = turns.collect();
    Ok(ConversationOutcome { name: conversation.name.clone(), turns, record })
}
