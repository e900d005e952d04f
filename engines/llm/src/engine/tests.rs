//! The loop with a model that is a script: who is served, what is sent, what a cancelled request leaves.

use super::*;

/// A model that counts: the next token is always the last one plus one, token 90 ends the turn,
/// and each token is one letter.
#[derive(Default)]
struct Counting {
    last: Vec<Token>,
    /// Fails the batch that holds this token.
    poison: Option<Token>,
    steps: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    step_time: Duration,
}

impl Compute for Counting {
    type Sampler = ();
    fn sampler(&self, _: &Sampling) {}
    fn constrain(&self, (): &mut (), _: &str) -> Result<(), ComputeError> {
        Ok(())
    }
    fn cache(&mut self, _: &CacheOp) -> Result<(), ComputeError> {
        Ok(())
    }
    fn decode(&mut self, entries: &[Entry]) -> Result<(), ComputeError> {
        assert!(!entries.is_empty(), "empty batches are never computed");
        std::thread::sleep(self.step_time);
        self.steps.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if self.poison.is_some_and(|p| entries.iter().any(|e| e.token == p)) {
            return Err(ComputeError("poisoned".into()));
        }
        self.last = entries.iter().map(|e| e.token).collect();
        Ok(())
    }
    fn sample(&mut self, (): &mut (), entry_index: usize) -> Token {
        self.last[entry_index] + 1
    }
    fn piece(&self, token: Token) -> Vec<u8> {
        vec![u8::try_from(token).unwrap()]
    }
    fn is_end(&self, token: Token) -> bool {
        token == 90
    }
    fn probe(&mut self) -> Result<(), ComputeError> {
        Ok(())
    }
}

const LIMITS: Limits = Limits {
    slots: 2,
    context_tokens: 60,
    chunk_alone_tokens: 16,
    chunk_beside_decode_tokens: 8,
    queue_depth_max: 8,
};

struct Running {
    commands: mpsc::Sender<Command>,
    thread: std::thread::JoinHandle<()>,
}

fn start(compute: Counting) -> Running {
    let (commands, inbox) = mpsc::channel(16);
    let thread = std::thread::spawn(move || Engine::new(compute, LIMITS).run(inbox));
    Running { commands, thread }
}

impl Running {
    fn ask(&self, prompt: &[Token], max_tokens: usize, stops: &[&str]) -> mpsc::Receiver<Event> {
        let (events, stream) = mpsc::channel(max_tokens + 2);
        let job = Job {
            conversation: "call".into(),
            prompt: prompt.to_vec(),
            max_tokens,
            sampling: Sampling { temperature: 0.0, top_p: 0.0, seed: 0 },
            stops: stops.iter().map(ToString::to_string).collect(),
            tools: Vec::new(),
            call_begun: false,
            grammar: None,
            forgotten: 0,
            events,
            received_at: now(),
            permit: None,
        };
        assert!(self.commands.blocking_send(Command::Generate(Box::new(job))).is_ok());
        stream
    }
}

fn answer(mut stream: mpsc::Receiver<Event>) -> Result<(String, GenerateDone), Status> {
    let mut text = String::new();
    while let Some(event) = stream.blocking_recv() {
        match event?.event.unwrap() {
            generate_event::Event::ToolCall(call) => panic!("no tool was declared: {call:?}"),
            generate_event::Event::Text(piece) => text += &piece,
            generate_event::Event::Done(done) => return Ok((text, done)),
        }
    }
    panic!("the stream ended without an end event");
}

#[test]
fn reply_ends_with_the_turn() {
    let engine = start(Counting::default());
    let (text, done) = answer(engine.ask(&[85], 50, &[])).unwrap();
    assert_eq!(text, "VWXY");
    assert_eq!(done.reason(), FinishReason::Stop);
    assert_eq!((done.prompt_tokens, done.completion_tokens), (1, 4));
    drop(engine.commands);
    engine.thread.join().unwrap();
}

#[test]
fn reply_ends_at_its_limits() {
    let engine = start(Counting::default());
    let (text, done) = answer(engine.ask(&[64], 3, &[])).unwrap();
    assert_eq!((text.as_str(), done.reason()), ("ABC", FinishReason::MaxTokens));
    let (text, done) = answer(engine.ask(&[64], 9, &["DE"])).unwrap();
    assert_eq!((text.as_str(), done.reason()), ("ABC", FinishReason::Stop));
    let long: Vec<Token> = std::iter::repeat_n(33, 57).chain([64]).collect();
    let (text, done) = answer(engine.ask(&long, 20, &[])).unwrap();
    assert_eq!((text.as_str(), done.reason()), ("ABC", FinishReason::ContextFull));
}

#[test]
fn held_text_is_not_lost_at_the_limit() {
    let engine = start(Counting::default());
    let (text, _) = answer(engine.ask(&[64], 3, &["CD"])).unwrap();
    assert_eq!(text, "ABC");
}

#[test]
fn failed_batch_is_an_error_for_its_callers_only() {
    let engine = start(Counting { poison: Some(70), ..Counting::default() });
    let error = answer(engine.ask(&[64], 20, &[])).unwrap_err();
    assert_eq!(error.code(), tonic::Code::Internal);
    assert!(error.message().contains("poisoned"), "{error}");
    let (text, done) = answer(engine.ask(&[80], 2, &[])).unwrap();
    assert_eq!((text.as_str(), done.cached_tokens), ("QR", 0));
}

#[test]
fn dropped_stream_costs_at_most_one_more_step() {
    let steps = std::sync::Arc::default();
    let compute = Counting {
        steps: std::sync::Arc::clone(&steps),
        step_time: Duration::from_millis(10),
        ..Counting::default()
    };
    let engine = start(compute);
    let mut stream = engine.ask(&[33], 50, &[]);
    stream.blocking_recv().unwrap().unwrap();
    drop(stream);
    let at_drop = steps.load(std::sync::atomic::Ordering::SeqCst);
    drop(engine.commands);
    engine.thread.join().unwrap();
    let after = steps.load(std::sync::atomic::Ordering::SeqCst) - at_drop;
    assert!(after <= 1, "{after} steps after the caller had gone");
}

#[test]
fn probe_answers_while_others_decode() {
    let engine = start(Counting { step_time: Duration::from_millis(1), ..Counting::default() });
    let mut stream = engine.ask(&[33], 50, &[]);
    stream.blocking_recv().unwrap().unwrap();
    let (answer_to, probed) = oneshot::channel();
    assert!(engine.commands.blocking_send(Command::Probe(answer_to)).is_ok());
    assert_eq!(probed.blocking_recv().unwrap().unwrap().queue_depth, 0);
    assert_eq!(answer(stream).unwrap().1.completion_tokens, 50);
}
