//! Schedules polls of the provider (RFC 8628 section 3.5), and limits the duration of a consent.

use std::time::Duration;

use super::PollSchedule;
use crate::clock_step::{Horizon, LEASE_MARGIN, LONGEST_PROVIDER_CALL};
use crate::time::Timestamp;

/// The polling interval if the provider states none (RFC 8628 section 3.2).
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// How much `slow_down` increases the interval (RFC 8628 section 3.5).
pub const SLOW_DOWN: Duration = Duration::from_secs(5);
/// Maximum duration of a consent, even if the provider allows more.
pub const LONGEST_CONSENT: Duration = Duration::from_secs(1800);
/// How long the service tries to identify the person.
pub const IDENTIFY_WITHIN: Duration = Duration::from_secs(600);
/// The first and the longest pause between urgent requests.
const URGENT_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// The longest pause after attempts without a response.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Maximum polling interval. A longer interval or `Retry-After` from the provider is limited to this value, so that a
/// link is polled several times before a consent of [`LONGEST_CONSENT`] expires.
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);

/// How far in the future leases of links may end and polls may be scheduled.
pub const POLL_HORIZON: Horizon = Horizon::new(
    LONGEST_PROVIDER_CALL.saturating_add(LEASE_MARGIN),
    LONGEST_INTERVAL.saturating_mul(2),
);

/// How far beyond one interval the next poll may be. A later poll was scheduled before the clock was set back.
pub const STORED_WITHIN: Duration = Duration::from_secs(15);

impl PollSchedule {
    /// Schedules the first poll of a flow that lasts `lifetime`, as [`start`](Self::start) does. If the interval is at
    /// least as long as the flow, for example because the provider states milliseconds, schedules the poll after half
    /// the lifetime.
    pub fn within(lifetime: Duration, interval: Option<Duration>, now: Timestamp) -> Self {
        let usual = Self::start(interval, now);
        if usual.interval < lifetime {
            return usual;
        }
        Self::start(Some(lifetime / 2), now)
    }

    /// Schedules a poll after one interval. An interval of zero counts as one second.
    pub fn start(interval: Option<Duration>, now: Timestamp) -> Self {
        let interval = interval
            .unwrap_or(DEFAULT_INTERVAL)
            .clamp(Duration::from_secs(1), LONGEST_INTERVAL);
        Self {
            interval,
            failures: 0,
            next_at: now + interval,
        }
    }

    /// Schedules a poll at once, such as the only poll of a redirect flow.
    pub fn at_once(now: Timestamp) -> Self {
        Self {
            next_at: now,
            ..Self::start(None, now)
        }
    }

    /// Returns the schedule after `authorization_pending`. The interval stays the same, unless the response states a
    /// longer interval.
    pub fn still_pending(self, asked_for: Option<Duration>, now: Timestamp) -> Self {
        Self::start(asked_for.max(Some(self.interval)), now)
    }

    /// Returns the schedule after `slow_down`. The interval grows by five seconds (RFC 8628 section 3.5), or to the
    /// interval in the response if that is longer.
    pub fn slowed_down(self, asked_for: Option<Duration>, now: Timestamp) -> Self {
        let longer = self.interval.saturating_add(SLOW_DOWN);
        Self::start(asked_for.max(Some(longer)), now)
    }

    /// Returns the schedule after an attempt without a usable response. The pause starts at twice the interval and
    /// doubles each time (RFC 8628 section 3.5). The maximum is one minute, or twice the interval if that is longer. A
    /// longer `Retry-After` of up to five minutes takes precedence.
    pub fn unanswered(self, retry_after: Option<Duration>, now: Timestamp) -> Self {
        let twice = self.interval.saturating_mul(2);
        self.after_failure(twice, LONGEST_PAUSE.max(twice), retry_after, now)
    }

    /// Returns the schedule after a failed attempt to redeem an authorization code or to identify the person. The pause
    /// starts at one second and doubles up to 15 seconds, because a client waits for the result and many codes expire
    /// within a minute (RFC 6749 section 4.1.2). RFC 8628 does not cover these requests. `Retry-After` counts as in
    /// [`unanswered`](Self::unanswered).
    pub fn urgent(self, retry_after: Option<Duration>, now: Timestamp) -> Self {
        let (first, longest) = URGENT_PAUSES;
        self.after_failure(first, longest, retry_after, now)
    }

    fn after_failure(
        self,
        first: Duration,
        longest: Duration,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        let doubled = first.saturating_mul(1 << self.failures.min(10));
        let asked_for = retry_after.unwrap_or_default().min(LONGEST_INTERVAL);
        Self {
            failures: self.failures.saturating_add(1),
            next_at: now + doubled.min(longest).max(asked_for),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_seconds_unless_the_provider_says_otherwise() {
        assert_eq!(PollSchedule::start(None, NOW).next_at, NOW + secs(5));
        assert_eq!(
            PollSchedule::start(Some(secs(2)), NOW).next_at,
            NOW + secs(2)
        );
        assert_eq!(
            PollSchedule::start(Some(secs(0)), NOW).next_at,
            NOW + secs(1)
        );
    }

    #[test]
    fn the_first_poll_comes_while_the_flow_lasts() {
        let first = |lifetime, interval| PollSchedule::within(secs(lifetime), interval, NOW);
        assert_eq!(first(900, Some(secs(5000))).next_at, NOW + secs(300));
        assert_eq!(first(40, Some(secs(5000))).next_at, NOW + secs(20));
        assert_eq!(first(4, None).next_at, NOW + secs(2));
        assert_eq!(first(6, None).next_at, NOW + secs(5));
    }

    #[test]
    fn a_pause_while_pending_lasts() {
        let pending = |asked_for| PollSchedule::start(None, NOW).still_pending(asked_for, NOW);
        assert_eq!(pending(Some(secs(30))).next_at, NOW + secs(30));
        assert_eq!(pending(Some(secs(30))).interval, secs(30));
        assert_eq!(pending(Some(secs(1))).next_at, NOW + secs(5));
        assert_eq!(pending(Some(secs(86_400))).next_at, NOW + secs(300));
    }

    #[test]
    fn slow_down_lasts() {
        let slowed = PollSchedule::start(Some(secs(5)), NOW).slowed_down(None, NOW);
        assert_eq!(slowed.interval, secs(10));
        assert_eq!(slowed.still_pending(None, NOW).next_at, NOW + secs(10));
        assert_eq!(slowed.slowed_down(Some(secs(60)), NOW).interval, secs(60));
        assert_eq!(slowed.slowed_down(Some(secs(1)), NOW).interval, secs(15));
    }

    #[test]
    fn silence_backs_off_and_an_answer_resets_it() {
        let mut poll = PollSchedule::start(Some(secs(5)), NOW);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            poll = poll.unanswered(None, NOW);
            pauses.push(poll.next_at.since(NOW).as_secs());
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
        assert_eq!(poll.interval, secs(5));
        assert_eq!(poll.still_pending(None, NOW).next_at, NOW + secs(5));
        let slow = PollSchedule::start(Some(secs(60)), NOW).unanswered(None, NOW);
        assert_eq!(slow.next_at, NOW + secs(120));
        for (asked_for, borne) in [(90, 90), (86_400, 300)] {
            let next = poll.unanswered(Some(secs(asked_for)), NOW).next_at;
            assert_eq!(next, NOW + secs(borne));
        }
    }

    #[test]
    fn an_urgent_request_is_repeated_soon() {
        let mut poll = PollSchedule::start(None, NOW);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            poll = poll.urgent(None, NOW);
            pauses.push(poll.next_at.since(NOW).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 15, 15]);
        let delayed = PollSchedule::start(None, NOW).urgent(Some(secs(40)), NOW);
        assert_eq!(delayed.next_at, NOW + secs(40));
    }

    proptest! {
        #[test]
        fn the_next_poll_lies_within_the_horizon(
            interval in proptest::option::of(any::<u64>()),
            answers in proptest::collection::vec((0..4_u8, proptest::option::of(any::<u64>())), 0..20),
        ) {
            let mut poll = PollSchedule::start(interval.map(secs), NOW);
            for (answer, asked_for) in answers {
                poll = match answer {
                    0 => poll.still_pending(asked_for.map(secs), NOW),
                    1 => poll.slowed_down(asked_for.map(secs), NOW),
                    2 => poll.urgent(asked_for.map(secs), NOW),
                    _ => poll.unanswered(asked_for.map(secs), NOW),
                };
                prop_assert!(poll.next_at.is_ahead(NOW, POLL_HORIZON.pause), "{:?}", poll);
            }
        }
    }
}
