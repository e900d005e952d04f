//! Routing rules: what is to be done in a call when something is so.
//!
//! A rule is a condition over the facts of a call ([`facts`]) and the actions that follow
//! ([`Action`]). Pure: [`Judge`] is given the facts after each turn of the caller and each silence
//! and says which rules fire and why the others do not; the call's driver does what they want, and
//! keeps the facts of each [`Moment`] in the record, so that any rules can be tried over a stored
//! call. Lacks any way to act, a clock, and rules across calls.

mod action;
mod condition;
pub mod facts;
mod human;
mod judge;

pub use action::{Action, LineText, TRANSFER_WAIT, Transfer, TransferTo, address_problem};
pub use condition::{CONDITION_CHARS_MAX, Condition, ConditionError};
pub use facts::CallFacts;
pub use human::asks_for_human;
pub use judge::{Judge, Look, Moment, RULES_MAX, Rule, Rules, Why, replay};
