//! How far two files of one model are apart: a guard for weights that were quantised anew.
//!
//! `cargo run --release -p sawt-llm --example divergence -- BASE.gguf OTHER.gguf TEXT.txt…` reads each text with
//! both, 256 tokens at a time, and prints the perplexity of each (e to the mean negative log
//! probability of the next token, natural logarithm), the mean Kullback-Leibler divergence from the
//! base in nats, and how often both name the same next token first.

#![allow(clippy::print_stdout, clippy::disallowed_methods)] // a command-line tool that measures

use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

const WINDOW: usize = 256;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    ensure!(args.len() >= 3, "usage: divergence BASE.gguf OTHER.gguf TEXT.txt…");
    let mut backend = LlamaBackend::init()?;
    backend.void_logs();
    let base = load(&backend, &args[0])?;
    let other = load(&backend, &args[1])?;
    for path in &args[2..] {
        let text = std::fs::read_to_string(path).with_context(|| path.clone())?;
        let tokens = base.vocab().tokenize(text.as_bytes(), false, false);
        let (mut nll, mut nll_other, mut divergence) = (0.0, 0.0, 0.0);
        let (mut same, mut count) = (0_u32, 0_u32);
        for window in tokens.chunks(WINDOW).filter(|window| window.len() > 1) {
            let p = log_probabilities(&backend, &base, window)?;
            let q = log_probabilities(&backend, &other, window)?;
            for (at, next) in window.iter().enumerate().skip(1) {
                let (p, q) = (&p[at - 1], &q[at - 1]);
                let next = usize::try_from(next.0)?;
                nll -= f64::from(p[next]);
                nll_other -= f64::from(q[next]);
                divergence += p
                    .iter()
                    .zip(q)
                    .map(|(&p, &q)| f64::from(p.exp()) * f64::from(p - q))
                    .sum::<f64>();
                same += u32::from(best(p) == best(q));
                count += 1;
            }
        }
        let mean = |sum: f64| sum / f64::from(count.max(1));
        println!(
            "{path}: {count} tokens, perplexity {:.3} → {:.3}, divergence {:.4} nats, same first {:.1} %",
            mean(nll).exp(),
            mean(nll_other).exp(),
            mean(divergence),
            100.0 * mean(f64::from(same)),
        );
    }
    Ok(())
}

fn load(backend: &LlamaBackend, path: &str) -> Result<LlamaModel> {
    LlamaModel::load_from_file(backend, Path::new(path), &LlamaModelParams::default())
        .with_context(|| path.to_owned())
}

/// One row of natural log probabilities for each token of `window`.
fn log_probabilities(
    backend: &LlamaBackend,
    model: &LlamaModel,
    window: &[llama_cpp_2::token::LlamaToken],
) -> Result<Vec<Vec<f32>>> {
    let size = NonZeroU32::new(u32::try_from(WINDOW)?);
    let params =
        LlamaContextParams::default().with_n_ctx(size).with_n_threads(2).with_n_threads_batch(2);
    let mut context = model.new_context(backend, params)?;
    let mut batch = LlamaBatch::new(WINDOW, 1);
    for (at, token) in window.iter().enumerate() {
        batch.add(*token, i32::try_from(at)?, &[0], true)?;
    }
    context.decode(&mut batch)?;
    (0..window.len())
        .map(|at| {
            let logits = context.get_logits_ith(i32::try_from(at)?);
            let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = logits.iter().map(|l| f64::from(l - top).exp()).sum();
            let norm = top + sum.ln() as f32;
            Ok(logits.iter().map(|l| l - norm).collect())
        })
        .collect()
}

fn best(row: &[f32]) -> Option<usize> {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]))
}
