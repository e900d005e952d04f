//! Whole calls: the release programs with the starter models, a real livekit-server, real rooms.
//!
//! - `programs`: the programs under test, started and watched from outside.
//! - `house`: one server and one `sawt serve` that the tests share; calls come one after another.
//! - `prompter`: ears that a test speaks into.
//! - `phone`: a caller in a test's hands. `speech`: what it says, and what was said to it.
//! - `talk`: questions are answered: spoken, typed, interrupted, unasked. `arabic`: in Arabic.
//! - `booking`: the bank's example books an appointment through its tool, asked and confirmed.
//! - `languages`: a caller who changes the language is answered in it.
//! - `waiting`: a late answer is covered; captions keep time with the voice.
//! - `invented`: what is no speech becomes no words; `noises` makes two hundred such sounds.
//! - `murmurs`: a hum over the agent does not stop it.
//! - `memory`: a real model sums up a long call without costing it time, and writes its record.
//! - `faults`: an engine or the server dies in mid-call, a caller leaves in mid-reply.
//! - `official`: LiveKit's own client hears the agent.
//! - `churn`: many calls one after another leave nothing behind.
//! - `routing`: rules take a caller to people; the record explains why.
//! - `recorded`: a call's recording has both sides in time with its transcript.
//! - `commands`: what can not work says so, and what to do.
//!
//! A missing program, model or server fails a test with the next step; `SAWT_SKIP_LIVEKIT_TESTS=1`
//! skips them all.

// A test fails by panicking, measures, and shows what it measured.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)]

mod calls {
    mod arabic;
    mod booking;
    mod churn;
    mod commands;
    mod faults;
    mod house;
    mod invented;
    mod languages;
    mod memory;
    mod murmurs;
    mod noises;
    mod official;
    mod phone;
    mod programs;
    mod prompter;
    mod recorded;
    mod routing;
    mod speech;
    mod talk;
    mod waiting;
}
