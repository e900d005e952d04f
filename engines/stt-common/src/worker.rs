//! The threads that own the model's states: each takes the next job, works, answers. The queue
//! and what is running are under one lock that is never held during work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::decode::{DecodeError, Decoder, EngineError, Heard, Request, probe, transcribe};
use crate::queue::{Offer, Priority, Queue, Waiting};

/// What a worker can be asked.
pub enum Work {
    Transcribe(Request),
    /// A tiny real inference; answers an empty `Heard`.
    Probe,
}

/// A result with what it cost.
#[derive(Debug)]
pub struct Answer {
    pub heard: Heard,
    pub queued: Duration,
    pub worked: Duration,
}

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the STT queue is full; try again later")]
    Full,
    #[error("this partial gave way to a final transcript; try again later")]
    Shed,
    #[error("the STT engine is stopping; try again when it is back")]
    Stopping,
    #[error("{0}")]
    Engine(EngineError),
}

/// A job under way. Dropping it cancels the work: at once while it waits, at the next step while
/// it runs.
pub struct Pending {
    marks: Arc<Marks>,
    answer: oneshot::Receiver<Result<Answer, Failure>>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.marks.left.store(true, Ordering::Relaxed);
    }
}

impl Future for Pending {
    type Output = Result<Answer, Failure>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let answer = std::pin::Pin::new(&mut self.answer);
        // A job that was dropped unanswered was drained at shutdown.
        answer.poll(cx).map(|result| result.unwrap_or(Err(Failure::Stopping)))
    }
}

/// Why a job should stop; set from outside, read by its worker between steps.
#[derive(Default)]
struct Marks {
    /// Its caller has gone.
    left: AtomicBool,
    /// A final needs the worker.
    shed: AtomicBool,
}

impl Marks {
    fn stop(&self) -> bool {
        self.left.load(Ordering::Relaxed) || self.shed.load(Ordering::Relaxed)
    }
}

struct Job {
    work: Work,
    marks: Arc<Marks>,
    reply: oneshot::Sender<Result<Answer, Failure>>,
    since: Instant,
}

impl Waiting for Job {
    fn is_abandoned(&self) -> bool {
        self.marks.left.load(Ordering::Relaxed)
    }
}

struct Board {
    queue: Queue<Job>,
    /// By worker, what it works on.
    running: Vec<Option<(Priority, Arc<Marks>)>>,
    stopping: bool,
}

struct Shared {
    board: Mutex<Board>,
    /// Told when a job comes or the pool stops.
    changed: Condvar,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        // Nothing panics under this lock, and the board is whole between any two statements.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All workers of the engine.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts one warmed-up worker per state, each with a decoder that it makes itself.
    ///
    /// # Errors
    /// When a decoder can not be made or its first inference fails.
    pub fn start<D, M>(states: u32, depth_max: usize, make: M) -> Result<Self, anyhow::Error>
    where
        D: Decoder,
        M: Fn() -> Result<D, EngineError> + Clone + Send + 'static,
    {
        let states = states as usize;
        let shared = Arc::new(Shared {
            board: Mutex::new(Board {
                queue: Queue::new(depth_max),
                running: (0..states).map(|_| None).collect(),
                stopping: false,
            }),
            changed: Condvar::new(),
        });
        let mut pool = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        // Room for every worker's one message, so that none waits.
        let (ready, started) = mpsc::sync_channel(states);
        for index in 0..states {
            let make = make.clone();
            let (shared, ready) = (Arc::clone(&shared), ready.clone());
            let body = move || {
                let warm = make()
                    .map_err(DecodeError::Engine)
                    .and_then(|mut decoder| probe(&mut decoder).map(|()| decoder));
                match warm {
                    Ok(decoder) => {
                        let _ = ready.send(Ok(()));
                        run(&shared, index, decoder);
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            };
            let name = format!("stt-{index}");
            pool.threads.push(std::thread::Builder::new().name(name).spawn(body)?);
        }
        for _ in 0..states {
            started.recv()??;
        }
        Ok(pool)
    }

    /// Queues a job. A job refused or shed answers with its `Failure`.
    pub fn submit(&self, priority: Priority, work: Work) -> Pending {
        let (reply, answer) = oneshot::channel();
        let marks = Arc::new(Marks::default());
        #[allow(clippy::disallowed_methods)] // queueing time is measured here
        let since = Instant::now();
        let job = Job { work, marks: Arc::clone(&marks), reply, since };
        let mut board = self.shared.board();
        let refused = if board.stopping {
            Some((job, Failure::Stopping))
        } else {
            match board.queue.offer(priority, job) {
                Offer::Queued => None,
                Offer::QueuedInstead(job) => Some((job, Failure::Shed)),
                Offer::Full(job) => Some((job, Failure::Full)),
            }
        };
        if priority != Priority::Partial {
            board.shed_a_running_partial();
        }
        drop(board);
        self.shared.changed.notify_one();
        if let Some((job, failure)) = refused {
            let _ = job.reply.send(Err(failure));
        }
        Pending { marks, answer }
    }

    /// Jobs that wait at this moment.
    pub fn depth(&self) -> usize {
        self.shared.board().queue.depth()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut board = self.shared.board();
        board.stopping = true;
        let waiting = board.queue.drain();
        for (_, marks) in board.running.iter().flatten() {
            marks.left.store(true, Ordering::Relaxed);
        }
        drop(board);
        // Dropping a job unanswered tells its caller that we stop.
        drop(waiting);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Board {
    /// When every worker is busy, one that makes a partial gives it up.
    fn shed_a_running_partial(&mut self) {
        if self.running.iter().any(Option::is_none) {
            return;
        }
        let partial = self.running.iter().flatten().find(|(priority, marks)| {
            *priority == Priority::Partial && !marks.shed.load(Ordering::Relaxed)
        });
        if let Some((_, marks)) = partial {
            marks.shed.store(true, Ordering::Relaxed);
        }
    }
}

fn run(shared: &Shared, index: usize, mut decoder: impl Decoder) {
    // A pool with a dead worker would be a slower engine that nobody restarts.
    let _guard = EndProcessOnPanic;
    loop {
        let mut board = shared.board();
        let (priority, job) = loop {
            if board.stopping {
                return;
            }
            match board.queue.take() {
                Some(next) => break next,
                None => {
                    board = shared.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        board.running[index] = Some((priority, Arc::clone(&job.marks)));
        drop(board);
        let answer = work(&mut decoder, &job);
        shared.board().running[index] = None;
        if let Some(answer) = answer {
            let _ = job.reply.send(answer);
        }
    }
}

fn work(decoder: &mut dyn Decoder, job: &Job) -> Option<Result<Answer, Failure>> {
    let queued = job.since.elapsed();
    #[allow(clippy::disallowed_methods)] // the owner thread times its own work
    let start = Instant::now();
    let result = match &job.work {
        Work::Transcribe(request) => transcribe(decoder, request, &|| job.marks.stop()),
        Work::Probe => probe(decoder).map(|()| Heard::default()),
    };
    let worked = start.elapsed();
    match result {
        Ok(heard) => Some(Ok(Answer { heard, queued, worked })),
        Err(DecodeError::Engine(error)) => {
            tracing::error!(%error, "Inference failed.");
            Some(Err(Failure::Engine(error)))
        }
        Err(DecodeError::Cancelled) if job.marks.left.load(Ordering::Relaxed) => {
            tracing::debug!(worked_ms = worked.as_millis() as u64, "Cancelled.");
            None
        }
        Err(DecodeError::Cancelled) => Some(Err(Failure::Shed)),
    }
}

struct EndProcessOnPanic;

impl Drop for EndProcessOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
