//! Limits the number of links, so that strangers can neither fill the disk nor flood a provider. Well-behaved clients
//! never reach these limits.

use std::ops::Range;
use std::time::Duration;

use super::Link;
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// Limits how many link codes one network gets in a sliding window. The window is as long as the lifetime of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeLimit {
    window: Duration,
    /// The number of open links from which a network gets only [`Self::PER_NETWORK_UNDER_LOAD`] codes.
    pub load_threshold: u64,
}

impl CodeLimit {
    /// Maximum number of link codes per network in the window.
    pub const PER_NETWORK: u64 = 300;
    /// If this many links are open, a network gets only [`Self::PER_NETWORK_UNDER_LOAD`] codes, so that a few networks
    /// do not lock out the others.
    pub const LOAD_THRESHOLD: u64 = 2_000;
    /// Maximum number of link codes per network in the window, while [`Self::LOAD_THRESHOLD`] or more links are open.
    /// Codes that led to an account do not count here, because a network that links many accounts is not flooding the
    /// service.
    pub const PER_NETWORK_UNDER_LOAD: u64 = 10;

    /// Creates a limit with a sliding window. The window should be the lifetime of a code.
    pub const fn new(window: Duration) -> Self {
        Self {
            window,
            load_threshold: Self::LOAD_THRESHOLD,
        }
    }

    /// Returns the period in which the link codes of a network count at `now`.
    pub fn counting(&self, now: Timestamp) -> Range<Timestamp> {
        counting(self.window, now)
    }

    /// Returns the quota of one network while `open` links are open.
    pub const fn of_network(&self, open: u64) -> CodeQuota {
        let is_under_load = open >= self.load_threshold;
        CodeQuota {
            most: if is_under_load {
                Self::PER_NETWORK_UNDER_LOAD
            } else {
                Self::PER_NETWORK
            },
            counts_linked: !is_under_load,
        }
    }

    /// Accepts or rejects a request for a link code. `full_since` is when the network got its [`CodeQuota::most`]-th
    /// latest counted code, or `None` if it has fewer codes.
    ///
    /// # Errors
    /// The network has reached its limit. The error is the time until it gets the next link code.
    pub fn judge(&self, full_since: Option<Timestamp>, now: Timestamp) -> Result<(), Duration> {
        match full_since {
            None => Ok(()),
            // The wait is at most the window, because the clock of the replica that stored `first` may have been ahead.
            Some(first) => Err((first + self.window).since(now).min(self.window)),
        }
    }
}

/// Returns the times that count at `now` in a sliding window. Times that a wrong clock has stored far in the future do
/// not count. Otherwise, callers would be rejected until then.
pub(super) fn counting(window: Duration, now: Timestamp) -> Range<Timestamp> {
    // A time that is exactly one window old does not count.
    let moment = Duration::from_millis(1);
    now - window + moment..now + window
}

/// The number of link codes that one network gets in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeQuota {
    /// The maximum number of codes.
    pub most: u64,
    /// Whether codes that led to an account count.
    pub counts_linked: bool,
}

/// Limits the consents in progress: links that a person has confirmed and that have not ended.
pub struct ConsentLimit;

/// The numbers of consents in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentsInProgress {
    /// Consents that were confirmed from the same network.
    pub of_network: u64,
    /// All consents.
    pub of_all: u64,
}

impl ConsentLimit {
    /// Maximum number of consents in progress per network.
    pub const PER_NETWORK: u64 = 50;
    /// If this many consents are in progress in all networks together, a network may have only
    /// [`Self::PER_NETWORK_UNDER_LOAD`] consents in progress, so that a few networks do not lock out the others.
    pub const LOAD_THRESHOLD: u64 = 1_000;
    /// Maximum number of consents in progress per network, while [`Self::LOAD_THRESHOLD`] or more are in progress in
    /// all networks together.
    pub const PER_NETWORK_UNDER_LOAD: u64 = 3;
    /// Maximum number of consents in progress in all networks together.
    pub const MOST: u64 = 4_000;
    /// How long a rejected person waits. Most consents in progress end within a minute.
    const RETRY_AFTER: Duration = Duration::from_secs(60);

    /// Accepts or rejects one more consent.
    ///
    /// # Errors
    /// Too many consents are in progress. The error is the time to wait before the next attempt.
    pub const fn judge(in_progress: ConsentsInProgress) -> Result<(), Duration> {
        let most_of_network = if in_progress.of_all < Self::LOAD_THRESHOLD {
            Self::PER_NETWORK
        } else {
            Self::PER_NETWORK_UNDER_LOAD
        };
        if in_progress.of_network < most_of_network && in_progress.of_all < Self::MOST {
            Ok(())
        } else {
            Err(Self::RETRY_AFTER)
        }
    }
}

/// The browser that confirms a link, and its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// The hash of the browser's token.
    pub browser: KeyedHash,
    /// The hash of the browser's [`Network`](super::Network).
    pub network: KeyedHash,
}

impl Link {
    /// Maximum number of stored links that ended without an account. If there are more, callers without a key get no
    /// link code.
    pub const MOST_LEFT_OVER: u64 = 50_000;

    /// Returns how long a link that ended without an account is stored, given the number of such links.
    pub const fn kept_without_account(left_over: u64) -> Duration {
        const MANY: u64 = 2_000;
        const FAR_TOO_MANY: u64 = 20_000;
        match left_over {
            0..MANY => Self::KEPT_AFTER_END,
            MANY..FAR_TOO_MANY => Duration::from_secs(600),
            // Clients poll every few seconds, so they still see how the link ended.
            FAR_TOO_MANY.. => Duration::from_secs(60),
        }
    }
}

/// Interleaves the networks: first the most overdue item of each network, then the second of each network, and so on.
/// `due` must be sorted, the most overdue item first.
pub fn interleave_networks<T>(due: Vec<(Option<KeyedHash>, T)>) -> Vec<T> {
    let mut turns = std::collections::HashMap::<_, usize>::new();
    let mut ordered: Vec<_> = due
        .into_iter()
        .map(|(network, work)| {
            let next = turns.entry(network).or_default();
            let turn = *next;
            *next += 1;
            (turn, work)
        })
        .collect();
    ordered.sort_by_key(|(turn, _)| *turn);
    ordered.into_iter().map(|(_, work)| work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_next_code_when_the_oldest_counts_no_more() {
        let limit = CodeLimit::new(Duration::from_secs(600));
        let now = Timestamp::from_millis(1_000_000);
        let wait = |first| {
            limit
                .judge(first, now)
                .map_err(|retry_after| retry_after.as_secs())
        };
        assert_eq!(wait(None), Ok(()));
        assert_eq!(wait(Some(now - Duration::from_secs(500))), Err(100));
        assert_eq!(wait(Some(now + Duration::from_secs(9_000))), Err(600));
    }

    #[test]
    fn a_network_gets_fewer_codes_in_a_crowd() {
        let limit = CodeLimit::new(Duration::from_secs(600));
        let open = [0, 1_999, 2_000, 9_000];
        let most = open.map(|open| limit.of_network(open).most);
        assert_eq!(most, [300, 300, 10, 10]);
    }

    #[test]
    fn some_networks_do_not_keep_out_the_others() {
        let is_borne = |of_network, of_all| {
            ConsentLimit::judge(ConsentsInProgress { of_network, of_all }).is_ok()
        };
        assert!(is_borne(49, 49) && !is_borne(50, 50));
        assert!(is_borne(49, 999) && !is_borne(49, 1_000));
        assert!(is_borne(2, 3_999) && !is_borne(3, 3_999));
        assert!(!is_borne(0, 4_000));
    }

    #[test]
    fn many_leftovers_are_kept_for_minutes() {
        let minutes = [0, 1_999, 2_000, 19_999, 20_000, u64::MAX];
        let minutes = minutes.map(|left_over| Link::kept_without_account(left_over).as_secs() / 60);
        assert_eq!(minutes, [1440, 1440, 10, 10, 1, 1]);
    }

    #[test]
    fn each_network_has_its_turn() {
        let network = |n| Some(KeyedHash::from_bytes([n; 32]));
        let due = vec![
            (network(1), 'a'),
            (network(1), 'b'),
            (network(1), 'c'),
            (None, 'd'),
            (network(2), 'e'),
            (None, 'f'),
        ];
        let ordered: String = interleave_networks(due).into_iter().collect();
        assert_eq!(ordered, "adebfc");
    }
}
