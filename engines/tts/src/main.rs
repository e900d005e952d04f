//! Sawt's TTS engine process.

fn main() {}
