//! Sawt's STT engine process.

fn main() {}
