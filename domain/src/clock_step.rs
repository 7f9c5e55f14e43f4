//! Handles clocks that are set back. While a clock is ahead, the service stores times that are too late. Work must not
//! wait for such a time. So a stored time that is further in the future than any rule allows counts as past.

use std::time::Duration;

use crate::ports::Clock;
use crate::time::Timestamp;

/// The upper limit for the timeout of one provider call.
pub const LONGEST_PROVIDER_CALL: Duration = Duration::from_secs(120);
/// A lease lasts this much longer than the longest provider call.
pub const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// The maximum difference between the clocks of two processes. A stored time that is further in the future than this
/// difference explains was stored before the clock was set back.
pub const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60);

/// The maximum difference between synchronised clocks. If times from two replicas are closer together, their order is
/// unknown.
pub const SYNCHRONISED_WITHIN: Duration = Duration::from_secs(5);

/// The maximum distance in the future of the time at which tokens were obtained. If the time is later, the clock has
/// been set back since.
pub const OBTAINED_AHEAD: Duration = Duration::from_secs(5);

/// Returns when a key was last used, given the stored time of its last use and a new use at `at`. A stored time that is
/// later than `now` by more than [`MAX_CLOCK_DIFFERENCE`] was stored while the clock was ahead, and does not count.
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
    /// Creates a horizon. Adds [`MAX_CLOCK_DIFFERENCE`] to `lease`, the longest lease. Without this margin, a process
    /// whose clock is behind could ignore a valid lease and lease the same work again.
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

/// Detects that the clock was set back while this process was running, or shortly before. Then even some stored times
/// within a horizon are known to be too late.
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
    /// How long a step back is remembered. Work that was in progress at the step stores its result within this time.
    const REMEMBERED_FOR: Duration = Duration::from_secs(60);
    /// Subtracted from the size of the step, because a pause that was stored before the step has partly passed when the
    /// step is noticed. Such a pause may have begun up to this long before.
    const NOTICED_WITHIN: Duration = Duration::from_secs(15);

    /// Whether the clock has been read.
    pub const fn has_begun(&self) -> bool {
        self.last.is_some()
    }

    /// Reads the clock for the first time. `stored` is the latest time that earlier processes have stored. The clock
    /// may have been set back since.
    pub fn begin(&mut self, stored: Option<Timestamp>, clock: &dyn Clock) {
        let now = clock.now();
        self.last = Some(Reading {
            now: stored.map_or(now, |stored| stored.max(now)),
            uptime: clock.uptime(),
        });
    }

    /// Compares the clock with the previous reading, and returns the longest plausible pause. For a minute after the
    /// clock was set back by more than [`MAX_CLOCK_DIFFERENCE`], this is the size of the step minus `NOTICED_WITHIN`,
    /// because a longer pause was stored before the step and counts as past. Otherwise it is [`Duration::MAX`].
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
        // The clock is set ahead, then time passes, and then the clock is set back.
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
