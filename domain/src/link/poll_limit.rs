//! How often clients may ask about a link.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::LinkId;
use crate::grant::AccessKeyId;

/// Limits each poller to one poll an interval, with a burst for clients that retry or restart. Nobody uses up the polls of
/// somebody else.
///
/// Only polls of links that exist are counted, and a poller is forgotten once its burst is full again. So memory is bounded
/// by the polls of a few seconds.
pub struct PollLimit {
    interval: Duration,
    pollers: Mutex<Pollers>,
}

/// Who polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Poller {
    /// The holder of an access key.
    Key(AccessKeyId),
    /// Somebody who shows only the code of a link.
    Stranger {
        /// Where the request comes from.
        address: IpAddr,
        /// The link.
        link: LinkId,
    },
}

/// A poll came faster than the interval allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("asked faster than the interval allows")]
pub struct PolledTooSoon {
    /// How long to wait.
    pub retry_after: Duration,
}

#[derive(Default)]
struct Pollers {
    /// The uptime at which the burst of a poller is full again. Each poll moves it by an interval.
    full_at: HashMap<Poller, Duration>,
    polls: u32,
}

impl PollLimit {
    const BURST: u32 = 3;
    const POLLS_BETWEEN_SWEEPS: u32 = 1024;

    /// A limit of one poll an interval. An interval of zero is no limit.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            pollers: Mutex::default(),
        }
    }

    /// Counts a poll of a link that exists, made when this machine had been running for `uptime`.
    ///
    /// # Errors
    /// [`PolledTooSoon`] when the burst of this poller is used up; the poll is not counted.
    pub fn admit(&self, poller: Poller, uptime: Duration) -> Result<(), PolledTooSoon> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let mut pollers = self.pollers.lock().unwrap_or_else(PoisonError::into_inner);
        pollers.sweep(uptime);
        let full_at = pollers.full_at.entry(poller).or_default();
        let next = uptime.max(*full_at) + self.interval;
        let retry_after = next.saturating_sub(uptime + self.interval * Self::BURST);
        if !retry_after.is_zero() {
            return Err(PolledTooSoon { retry_after });
        }
        *full_at = next;
        Ok(())
    }
}

impl Pollers {
    fn sweep(&mut self, uptime: Duration) {
        self.polls = self.polls.wrapping_add(1);
        if self.polls.is_multiple_of(PollLimit::POLLS_BETWEEN_SWEEPS) {
            self.full_at.retain(|_, full_at| *full_at > uptime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(2);

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn stranger(address: Ipv4Addr, link: i64) -> Poller {
        Poller::Stranger {
            address: address.into(),
            link: LinkId(link),
        }
    }

    #[test]
    fn three_polls_pass_at_once_and_then_one_an_interval() {
        let limit = PollLimit::new(INTERVAL);
        let wait = |seconds| {
            let admitted = limit.admit(Poller::Key(AccessKeyId(1)), secs(seconds));
            admitted.map_err(|refused| refused.retry_after.as_secs())
        };
        for _ in 0..3 {
            assert_eq!(wait(100), Ok(()));
        }
        assert_eq!(wait(100), Err(2));
        assert_eq!(wait(101), Err(1));
        for seconds in [102, 104] {
            assert_eq!(wait(seconds), Ok(()));
            assert_eq!(wait(seconds), Err(2));
        }
        // The burst is full again.
        for _ in 0..3 {
            assert_eq!(wait(110), Ok(()));
        }
        assert_eq!(wait(110), Err(2));
    }

    #[test]
    fn nobody_uses_up_the_polls_of_somebody_else() {
        let limit = PollLimit::new(INTERVAL);
        let (home, away) = (Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST);
        let pollers = [
            stranger(home, 1),
            stranger(away, 1),
            stranger(home, 2),
            Poller::Key(AccessKeyId(1)),
        ];
        for poller in pollers {
            for _ in 0..3 {
                assert!(limit.admit(poller, secs(9)).is_ok(), "{poller:?}");
            }
            assert!(limit.admit(poller, secs(9)).is_err(), "{poller:?}");
        }
    }

    #[test]
    fn pollers_are_forgotten() {
        let limit = PollLimit::new(INTERVAL);
        for link in 0..i64::from(PollLimit::POLLS_BETWEEN_SWEEPS - 1) {
            let poller = stranger(Ipv4Addr::LOCALHOST, link);
            assert!(limit.admit(poller, secs(9)).is_ok());
        }
        let last = stranger(Ipv4Addr::LOCALHOST, 0);
        assert!(limit.admit(last, secs(9) + INTERVAL).is_ok());
        assert_eq!(limit.pollers.lock().unwrap().full_at.len(), 1);
    }

    #[test]
    fn an_interval_of_zero_is_no_limit() {
        let limit = PollLimit::new(Duration::ZERO);
        for _ in 0..100 {
            assert!(limit.admit(Poller::Key(AccessKeyId(1)), secs(9)).is_ok());
        }
    }
}
