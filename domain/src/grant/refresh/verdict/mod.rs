//! What a failed refresh means for the grant. Only a definite `invalid_grant` ends one at once; every other failure is
//! retried.

use std::time::Duration;

use super::pause_after;
use crate::fault::{Fault, FaultCode};
use crate::grant::{AccountId, AccountStatus};
use crate::ports::{ProviderError, RefreshError};
use crate::time::Timestamp;

/// Some servers refuse a dead refresh token without saying so. After this long such refusals end the grant.
const ENDS_GRANT_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The limit is this short if the provider refreshes other grants meanwhile.
const ENDS_GRANT_AFTER_IF_OTHERS_REFRESH: Duration = Duration::from_secs(3 * 3600);
/// The limit is this long if there are other grants and the provider refreshes none of them. Then a proxy or firewall
/// in between is the likelier cause.
const ENDS_GRANT_AFTER_IF_NONE_REFRESHES: Duration = Duration::from_secs(7 * 24 * 3600);
/// This many failures for a reason that concerns only one process are not shown while other replicas run: within
/// seconds, another replica takes over if it can.
const HIDDEN_LOCAL_FAILURES: u32 = 2;

/// The refresh attempts since the last success.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Failures in a row.
    pub failures: u32,
    /// Whether a response was lost, so that the refresh token may be used up.
    pub ambiguous: bool,
    /// Since when the provider has refused without `invalid_grant`. Periods in which it did not refuse, or was not
    /// asked, do not count.
    pub refused_since: Option<Timestamp>,
}

impl Attempts {
    /// Returns the attempts after a period in which the provider was not asked, or did not respond.
    pub fn after_waiting(self, waited: Duration) -> Self {
        let refused_since = self.refused_since.map(|since| since + waited);
        Self {
            refused_since,
            ..self
        }
    }
}

/// An account whose refresh token may be older than the one that the provider expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SuspectGrant {
    /// The account.
    pub account: AccountId,
    /// When the refresh token is tried.
    pub next_refresh_at: Timestamp,
}

/// How the other grants of the provider are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtherGrants {
    /// Whether there are others that have not been given up.
    pub exist: bool,
    /// When the provider last refreshed one, if known.
    pub refreshed_at: Option<Timestamp>,
}

impl OtherGrants {
    /// Whether the provider has refreshed one lately.
    fn are_refreshed(self, now: Timestamp) -> bool {
        let lately = |at| now.since(at) < ENDS_GRANT_AFTER_IF_OTHERS_REFRESH / 3;
        self.refreshed_at.is_some_and(lately)
    }
}

/// The result of a failed refresh.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshFailure {
    /// Whether the account shows the status and the error.
    pub is_shown: bool,
    /// The new status of the account.
    pub status: AccountStatus,
    /// The error.
    pub fault: Fault,
    /// When to try again; `None` if never.
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

/// Whether a failure counts as a refusal of this grant. If the provider refreshes others, it refuses this grant in
/// particular. Otherwise what a gateway refuses says nothing about a grant, however long it lasts.
fn refuses_this_grant(cause: &ProviderError, others: OtherGrants, now: Timestamp) -> bool {
    let is_refusal = matches!(cause, ProviderError::Refused { .. });
    is_refusal && (others.are_refreshed(now) || !cause.is_of_gateway())
}

/// Whether refusals since then end the grant.
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

/// The verdict for a refresh that succeeded at the provider but brought no usable access token. The account is
/// degraded, never worse: the provider has just accepted its refresh token, and the newest one is stored. So the
/// attempts are not ambiguous, and earlier refusals no longer count.
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

/// The verdict for an attempt that was not made, because the operator must correct something first. Nothing was sent,
/// so it does not count as a refusal of the provider.
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
