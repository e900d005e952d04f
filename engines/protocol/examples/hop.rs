//! What the hop between the call plane and an engine costs: requests over a unix socket to an
//! engine that does nothing, in a process of its own.
//!
//! `cargo run --release -p sawt-engine-protocol --example hop`

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a command-line tool that measures

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sawt_engine_protocol::client::connect_lazy;
use sawt_engine_protocol::v1;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status};

const REQUESTS: usize = 10_000;

/// 3 s of 16 kHz audio, as an utterance has them.
const UTTERANCE_BYTES: usize = 96_000;

struct Idle;

#[tonic::async_trait]
impl v1::engine_server::Engine for Idle {
    async fn info(
        &self,
        _: Request<v1::InfoRequest>,
    ) -> Result<Response<v1::InfoResponse>, Status> {
        Ok(Response::new(v1::InfoResponse::default()))
    }

    async fn probe(
        &self,
        _: Request<v1::ProbeRequest>,
    ) -> Result<Response<v1::ProbeResponse>, Status> {
        Ok(Response::new(v1::ProbeResponse::default()))
    }
}

#[tonic::async_trait]
impl v1::speech_to_text_server::SpeechToText for Idle {
    type TranscribeStream = ReceiverStream<Result<v1::TranscribeEvent, Status>>;

    async fn transcribe(
        &self,
        _: Request<v1::TranscribeRequest>,
    ) -> Result<Response<Self::TranscribeStream>, Status> {
        let (events, stream) = tokio::sync::mpsc::channel(1);
        let event = v1::transcribe_event::Event::Final(v1::Transcript::default());
        // The channel is new and has room.
        let _ = events.try_send(Ok(v1::TranscribeEvent { event: Some(event) }));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    if let Some(socket) = std::env::args_os().nth(1) {
        return serve(Path::new(&socket)).await;
    }
    let socket = std::env::temp_dir().join(format!("sawt-hop-{}.sock", std::process::id()));
    let mut engine = tokio::process::Command::new(std::env::current_exe()?)
        .arg(&socket)
        .kill_on_drop(true)
        .spawn()
        .context("can not start the idle engine")?;
    for _ in 0..200 {
        if socket.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let channel = connect_lazy(&socket);

    let mut client = v1::engine_client::EngineClient::new(channel.clone());
    let mut empty = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let start = Instant::now();
        client.probe(v1::ProbeRequest {}).await?;
        empty.push(start.elapsed());
    }
    let mut client = v1::speech_to_text_client::SpeechToTextClient::new(channel);
    let mut utterance = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let pcm_s16le = vec![0; UTTERANCE_BYTES];
        let start = Instant::now();
        let request = v1::TranscribeRequest { pcm_s16le, ..Default::default() };
        let mut events = client.transcribe(request).await?.into_inner();
        while events.message().await?.is_some() {}
        utterance.push(start.elapsed());
    }
    println!("{REQUESTS} requests each, one after another; µs      p50      p95      p99      max");
    report("empty request, empty answer", empty);
    report("3 s of audio in, a transcript streamed out", utterance);
    engine.kill().await?;
    std::fs::remove_file(&socket)?;
    Ok(())
}

async fn serve(socket: &Path) -> Result<()> {
    let listener = tokio::net::UnixListener::bind(socket)?;
    tonic::transport::Server::builder()
        .add_service(v1::engine_server::EngineServer::new(Idle))
        .add_service(v1::speech_to_text_server::SpeechToTextServer::new(Idle))
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await?;
    Ok(())
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_micros();
    println!("{what:44} {:>8} {:>8} {:>8} {:>8}", at(0.5), at(0.95), at(0.99), at(1.0));
}
