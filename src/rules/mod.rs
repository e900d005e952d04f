//! Routing rules.

mod action;

pub use action::{Action, LineText, TRANSFER_WAIT, Transfer, TransferTo};
