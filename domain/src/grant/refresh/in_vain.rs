//! What a refresh means that the provider has carried out, and that brought no access token that may be used.

use super::{Attempts, RefreshFailure, pause_after};
use crate::grant::AccountStatus;
use crate::ports::ProviderError;
use crate::time::Timestamp;

/// The account is degraded, never worse: the provider has just accepted its refresh token, and the newest one is at hand. So
/// nothing is ambiguous, and refusals before this one are no row of refusals any more.
#[must_use]
pub fn refreshed_in_vain(
    before: Attempts,
    why: &ProviderError,
    now: Timestamp,
    spread: f64,
) -> RefreshFailure {
    let failures = before.failures.saturating_add(1);
    RefreshFailure {
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
