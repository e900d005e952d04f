//! From configuration to engine processes.

use super::EngineSpec;
use crate::config::Config;

/// Why engines can not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {}

/// What to start for `config`.
///
/// # Errors
/// When a model is missing.
pub fn engine_specs(_config: &Config) -> Result<Vec<EngineSpec>, SpecError> {
    Ok(Vec::new())
}
