//! Decides which sequence computes which tokens in the next batch, and whose work is reused.
//!
//! Pure: knows no model, no clock, no channel. `engine.rs` asks for a [`Step`], computes it, and
//! says how it went. One *slot* is one sequence of the model's KV cache; it serves at most one
//! request at a time and keeps its tokens afterwards, so that the next request of the same
//! conversation computes only what is new.

use std::collections::VecDeque;

pub(crate) type Token = i32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(crate) u64);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) slots: usize,
    /// Tokens one conversation may hold, its reply included.
    pub(crate) context_tokens: usize,
    /// Most prompt tokens in a step in which nobody decodes.
    pub(crate) chunk_alone_tokens: usize,
    /// Most prompt tokens in a step that decoding callers wait for.
    pub(crate) chunk_beside_decode_tokens: usize,
    pub(crate) queue_depth_max: usize,
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    /// Empty: neither uses earlier work nor leaves any behind.
    pub(crate) conversation: String,
    pub(crate) prompt: Vec<Token>,
    pub(crate) max_tokens: usize,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the queue holds {0} requests, its limit; try again later")]
    QueueFull(usize),
    #[error(
        "the prompt has {prompt} tokens and a conversation may hold {context}; \
         shorten the history or start the engine with more --context-tokens"
    )]
    PromptTooLong { prompt: usize, context: usize },
    #[error("the prompt is empty; send at least one message")]
    PromptEmpty,
}

/// Why a request ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    EndOfTurn,
    MaxTokens,
    ContextFull,
}

/// What to do to the model's KV cache, in this order, before the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CacheOp {
    /// Forget positions `from..` of the slot.
    Truncate { slot: usize, from: usize },
    /// The first `len` positions of `from` become those of `to`, which holds none.
    Copy { from: usize, to: usize, len: usize },
}

/// One token of the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) slot: usize,
    pub(crate) position: usize,
    pub(crate) token: Token,
    /// The request that samples its next token from this entry.
    pub(crate) sample_for: Option<RequestId>,
}

#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) cache_ops: Vec<CacheOp>,
    pub(crate) entries: Vec<Entry>,
    /// Requests that got a slot in this step, with the prompt tokens they need not compute.
    pub(crate) started: Vec<(RequestId, usize)>,
}

#[derive(Debug)]
enum Work {
    /// Prompt tokens from the slot's end onwards are still to compute.
    Prefill { prompt: Vec<Token> },
    /// `next` was sampled and is to be computed.
    Decode { next: Token },
    /// Every token is computed and a sample is due.
    AwaitSample,
}

#[derive(Debug)]
struct Running {
    id: RequestId,
    work: Work,
    sampled: usize,
    max_tokens: usize,
}

#[derive(Debug, Default)]
struct Slot {
    conversation: String,
    /// What the KV cache holds for this slot.
    tokens: Vec<Token>,
    running: Option<Running>,
    /// Step at which it last served somebody.
    last_used: u64,
    /// The cache may hold more than `tokens`; the next step truncates it.
    dirty: bool,
}

#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: Limits,
    slots: Vec<Slot>,
    queue: VecDeque<Request>,
    step: u64,
}

impl Scheduler {
    pub(crate) fn new(limits: Limits) -> Self {
        assert!(limits.slots > 0 && limits.chunk_alone_tokens > 0);
        assert!(limits.chunk_beside_decode_tokens > 0 && limits.context_tokens > 0);
        let slots = (0..limits.slots).map(|_| Slot::default()).collect();
        Self { limits, slots, queue: VecDeque::new(), step: 0 }
    }

    pub(crate) fn submit(&mut self, request: Request) -> Result<(), Refused> {
        let (prompt, context) = (request.prompt.len(), self.limits.context_tokens);
        if prompt == 0 {
            return Err(Refused::PromptEmpty);
        }
        if prompt > context {
            return Err(Refused::PromptTooLong { prompt, context });
        }
        // The queue also holds those that get a free slot in the next step.
        let idle = self.slots.iter().filter(|s| s.running.is_none()).count();
        if self.queue.len() >= self.limits.queue_depth_max + idle {
            return Err(Refused::QueueFull(self.queue.len()));
        }
        self.queue.push_back(request);
        Ok(())
    }

    /// Forgets a request wherever it is. What its slot has computed stays for reuse.
    pub(crate) fn cancel(&mut self, id: RequestId) {
        self.queue.retain(|r| r.id != id);
        if let Some(slot) = self.slot_of(id) {
            self.release(slot);
        }
    }

    pub(crate) fn queue_depth(&self) -> usize {
        self.queue.len()
    }

    /// The work of the next batch; no entries when there is none.
    pub(crate) fn plan(&mut self) -> Step {
        self.step += 1;
        let mut step = Step::default();
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, s)| s.dirty) {
            step.cache_ops.push(CacheOp::Truncate { slot: index, from: slot.tokens.len() });
            slot.dirty = false;
        }
        while self.start_next(&mut step) {}
        // Decoding callers first: somebody hears each of these tokens.
        for (index, slot) in self.slots.iter().enumerate() {
            if let Some(Running { id, work: Work::Decode { next }, .. }) = &slot.running {
                step.entries.push(Entry {
                    slot: index,
                    position: slot.tokens.len(),
                    token: *next,
                    sample_for: Some(*id),
                });
            }
        }
        let budget = if step.entries.is_empty() {
            self.limits.chunk_alone_tokens
        } else {
            self.limits.chunk_beside_decode_tokens
        };
        for (index, count) in self.share_prefill(budget) {
            let slot = &self.slots[index];
            let Some(Running { id, work: Work::Prefill { prompt }, .. }) = &slot.running else {
                continue;
            };
            let begin = slot.tokens.len();
            for position in begin..begin + count {
                step.entries.push(Entry {
                    slot: index,
                    position,
                    token: prompt[position],
                    sample_for: (position + 1 == prompt.len()).then_some(*id),
                });
            }
        }
        step
    }

    /// The batch of `step` is in the cache. Samples of its requests are due next.
    pub(crate) fn computed(&mut self, step: &Step) {
        for entry in &step.entries {
            let slot = &mut self.slots[entry.slot];
            debug_assert_eq!(slot.tokens.len(), entry.position, "positions are consecutive");
            slot.tokens.push(entry.token);
            if let (Some(running), Some(_)) = (&mut slot.running, entry.sample_for) {
                running.work = Work::AwaitSample;
            }
        }
    }

    /// The batch of `step` could not be computed: its requests end and their slots are emptied.
    pub(crate) fn failed(&mut self, step: &Step) -> Vec<RequestId> {
        let mut lost = Vec::new();
        for entry in &step.entries {
            let slot = &mut self.slots[entry.slot];
            if let Some(running) = slot.running.take() {
                lost.push(running.id);
            }
            *slot = Slot { dirty: true, ..Slot::default() };
        }
        lost
    }

    /// `token` was sampled for `id`. Says whether the request ends with it; `end_of_turn` tokens
    /// do not count as text.
    pub(crate) fn sampled(
        &mut self,
        id: RequestId,
        token: Token,
        end_of_turn: bool,
    ) -> Option<Finish> {
        let slot = self.slot_of(id)?;
        let context_full = self.slots[slot].tokens.len() >= self.limits.context_tokens;
        let running = self.slots[slot].running.as_mut()?;
        if end_of_turn {
            self.release(slot);
            return Some(Finish::EndOfTurn);
        }
        running.sampled += 1;
        running.work = Work::Decode { next: token };
        let finish = if running.sampled >= running.max_tokens {
            Finish::MaxTokens
        } else if context_full {
            Finish::ContextFull
        } else {
            return None;
        };
        self.release(slot);
        Some(finish)
    }

    fn slot_of(&self, id: RequestId) -> Option<usize> {
        self.slots.iter().position(|s| s.running.as_ref().is_some_and(|r| r.id == id))
    }

    fn release(&mut self, slot: usize) {
        let slot = &mut self.slots[slot];
        slot.running = None;
        slot.last_used = self.step;
        if slot.conversation.is_empty() {
            slot.tokens.clear();
            slot.dirty = true;
        }
    }

    /// Gives the oldest waiting request a slot, or says that none is idle.
    fn start_next(&mut self, step: &mut Step) -> bool {
        let Some(request) = self.queue.front() else { return false };
        let Some(index) = self.choose_slot(&request.conversation) else { return false };
        let Some(request) = self.queue.pop_front() else { return false };
        let private = request.conversation.is_empty();

        // At least the last prompt token is computed anew: its output is what we sample from.
        let reusable = &request.prompt[..request.prompt.len() - 1];
        let own = if private { 0 } else { common_prefix(&self.slots[index].tokens, reusable) };
        let other = (0..self.slots.len())
            .filter(|i| *i != index && !private && !self.slots[*i].conversation.is_empty())
            .map(|i| (common_prefix(&self.slots[i].tokens, reusable), i))
            .max_by_key(|(len, i)| (*len, usize::MAX - i))
            .filter(|(len, _)| *len > own);

        let held = self.slots[index].tokens.len();
        let cached = match other {
            // Typically the system prompt, which all conversations begin with.
            Some((len, from)) => {
                if held > 0 {
                    step.cache_ops.push(CacheOp::Truncate { slot: index, from: 0 });
                }
                step.cache_ops.push(CacheOp::Copy { from, to: index, len });
                self.slots[index].tokens = self.slots[from].tokens[..len].to_vec();
                len
            }
            None => {
                if held > own {
                    step.cache_ops.push(CacheOp::Truncate { slot: index, from: own });
                }
                self.slots[index].tokens.truncate(own);
                own
            }
        };
        // A conversation lives in one slot: an older one that still runs loses the name.
        if !private {
            for slot in self.slots.iter_mut().filter(|s| s.conversation == request.conversation) {
                slot.conversation.clear();
            }
        }
        step.started.push((request.id, cached));
        self.slots[index] = Slot {
            conversation: request.conversation,
            tokens: std::mem::take(&mut self.slots[index].tokens),
            running: Some(Running {
                id: request.id,
                work: Work::Prefill { prompt: request.prompt },
                sampled: 0,
                max_tokens: request.max_tokens.max(1),
            }),
            last_used: self.step,
            dirty: false,
        };
        true
    }

    /// The conversation's own slot if it is idle, else an empty one, else the longest unused.
    fn choose_slot(&self, conversation: &str) -> Option<usize> {
        let idle = || self.slots.iter().enumerate().filter(|(_, s)| s.running.is_none());
        if !conversation.is_empty()
            && let Some((index, _)) = idle().find(|(_, s)| s.conversation == conversation)
        {
            return Some(index);
        }
        idle().min_by_key(|(i, s)| (!s.tokens.is_empty(), s.last_used, *i)).map(|(i, _)| i)
    }

    /// How many prompt tokens each prefilling slot computes in this step. The oldest gets at
    /// least half, so that it can not starve; the rest goes to whoever is nearest to its first
    /// token, so that a short prompt does not wait behind a long one.
    fn share_prefill(&self, budget: usize) -> Vec<(usize, usize)> {
        let mut waiting: Vec<(usize, RequestId, usize)> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(index, slot)| match &slot.running {
                Some(Running { id, work: Work::Prefill { prompt }, .. }) => {
                    Some((index, *id, prompt.len() - slot.tokens.len()))
                }
                _ => None,
            })
            .collect();
        let Some((oldest, _, oldest_needs)) = waiting.iter().copied().min_by_key(|(_, id, _)| *id)
        else {
            return Vec::new();
        };
        waiting.sort_by_key(|(_, id, missing)| (*missing, *id));
        let mut reserved = oldest_needs.min(budget.div_ceil(2));
        let mut left = budget;
        let mut shares = Vec::with_capacity(waiting.len());
        for (index, _, missing) in waiting {
            if index == oldest {
                reserved = 0;
            }
            let count = missing.min(left - reserved);
            left -= count;
            if count > 0 {
                shares.push((index, count));
            }
        }
        shares
    }
}

fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests;
