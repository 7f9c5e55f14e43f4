//! Faults and their probabilities.

use std::time::Duration;

/// A place for faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The device authorization endpoint.
    DeviceAuthorization,
    /// The token endpoint.
    Token,
    /// The userinfo endpoint.
    Userinfo,
    /// The revocation endpoint.
    Revocation,
    /// The API.
    Api,
}

impl Place {
    /// Returns the endpoint at a path; pages and metadata have no faults.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/device_authorization" => Some(Self::DeviceAuthorization),
            "/token" => Some(Self::Token),
            "/userinfo" => Some(Self::Userinfo),
            "/revoke" => Some(Self::Revocation),
            "/api/hello" => Some(Self::Api),
            _ => None,
        }
    }
}

/// A fault of a response. The sandbox keeps the changes that the request has made, such as a rotated refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The connection is closed without a response.
    Lost,
    /// An HTML page with status 200 instead.
    Html,
    /// The response ends in the middle, despite its content length.
    Truncated,
    /// An error object with status 200 instead.
    ErrorWith200,
    /// Status 502 instead.
    ServerError,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 5] = [
        Self::Lost,
        Self::Html,
        Self::Truncated,
        Self::ErrorWith200,
        Self::ServerError,
    ];
}

/// Why the token endpoint rejects refreshes of one person only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Illness {
    /// 429 with this `Retry-After`, in whole seconds.
    RateLimited(Duration),
    /// 500 with `server_error`.
    ServerError,
}

impl Illness {
    /// Returns the `Retry-After` of the answers.
    #[must_use]
    pub const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::RateLimited(wait) => Some(wait),
            Self::ServerError => None,
        }
    }
}

/// Probabilities of faults at one place; none by default.
#[derive(Debug, Clone, Default)]
pub struct Odds {
    /// The probability of each fault, from 0 to 1; their sum must not exceed 1.
    pub faults: Vec<(Fault, f64)>,
    /// The probability of a delay, from 0 to 1.
    pub slow: f64,
    /// The maximum delay; delays are uniformly distributed.
    pub longest_delay: Duration,
}

/// The fate of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fate {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

impl Odds {
    /// Draws the fate of one response. Always draws the same number of random numbers, so that a seed determines the
    /// sequence.
    pub(crate) fn throw(&self, dice: &mut fastrand::Rng) -> Fate {
        let (which, slow, how_slow) = (dice.f64(), dice.f64(), dice.f64());
        let mut upto = 0.0;
        let fault = self.faults.iter().find(|(_, odds)| {
            upto += odds;
            which < upto
        });
        let delay = if slow < self.slow {
            self.longest_delay.mul_f64(how_slow)
        } else {
            Duration::ZERO
        };
        Fate {
            delay,
            fault: fault.map(|(fault, _)| *fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn fates(odds: &Odds, seed: u64, count: usize) -> Vec<Fate> {
        let mut dice = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| odds.throw(&mut dice)).collect()
    }

    #[test]
    fn nothing_goes_wrong_by_default() {
        let fates = fates(&Odds::default(), 1, 1000);
        assert!(fates.iter().all(|fate| *fate == Fate::default()));
    }

    #[test]
    fn each_fault_comes_as_often_as_its_odds_say() {
        let odds = Odds {
            faults: Fault::ALL.map(|fault| (fault, 0.1)).to_vec(),
            ..Odds::default()
        };
        let mut counts = BTreeMap::new();
        for fate in fates(&odds, 2, 10_000) {
            *counts.entry(fate.fault).or_insert(0) += 1;
        }
        for fault in Fault::ALL {
            assert!((800..1200).contains(&counts[&Some(fault)]), "{counts:?}");
        }
        assert!((4500..5500).contains(&counts[&None]), "{counts:?}");
    }

    #[test]
    fn delays_stay_below_the_longest() {
        let longest_delay = Duration::from_millis(500);
        let odds = Odds {
            slow: 0.5,
            longest_delay,
            ..Odds::default()
        };
        let fates = fates(&odds, 3, 10_000);
        let slow = fates.iter().filter(|fate| !fate.delay.is_zero()).count();
        assert!((4500..5500).contains(&slow), "{slow}");
        assert!(fates.iter().all(|fate| fate.delay < longest_delay));
    }

    #[test]
    fn one_seed_is_one_sequence() {
        let odds = Odds {
            faults: vec![(Fault::Lost, 0.5)],
            slow: 0.5,
            longest_delay: Duration::from_secs(1),
        };
        assert_eq!(fates(&odds, 4, 100), fates(&odds, 4, 100));
        assert_ne!(fates(&odds, 4, 100), fates(&odds, 5, 100));
    }

    #[test]
    fn pages_and_metadata_are_always_well() {
        assert_eq!(Place::at("/token"), Some(Place::Token));
        for path in ["/", "/device", "/.well-known/oauth-authorization-server"] {
            assert_eq!(Place::at(path), None);
        }
    }
}
