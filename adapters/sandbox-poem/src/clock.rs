//! The only module that reads a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// A time since the start of the sandbox. Only differences matter, and tests can set it.
pub(crate) type Moment = Duration;

/// The source of `now`.
pub(crate) type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Returns the time since this call.
pub(crate) fn monotonic() -> Clock {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}
