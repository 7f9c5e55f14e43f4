//! Refreshes that succeeded at the provider but brought no usable access token.

use super::{Attempts, RefreshFailure, pause_after};
use crate::grant::AccountStatus;
use crate::ports::ProviderError;
use crate::time::Timestamp;

/// The account is degraded, never worse: the provider has just accepted its refresh token, and the newest one is
/// stored. So the attempts are not ambiguous, and earlier refusals no longer count.
pub fn refreshed_in_vain(
    before: Attempts,
    why: &ProviderError,
    now: Timestamp,
    spread: f64,
) -> RefreshFailure {
    let failures = before.failures.saturating_add(1);
    RefreshFailure {
        is_shown: true,
        status: AccountStatus::Degraded,
        fault: why.into(),
        next_refresh_at: Some(now + pause_after(failures, why.retry_after(), spread)),
        attempts: Attempts {
            failures,
            ambiguous: false,
            refused_since: None,
        },
    }
}
