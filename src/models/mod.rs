//! The weights: manifest, pull, import, verify, convert.
//!
//! [`Store::open`] and [`Store::resolve`] are what the rest of the program needs: they find a
//! model by its name in the [`Manifest`] (or by a path) and say what to run if it is not there.
//! Only `sawt models pull` uses the network; serving never downloads.

pub mod cancel;
pub mod convert;
mod digest;
mod error;
mod headers;
mod import;
mod manifest;
pub mod pull;
mod store;

#[cfg(test)]
mod tests;

pub use error::{ModelError, size};
pub use import::{CT2_SUFFIX, ImportOptions, import};
pub use manifest::{Manifest, ModelKind, ModelSpec, SourceKind, is_model_name, this_system};
pub use store::{DIR_VARIABLE, InstalledModel, Origin, Stamp, StampedFile, Store};
