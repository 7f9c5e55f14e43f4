//! How many wrong codes are borne.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// Limits wrong link codes by address and for the whole service, over a window as long as a code lives: with the
/// eight digits of a code and at most 10,000 open links, 100 guesses find one with a chance of 1 in 100 at the worst.
///
/// Only wrong codes are remembered, so the memory is bounded by the service-wide limit itself.
pub struct GuessLimit {
    window: Duration,
    wrong: Mutex<VecDeque<Guess>>,
}

/// One try of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    at: Timestamp,
    network: IpAddr,
}

/// Too many wrong codes have been tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many wrong codes have been tried")]
pub struct TooManyGuesses {
    /// When the next try is borne.
    pub retry_after: Duration,
}

impl GuessLimit {
    /// Wrong codes borne from one address (an IPv6 /64 counts as one) in the window.
    pub const PER_ADDRESS: usize = 20;
    /// Wrong codes borne from everybody together in the window.
    pub const SERVICE_WIDE: usize = 100;

    /// A limit over a sliding window, the lifetime of a code.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        Self {
            window,
            wrong: Mutex::default(),
        }
    }

    /// Counts a try as wrong before it is made, so that many at once cannot slip through together; a right one is
    /// taken back with [`GuessLimit::forgive`].
    ///
    /// # Errors
    /// When the address, or everybody together, has tried too many wrong codes.
    pub fn admit(&self, address: IpAddr, now: Timestamp) -> Result<Guess, TooManyGuesses> {
        let guess = Guess {
            at: now,
            network: network(address),
        };
        let mut wrong = self.lock();
        wrong.retain(|tried| tried.at + self.window > now);
        let mut mine = wrong.iter().filter(|tried| tried.network == guess.network);
        let oldest = if wrong.len() >= Self::SERVICE_WIDE {
            wrong.front()
        } else if mine.clone().count() >= Self::PER_ADDRESS {
            mine.next()
        } else {
            let tries = mine.count() + 1;
            wrong.push_back(guess);
            if tries == Self::PER_ADDRESS || wrong.len() == Self::SERVICE_WIDE {
                tracing::warn!(%address, all = wrong.len(), "too many wrong link codes: no more are borne for now");
            }
            return Ok(guess);
        };
        let free_at = oldest.map_or(now, |tried| tried.at + self.window);
        Err(TooManyGuesses {
            retry_after: free_at.since(now),
        })
    }

    /// Takes a try back: the code was right.
    pub fn forgive(&self, guess: Guess) {
        let mut wrong = self.lock();
        if let Some(index) = wrong.iter().rposition(|tried| *tried == guess) {
            wrong.remove(index);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Guess>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One customer commonly holds a whole IPv6 /64; an IPv4 address in IPv6 clothes is that IPv4 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_address_is_stopped_and_others_go_on() {
        let limit = GuessLimit::new(WINDOW);
        for _ in 0..GuessLimit::PER_ADDRESS {
            assert!(limit.admit(address(1), at(0)).is_ok());
        }
        let refused = limit.admit(address(1), at(100)).map_err(|e| e.retry_after);
        assert_eq!(refused, Err(Duration::from_secs(500)));
        assert!(limit.admit(address(2), at(100)).is_ok());
        assert!(limit.admit(address(1), at(600)).is_ok());
    }

    #[test]
    fn all_addresses_together_are_stopped() {
        let limit = GuessLimit::new(WINDOW);
        for guess in 0..GuessLimit::SERVICE_WIDE {
            assert!(limit.admit(address((guess % 50) as u8), at(0)).is_ok());
        }
        assert!(limit.admit(address(200), at(1)).is_err());
        assert!(limit.admit(address(200), at(600)).is_ok());
    }

    #[test]
    fn right_codes_use_nothing_up() {
        let limit = GuessLimit::new(WINDOW);
        for _ in 0..1000 {
            let guess = limit.admit(address(1), at(0));
            assert!(guess.map(|guess| limit.forgive(guess)).is_ok());
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let limit = GuessLimit::new(WINDOW);
        for host in 0..GuessLimit::PER_ADDRESS {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host as u16);
            assert!(limit.admit(address.into(), at(0)).is_ok());
        }
        let same = "2001:db8:0:1:ffff::1".parse::<IpAddr>();
        assert!(same.is_ok_and(|address| limit.admit(address, at(1)).is_err()));
        let other = "2001:db8:0:2::1".parse::<IpAddr>();
        assert!(other.is_ok_and(|address| limit.admit(address, at(1)).is_ok()));
    }
}
