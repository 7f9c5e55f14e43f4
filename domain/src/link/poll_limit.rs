use std::net::IpAddr;
use std::time::Duration;

use super::LinkId;
use crate::grant::AccessKeyId;
use crate::rate_limit::RateLimit;

/// Limits each poller to one poll per interval, with a burst for clients that retry or restart. Only polls of existing
/// links are counted.
pub struct PollLimit(RateLimit<Poller>);

/// Who polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Poller {
    /// The holder of an access key.
    Key(AccessKeyId),
    /// A caller who sends only the code of a link.
    Stranger {
        /// Where the request comes from.
        address: IpAddr,
        /// The link.
        link: LinkId,
    },
}

/// A poll came faster than the interval allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("polled faster than the interval allows")]
pub struct PolledTooSoon {
    /// How long to wait.
    pub retry_after: Duration,
}

impl PollLimit {
    const BURST: u32 = 3;

    /// Creates a limit of one poll per interval. An interval of zero means no limit.
    pub fn new(interval: Duration) -> Self {
        Self(RateLimit::new(interval, Self::BURST))
    }

    /// Counts a poll of an existing link. `uptime` is how long this machine has been running.
    ///
    /// # Errors
    /// [`PolledTooSoon`] if the burst of this poller is used up. The poll is then not counted.
    pub fn admit(&self, poller: Poller, uptime: Duration) -> Result<(), PolledTooSoon> {
        let admitted = self.0.admit(poller, uptime);
        let refused = |retry_after| PolledTooSoon { retry_after };
        admitted.map(drop).map_err(refused)
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
    fn an_interval_of_zero_is_no_limit() {
        let limit = PollLimit::new(Duration::ZERO);
        for _ in 0..100 {
            assert!(limit.admit(Poller::Key(AccessKeyId(1)), secs(9)).is_ok());
        }
    }
}
