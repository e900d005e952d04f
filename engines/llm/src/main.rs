//! Sawt's LLM engine process.

fn main() {}
