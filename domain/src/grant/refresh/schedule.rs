//! Schedules refreshes. `spread` is a random number in `0.0..1.0`. It prevents accounts that were linked at the same
//! time from always being refreshed at the same time.

use std::time::Duration;

use crate::clock_step::{Horizon, LEASE_MARGIN, LONGEST_PROVIDER_CALL};
use crate::time::Timestamp;

/// The shortest time between two refreshes of an account. A token with a shorter lifetime is useless. A provider that
/// returns a cached token until its last second would only return the same token to more frequent requests.
pub const FASTEST: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest backoff without a `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest `Retry-After` that the service obeys.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How far in the future leases and pauses of refreshes may end.
pub const REFRESH_HORIZON: Horizon = Horizon::new(
    LONGEST_PROVIDER_CALL.saturating_add(LEASE_MARGIN),
    LONGEST_RETRY_AFTER.saturating_add(Duration::from_secs(LONGEST_PAUSE.as_secs() / 4)),
);

/// The lifetimes of the tokens of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// When the tokens were requested.
    pub requested_at: Timestamp,
    /// When the access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
    /// The lifetime of an unused refresh token, if known.
    pub refresh_token_lasts: Option<Duration>,
}

/// Returns when tokens are refreshed. This is the earliest of three times:
///
/// - when 5 to 10 % of the access token's lifetime is left,
/// - after `at_least_every`,
/// - after half the lifetime of an unused refresh token. The other half is a reserve for outages.
///
/// Returns `None` if no token is known to expire.
pub fn due_at(tokens: &Lifetimes, at_least_every: Duration, spread: f64) -> Option<Timestamp> {
    let from = tokens.requested_at;
    let lasts = tokens.refresh_token_lasts;
    let every = lasts.map_or(at_least_every, |lasts| at_least_every.min(lasts / 2));
    let latest = from + every.saturating_sub((every / 10).mul_f64(spread));
    let due = match tokens.access_token_expires_at {
        Some(expires_at) => {
            let margin = (expires_at.since(from) / 10).mul_f64(0.5 + spread / 2.0);
            latest.min(expires_at - margin)
        }
        None => lasts.map(|_| latest)?,
    };
    Some(due.max(from + FASTEST))
}

/// Returns the pause after `failures` failures in a row. The backoff is one second and doubles up to five minutes. A
/// longer `Retry-After` of up to an hour takes precedence. A random part of up to a quarter of the backoff is added.
pub fn pause_after(failures: u32, retry_after: Option<Duration>, spread: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings);
    let pause = pause.min(LONGEST_PAUSE);
    let asked_for = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    pause.max(asked_for) + (pause / 4).mul_f64(spread)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn due_in(lifetime: Duration, spread: f64) -> Duration {
        let start = at(0);
        let due = due_at(&tokens(start, Some(start + lifetime)), DAY, spread);
        due.map_or(Duration::MAX, |due| due.since(start))
    }

    fn tokens(requested_at: Timestamp, expires_at: Option<Timestamp>) -> Lifetimes {
        Lifetimes {
            requested_at,
            access_token_expires_at: expires_at,
            refresh_token_lasts: None,
        }
    }

    #[test]
    fn margins_scale_with_the_lifetime() {
        let secs = Duration::from_secs;
        assert_eq!(due_in(secs(3), 0.0), Duration::from_millis(2850));
        assert_eq!(due_in(secs(60), 0.0), secs(57));
        assert_eq!(due_in(secs(3600), 0.0), secs(3420));
        assert_eq!(due_in(secs(3600), 0.5), secs(3330));
        assert_eq!(due_in(secs(90 * 86_400), 0.0), DAY);
    }

    #[test]
    fn what_nothing_ends_is_left_alone() {
        assert_eq!(due_at(&tokens(at(0), None), DAY, 0.0), None);
    }

    #[test]
    fn a_refresh_token_that_dies_of_disuse_is_used_in_time() {
        let hour = Duration::from_secs(3600);
        let due_in = |expires_in: Option<Duration>, lasts| {
            let start = at(0);
            let expires_at = expires_in.map(|lifetime| start + lifetime);
            let tokens = Lifetimes {
                refresh_token_lasts: Some(lasts),
                ..tokens(start, expires_at)
            };
            due_at(&tokens, DAY, 0.0).map(|due| due.since(start))
        };
        assert_eq!(due_in(Some(9 * DAY), 90 * DAY), Some(DAY));
        assert_eq!(due_in(Some(9 * DAY), hour), Some(hour / 2));
        // The same applies if the access token does not expire.
        assert_eq!(due_in(None, 90 * DAY), Some(DAY));
        assert_eq!(due_in(None, hour), Some(hour / 2));
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let pauses = [0, 1, 2, 3, 9, 10, u32::MAX].map(|n| pause_after(n, None, 0.0).as_secs());
        assert_eq!(pauses, [1, 1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn retry_after_is_honoured_up_to_an_hour() {
        let secs = Duration::from_secs;
        assert_eq!(pause_after(1, Some(secs(40)), 0.0), secs(40));
        assert_eq!(pause_after(10, Some(secs(40)), 0.0), secs(300));
        assert_eq!(pause_after(1, Some(Duration::MAX), 0.0), secs(3600));
    }

    proptest! {
        #[test]
        fn due_ahead_of_expiry_and_within_the_margin(
            start in 0..4_000_000_000_000_i64,
            lifetime in 2_000..10_000_000_000_i64,
            every in 60..1_000_000_u64,
            spread in 0.0..1.0_f64,
        ) {
            let (start, expiry) = (at(start), at(start + lifetime));
            let every = Duration::from_secs(every);
            let due = due_at(&tokens(start, Some(expiry)), every, spread);
            let due = due.ok_or_else(|| TestCaseError::fail("not due"))?;
            prop_assert!(due > start && due < expiry);
            prop_assert!(due <= start + every);
            let ahead = expiry.since(due);
            let tenth = expiry.since(start) / 10;
            prop_assert!(ahead + Duration::from_millis(1) >= tenth / 2);
            // Only `every` can make the refresh due earlier.
            prop_assert!(ahead <= tenth + Duration::from_millis(1) || due >= start + every.mul_f64(0.89));
        }

        #[test]
        fn no_lifetime_overflows(
            start in any::<i64>(), expiry in any::<i64>(), every in any::<u64>(), spread in 0.0..1.0_f64,
        ) {
            let every = Duration::from_secs(every);
            let due = due_at(&tokens(at(start), Some(at(expiry))), every, spread);
            prop_assert!(due >= Some(at(start)));
        }

        #[test]
        fn pauses_are_bounded(
            failures in any::<u32>(), asked_for in proptest::option::of(any::<u64>()), spread in 0.0..1.0_f64,
        ) {
            let asked_for = asked_for.map(Duration::from_secs);
            let pause = pause_after(failures, asked_for, spread);
            prop_assert!(pause >= FIRST_PAUSE);
            prop_assert!(pause <= REFRESH_HORIZON.pause);
            prop_assert!(asked_for.is_some() || pause <= LONGEST_PAUSE * 5 / 4);
            prop_assert!(pause >= pause_after(failures.saturating_sub(1), asked_for, 0.0));
        }
    }
}
