//! Decides what a failed refresh means for the grant. Only a definite `invalid_grant` ends the grant at once. After any
//! other failure, the service retries.

use std::time::Duration;

use super::pause_after;
use crate::fault::{Fault, FaultCode};
use crate::grant::{AccountId, AccountStatus};
use crate::ports::{ProviderError, RefreshError};
use crate::time::Timestamp;

/// Some servers refuse an invalid refresh token without the code `invalid_grant`. Such refusals end the grant if they
/// last this long.
const ENDS_GRANT_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The same limit while the provider refreshes other grants.
const ENDS_GRANT_AFTER_IF_OTHERS_REFRESH: Duration = Duration::from_secs(3 * 3600);
/// The same limit if the provider has other grants and refreshes none of them. A proxy or firewall is then the more
/// likely cause.
const ENDS_GRANT_AFTER_IF_NONE_REFRESHES: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many failures in a row are hidden if their cause concerns only this process and other replicas are running.
/// Within seconds, another replica refreshes the account if it can.
const HIDDEN_LOCAL_FAILURES: u32 = 2;

/// The refresh attempts since the last success.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Failures in a row.
    pub failures: u32,
    /// Whether a response was lost, so that the refresh token may have been used already.
    pub ambiguous: bool,
    /// Since when the provider has refused the refresh token without `invalid_grant`. Periods without a refusal or
    /// without a request do not count. They move this time forward.
    pub refused_since: Option<Timestamp>,
}

impl Attempts {
    /// Returns the attempts after a period that does not count as refused, because the provider received no request or
    /// did not respond. `waited` is its length.
    pub fn after_waiting(self, waited: Duration) -> Self {
        let refused_since = self.refused_since.map(|since| since + waited);
        Self {
            refused_since,
            ..self
        }
    }
}

/// An account whose stored refresh token may be older than the token that the provider expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuspectGrant {
    /// The account.
    pub account: AccountId,
    /// When the next refresh is due.
    pub next_refresh_at: Timestamp,
}

/// What is known about the provider's other grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtherGrants {
    /// Whether the provider has other grants that have not ended.
    pub exist: bool,
    /// When the provider last refreshed another grant, if known.
    pub refreshed_at: Option<Timestamp>,
}

impl OtherGrants {
    /// Whether the provider has refreshed another grant within the last hour.
    fn are_refreshed(self, now: Timestamp) -> bool {
        let lately = |at| now.since(at) < ENDS_GRANT_AFTER_IF_OTHERS_REFRESH / 3;
        self.refreshed_at.is_some_and(lately)
    }
}

/// The result of a failed refresh.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshFailure {
    /// Whether the status and the error are shown.
    pub is_shown: bool,
    /// The new status of the account.
    pub status: AccountStatus,
    /// The error.
    pub fault: Fault,
    /// When to retry; `None` if never.
    pub next_refresh_at: Option<Timestamp>,
    /// The attempts so far.
    pub attempts: Attempts,
}

/// Judges a failed attempt by the provider's response, the history of the account, and the provider's other grants.
pub fn judge(
    before: Attempts,
    error: &RefreshError,
    others: OtherGrants,
    now: Timestamp,
    spread: f64,
) -> RefreshFailure {
    let failures = before.failures.saturating_add(1);
    let mut attempts = Attempts {
        failures,
        ambiguous: before.ambiguous || error.may_have_acted,
        refused_since: before.refused_since,
    };
    let cause = &error.cause;
    let over = match cause {
        ProviderError::Refused { code, .. } if *code == *FaultCode::InvalidGrant => Some(
            Fault::new(FaultCode::InvalidGrant, last_words(cause, before.ambiguous)),
        ),
        ProviderError::Refused { code, .. } => {
            let since = before.refused_since.map_or(now, |since| since.min(now));
            attempts.refused_since = Some(since);
            ends_grant(cause, since, others, now).then(|| {
                let hours = now.since(since).as_secs() / 3600;
                let words = format!("{cause}; this has lasted for {hours} hours");
                Fault::new(code.as_str(), words)
            })
        }
        _ => None,
    };
    match over {
        Some(fault) => RefreshFailure {
            is_shown: true,
            status: AccountStatus::RelinkRequired,
            fault,
            next_refresh_at: None,
            attempts,
        },
        None => {
            let pause = pause_after(failures, cause.retry_after(), spread);
            let refuses = refuses_this_grant(cause, others, now);
            RefreshFailure {
                is_shown: true,
                status: AccountStatus::Degraded,
                fault: cause.into(),
                next_refresh_at: Some(now + pause),
                attempts: attempts.after_waiting(if refuses { Duration::ZERO } else { pause }),
            }
        }
    }
}

/// Whether a failure counts as a refusal of this grant. A refusal by the provider itself counts. A refusal by a gateway
/// counts only while the provider refreshes other grants. Otherwise the gateway may refuse all requests.
fn refuses_this_grant(cause: &ProviderError, others: OtherGrants, now: Timestamp) -> bool {
    let is_refusal = matches!(cause, ProviderError::Refused { .. });
    is_refusal && (others.are_refreshed(now) || !cause.is_of_gateway())
}

/// Whether refusals since `since` have lasted long enough to end the grant.
fn ends_grant(
    cause: &ProviderError,
    since: Timestamp,
    others: OtherGrants,
    now: Timestamp,
) -> bool {
    let are_refreshed = others.are_refreshed(now) && others.refreshed_at >= Some(since);
    let after = if are_refreshed {
        ENDS_GRANT_AFTER_IF_OTHERS_REFRESH
    } else if cause.is_of_gateway() {
        return false;
    } else if others.exist {
        ENDS_GRANT_AFTER_IF_NONE_REFRESHES
    } else {
        ENDS_GRANT_AFTER
    };
    now.since(since) >= after
}

/// Judges a refresh that succeeded at the provider but returned no usable access token. The account becomes degraded,
/// but its grant does not end: the provider has just accepted its refresh token, and the newest refresh token is
/// stored. So [`Attempts::ambiguous`] is cleared, and earlier refusals no longer count.
pub fn judge_unusable_answer(
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

/// Judges an attempt that was not made, because the operator must correct something first. Without a request, the
/// attempt does not count as a refusal by the provider.
pub fn wait_for_operator(
    before: Attempts,
    fault: Fault,
    are_others_running: bool,
    now: Timestamp,
    spread: f64,
) -> RefreshFailure {
    let failures = before.failures.saturating_add(1);
    let pause = pause_after(failures, None, spread);
    let is_hidden = are_others_running && fault.code.is_local();
    RefreshFailure {
        is_shown: !is_hidden || failures > HIDDEN_LOCAL_FAILURES,
        status: AccountStatus::Degraded,
        fault,
        next_refresh_at: Some(now + pause),
        attempts: Attempts {
            failures,
            ..before.after_waiting(pause)
        },
    }
}

fn last_words(error: &ProviderError, ambiguous: bool) -> String {
    if ambiguous {
        format!(
            "{error}; the response to an earlier attempt was lost, or the database was restored from a backup: the \
             refresh token may have been used before"
        )
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests;
