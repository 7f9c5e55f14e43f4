//! The Clock port.

use crate::time::Timestamp;

/// Tells the time; every decision about time asks it.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}
