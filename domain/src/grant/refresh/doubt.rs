//! Refresh tokens that may be outdated.

use crate::grant::AccountId;
use crate::time::Timestamp;

/// An account whose refresh token may be older than the one that the provider expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// The account.
    pub account: AccountId,
    /// When the refresh token is tried.
    pub next_refresh_at: Timestamp,
}
