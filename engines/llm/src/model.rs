//! The model on disk and in memory: loading, its words, and computing batches. The only file that
//! names llama.cpp's types.
//!
//! Schedules nothing and knows no request; see `plan.rs` and `engine.rs`.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use crate::calls::CALL_BEGUN;
use crate::engine::{Compute, ComputeError, Sampling};
use crate::gguf::{self, GgufError};
use crate::grammar::Tool;
use crate::plan::{CacheOp, Entry, Token};
use crate::template::{ChatTemplate, Message, Part, TemplateError};

/// The crate's version is the one in Cargo.toml; it builds llama.cpp from its own sources.
pub(crate) const BACKEND: &str = "llama.cpp (llama-cpp-2 0.1.160)";

/// Largest batch, and what llama.cpp sizes its buffers for.
pub(crate) const BATCH_TOKENS_MAX: usize = 256;

/// Weights for which one more thread pays when a single token is computed. With less, threads that
/// sleep between steps, as ours do, cost more to wake than they save: 0.4 GB of weights gave 39 tokens a
/// second with one thread and 32 with two. Prompts and several callers at once take all threads.
const BYTES_PER_THREAD: u64 = 512 * 1024 * 1024;

/// Positions kept for probes and warm-up beside those of the conversations.
const PROBE_TOKENS_MAX: usize = 64;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("model {0} can not be used")]
    File(String, #[source] GgufError),
    #[error(
        "model {0}: llama.cpp can not load it (the log above says why); \
         use a GGUF chat model of an architecture it knows"
    )]
    Load(String),
    #[error("model {0} can not hold a conversation ({1}); use a decoder-only chat model in GGUF")]
    NotChat(String, &'static str),
    #[error("model {0} can not hold a conversation")]
    Template(String, #[source] TemplateError),
    #[error("no room for {0} tokens of context; lower --context-tokens or --slots")]
    Context(usize),
    #[error("the model loaded but its first inference failed; pull the model again")]
    WarmUp(#[source] ComputeError),
}

/// Weights, vocabulary and chat template. Immutable; lives as long as the process.
#[derive(Debug)]
pub(crate) struct Model {
    backend: LlamaBackend,
    weights: LlamaModel,
    template: ChatTemplate,
}

impl Model {
    /// Leaks the model: contexts borrow it on another thread, and it is needed to the end.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, LoadError> {
        let name = path.display().to_string();
        gguf::check_file(path).map_err(|e| LoadError::File(name.clone(), e))?;
        llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
        let failed = |_| LoadError::Load(name.clone());
        let backend = LlamaBackend::init().map_err(failed)?;
        let weights = LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default())
            .map_err(|_| LoadError::Load(name.clone()))?;

        let meta = |key: &str| weights.meta_val_str(key).ok();
        let architecture = meta("general.architecture").unwrap_or_default();
        if weights.is_recurrent() || weights.is_hybrid() {
            // Its state can not be cut back to a common prefix.
            return Err(LoadError::NotChat(name, "it keeps a recurrent state"));
        }
        if architecture.contains("bert") || architecture.starts_with("t5") {
            return Err(LoadError::NotChat(name, "it is an encoder"));
        }
        let vocabulary = weights.vocab();
        if vocabulary.n_tokens() <= 0
            || meta("tokenizer.ggml.model").is_none_or(|m| m == "no_vocab")
        {
            return Err(LoadError::NotChat(name, "it has no vocabulary"));
        }
        let source = weights.chat_template(None).ok().and_then(|t| t.to_string().ok());
        if source.is_none() {
            tracing::warn!("The model carries no chat template; ChatML is assumed.");
        }
        let template = ChatTemplate::new(
            source,
            special_text(&weights, vocabulary.bos()),
            special_text(&weights, vocabulary.eos()),
        )
        .map_err(|e| LoadError::Template(name.clone(), e))?;
        let model = Box::leak(Box::new(Self { backend, weights, template }));
        Ok(model)
    }

    /// Tokens the model was trained to hold at once.
    pub(crate) fn context_tokens_trained(&self) -> usize {
        self.weights.n_ctx_train() as usize
    }

    /// The prompt for the reply to `messages`. Special tokens come from the template alone.
    pub(crate) fn prompt(
        &self,
        messages: &[Message],
        tools: &[Tool],
        required: bool,
    ) -> Result<Vec<Token>, TemplateError> {
        let vocabulary = self.weights.vocab();
        let mut tokens = Vec::new();
        let begun = required.then(|| Part::Template(CALL_BEGUN.to_owned()));
        for part in self.template.render(messages, tools)?.into_iter().chain(begun) {
            let piece = match &part {
                Part::Template(text) => vocabulary.tokenize(text.as_bytes(), false, true),
                Part::Content(text) => vocabulary.tokenize(text.as_bytes(), false, false),
            };
            tokens.extend(piece.into_iter().map(|t| t.0));
        }
        let bos = vocabulary.bos().0;
        if vocabulary.should_add_bos() && bos >= 0 && tokens.first() != Some(&bos) {
            tokens.insert(0, bos);
        }
        Ok(tokens)
    }
}

fn special_text(weights: &LlamaModel, token: LlamaToken) -> String {
    let vocabulary = weights.vocab();
    if token.0 < 0 || token.0 >= vocabulary.n_tokens() {
        return String::new();
    }
    String::from_utf8_lossy(&vocabulary.token_to_piece(token, true, None)).into_owned()
}

/// How much a context holds and may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContextSize {
    pub(crate) slots: usize,
    pub(crate) context_tokens: usize,
    pub(crate) threads: u32,
}

fn free_sampler(sampling: &Sampling) -> LlamaSampler {
    if sampling.temperature <= 0.0 {
        return LlamaSampler::greedy();
    }
    // llama.cpp takes this one value as "choose a seed".
    let seed = sampling.seed.min(u32::MAX - 1);
    let mut chain = Vec::new();
    if sampling.top_p > 0.0 && sampling.top_p < 1.0 {
        chain.push(LlamaSampler::top_p(sampling.top_p, 1));
    }
    chain.push(LlamaSampler::temp(sampling.temperature));
    chain.push(LlamaSampler::dist(seed));
    LlamaSampler::chain(chain, true)
}

/// A context with its KV cache: one sequence per slot and one more for probes.
pub(crate) struct LlamaCompute {
    model: &'static Model,
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    probe_slot: usize,
}

impl LlamaCompute {
    pub(crate) fn new(model: &'static Model, size: ContextSize) -> Result<Self, LoadError> {
        // Room for every conversation at its fullest, so that a running one is never told that
        // others have taken its place. Cells are shared, so a common prefix counts once.
        let cells = size.slots * size.context_tokens + PROBE_TOKENS_MAX;
        let too_big = || LoadError::Context(cells);
        let threads = i32::try_from(size.threads).unwrap_or(i32::MAX);
        let alone = (model.weights.size() / BYTES_PER_THREAD).saturating_add(1);
        let alone = i32::try_from(alone).unwrap_or(i32::MAX);
        let params = LlamaContextParams::default()
            .with_n_ctx(Some(
                u32::try_from(cells).ok().and_then(NonZeroU32::new).ok_or_else(too_big)?,
            ))
            .with_n_batch(BATCH_TOKENS_MAX as u32)
            .with_n_ubatch(BATCH_TOKENS_MAX as u32)
            .with_n_seq_max(size.slots as u32 + 1)
            .with_kv_unified(true)
            // Windowed layers keep everything, else a conversation could not be cut back.
            .with_swa_full(true)
            .with_no_perf(true)
            .with_n_threads(alone.min(threads))
            .with_n_threads_batch(threads);
        let context = model.weights.new_context(&model.backend, params).map_err(|_| too_big())?;
        Ok(Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH_TOKENS_MAX, 1),
            probe_slot: size.slots,
        })
    }

    /// Touches every weight and returns the time one prompt token takes in a chunk.
    pub(crate) fn warm_up(&mut self) -> Result<Duration, LoadError> {
        let token = self.harmless_token();
        let entries: Vec<Entry> = (0..PROBE_TOKENS_MAX)
            .map(|position| Entry { slot: self.probe_slot, position, token, sample_for: None })
            .collect();
        let mut fastest = Duration::MAX;
        for _ in 0..2 {
            let begin = thread_time();
            self.decode(&entries).map_err(LoadError::WarmUp)?;
            fastest = fastest.min(thread_time().saturating_sub(begin));
            self.forget_probe().map_err(LoadError::WarmUp)?;
        }
        self.probe().map_err(LoadError::WarmUp)?;
        Ok(fastest / PROBE_TOKENS_MAX as u32)
    }

    fn harmless_token(&self) -> Token {
        let vocabulary = self.model.weights.vocab();
        let text = vocabulary.tokenize(b"Hello", false, false);
        text.first().map_or(0, |t| t.0)
    }

    fn forget_probe(&mut self) -> Result<(), ComputeError> {
        self.cache(&CacheOp::Truncate { slot: self.probe_slot, from: 0 })
    }
}

/// Processor time of this thread: unlike wall time, the same whatever else the machine is doing
/// while the engine starts. Zero where the system does not tell.
fn thread_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = schedstat.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}

/// How a reply's tokens are chosen.
pub(crate) struct Sampler {
    free: LlamaSampler,
    /// Allows what comes next, once something is constrained.
    grammar: Option<LlamaSampler>,
}

/// Likeliest tokens that are shown to a grammar before all are. Most of the time the first fits;
/// showing it the whole vocabulary takes longer than computing a token.
const LIKELIEST: [usize; 2] = [1, 256];

impl LlamaCompute {
    /// The likeliest token that the grammar allows; the end where it allows none.
    fn sample_allowed(&self, grammar: &mut LlamaSampler, entry_index: usize) -> LlamaToken {
        let logits = self.context.get_logits_ith(entry_index as i32);
        let mut order: Vec<usize> = (0..logits.len()).collect();
        let by_logit = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]);
        for most in LIKELIEST.into_iter().chain([logits.len()]) {
            if most < order.len() {
                order.select_nth_unstable_by(most, by_logit);
            }
            let shown = order.iter().take(most);
            let shown =
                shown.map(|id| LlamaTokenData::new(LlamaToken(*id as i32), logits[*id], 0.0));
            let mut shown = LlamaTokenDataArray::from_iter(shown, false);
            grammar.apply(&mut shown);
            let allowed = shown.data.iter().filter(|token| token.logit().is_finite());
            if let Some(best) = allowed.max_by(|a, b| a.logit().total_cmp(&b.logit())) {
                return best.id();
            }
        }
        self.model.weights.vocab().eos()
    }
}

impl Compute for LlamaCompute {
    type Sampler = Sampler;

    fn sampler(&self, sampling: &Sampling) -> Sampler {
        Sampler { free: free_sampler(sampling), grammar: None }
    }

    fn constrain(&self, sampler: &mut Sampler, grammar: &str) -> Result<(), ComputeError> {
        let grammar = LlamaSampler::grammar(&self.model.weights, grammar, "root");
        sampler.grammar = Some(grammar.map_err(|e| ComputeError(e.to_string()))?);
        Ok(())
    }

    fn cache(&mut self, op: &CacheOp) -> Result<(), ComputeError> {
        let done = match *op {
            CacheOp::Truncate { slot, from } => {
                self.context.kv_cache_seq_rm(slot as i32, Some(from as u32), None)
            }
            CacheOp::Copy { from, to, len } => {
                self.context.kv_cache_seq_cp(from as i32, to as i32, Some(0), Some(len as u32))
            }
        };
        done.map_err(|e| ComputeError(e.to_string()))
    }

    fn decode(&mut self, entries: &[Entry]) -> Result<(), ComputeError> {
        self.batch.clear();
        for entry in entries {
            self.batch
                .add(
                    LlamaToken(entry.token),
                    entry.position as i32,
                    &[entry.slot as i32],
                    entry.sample_for.is_some(),
                )
                .map_err(|e| ComputeError(e.to_string()))?;
        }
        self.context.decode(&mut self.batch).map_err(|e| ComputeError(e.to_string()))
    }

    fn sample(&mut self, sampler: &mut Sampler, entry_index: usize) -> Token {
        let Some(grammar) = &mut sampler.grammar else {
            return sampler.free.sample(&self.context, entry_index as i32).0;
        };
        let token = self.sample_allowed(grammar, entry_index);
        // Only what it allowed: llama.cpp ends the process over anything else.
        if !self.is_end(token.0) {
            grammar.accept(token);
        }
        token.0
    }

    fn piece(&self, token: Token) -> Vec<u8> {
        self.model.weights.vocab().token_to_piece(LlamaToken(token), false, None)
    }

    fn is_end(&self, token: Token) -> bool {
        self.model.weights.vocab().is_eog(LlamaToken(token))
    }

    fn probe(&mut self) -> Result<(), ComputeError> {
        let entry = Entry {
            slot: self.probe_slot,
            position: 0,
            token: self.harmless_token(),
            sample_for: Some(crate::plan::RequestId(0)),
        };
        let computed = self.decode(&[entry]);
        if computed.is_ok() {
            let token = LlamaSampler::greedy().sample(&self.context, 0).0;
            if token < 0 || token >= self.model.weights.n_vocab() {
                return Err(ComputeError(format!("sampled {token}, which is no token")));
            }
        }
        self.forget_probe()?;
        computed
    }
}
