//! Leases. They ensure that only one task at a time uses a refresh token or works on a revocation.

use super::refresh::REFRESH_HORIZON;
use crate::number;
use crate::time::Timestamp;

/// A fencing token. Every new lease increments it, so that results of earlier leases can be detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LeaseVersion(pub i64);

impl LeaseVersion {
    /// Returns the version of the next lease.
    pub const fn next(self) -> Self {
        Self(number::next(self.0))
    }
}

/// The exclusive right to use a refresh token, or to work on a revocation.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// The version, which increases with every new lease.
    pub version: LeaseVersion,
    /// When the lease expires; `None` if there was no lease since the last result.
    pub until: Option<Timestamp>,
}

impl Lease {
    /// Returns the next lease, which expires at `until`.
    pub const fn next(self, until: Timestamp) -> Self {
        Self {
            version: self.version.next(),
            until: Some(until),
        }
    }

    /// Whether the lease is valid at `now`. A lease that ends further in the future than any lease can last counts as
    /// expired.
    pub fn is_held(&self, now: Timestamp) -> bool {
        self.until
            .is_some_and(|until| until.is_ahead(now, REFRESH_HORIZON.lease))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock_step::{LEASE_MARGIN, LONGEST_PROVIDER_CALL, MAX_CLOCK_DIFFERENCE};

    #[test]
    fn a_lease_that_a_wrong_clock_has_made_is_over() {
        let now = Timestamp::from_millis(1_790_000_000_000);
        let is_held = |ahead| Lease::default().next(now + ahead).is_held(now);
        let longest = LONGEST_PROVIDER_CALL + LEASE_MARGIN;
        assert!(is_held(longest));
        assert!(
            is_held(longest + MAX_CLOCK_DIFFERENCE),
            "read by a clock behind"
        );
        assert!(!is_held(
            longest + MAX_CLOCK_DIFFERENCE + Duration::from_secs(1)
        ));
        assert!(!is_held(Duration::ZERO));
    }
}
