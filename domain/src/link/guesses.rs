use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::time::Duration;

use super::LinkCode;
use super::limits::counting;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// Limits wrong link codes per network and for the whole service, in a sliding window. The window is as long as the
/// lifetime of a code.
///
/// With eight-digit codes and at most 10,000 open links, 100 guesses find an open link with a probability of at most 1
/// %. After 100 wrong codes, the service rejects networks that have tried a wrong code. New codes become longer with
/// the number of wrong codes ([`GuessLimit::digits_after`]).
///
/// The store records each wrong code, so the limit is shared by all replicas and survives restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuessLimit {
    window: Duration,
}

/// An attempt to find a link by its code alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guess {
    /// The hash of the caller's [`Network`].
    pub network: KeyedHash,
    /// When the attempt is made.
    pub at: Timestamp,
    /// Whether no link has this code.
    pub is_wrong: bool,
}

/// The times of the wrong codes that count against an attempt, the latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WrongCodeTimes {
    /// Wrong codes from the same network. The latest [`GuessLimit::PER_ADDRESS`] codes are enough.
    pub of_network: Vec<Timestamp>,
    /// Wrong codes from all networks. The latest [`GuessLimit::SERVICE_WIDE`] codes are enough.
    pub of_all: Vec<Timestamp>,
}

/// The numbers of wrong codes in the window before an accepted attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongCodeCounts {
    /// Wrong codes from the same network.
    pub of_network: usize,
    /// Wrong codes from all networks, up to [`GuessLimit::SERVICE_WIDE`].
    pub of_all: usize,
}

impl WrongCodeCounts {
    /// Whether one more wrong code reaches a limit.
    pub const fn is_one_below_a_limit(self) -> bool {
        self.of_network + 1 == GuessLimit::PER_ADDRESS
            || self.of_all + 1 == GuessLimit::SERVICE_WIDE
    }
}

impl GuessLimit {
    /// Maximum number of wrong codes from one address in the window. An IPv6 /64 counts as one address.
    pub const PER_ADDRESS: usize = 20;
    /// If all networks together have tried this many wrong codes in the window, networks that have tried a wrong code
    /// are rejected.
    pub const SERVICE_WIDE: usize = 100;
    /// Maximum number of stored wrong codes. If there are more, the oldest may be deleted.
    pub const MOST_KEPT: u64 = 10_000;

    /// Creates a limit with a sliding window. The window should be the lifetime of a code.
    pub const fn new(window: Duration) -> Self {
        Self { window }
    }

    /// Returns the period in which wrong codes count at `now`.
    pub fn counting(&self, now: Timestamp) -> Range<Timestamp> {
        counting(self.window, now)
    }

    /// Accepts or rejects an attempt, given the wrong codes that count. Beyond the limit, rejects right codes too, so
    /// that the caller learns nothing more.
    ///
    /// # Errors
    /// This network has tried too many wrong codes, or all networks together have tried too many and this network at
    /// least one. The error is the time until the next attempt is accepted.
    pub fn judge(
        &self,
        guess: &Guess,
        wrong: &WrongCodeTimes,
    ) -> Result<WrongCodeCounts, Duration> {
        let WrongCodeTimes { of_network, of_all } = wrong;
        // The limit of this network ends when the network's 20th latest wrong code leaves the window. The service-wide
        // limit ends when the 100th latest wrong code of all networks or the latest of this network leaves the window,
        // whichever is earlier.
        let network_full = of_network.get(Self::PER_ADDRESS - 1).copied();
        let all_full = of_all.get(Self::SERVICE_WIDE - 1).copied();
        let all_full = all_full.zip(of_network.first().copied());
        let all_full = all_full.map(|(all, own)| all.min(own));
        match network_full.max(all_full) {
            Some(first) => Err((first + self.window).since(guess.at)),
            None => Ok(WrongCodeCounts {
                of_network: of_network.len(),
                of_all: of_all.len(),
            }),
        }
    }

    /// Returns the number of digits of a new code after `wrong` wrong codes from all networks. With this length, `2 *
    /// wrong` guesses find one of 10,000 open links with a probability of at most 1 %. The maximum is twelve digits.
    pub fn digits_after(wrong: u64) -> usize {
        const GUESSES_FOR_EIGHT: u64 = 100;
        // The store may have deleted older wrong codes, so the true number is unknown.
        if wrong >= Self::MOST_KEPT {
            return *LinkCode::DIGITS.end();
        }
        let mut guesses = GUESSES_FOR_EIGHT;
        let mut digits = *LinkCode::DIGITS.start();
        while wrong.saturating_mul(2) > guesses && digits < *LinkCode::DIGITS.end() {
            guesses *= 10;
            digits += 1;
        }
        digits
    }
}

/// The unit for limits per address: an IPv4 address or an IPv6 prefix. Commonly, one customer has a whole IPv6 /64. An
/// IPv4-mapped IPv6 address counts as the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// Returns the IPv4 address, or the IPv6 /64.
    pub fn of(address: IpAddr) -> Self {
        Self::prefix(address, 64)
    }

    /// Returns the IPv4 address, or the IPv6 /48, because one customer may have all 65,536 /64 networks of a /48.
    pub fn site_of(address: IpAddr) -> Self {
        Self::prefix(address, 48)
    }

    fn prefix(address: IpAddr, bits: u32) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(
                v6.to_bits() & (u128::MAX << (128 - bits)),
            )),
            v4 => v4,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::WrongCode;

    const LIMIT: GuessLimit = GuessLimit::new(Duration::from_secs(600));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn wrong(network: u8, seconds: i64) -> WrongCode {
        WrongCode {
            network: KeyedHash::from_bytes([network; 32]),
            at: at(seconds),
        }
    }

    /// Returns the result of an attempt after the wrong codes in `tried`.
    fn judge(network: u8, seconds: i64, tried: &[WrongCode]) -> Result<WrongCodeCounts, u64> {
        let counting = LIMIT.counting(at(seconds));
        let mut tried = tried.to_vec();
        tried.retain(|tried| counting.contains(&tried.at));
        let network = KeyedHash::from_bytes([network; 32]);
        let guess = Guess {
            network,
            at: at(seconds),
            is_wrong: true,
        };
        let judged = LIMIT.judge(&guess, &WrongCode::tries(&tried, &network));
        judged.map_err(|retry_after| retry_after.as_secs())
    }

    #[test]
    fn one_network_is_stopped_and_others_go_on() {
        let mut tried = vec![wrong(1, 0); GuessLimit::PER_ADDRESS - 1];
        assert!(judge(1, 0, &tried).is_ok_and(WrongCodeCounts::is_one_below_a_limit));
        tried.push(wrong(1, 50));
        assert_eq!(judge(1, 100, &tried), Err(500));
        assert!(judge(2, 100, &tried).is_ok_and(|before| !before.is_one_below_a_limit()));
        let one = WrongCodeCounts {
            of_network: 1,
            of_all: 1,
        };
        assert_eq!(judge(1, 600, &tried), Ok(one));
    }

    #[test]
    fn all_together_stop_those_who_have_tried_some() {
        let networks = 0..GuessLimit::SERVICE_WIDE as u8;
        let mut tried: Vec<_> = networks.map(|n| wrong(n % 50, i64::from(n))).collect();
        assert_eq!(judge(0, 99, &tried), Err(501));
        assert!(judge(0, 600, &tried).is_ok_and(WrongCodeCounts::is_one_below_a_limit));
        tried.pop();
        assert!(judge(0, 99, &tried).is_ok_and(WrongCodeCounts::is_one_below_a_limit));
    }

    #[test]
    fn a_network_without_wrong_codes_is_not_stopped_by_others() {
        let mut tried = vec![wrong(1, 0); 5 * GuessLimit::SERVICE_WIDE];
        let all = WrongCodeCounts {
            of_network: 0,
            of_all: GuessLimit::SERVICE_WIDE,
        };
        assert_eq!(judge(2, 10, &tried), Ok(all));
        tried.push(wrong(2, 20));
        assert_eq!(judge(2, 30, &tried), Err(570));
    }

    #[test]
    fn codes_get_longer_as_the_limit_nears() {
        let digits = [0, 50, 51, 500, 501, 5_000, 5_001, GuessLimit::MOST_KEPT];
        let digits = digits.map(GuessLimit::digits_after);
        assert_eq!(digits, [8, 8, 9, 9, 10, 10, 11, 12]);
    }

    #[test]
    fn who_is_stopped_for_both_waits_for_both() {
        let all = GuessLimit::SERVICE_WIDE - GuessLimit::PER_ADDRESS;
        let mut tried = vec![wrong(2, 0); all];
        tried.extend([wrong(1, 10); GuessLimit::PER_ADDRESS]);
        assert_eq!(judge(1, 10, &tried), Err(600));
        assert_eq!(judge(2, 10, &tried), Err(590));
        assert!(judge(3, 10, &tried).is_ok());
    }

    #[test]
    fn a_clock_that_was_wrong_keeps_nobody_away_for_long() {
        let tried = vec![wrong(1, 86_400); GuessLimit::SERVICE_WIDE];
        assert!(judge(1, 100, &tried).is_ok());
        assert_eq!(judge(1, 86_000, &tried), Err(1000));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let network = |address: &str| address.parse().map(Network::of);
        let one = network("2001:db8:0:1::1");
        assert!(one.is_ok());
        assert_eq!(one, network("2001:db8:0:1:ffff::2"));
        assert_ne!(one, network("2001:db8:0:2::1"));
        let site = |address: &str| address.parse().map(Network::site_of);
        assert_eq!(site("2001:db8:0:1::1"), site("2001:db8:0:ffff::2"));
        assert_ne!(site("2001:db8:0:1::1"), site("2001:db8:1:1::1"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
