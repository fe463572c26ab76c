//! A tap on the screen, a button, a badge: somebody is there and wants to be looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts touches; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Touch(Arc<AtomicU64>);

impl Touch {
    /// Somebody touched the terminal.
    pub fn tap(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times so far.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
