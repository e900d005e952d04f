//! Decides whose turn it is. Knows no clock, task, lock, audio or network, and can not fail.

mod time;

pub use time::CallTime;
