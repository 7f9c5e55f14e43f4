//! Clocks that are set back. A clock that was ahead for a while has stored times in the future, and nobody must wait
//! for them. So a stored time that is further ahead than any rule allows counts as past.

use std::time::Duration;

/// The upper limit for the timeout of one provider call.
pub const LONGEST_PROVIDER_CALL: Duration = Duration::from_secs(120);
/// A lease lasts this much longer than the longest provider call.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// The clocks of two processes may differ by this much. A time further ahead was stored before the clock was set back.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// How far ahead the stored times of one kind of work may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    pub lease: Duration,
    /// The longest pause after a failure, or between two polls.
    pub pause: Duration,
}
