//! Limits how often a caller may do something.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;

/// Allows each caller one event per interval, and a burst of events after a pause. Each caller has its own limit.
///
/// Entries are removed once their burst is full again, so memory is bounded by the events of a few intervals.
pub(crate) struct RateLimit<K> {
    interval: Duration,
    burst: u32,
    state: Mutex<State<K>>,
}

struct State<K> {
    /// The uptime at which a caller may use its full burst again. Each event moves this time by one interval.
    full_at: HashMap<K, Duration>,
    events: u32,
}

impl<K: Eq + Hash> RateLimit<K> {
    const EVENTS_BETWEEN_SWEEPS: u32 = 1024;

    /// Creates a limit of one event per interval. An interval of zero means no limit.
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        let state = State {
            full_at: HashMap::new(),
            events: 0,
        };
        Self {
            interval,
            burst,
            state: Mutex::new(state),
        }
    }

    /// Creates a limit whose interval and burst are given in each call of [`RateLimit::admit_at`].
    pub(crate) fn of_each() -> Self {
        Self::new(Duration::ZERO, 0)
    }

    /// Counts an event of the caller `key`. `uptime` is how long this machine has been running. Returns how many events
    /// of the burst are left.
    ///
    /// # Errors
    /// The burst is used up. The error is the time to wait. The event is then not counted.
    pub(crate) fn admit(&self, key: K, uptime: Duration) -> Result<u32, Duration> {
        if self.interval.is_zero() {
            return Ok(self.burst);
        }
        self.admit_at(key, uptime, self.interval, self.burst)
    }

    /// Whether an event of the caller `key` would be admitted now. Counts no event.
    pub(crate) fn has_room(&self, key: &K, uptime: Duration) -> bool {
        let state = lock(&self.state);
        let full_at = state.full_at.get(key).copied().unwrap_or_default();
        uptime.max(full_at) + self.interval <= uptime + self.interval * self.burst
    }

    /// Counts an event of the caller `key`, with this interval and burst. The interval must not be zero.
    ///
    /// # Errors
    /// As [`RateLimit::admit`].
    pub(crate) fn admit_at(
        &self,
        key: K,
        uptime: Duration,
        interval: Duration,
        burst: u32,
    ) -> Result<u32, Duration> {
        let mut state = lock(&self.state);
        state.sweep(uptime);
        let full_at = state.full_at.entry(key).or_default();
        let next = uptime.max(*full_at) + interval;
        let burst_ends = uptime + interval * burst;
        if next > burst_ends {
            return Err(next - burst_ends);
        }
        *full_at = next;
        let left = (burst_ends - next).as_nanos() / interval.as_nanos();
        Ok(u32::try_from(left).unwrap_or(burst))
    }
}

impl<K: Eq + Hash> State<K> {
    fn sweep(&mut self, uptime: Duration) {
        self.events = self.events.wrapping_add(1);
        if self
            .events
            .is_multiple_of(RateLimit::<K>::EVENTS_BETWEEN_SWEEPS)
        {
            self.full_at.retain(|_, full_at| *full_at > uptime);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    #[test]
    fn the_rest_of_the_burst_is_told() {
        let limit = RateLimit::new(INTERVAL, 3);
        let uptime = Duration::from_secs(100);
        let admitted = [(); 4].map(|()| {
            let had_room = limit.has_room(&1, uptime);
            let admitted = limit.admit(1, uptime);
            assert_eq!(admitted.is_ok(), had_room);
            admitted
        });
        assert_eq!(admitted, [Ok(2), Ok(1), Ok(0), Err(INTERVAL)]);
        assert_eq!(limit.admit(1, uptime + INTERVAL), Ok(0));
        assert_eq!(limit.admit(1, uptime + INTERVAL * 3 / 2), Err(INTERVAL / 2));
        assert_eq!(limit.admit(1, uptime + INTERVAL * 9), Ok(2));
        assert_eq!(limit.admit(2, uptime), Ok(2));
    }

    #[test]
    fn an_interval_of_zero_is_no_limit() {
        let limit = RateLimit::new(Duration::ZERO, 3);
        for _ in 0..100 {
            assert!(limit.admit(1, INTERVAL).is_ok());
        }
    }

    #[test]
    fn keys_are_forgotten() {
        let limit = RateLimit::new(INTERVAL, 3);
        for key in 1..RateLimit::<u32>::EVENTS_BETWEEN_SWEEPS {
            assert!(limit.admit(key, INTERVAL).is_ok());
        }
        assert!(limit.admit(0, INTERVAL * 2).is_ok());
        assert_eq!(limit.state.lock().unwrap().full_at.len(), 1);
    }
}
