//! Who is transcribed next. Pure: no thread, clock, lock or model.
//!
//! Three lanes: probes, then finals, then partials, each first come first served. All lanes but
//! the probe's share one bound; a final that finds the queue full pushes out the oldest partial.

use std::collections::VecDeque;

/// Lanes in the order in which they are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The supervisor asks whether we live; its answer must not wait behind callers.
    Probe,
    /// Somebody waits for the answer.
    Final,
    /// Captions or speculation: first to be shed.
    Partial,
}

/// Something that waits.
pub trait Waiting {
    /// True once nobody waits for the result any more.
    fn is_abandoned(&self) -> bool;
}

/// What became of a job that was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Offer<J> {
    /// It waits.
    Queued,
    /// It waits, and this partial lost its place.
    QueuedInstead(J),
    /// No room: the job comes back.
    Full(J),
}

/// Jobs in waiting.
pub struct Queue<J> {
    probes: VecDeque<J>,
    finals: VecDeque<J>,
    partials: VecDeque<J>,
    depth_max: usize,
}

/// Probes that may wait at once; more than a supervisor and a person at a terminal is a fault.
const PROBES_MAX: usize = 2;

impl<J: Waiting> Queue<J> {
    pub fn new(depth_max: usize) -> Self {
        Self {
            probes: VecDeque::new(),
            finals: VecDeque::new(),
            partials: VecDeque::new(),
            depth_max,
        }
    }

    /// Jobs that wait, of all lanes.
    pub fn depth(&self) -> usize {
        self.probes.len() + self.finals.len() + self.partials.len()
    }

    pub fn offer(&mut self, priority: Priority, job: J) -> Offer<J> {
        self.forget_abandoned();
        let full = self.finals.len() + self.partials.len() >= self.depth_max;
        match priority {
            Priority::Probe if self.probes.len() >= PROBES_MAX => return Offer::Full(job),
            Priority::Probe => self.probes.push_back(job),
            Priority::Final if full => {
                let Some(shed) = self.partials.pop_front() else { return Offer::Full(job) };
                self.finals.push_back(job);
                return Offer::QueuedInstead(shed);
            }
            Priority::Final => self.finals.push_back(job),
            Priority::Partial if full => return Offer::Full(job),
            Priority::Partial => self.partials.push_back(job),
        }
        Offer::Queued
    }

    /// The next job that somebody still waits for.
    pub fn take(&mut self) -> Option<(Priority, J)> {
        self.forget_abandoned();
        let probe = self.probes.pop_front().map(|job| (Priority::Probe, job));
        probe
            .or_else(|| self.finals.pop_front().map(|job| (Priority::Final, job)))
            .or_else(|| self.partials.pop_front().map(|job| (Priority::Partial, job)))
    }

    /// Empties the queue.
    pub fn drain(&mut self) -> Vec<J> {
        let lanes = [&mut self.probes, &mut self.finals, &mut self.partials];
        lanes.into_iter().flat_map(std::mem::take).collect()
    }

    fn forget_abandoned(&mut self) {
        for lane in [&mut self.probes, &mut self.finals, &mut self.partials] {
            lane.retain(|job| !job.is_abandoned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Job(&'static str, Rc<Cell<bool>>);

    impl Waiting for Job {
        fn is_abandoned(&self) -> bool {
            self.1.get()
        }
    }

    fn job(name: &'static str) -> Job {
        Job(name, Rc::new(Cell::new(false)))
    }

    fn order(queue: &mut Queue<Job>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.take()).map(|(_, job)| job.0).collect()
    }

    #[test]
    fn probes_go_before_finals_and_finals_before_partials() {
        let mut queue = Queue::new(8);
        queue.offer(Priority::Partial, job("p1"));
        queue.offer(Priority::Final, job("f1"));
        queue.offer(Priority::Partial, job("p2"));
        queue.offer(Priority::Probe, job("probe"));
        queue.offer(Priority::Final, job("f2"));
        assert_eq!(order(&mut queue), ["probe", "f1", "f2", "p1", "p2"]);
    }

    #[test]
    fn a_full_queue_refuses_and_gives_the_job_back() {
        let mut queue = Queue::new(2);
        queue.offer(Priority::Final, job("f1"));
        queue.offer(Priority::Final, job("f2"));
        assert_eq!(queue.offer(Priority::Final, job("f3")), Offer::Full(job("f3")));
        assert_eq!(queue.offer(Priority::Partial, job("p1")), Offer::Full(job("p1")));
        assert_eq!(order(&mut queue), ["f1", "f2"]);
    }

    #[test]
    fn a_final_takes_the_place_of_the_oldest_partial() {
        let mut queue = Queue::new(2);
        queue.offer(Priority::Partial, job("p1"));
        queue.offer(Priority::Partial, job("p2"));
        let offer = queue.offer(Priority::Final, job("f1"));
        assert_eq!(offer, Offer::QueuedInstead(job("p1")));
        assert_eq!(order(&mut queue), ["f1", "p2"]);
    }

    #[test]
    fn a_probe_finds_room_in_a_full_queue_but_probes_are_few() {
        let mut queue = Queue::new(1);
        queue.offer(Priority::Final, job("f1"));
        assert_eq!(queue.offer(Priority::Probe, job("a")), Offer::Queued);
        assert_eq!(queue.offer(Priority::Probe, job("b")), Offer::Queued);
        assert_eq!(queue.offer(Priority::Probe, job("c")), Offer::Full(job("c")));
        assert_eq!(order(&mut queue), ["a", "b", "f1"]);
    }

    #[test]
    fn a_caller_that_left_is_neither_served_nor_counted() {
        let mut queue = Queue::new(2);
        let gone = job("gone");
        queue.offer(Priority::Final, gone.clone());
        queue.offer(Priority::Final, job("stays"));
        gone.1.set(true);
        assert_eq!(queue.offer(Priority::Final, job("fits")), Offer::Queued);
        assert_eq!(queue.depth(), 2);
        assert_eq!(order(&mut queue), ["stays", "fits"]);
    }

    #[test]
    fn draining_empties_every_lane() {
        let mut queue = Queue::new(8);
        queue.offer(Priority::Partial, job("p"));
        queue.offer(Priority::Final, job("f"));
        queue.offer(Priority::Probe, job("q"));
        assert_eq!(queue.drain().len(), 3);
        assert_eq!(queue.depth(), 0);
    }
}
