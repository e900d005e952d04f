//! Measures an engine as its callers see it: prompt tokens per second, text tokens per second, and
//! the processor time they cost.
//!
//! `cargo run --release -p sawt-llm --example measure -- ENGINE MODEL.gguf THREADS [ROUNDS]`; the
//! engine inherits the environment (`OMP_WAIT_POLICY`, `GOMP_SPINCOUNT`).

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a command-line tool that measures

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sawt_engine_protocol::client::connect_lazy;
use sawt_engine_protocol::v1::language_model_client::LanguageModelClient;
use sawt_engine_protocol::v1::{ChatMessage, GenerateDone, GenerateRequest, Role, generate_event};
use tonic::transport::Channel;

const REPLY_TOKENS: u32 = 48;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    ensure!(args.len() >= 3, "usage: measure ENGINE MODEL.gguf THREADS [ROUNDS]");
    let rounds: usize = args.get(3).map_or(Ok(3), |n| n.parse())?;
    let socket = std::env::temp_dir().join(format!("sawt-llm-measure-{}", std::process::id()));
    let mut engine = Command::new(&args[0])
        .args(["--lifeline", "--threads", &args[2], "--model", &args[1], "--socket"])
        .arg(&socket)
        .stdin(Stdio::piped())
        .spawn()
        .context("can not start the engine")?;
    while !socket.exists() {
        ensure!(engine.try_wait()?.is_none(), "the engine ended while loading");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let channel = connect_lazy(&socket);
    for round in 0..rounds {
        // One long prompt, read anew, and its first token.
        let cpu = cpu_seconds(&engine);
        let long = "The shop sells bread, cakes and coffee from six in the morning. ".repeat(24);
        let done = generate(&channel, "", &long, 1).await?;
        let prefill_cpu = cpu_seconds(&engine) - cpu;
        let prefill = f64::from(done.prompt_tokens) * 1e3 / f64::from(done.first_token_ms.max(1));
        println!(
            "round {round}: prefill {} tokens {prefill:.0} tok/s {:.1} tok/CPU-s",
            done.prompt_tokens,
            f64::from(done.prompt_tokens) / prefill_cpu.max(0.01)
        );
        // A short prompt and a reply, alone and four at once.
        for callers in [1_u32, 4] {
            let (cpu, begin) = (cpu_seconds(&engine), Instant::now());
            let replies = (0..callers).map(|i| {
                let channel = channel.clone();
                async move {
                    let question = format!("Write a long story about {i} bakers.");
                    generate(&channel, &format!("caller-{i}"), &question, REPLY_TOKENS).await
                }
            });
            let done = futures::future::try_join_all(replies).await?;
            let tokens: u32 = done.iter().map(|d| d.completion_tokens).sum();
            let text_ms: u32 =
                done.iter().map(|d| d.total_ms - d.first_token_ms).max().unwrap_or(1);
            println!(
                "round {round}: decode x{callers} {tokens} tokens {:.1} tok/s {:.1} tok/CPU-s, \
                 first token {} ms, all {:.1} s",
                f64::from(tokens - callers) * 1e3 / f64::from(text_ms.max(1)),
                f64::from(tokens) / (cpu_seconds(&engine) - cpu).max(0.01),
                done.iter().map(|d| d.first_token_ms).max().unwrap_or(0),
                begin.elapsed().as_secs_f64()
            );
        }
    }
    drop(engine.stdin.take());
    engine.wait()?;
    Ok(())
}

async fn generate(
    channel: &Channel,
    conversation: &str,
    content: &str,
    max_tokens: u32,
) -> Result<GenerateDone> {
    let message = ChatMessage { role: Role::User.into(), content: content.into(), tool_call: None };
    let request = GenerateRequest {
        conversation: conversation.into(),
        messages: vec![message],
        max_tokens,
        ..Default::default()
    };
    let mut stream =
        LanguageModelClient::new(channel.clone()).generate(request).await?.into_inner();
    while let Some(event) = stream.message().await? {
        if let Some(generate_event::Event::Done(done)) = event.event {
            return Ok(done);
        }
    }
    anyhow::bail!("the reply has no end")
}

/// User and system time of the engine; 0 where the system does not tell.
fn cpu_seconds(engine: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", engine.id())).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}
