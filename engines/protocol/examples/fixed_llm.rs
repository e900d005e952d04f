//! A language model that says what a file tells it, at the pace that the file tells: stands in for
//! sawt-llm where the words must be the same for everybody, as in `benches/peers/agent`. Reads no
//! model, and takes the command line of sawt-llm.
//!
//! The file lies beside the program as it was called, with `.txt` after its name. Its first line is
//! `FIRST_MS WORD_MS`: when the first word comes, and the time between words. Each other line is a
//! reply; the nth question of a conversation gets the nth, and the first comes after the last.

#![allow(clippy::disallowed_methods)] // a tool that measures

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use sawt_engine_protocol::server::{self, EngineArgs, rss_bytes};
use sawt_engine_protocol::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    engine: EngineArgs,
    /// Not read
    #[arg(long)]
    model: Option<String>,
    /// Not read
    #[arg(long)]
    model_name: Option<String>,
    /// Not kept to
    #[arg(long, default_value_t = 4096)]
    context_tokens: u32,
    /// Not kept to
    #[arg(long, default_value_t = 4)]
    slots: u32,
}

#[derive(Debug)]
struct Script {
    first: Duration,
    word: Duration,
    replies: Vec<String>,
}

impl Script {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (first, word) = lines.next()?.split_once(' ')?;
        let ms = |text: &str| Some(Duration::from_millis(text.trim().parse().ok()?));
        let replies: Vec<String> = lines.filter(|l| !l.is_empty()).map(str::to_owned).collect();
        (!replies.is_empty()).then_some(Self { first: ms(first)?, word: ms(word)?, replies })
    }

    fn reply(&self, messages: &[v1::ChatMessage]) -> &str {
        let questions = messages.iter().filter(|m| m.role == v1::Role::User as i32).count();
        &self.replies[questions.saturating_sub(1) % self.replies.len()]
    }
}

#[derive(Clone)]
struct Fixed {
    script: Arc<Script>,
    info: v1::InfoResponse,
}

#[tonic::async_trait]
impl v1::engine_server::Engine for Fixed {
    async fn info(
        &self,
        _: Request<v1::InfoRequest>,
    ) -> Result<Response<v1::InfoResponse>, Status> {
        Ok(Response::new(self.info.clone()))
    }

    async fn probe(
        &self,
        _: Request<v1::ProbeRequest>,
    ) -> Result<Response<v1::ProbeResponse>, Status> {
        let rss_bytes = rss_bytes();
        Ok(Response::new(v1::ProbeResponse { inference_us: 1, queue_depth: 0, rss_bytes }))
    }
}

#[tonic::async_trait]
impl v1::language_model_server::LanguageModel for Fixed {
    type GenerateStream = ReceiverStream<Result<v1::GenerateEvent, Status>>;

    async fn generate(
        &self,
        request: Request<v1::GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let arrived = Instant::now();
        let request = request.into_inner();
        let reply = self.script.reply(&request.messages).to_owned();
        let most = if request.max_tokens == 0 { usize::MAX } else { request.max_tokens as usize };
        let (first, word) = (self.script.first, self.script.word);
        // Waits when full: the words are for one reader.
        let (events, stream) = tokio::sync::mpsc::channel(16);
        tokio::spawn(async move {
            let mut said = 0_u32;
            for (n, piece) in reply.split_inclusive(' ').take(most).enumerate() {
                // From the start of the reply, so that a late timer does not slow the rest.
                let due = first + word * u32::try_from(n).unwrap_or(u32::MAX);
                tokio::time::sleep_until((arrived + due).into()).await;
                let event = v1::generate_event::Event::Text(piece.to_owned());
                if events.send(Ok(v1::GenerateEvent { event: Some(event) })).await.is_err() {
                    return;
                }
                said += 1;
            }
            let done = v1::GenerateDone {
                completion_tokens: said,
                first_token_ms: u32::try_from(first.as_millis()).unwrap_or(u32::MAX),
                total_ms: u32::try_from(arrived.elapsed().as_millis()).unwrap_or(u32::MAX),
                ..Default::default()
            };
            let event = v1::generate_event::Event::Done(done);
            // Nobody listens: the call is over.
            let _ = events.send(Ok(v1::GenerateEvent { event: Some(event) })).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    server::init_logging();
    let args = Args::parse();
    // As it was called: a link may lie in a folder of its own, with words of its own.
    let mut file = std::env::args_os().next().context("no name of our own")?;
    file.push(".txt");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("can not read the replies in {}", file.display()))?;
    let script = Script::parse(&text)
        .with_context(|| format!("{}: want `FIRST_MS WORD_MS`, then replies", file.display()))?;
    let info = v1::InfoResponse {
        kind: "llm".into(),
        engine_version: env!("CARGO_PKG_VERSION").into(),
        backend: "fixed replies".into(),
        model: args.model_name.or(args.model).unwrap_or_else(|| "fixed".into()),
        device: "cpu".into(),
        threads: args.engine.threads,
        context_tokens: args.context_tokens,
        slots: args.slots,
        load_ms: 1,
        ..Default::default()
    };
    let fixed = Fixed { script: Arc::new(script), info };
    let router = tonic::transport::Server::builder()
        .add_service(v1::engine_server::EngineServer::new(fixed.clone()))
        .add_service(v1::language_model_server::LanguageModelServer::new(fixed));
    server::serve(&args.engine, router).await
}
