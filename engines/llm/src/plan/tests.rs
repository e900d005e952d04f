use super::*;

const LIMITS: Limits = Limits {
    slots: 2,
    context_tokens: 100,
    chunk_alone_tokens: 16,
    chunk_beside_decode_tokens: 8,
    queue_depth_max: 2,
};

fn request(id: u64, conversation: &str, prompt: &[Token]) -> Request {
    Request {
        id: RequestId(id),
        conversation: conversation.into(),
        prompt: prompt.to_vec(),
        max_tokens: 3,
    }
}

fn tokens(n: usize) -> Vec<Token> {
    (0..n).map(|i| i as Token + 1000).collect()
}

/// Computes steps until nothing is left; every request samples 7 until its limit.
fn run(scheduler: &mut Scheduler) -> Vec<(u64, Finish)> {
    let mut finished = Vec::new();
    for _ in 0..1000 {
        let step = scheduler.plan();
        if step.entries.is_empty() {
            return finished;
        }
        scheduler.computed(&step);
        for id in step.entries.iter().filter_map(|e| e.sample_for) {
            if let Some(finish) = scheduler.sampled(id, 7, false) {
                finished.push((id.0, finish));
            }
        }
    }
    panic!("work never ends");
}

#[test]
fn second_turn_computes_only_what_is_new() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "call", &[1, 2, 3, 4])).unwrap();
    assert_eq!(run(&mut scheduler), [(1, Finish::MaxTokens)]);
    // The reply was 7 7 7; its last token was never computed. The caller heard two of them.
    scheduler.submit(request(2, "call", &[1, 2, 3, 4, 7, 7, 9, 9])).unwrap();
    let step = scheduler.plan();
    assert_eq!(step.started, [(RequestId(2), 6)]);
    assert_eq!(step.cache_ops, []);
    assert_eq!(step.entries.iter().map(|e| e.position).collect::<Vec<_>>(), [6, 7]);
}

#[test]
fn changed_history_is_cut_where_it_differs() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "call", &[1, 2, 3, 4])).unwrap();
    run(&mut scheduler);
    scheduler.submit(request(2, "call", &[1, 2, 8, 8])).unwrap();
    let step = scheduler.plan();
    assert_eq!(step.cache_ops, [CacheOp::Truncate { slot: 0, from: 2 }]);
    assert_eq!(step.started, [(RequestId(2), 2)]);
}

#[test]
fn identical_prompt_still_computes_its_last_token() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "call", &[1, 2, 3])).unwrap();
    run(&mut scheduler);
    scheduler.submit(request(2, "call", &[1, 2, 3])).unwrap();
    let step = scheduler.plan();
    assert_eq!(step.started, [(RequestId(2), 2)]);
    assert_eq!(step.entries.len(), 1);
    assert_eq!(step.entries[0].sample_for, Some(RequestId(2)));
}

#[test]
fn system_prompt_is_copied_from_another_conversation() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "a", &[1, 2, 3, 4])).unwrap();
    run(&mut scheduler);
    scheduler.submit(request(2, "b", &[1, 2, 3, 9])).unwrap();
    let step = scheduler.plan();
    assert_eq!(step.cache_ops, [CacheOp::Copy { from: 0, to: 1, len: 3 }]);
    assert_eq!(step.started, [(RequestId(2), 3)]);
}

#[test]
fn request_without_conversation_shares_nothing_and_leaves_nothing() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "a", &[1, 2, 3, 4])).unwrap();
    run(&mut scheduler);
    for id in 2..4 {
        scheduler.submit(request(id, "", &[1, 2, 3, 4])).unwrap();
        assert_eq!(scheduler.plan().started, [(RequestId(id), 0)]);
        scheduler.cancel(RequestId(id));
        assert_eq!(scheduler.plan().cache_ops, [CacheOp::Truncate { slot: 1, from: 0 }]);
    }
}

#[test]
fn longest_unused_conversation_gives_up_its_slot() {
    let mut scheduler = Scheduler::new(LIMITS);
    for (id, conversation) in [(1, "a"), (2, "b"), (3, "a"), (4, "c")] {
        scheduler.submit(request(id, conversation, &[id as Token, 5, 6])).unwrap();
        run(&mut scheduler);
    }
    scheduler.submit(request(5, "a", &[3, 5, 6])).unwrap();
    assert_eq!(scheduler.plan().started, [(RequestId(5), 2)], "b was evicted, a was not");
}

#[test]
fn decoding_goes_on_beside_a_long_prompt_in_small_chunks() {
    let mut scheduler = Scheduler::new(LIMITS);
    let mut first = request(1, "a", &[1]);
    first.max_tokens = 50;
    scheduler.submit(first).unwrap();
    let step = scheduler.plan();
    scheduler.computed(&step);
    assert_eq!(scheduler.sampled(RequestId(1), 7, false), None);
    scheduler.submit(request(2, "b", &tokens(20))).unwrap();
    for prompt_tokens in [8, 8, 4] {
        let step = scheduler.plan();
        assert_eq!(step.entries[0].sample_for, Some(RequestId(1)), "decode comes first");
        assert_eq!(step.entries.len(), 1 + prompt_tokens);
        scheduler.computed(&step);
        for id in step.entries.iter().filter_map(|e| e.sample_for) {
            assert_eq!(scheduler.sampled(id, 7, false), None);
        }
    }
}

#[test]
fn short_prompt_does_not_wait_behind_a_long_one() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "a", &tokens(90))).unwrap();
    scheduler.submit(request(2, "b", &[1, 2, 3])).unwrap();
    let step = scheduler.plan();
    let count = |slot| step.entries.iter().filter(|e| e.slot == slot).count();
    assert_eq!((count(0), count(1)), (13, 3));
}

#[test]
fn queue_refuses_beyond_its_limit() {
    let mut scheduler = Scheduler::new(LIMITS);
    for id in 0..4 {
        scheduler.submit(request(id, "", &[1])).unwrap();
    }
    assert_eq!(scheduler.submit(request(9, "", &[1])), Err(Refused::QueueFull(4)));
}

#[test]
fn prompt_beyond_the_context_is_refused_with_both_numbers() {
    let mut scheduler = Scheduler::new(LIMITS);
    let refused = scheduler.submit(request(1, "", &tokens(101))).unwrap_err().to_string();
    assert!(refused.contains("101") && refused.contains("100"), "{refused}");
}

#[test]
fn full_context_ends_the_reply() {
    let mut scheduler = Scheduler::new(LIMITS);
    let mut long = request(1, "a", &tokens(98));
    long.max_tokens = 50;
    scheduler.submit(long).unwrap();
    assert_eq!(run(&mut scheduler), [(1, Finish::ContextFull)]);
}

#[test]
fn failed_batch_ends_its_requests_and_empties_their_slots() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "a", &[1, 2])).unwrap();
    scheduler.submit(request(2, "b", &[3, 4])).unwrap();
    let step = scheduler.plan();
    assert_eq!(scheduler.failed(&step), [RequestId(1), RequestId(2)]);
    scheduler.submit(request(3, "a", &[1, 2])).unwrap();
    let step = scheduler.plan();
    assert_eq!(step.started, [(RequestId(3), 0)], "nothing of the failed batch is trusted");
    let wiped = [CacheOp::Truncate { slot: 0, from: 0 }, CacheOp::Truncate { slot: 1, from: 0 }];
    assert_eq!(step.cache_ops, wiped);
}

#[test]
fn same_conversation_twice_at_once_gets_two_slots() {
    let mut scheduler = Scheduler::new(LIMITS);
    scheduler.submit(request(1, "a", &[1, 2, 3])).unwrap();
    let step = scheduler.plan();
    scheduler.computed(&step);
    scheduler.submit(request(2, "a", &[1, 2, 3, 4])).unwrap();
    let step = scheduler.plan();
    assert_eq!(step.started, [(RequestId(2), 3)], "and shares what the first has computed");
}

/// A small generator so that a failing seed replays.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// What a real KV cache would hold, to check the plan against.
#[derive(Default)]
struct Cache(Vec<Vec<Token>>);

impl Cache {
    fn apply(&mut self, op: &CacheOp) {
        match *op {
            CacheOp::Truncate { slot, from } => self.0[slot].truncate(from),
            CacheOp::Copy { from, to, len } => {
                assert!(self.0[to].is_empty(), "copy into a slot that still holds tokens");
                assert!(self.0[from].len() >= len, "copy of what is not there");
                self.0[to] = self.0[from][..len].to_vec();
            }
        }
    }
}

#[test]
fn random_callers_all_get_an_end_and_never_share_a_slot() {
    for seed in 1..=200 {
        simulate(seed);
    }
}

fn simulate(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let slots = 1 + random.below(4);
    let limits = Limits { slots, context_tokens: 60, queue_depth_max: 3, ..LIMITS };
    let mut scheduler = Scheduler::new(limits);
    let mut cache = Cache(vec![Vec::new(); slots]);
    // Prompt of each request that waits or runs, and the text it has sampled.
    let mut alive: std::collections::BTreeMap<RequestId, (Vec<Token>, Vec<Token>)> =
        std::collections::BTreeMap::new();
    let mut decoding: Vec<RequestId> = Vec::new();
    let mut next_id = 0;
    for tick in 0..600 {
        // Callers come for the first 300 steps; then all must end within the rest.
        if tick < 300 && random.below(3) == 0 {
            next_id += 1;
            let id = RequestId(next_id);
            let mut prompt: Vec<Token> = vec![1; 5];
            prompt.extend((0..1 + random.below(54)).map(|_| random.below(3) as Token));
            let conversation = ["", "a", "b", "c", "d", "e"][random.below(6)].to_string();
            let max_tokens = 1 + random.below(20);
            let request = Request { id, conversation, prompt: prompt.clone(), max_tokens };
            if scheduler.submit(request).is_ok() {
                alive.insert(id, (prompt, Vec::new()));
            }
        }
        if random.below(10) == 0 && !alive.is_empty() {
            let id = *alive.keys().nth(random.below(alive.len())).unwrap();
            scheduler.cancel(id);
            alive.remove(&id);
            decoding.retain(|d| *d != id);
        }
        assert!(scheduler.queue_depth() <= limits.queue_depth_max + slots, "seed {seed}");

        let step = scheduler.plan();
        step.cache_ops.iter().for_each(|op| cache.apply(op));
        let mut sampling = Vec::new();
        for entry in &step.entries {
            assert_eq!(cache.0[entry.slot].len(), entry.position, "seed {seed}: hole in a slot");
            cache.0[entry.slot].push(entry.token);
            if let Some(id) = entry.sample_for {
                assert!(
                    !sampling.iter().any(|(s, _)| *s == entry.slot),
                    "seed {seed}: shared slot"
                );
                sampling.push((entry.slot, id));
            }
        }
        for id in &decoding {
            assert!(sampling.iter().any(|(_, s)| s == id), "seed {seed}: {id:?} was stalled");
        }
        let decode_count = decoding.len();
        let chunk = if decode_count == 0 { 16 } else { 8 };
        assert!(step.entries.len() <= decode_count + chunk, "seed {seed}: chunk too long");

        if random.below(40) == 0 && !step.entries.is_empty() {
            for id in scheduler.failed(&step) {
                alive.remove(&id);
                decoding.retain(|d| *d != id);
            }
            continue;
        }
        scheduler.computed(&step);
        for (slot, id) in sampling {
            let (prompt, text) = alive.get_mut(&id).expect("only live requests are sampled");
            let want: Vec<Token> = prompt.iter().chain(text.iter()).copied().collect();
            assert_eq!(cache.0[slot], want, "seed {seed}: {id:?} saw another caller's words");
            let token = random.below(3) as Token;
            let end = random.below(12) == 0;
            match scheduler.sampled(id, token, end) {
                Some(_) => {
                    alive.remove(&id);
                    decoding.retain(|d| *d != id);
                }
                None => {
                    text.push(token);
                    if !decoding.contains(&id) {
                        decoding.push(id);
                    }
                }
            }
        }
    }
    assert!(alive.is_empty(), "seed {seed}: {} requests never ended", alive.len());
}
