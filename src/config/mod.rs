//! What the operator wants: files, environment and flags, resolved into one [`Config`].

mod settings;

pub use settings::*;
