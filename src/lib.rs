//! Sawt (صوت, "voice"): a self-hosted, offline voice agent for LiveKit rooms.
//!
//! The path of one call, in the order of the modules:
//!
//! 1. [`worker`] registers with LiveKit, is offered a job and accepts it.
//! 2. [`transport`] joins the room: the caller's audio in, the agent's audio and captions out.
//! 3. [`audio`] cuts, resamples and measures PCM.
//! 4. [`call`] is the task that owns one call; it feeds the turn machine and does what that says.
//! 5. [`turn`] decides whose turn it is: no clock, no task, no I/O.
//! 6. [`dialog`] keeps the history as heard and cuts the reply into clauses.
//! 7. [`speech`] turns text into speakable text and back.
//! 8. [`tools`] do what a model asks for, where it may; [`retrieval`] finds what documents say.
//! 9. [`engines`] are the voices, ears and wits: traits, and clients of the engine processes.
//!
//! Around the call: [`supervisor`] keeps the engine processes alive, [`models`] the weights,
//! [`http`] serves the page and the API, [`policy`] decides what may leave the machine, [`rules`] what
//! is done in a call when something is so, [`records`] keeps calls that are over, [`recording`] their sound, [`store`] finds them again, [`sentiment`] says how the caller feels,
//! [`telemetry`] counts and logs, [`config`] reads the operator's wishes, [`assistants`]
//! who answers and how, [`doctor`] says what this
//! machine lacks, [`caller`] calls the agent for tests and for [`bench`], which measures, [`cli`] is the command line.

pub mod assistants;
pub mod cli;
pub mod config;

pub mod audio;
pub mod call;
pub mod dialog;
pub mod engines;
pub mod retrieval;
pub mod speech;
pub mod tools;
pub mod transport;
pub mod turn;
pub mod worker;

pub mod bench;
pub mod caller;
pub mod doctor;
pub mod http;
pub mod livekit_api;
pub mod models;
pub mod policy;
pub mod recording;
pub mod records;
pub mod rules;
pub mod sentiment;
pub mod service;
pub mod store;
pub mod supervisor;
pub mod telemetry;

#[cfg(test)]
mod simulation;
