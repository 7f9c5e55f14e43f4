//! Refresh tokens that may be outdated.

use crate::grant::AccountId;
use crate::time::Timestamp;

/// An account whose refresh token may be older than the one that the provider expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    pub account: AccountId,
    pub next_refresh_at: Timestamp,
}
