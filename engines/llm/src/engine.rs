//! The loop of the one thread that owns the model's context: takes requests, computes the
//! scheduler's steps, sends the text out.
//!
//! Decides nothing about batches (see `plan.rs`) and names no llama.cpp type (see `model.rs`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sawt_engine_protocol::v1::{
    FinishReason, GenerateDone, GenerateEvent, ToolCall, generate_event,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tonic::Status;

use crate::calls::CallFilter;
use crate::grammar::{self, Tool};
use crate::plan::{
    CacheOp, Entry, Finish, Limits, Refused, Request, RequestId, Scheduler, Step, Token,
};
use crate::stop::StopFilter;
use crate::utf8::Utf8Pieces;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ComputeError(pub(crate) String);

/// What the loop needs of a model.
pub(crate) trait Compute {
    type Sampler;
    fn sampler(&self, sampling: &Sampling) -> Self::Sampler;
    /// From now on only what `grammar` (GBNF, from its rule `root`) allows is sampled.
    fn constrain(&self, sampler: &mut Self::Sampler, grammar: &str) -> Result<(), ComputeError>;
    fn cache(&mut self, op: &CacheOp) -> Result<(), ComputeError>;
    fn decode(&mut self, entries: &[Entry]) -> Result<(), ComputeError>;
    /// Samples after the entry with this index of the last batch.
    fn sample(&mut self, sampler: &mut Self::Sampler, entry_index: usize) -> Token;
    fn piece(&self, token: Token) -> Vec<u8>;
    fn is_end(&self, token: Token) -> bool;
    /// Generates one token apart from all conversations.
    fn probe(&mut self) -> Result<(), ComputeError>;
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sampling {
    /// 0: the most probable token.
    pub(crate) temperature: f32,
    /// 0: off.
    pub(crate) top_p: f32,
    pub(crate) seed: u32,
}

pub(crate) type Event = Result<GenerateEvent, Status>;

pub(crate) struct Job {
    pub(crate) conversation: String,
    pub(crate) prompt: Vec<Token>,
    pub(crate) max_tokens: usize,
    pub(crate) sampling: Sampling,
    pub(crate) stops: Vec<String>,
    /// What the model may call.
    pub(crate) tools: Vec<Tool>,
    /// The prompt ends in the beginning of a call.
    pub(crate) call_begun: bool,
    /// What the whole reply must be, in GBNF.
    pub(crate) grammar: Option<String>,
    /// Messages left out of the prompt because they did not fit.
    pub(crate) forgotten: usize,
    /// Must hold `max_tokens` + 2 events: the owner thread never waits for a slow reader.
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) received_at: Instant,
    /// The place in line that this request gives back when it ends.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

pub(crate) struct Probed {
    pub(crate) inference: Duration,
    pub(crate) queue_depth: usize,
}

pub(crate) enum Command {
    Generate(Box<Job>),
    Probe(oneshot::Sender<Result<Probed, ComputeError>>),
}

struct Reply<S> {
    sampler: S,
    utf8: Utf8Pieces,
    stop: StopFilter,
    tools: Vec<Tool>,
    /// With tools only.
    calls: Option<CallFilter>,
    events: mpsc::Sender<Event>,
    forgotten: usize,
    prompt_tokens: usize,
    cached_tokens: usize,
    completion_tokens: usize,
    received_at: Instant,
    queue: Duration,
    first_token: Option<Duration>,
    permit: Option<OwnedSemaphorePermit>,
}

pub(crate) struct Engine<C: Compute> {
    compute: C,
    scheduler: Scheduler,
    replies: BTreeMap<RequestId, Reply<C::Sampler>>,
    next_id: u64,
}

impl<C: Compute> Engine<C> {
    pub(crate) fn new(compute: C, limits: Limits) -> Self {
        let scheduler = Scheduler::new(limits);
        Self { compute, scheduler, replies: BTreeMap::new(), next_id: 1 }
    }

    /// Runs until every sender of commands is gone and the last request has ended.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            while let Ok(command) = commands.try_recv() {
                self.take(command);
            }
            self.drop_abandoned();
            if self.step() {
                continue;
            }
            match commands.blocking_recv() {
                Some(command) => self.take(command),
                None => return,
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Generate(job) => self.start(*job),
            Command::Probe(answer) => {
                let begin = now();
                let probed = self.compute.probe().map(|()| Probed {
                    inference: begin.elapsed(),
                    queue_depth: self.scheduler.queue_depth(),
                });
                // Nobody may be waiting any more.
                let _ = answer.send(probed);
            }
        }
    }

    fn start(&mut self, mut job: Job) {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        let prompt_tokens = job.prompt.len();
        let request = Request {
            id,
            conversation: job.conversation,
            prompt: job.prompt,
            max_tokens: job.max_tokens,
        };
        if let Err(refused) = self.scheduler.submit(request) {
            let status = match refused {
                Refused::QueueFull(_) => Status::resource_exhausted(refused.to_string()),
                Refused::PromptTooLong { .. } | Refused::PromptEmpty => {
                    Status::invalid_argument(refused.to_string())
                }
            };
            job.permit = None;
            let _ = job.events.try_send(Err(status));
            return;
        }
        let mut sampler = self.compute.sampler(&job.sampling);
        let call = job.call_begun.then(|| grammar::of_call(&job.tools, "\n")).flatten();
        let constrained = call
            .or(job.grammar.take())
            .iter()
            .try_for_each(|g| self.compute.constrain(&mut sampler, g));
        if let Err(error) = constrained {
            self.scheduler.cancel(id);
            job.permit = None;
            let status = format!("the schema makes no grammar ({error}); write it simpler");
            let _ = job.events.try_send(Err(Status::invalid_argument(status)));
            return;
        }
        let reply = Reply {
            sampler,
            utf8: Utf8Pieces::default(),
            stop: StopFilter::new(job.stops),
            calls: match (job.tools.is_empty(), job.call_begun) {
                (true, _) => None,
                (false, true) => Some(CallFilter::begun()),
                (false, false) => Some(CallFilter::default()),
            },
            tools: job.tools,
            events: job.events,
            forgotten: job.forgotten,
            prompt_tokens,
            cached_tokens: 0,
            completion_tokens: 0,
            received_at: job.received_at,
            queue: Duration::ZERO,
            first_token: None,
            permit: job.permit,
        };
        self.replies.insert(id, reply);
    }

    /// A caller who interrupts drops the stream; its sequence must not cost another step.
    fn drop_abandoned(&mut self) {
        let gone: Vec<RequestId> =
            self.replies.iter().filter(|(_, r)| r.events.is_closed()).map(|(id, _)| *id).collect();
        for id in gone {
            self.scheduler.cancel(id);
            self.replies.remove(&id);
        }
    }

    /// Computes one batch. False when there was nothing to compute.
    fn step(&mut self) -> bool {
        let step = self.scheduler.plan();
        for (id, cached_tokens) in &step.started {
            if let Some(reply) = self.replies.get_mut(id) {
                reply.cached_tokens = *cached_tokens;
                reply.queue = reply.received_at.elapsed();
            }
        }
        let cached = step.cache_ops.iter().try_for_each(|op| self.compute.cache(op));
        if step.entries.is_empty() {
            return false;
        }
        if let Err(error) = cached.and_then(|()| self.compute.decode(&step.entries)) {
            self.fail(&step, &error);
            return true;
        }
        self.scheduler.computed(&step);
        for (index, entry) in step.entries.iter().enumerate() {
            if let Some(id) = entry.sample_for {
                self.sample(id, index);
            }
        }
        true
    }

    fn fail(&mut self, step: &Step, error: &ComputeError) {
        tracing::error!(%error, tokens = step.entries.len(), "The model failed on a batch.");
        for id in self.scheduler.failed(step) {
            if let Some(mut reply) = self.replies.remove(&id) {
                reply.leave_line();
                let status = Status::internal(format!("the model failed: {error}; ask again"));
                let _ = reply.events.try_send(Err(status));
            }
        }
    }

    fn sample(&mut self, id: RequestId, entry_index: usize) {
        let Some(reply) = self.replies.get_mut(&id) else { return };
        let token = self.compute.sample(&mut reply.sampler, entry_index);
        reply.first_token.get_or_insert_with(|| reply.received_at.elapsed());
        let end = self.compute.is_end(token);
        let mut finish = self.scheduler.sampled(id, token, end);
        if !end {
            reply.completion_tokens += 1;
            let text = reply.utf8.push(&self.compute.piece(token));
            if reply.take_text(&self.compute, &text) {
                self.scheduler.cancel(id);
                finish = Some(Finish::EndOfTurn);
            }
        }
        if let Some(finish) = finish
            && let Some(mut reply) = self.replies.remove(&id)
        {
            reply.send_rest();
            reply.leave_line();
            reply.send_done(finish);
        }
    }
}

impl<S> Reply<S> {
    /// True when the reply is over: a stop string came, or a call is whole.
    fn take_text<C: Compute<Sampler = S>>(&mut self, compute: &C, text: &str) -> bool {
        let Some(calls) = &mut self.calls else { return self.pass(text) };
        if calls.in_call() {
            return self.take_call(text);
        }
        let passed = calls.push(text);
        let stopped = self.pass(&passed.text);
        let Some(seen) = passed.call.filter(|_| !stopped) else { return stopped };
        let grammar = grammar::of_call(&self.tools, &seen);
        let constrained = grammar.map(|g| compute.constrain(&mut self.sampler, &g));
        match constrained {
            Some(Ok(())) => self.take_call(""),
            Some(Err(error)) => {
                tracing::error!(%error, "The schemas of the tools make no grammar.");
                true
            }
            None => {
                tracing::debug!("What began like a call is none.");
                true
            }
        }
    }

    fn take_call(&mut self, text: &str) -> bool {
        let call = self.calls.as_mut().and_then(|calls| calls.push_call(text));
        let Some((name, arguments)) = call else { return false };
        let event = generate_event::Event::ToolCall(ToolCall { name, arguments });
        let _ = self.events.try_send(Ok(GenerateEvent { event: Some(event) }));
        true
    }

    /// True when a stop string came.
    fn pass(&mut self, text: &str) -> bool {
        let passed = self.stop.push(text);
        self.send_text(passed.text);
        passed.stopped
    }

    /// What was held back to see what becomes of it.
    fn send_rest(&mut self) {
        if let Some(calls) = &mut self.calls {
            let rest = calls.finish();
            if self.pass(&rest) {
                return;
            }
        }
        let rest = self.stop.finish();
        self.send_text(rest);
    }

    fn send_text(&self, text: String) {
        if !text.is_empty() {
            let event = GenerateEvent { event: Some(generate_event::Event::Text(text)) };
            // It has room for the whole reply; an error means that the caller has gone.
            let _ = self.events.try_send(Ok(event));
        }
    }

    /// Before its caller hears of the end: the next request may come right after.
    fn leave_line(&mut self) {
        self.permit = None;
    }

    fn send_done(&self, finish: Finish) {
        let reason = match finish {
            Finish::EndOfTurn => FinishReason::Stop,
            Finish::MaxTokens => FinishReason::MaxTokens,
            Finish::ContextFull => FinishReason::ContextFull,
        };
        let total = self.received_at.elapsed();
        let done = GenerateDone {
            reason: reason.into(),
            prompt_tokens: count(self.prompt_tokens),
            cached_tokens: count(self.cached_tokens),
            completion_tokens: count(self.completion_tokens),
            queue_ms: millis(self.queue),
            first_token_ms: millis(self.first_token.unwrap_or(total)),
            total_ms: millis(total),
            forgotten_messages: count(self.forgotten),
        };
        tracing::debug!(
            prompt_tokens = done.prompt_tokens,
            cached_tokens = done.cached_tokens,
            completion_tokens = done.completion_tokens,
            first_token_ms = done.first_token_ms,
            total_ms = done.total_ms,
            "Reply generated."
        );
        let event = GenerateEvent { event: Some(generate_event::Event::Done(done)) };
        let _ = self.events.try_send(Ok(event));
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[allow(clippy::disallowed_methods)] // owner thread: measures its own inferences
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
