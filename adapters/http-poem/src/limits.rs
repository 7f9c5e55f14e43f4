//! Rate limit of polling.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use central_oauth_domain::grant::AccessKeyId;
use central_oauth_domain::link::LinkCode;
use central_oauth_domain::usecases::Caller;
use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::error::{Code, Problem};

/// Limits each poller to the interval that it was told. Pollers do not affect each other.
///
/// Counts only polls of existing links and forgets pollers that are within the limit, so memory is bounded by the polls
/// of a few seconds.
pub(crate) struct PollPace {
    /// `None`: no limit, because the interval is zero.
    limiter: Option<DefaultKeyedRateLimiter<Poller>>,
    polls: AtomicU32,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Poller {
    Key(AccessKeyId),
    Stranger { address: IpAddr, code: String },
}

impl PollPace {
    /// Allowed burst, for clients that retry or restart.
    const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
    /// Number of polls after which idle pollers are forgotten.
    const POLLS_BETWEEN_SWEEPS: u32 = 1024;

    /// Allows one poll per interval.
    pub(crate) fn new(interval: Duration) -> Self {
        let quota = Quota::with_period(interval).map(|quota| quota.allow_burst(Self::BURST));
        Self {
            limiter: quota.map(RateLimiter::keyed),
            polls: AtomicU32::new(0),
        }
    }

    /// Counts a poll of a link that exists.
    ///
    /// # Errors
    /// [`Code::RateLimited`] if it came too early.
    pub(crate) fn admit(
        &self,
        caller: &Caller,
        address: IpAddr,
        code: &str,
    ) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let polls = self.polls.fetch_add(1, Ordering::Relaxed);
        if polls % Self::POLLS_BETWEEN_SWEEPS == Self::POLLS_BETWEEN_SWEEPS - 1 {
            limiter.retain_recent();
        }
        limiter
            .check_key(&Poller::new(caller, address, code))
            .map_err(|too_soon| {
                let wait = too_soon.wait_time_from(limiter.clock().now());
                Problem::new(Code::RateLimited, "polled faster than the interval allows")
                    .retry_after(wait)
            })
    }
}

impl Poller {
    fn new(caller: &Caller, address: IpAddr, code: &str) -> Self {
        match caller {
            Caller::Key(key) => Self::Key(key.id),
            // Different spellings of a code count as the same code.
            Caller::Nobody | Caller::Admin | Caller::Enroller => Self::Stranger {
                address,
                code: LinkCode::parse(code)
                    .map_or_else(|_| code.to_owned(), |code| code.digits().to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const AWAY: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

    #[test]
    fn a_burst_of_three_polls_then_one_per_interval() {
        let pace = PollPace::new(Duration::from_secs(3600));
        let poll = |address, code| pace.admit(&Caller::Nobody, address, code);
        for typed in ["12345678", "1234 5678", "1234-5678"] {
            assert!(poll(HOME, typed).is_ok());
        }
        assert!(poll(HOME, "12345678").is_err());
        assert!(poll(AWAY, "12345678").is_ok());
        assert!(poll(HOME, "87654321").is_ok());
    }

    #[test]
    fn pollers_are_forgotten() {
        let pace = PollPace::new(Duration::from_millis(1));
        for code in 0..10 * PollPace::POLLS_BETWEEN_SWEEPS {
            let code = format!("{code:08}");
            assert!(pace.admit(&Caller::Nobody, HOME, &code).is_ok());
        }
        std::thread::sleep(Duration::from_millis(10));
        for _ in 0..PollPace::POLLS_BETWEEN_SWEEPS {
            let _ = pace.admit(&Caller::Nobody, HOME, "00000000");
        }
        let known = pace.limiter.as_ref().map(RateLimiter::len);
        assert!(known.is_some_and(|known| known <= 2), "{known:?}");
    }

    #[test]
    fn interval_zero_means_no_limit() {
        let pace = PollPace::new(Duration::ZERO);
        for _ in 0..100 {
            assert!(pace.admit(&Caller::Nobody, HOME, "12345678").is_ok());
        }
    }
}
