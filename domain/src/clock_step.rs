//! Clocks that step. A clock that was ahead for a while has dated things ahead; once it has been set back, nobody may wait
//! for them. So a stored time that lies further ahead than any rule puts it is over.

use std::time::Duration;

/// The longest that one provider call may be allowed to take.
pub const LONGEST_PROVIDER_CALL: Duration = Duration::from_secs(120);
/// A lease outlasts the longest provider call by this much.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// The clocks of two processes may differ by this much. What is dated further ahead was dated before the clock was set back.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

/// How far ahead the times of one kind of work may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The longest lease.
    pub lease: Duration,
    /// The longest pause after a failure, or between two polls.
    pub pause: Duration,
}
