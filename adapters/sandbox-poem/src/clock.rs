//! The one place that reads a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// A point in time, counted from the start of the sandbox: only differences matter, and tests can write it down.
pub(crate) type Moment = Duration;

/// Where `now` comes from.
pub(crate) type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// The time since this call.
pub(crate) fn monotonic() -> Clock {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}
