//! Handles clocks that are set back. While a clock is ahead, the service stores times that are too late. Work must not
//! wait for such a time, so a stored time further ahead than any rule allows counts as past.

use std::time::Duration;

use crate::ports::Clock;
use crate::time::Timestamp;

/// The upper limit for the timeout of one provider call.
pub const LONGEST_PROVIDER_CALL: Duration = Duration::from_secs(120);
/// A lease lasts this much longer than the longest provider call.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// The maximum difference between the clocks of two processes. If a stored time is further ahead than this difference
/// explains, the clock that stored it has been set back since.
pub const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// The maximum difference between synchronised clocks. The order of two times of different replicas that are closer to
/// each other is unknown.
pub const SYNCHRONISED_WITHIN: Duration = Duration::from_secs(5);

/// If the time at which tokens were obtained is further in the future than this, the clock has been set back since.
pub const OBTAINED_AHEAD: Duration = Duration::from_secs(5);

/// Returns when a key was last used, if a use at `stored` is known and another one at `at` is new. A stored use further
/// ahead of `now` than [`MAX_CLOCK_DIFFERENCE`] was stored while the clock was ahead, and does not count.
pub fn last_use(stored: Option<Timestamp>, at: Timestamp, now: Timestamp) -> Timestamp {
    let later = stored.filter(|stored| *stored > at && *stored <= now + MAX_CLOCK_DIFFERENCE);
    later.unwrap_or(at)
}

/// How far in the future the stored times of one kind of work may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Horizon {
    /// The longest lease.
    pub lease: Duration,
    /// The longest pause after a failure, or between two polls.
    pub pause: Duration,
}

impl Horizon {
    /// Returns the horizon for leases of at most `lease`, plus [`MAX_CLOCK_DIFFERENCE`]. Without this margin, a process
    /// whose clock is behind could mistake a valid lease for one that is too far ahead, and lease the same work again.
    #[must_use]
    pub const fn new(lease: Duration, pause: Duration) -> Self {
        Self {
            lease: lease.saturating_add(MAX_CLOCK_DIFFERENCE),
            pause,
        }
    }

    /// Returns this horizon, with pauses of at most `pause`.
    pub fn cut(self, pause: Duration) -> Self {
        Self {
            pause: self.pause.min(pause),
            ..self
        }
    }
}

/// Detects that the clock was set back while this process runs, or shortly before. Then even some stored times within a
/// horizon are known to be too far ahead.
#[derive(Debug, Default)]
pub struct ClockStepDetector {
    last: Option<Reading>,
    noticed: Option<Step>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    now: Timestamp,
    uptime: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    back: Duration,
    noticed_at: Duration,
}

impl ClockStepDetector {
    /// How long a step back is remembered. Work that was in progress at the step is stored within this time.
    const REMEMBERED_FOR: Duration = Duration::from_secs(60);
    /// Subtracted from the size of the step, because a pause that was stored before the step has partly passed when the
    /// step is noticed. Covers pauses that began up to this long before.
    const NOTICED_WITHIN: Duration = Duration::from_secs(15);

    /// Whether the clock has been read.
    pub const fn has_begun(&self) -> bool {
        self.last.is_some()
    }

    /// Reads the clock for the first time. `stored` is the latest time that earlier processes have stored: the clock may
    /// have been set back since.
    pub fn begin(&mut self, stored: Option<Timestamp>, clock: &dyn Clock) {
        let now = clock.now();
        self.last = Some(Reading {
            now: stored.map_or(now, |stored| stored.max(now)),
            uptime: clock.uptime(),
        });
    }

    /// Compares the clock with the previous reading. For a minute after the clock was set back by more than
    /// [`MAX_CLOCK_DIFFERENCE`], returns the size of the step minus `NOTICED_WITHIN`: a longer pause was stored before
    /// the step and counts as past. Otherwise returns [`Duration::MAX`].
    pub fn longest_pause(&mut self, clock: &dyn Clock) -> Duration {
        let begun_at = clock.uptime();
        let reading = Reading {
            now: clock.now(),
            uptime: clock.uptime(),
        };
        // If the process was suspended between these readings, they cannot be compared.
        if reading.uptime.saturating_sub(begun_at) < Duration::from_secs(1) {
            self.compare(reading);
        }
        let noticed = self
            .noticed
            .filter(|step| reading.uptime.saturating_sub(step.noticed_at) < Self::REMEMBERED_FOR);
        noticed.map_or(Duration::MAX, |step| step.back - Self::NOTICED_WITHIN)
    }

    fn compare(&mut self, reading: Reading) {
        if let Some(last) = self.last.replace(reading) {
            let expected = last.now + reading.uptime.saturating_sub(last.uptime);
            let back = expected.since(reading.now);
            if back > MAX_CLOCK_DIFFERENCE {
                let noticed_at = reading.uptime;
                self.noticed = Some(Step { back, noticed_at });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FixedClock;

    #[test]
    fn a_clock_that_is_set_back_is_noticed_for_a_minute() {
        let start = Timestamp::from_millis(1_000_000_000);
        let (clock, mut watch) = (FixedClock::new(start), ClockStepDetector::default());
        let secs = Duration::from_secs;
        assert_eq!(watch.longest_pause(&clock), Duration::MAX);
        // Ahead, as time passes, and back.
        clock.set(start + secs(600));
        assert_eq!(watch.longest_pause(&clock), Duration::MAX);
        clock.advance(secs(3600));
        assert_eq!(watch.longest_pause(&clock), Duration::MAX);
        clock.set(start + secs(3600));
        assert_eq!(watch.longest_pause(&clock), secs(585));
        clock.advance(secs(59));
        assert_eq!(watch.longest_pause(&clock), secs(585));
        clock.advance(secs(1));
        assert_eq!(watch.longest_pause(&clock), Duration::MAX);
        clock.set(start + secs(3600));
        assert_eq!(watch.longest_pause(&clock), Duration::MAX, "a small step");
    }

    #[test]
    fn a_clock_that_was_set_back_between_two_processes_is_noticed() {
        let now = Timestamp::from_millis(1_000_000_000);
        let clock = FixedClock::new(now);
        let longest = |stored| {
            let mut detector = ClockStepDetector::default();
            detector.begin(stored, &clock);
            assert!(detector.has_begun());
            detector.longest_pause(&clock)
        };
        let secs = Duration::from_secs;
        assert_eq!(longest(Some(now + secs(2700))), secs(2685));
        for right in [None, Some(now - secs(2700)), Some(now + secs(60))] {
            assert_eq!(longest(right), Duration::MAX, "{right:?}");
        }
    }
}
