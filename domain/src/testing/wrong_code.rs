//! Wrong link codes in the store in memory.

use std::cmp::Reverse;

use crate::link::{GuessLimit, WrongCodeTimes};
use crate::secret::KeyedHash;
use crate::time::Timestamp;

/// A wrong code that was tried. The code itself is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongCode {
    /// The hash of the [`Network`](crate::link::Network) from which the code was tried.
    pub(crate) network: KeyedHash,
    /// When the code was tried.
    pub(crate) at: Timestamp,
}

impl WrongCode {
    /// Returns the times of the wrong codes in `counting`, for one network and for all networks.
    pub(crate) fn tries(counting: &[Self], network: &KeyedHash) -> WrongCodeTimes {
        let mut latest = counting.to_vec();
        latest.sort_by_key(|tried| Reverse(tried.at));
        let own = latest.iter().filter(|tried| tried.network == *network);
        let own = own.take(GuessLimit::PER_ADDRESS).map(|tried| tried.at);
        let of_network = own.collect();
        latest.truncate(GuessLimit::SERVICE_WIDE);
        WrongCodeTimes {
            of_network,
            of_all: latest.iter().map(|tried| tried.at).collect(),
        }
    }
}
