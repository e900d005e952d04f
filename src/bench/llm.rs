//! The wits: when the first word of an answer comes while the conversation grows, and how fast
//! the rest follows. The instructions are long, as a call centre's are.

use anyhow::bail;
use futures::StreamExt as _;

use super::{Report, clock, ms_since, process};
use crate::config::Config;
use crate::dialog::History;
use crate::engines::RunningEngines;
use crate::engines::llm::{Generated, Generation, LanguageModel as _, LocalLlm};
use crate::supervisor::{EngineHandle, EngineKind};

const QUESTIONS: [&str; 6] = [
    "What are your opening hours?",
    "Can I change the address of my order?",
    "How long does a transfer to another bank take?",
    "What do I need to open an account?",
    "Is there a fee for a new card?",
    "Thank you. And where is the nearest branch?",
];

const ANSWER_TOKENS: u32 = 32;

/// A fact that is repeated until the instructions have about a thousand tokens.
const INSTRUCTION: &str = "Answer in one short sentence, politely, and never invent a number. ";
const INSTRUCTIONS: usize = 64;

/// Holds a conversation of `turns` turns `passes` times.
///
/// # Errors
/// When the model does not run or fails.
pub async fn run(config: &Config, turns: usize, passes: usize) -> anyhow::Result<Report> {
    let mut config = config.clone();
    config.agent.system_prompt = INSTRUCTION.repeat(INSTRUCTIONS);
    let engines = RunningEngines::start(&config, &[EngineKind::Llm])?;
    engines.ready().await?;
    let Some(llm) = engines.llm() else { bail!("the language model was not started") };
    let pid = engines.handles().iter().find_map(EngineHandle::pid);

    let mut report = Report::new("llm");
    report.setup.insert("model", config.llm.model.clone());
    report.setup.insert("turns", turns.to_string());
    report.setup.insert("passes", passes.to_string());
    for pass in 0..passes {
        let mut history = History::for_call(&config, &[]);
        let conversation = format!("bench-{pass}");
        for question in QUESTIONS.iter().cycle().take(turns) {
            history.caller_said(question);
            let before = pid.and_then(process::cpu_seconds);
            let answer = answer(&llm, &conversation, &history).await?;
            let kind = if history.turns().count() == 1 { "first question" } else { "later turns" };
            report.add(&format!("first token, {kind}"), "ms", answer.first_ms);
            if let Some(rate) = answer.tokens_per_s {
                report.add("writing", "tokens/s", rate);
            }
            if let (Some(before), Some(after)) = (before, pid.and_then(process::cpu_seconds)) {
                report.add("per answer", "CPU-s", after - before);
            }
            if pass == 0 {
                report.notes.push(format!("{question} – {}", answer.text.trim()));
            }
            history.agent_was_heard(&answer.text);
        }
    }
    if let Some(memory) = pid.and_then(process::memory_mb) {
        report.add("memory", "MB", memory);
    }
    engines.stop().await;
    Ok(report)
}

struct Answer {
    text: String,
    first_ms: f64,
    /// Of the tokens after the first.
    tokens_per_s: Option<f64>,
}

async fn answer(llm: &LocalLlm, conversation: &str, history: &History) -> anyhow::Result<Answer> {
    let start = clock();
    let mut pieces = llm.generate(Generation {
        conversation: conversation.to_owned(),
        messages: history.messages(),
        max_tokens: ANSWER_TOKENS,
        temperature: 0.0,
        ..Generation::default()
    });
    let (mut text, mut first_ms, mut tokens) = (String::new(), None, 0);
    while let Some(piece) = pieces.next().await {
        match piece? {
            Generated::Text(piece) => {
                first_ms.get_or_insert_with(|| ms_since(start));
                text.push_str(&piece);
            }
            Generated::ToolCall(_) => {}
            Generated::Done(stats) => tokens = stats.completion_tokens,
        }
    }
    let Some(first_ms) = first_ms else { bail!("the model answered nothing") };
    let rest_s = (ms_since(start) - first_ms) / 1000.0;
    let tokens_per_s = (tokens > 8 && rest_s > 0.0).then(|| f64::from(tokens - 1) / rest_s);
    Ok(Answer { text, first_ms, tokens_per_s })
}
