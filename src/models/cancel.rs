//! A flag that stops long work between two steps. Blocking code reads it; anyone sets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks the work to stop; it does so at its next step.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether someone asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
