//! Threads that render: one pool for Piper, one thread for espeak's own voices.
//!
//! Each thread owns what it renders with. A job is one step of a sentence: whoever asked asks again
//! for the next, so callers take turns, and a sentence nobody waits for ends after the step it is at.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::queue::Queue;
use crate::render::{RenderError, Rendered, Task};

/// Does a step with the voice of an index; the flag tells that nobody waits any more.
pub(crate) type Renderer =
    Box<dyn FnMut(usize, Task, Arc<AtomicBool>) -> Result<Rendered, RenderError> + Send>;

struct Job {
    voice: usize,
    task: Task,
    cancelled: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<Rendered, RenderError>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue<Job>>,
    wake: Condvar,
    stopping: AtomicBool,
}

/// A pool of rendering threads. Dropping it ends them after the steps they are at.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// One thread per renderer, named `name`.
    pub(crate) fn start(name: &str, renderers: Vec<Renderer>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let threads = renderers
            .into_iter()
            .enumerate()
            .map(|(index, renderer)| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("{name}-{index}"))
                    .spawn(move || work(&shared, renderer))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { shared, threads })
    }

    /// Queues a step of a request that has `audio_ms` of audio already. The queue is bounded by
    /// the requests admitted: each has one step here at most.
    pub(crate) fn submit(
        &self,
        audio_ms: u64,
        voice: usize,
        task: Task,
        cancelled: Arc<AtomicBool>,
    ) -> oneshot::Receiver<Result<Rendered, RenderError>> {
        let (reply, answer) = oneshot::channel();
        self.lock().push(audio_ms, Job { voice, task, cancelled, reply });
        self.shared.wake.notify_one();
        answer
    }

    /// Steps waiting.
    pub(crate) fn depth(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue<Job>> {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Taken so that no thread is between its check and its wait.
        drop(self.lock());
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, mut renderer: Renderer) {
    while let Some(job) = next(shared) {
        if job.reply.is_closed() || job.cancelled.load(Ordering::Relaxed) {
            continue;
        }
        let rendered = catch_unwind(AssertUnwindSafe(|| {
            renderer(job.voice, job.task, Arc::clone(&job.cancelled))
        }))
        .unwrap_or_else(|_| {
            Err(RenderError::Failed("rendering this text panicked. This is a bug.".into()))
        });
        let _ = job.reply.send(rendered);
    }
}

fn next(shared: &Shared) -> Option<Job> {
    let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if shared.stopping.load(Ordering::SeqCst) {
            return None;
        }
        if let Some(job) = queue.pop() {
            return Some(job);
        }
        queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Sentence;

    fn sentence(text: &str) -> Task {
        Task::Sentence(Sentence { text: text.into(), speed: 1.0, as_given: Arc::default() })
    }

    fn text(task: Task) -> String {
        match task {
            Task::Sentence(sentence) => sentence.text,
            Task::Rest(_) => panic!("a rest without its beginning"),
        }
    }

    #[test]
    fn a_panic_fails_one_sentence_and_the_thread_lives_on() {
        let renderer: Renderer = Box::new(|_, task, _| match text(task).as_str() {
            "bad" => panic!("provoked"),
            _ => Ok(Rendered::default()),
        });
        let pool = Pool::start("test", vec![renderer]).unwrap();
        let flag = || Arc::new(AtomicBool::new(false));
        let bad = pool.submit(0, 0, sentence("bad"), flag());
        let good = pool.submit(0, 0, sentence("good"), flag());
        assert!(bad.blocking_recv().unwrap().is_err());
        assert!(good.blocking_recv().unwrap().is_ok());
    }

    #[test]
    fn a_sentence_nobody_waits_for_is_not_rendered() {
        let (seen, rendered) = std::sync::mpsc::sync_channel(8);
        let (open, gate) = std::sync::mpsc::sync_channel::<()>(1);
        let renderer: Renderer = Box::new(move |_, task, _| {
            let text = text(task);
            if text == "slow" {
                let _ = gate.recv();
            }
            let _ = seen.send(text);
            Ok(Rendered::default())
        });
        let pool = Pool::start("test", vec![renderer]).unwrap();
        let flag = || Arc::new(AtomicBool::new(false));
        let slow = pool.submit(0, 0, sentence("slow"), flag());
        drop(pool.submit(0, 0, sentence("abandoned"), flag()));
        let last = pool.submit(0, 0, sentence("last"), flag());
        open.send(()).unwrap();
        slow.blocking_recv().unwrap().unwrap();
        last.blocking_recv().unwrap().unwrap();
        assert_eq!(rendered.try_iter().collect::<Vec<_>>(), ["slow", "last"]);
    }
}
