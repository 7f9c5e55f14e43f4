//! Sessions of operators who have signed in at `/admin`.

use std::time::Duration;

use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// A stored session. It contains neither the operator's name nor the value of the cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSession {
    /// The hash of the cookie, by which the store finds the session.
    pub token: KeyedHash,
    /// When the operator logged in.
    pub created_at: Timestamp,
    /// When the session was last used, to the minute.
    pub seen_at: Timestamp,
    /// The MAC over `token`, `created_at` and the operator's key. A different key gives a different MAC.
    pub mac: KeyedHash,
}

impl AdminSession {
    /// The idle timeout. A session that is unused for this long ends.
    pub const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
    /// A session ends after this long, even if it is in use.
    pub const LONGEST: Duration = Duration::from_secs(8 * 3600);
    /// Minimum time between two updates of `seen_at`.
    const STORED_EVERY: Duration = Duration::from_secs(60);

    /// Whether the session has ended. A `created_at` up to a minute in the future is accepted, because the clocks of
    /// replicas differ. If `created_at` is later, the session counts as ended.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= Self::LONGEST_PAUSE
            || now.since(self.created_at) >= Self::LONGEST
            || self.created_at > now + Self::STORED_EVERY
    }

    /// Whether `seen_at` must be updated for a use at `now`.
    pub fn is_use_due(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) >= Self::STORED_EVERY
    }
}
