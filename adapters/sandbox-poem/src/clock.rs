//! The only module that reads a clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time since the start of the sandbox. Tests can set it.
pub(crate) type Moment = Duration;

/// The source of `now`.
pub(crate) type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// Returns a clock that starts at zero with this call.
pub(crate) fn monotonic() -> Clock {
    let start = Instant::now();
    Arc::new(move || start.elapsed())
}
