//! Revocation of tokens that are no longer needed (RFC 7009).

use std::time::Duration;

use super::refresh::{REFRESH_HORIZON, pause_after};
use super::{AccountId, AccountKey, Lease, ProviderName, TokenOrigin};
use crate::clock_step::{Horizon, LEASE_MARGIN, LONGEST_PROVIDER_CALL};
use crate::fault::{Fault, FaultCode};
use crate::number::number;
use crate::secret::Sealed;
use crate::time::Timestamp;

/// How long the service retries a revocation before it gives up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3600);
/// The minimum number of failures before the service gives up, about an hour of backoff. Without it, a wrong clock or
/// downtime could end a revocation.
const LEAST_ATTEMPTS: u32 = 20;
/// How long a revocation is kept after its end.
pub const KEPT_AFTER_END: Duration = Duration::from_secs(7 * 24 * 3600);
/// Maximum number of provider calls in one attempt. Two calls identify the person, with the ID token and without it.
/// Two calls revoke a refresh token and an access token.
pub const MOST_EXCHANGES: u32 = 4;

/// How far in the future leases and pauses of revocations may end.
pub const REVOCATION_HORIZON: Horizon = Horizon::new(
    LONGEST_PROVIDER_CALL
        .saturating_mul(MOST_EXCHANGES)
        .saturating_add(LEASE_MARGIN),
    REFRESH_HORIZON.pause,
);

number! {
    /// The store's number of a revocation. The API returns it as a string.
    RevocationId
}

/// The associated data for sealing the tokens of a revocation. It is random, because the tokens are sealed before the
/// store assigns a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RevocationReference(pub [u8; 16]);

/// The tokens of one grant, sealed to the reference of their revocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevocableTokens {
    /// The access token.
    pub access_token: Option<Sealed>,
    /// The refresh token.
    pub refresh_token: Option<Sealed>,
    /// The ID token, until the person is identified.
    pub id_token: Option<Sealed>,
}

/// Tokens to be stored until they are revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevocation {
    /// The reference to which the tokens are sealed.
    pub reference: RevocationReference,
    /// The provider.
    pub provider: ProviderName,
    /// The provider's id of the person; `None` if it is still unknown.
    pub person: Option<String>,
    /// The account to which the tokens belonged, if any.
    pub account: Option<AccountId>,
    /// The origin of the tokens. The service sends the tokens only there.
    pub origin: TokenOrigin,
    /// The tokens.
    pub tokens: RevocableTokens,
    /// When the tokens were requested.
    pub requested_at: Timestamp,
    /// When the revocation is stored. The revocation is due at once, or when the caller's lease ends.
    pub created_at: Timestamp,
    /// When the caller's lease ends and others may lease the revocation; `None` without a lease.
    pub lease_until: Option<Timestamp>,
}

/// The status of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationStatus {
    /// The provider has not confirmed the revocation yet.
    Pending,
    /// The provider has confirmed the revocation.
    Revoked,
    /// The provider cannot revoke tokens.
    Unsupported,
    /// The provider has not confirmed the revocation for a day, or the tokens could not be decrypted. The service has
    /// deleted its copies, but the tokens may stay valid at the provider until they expire.
    Failed,
    /// The person has linked an account again, and the revocation might end the new grant too.
    Cancelled,
}

/// A revocation, without any token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The store's number.
    pub id: RevocationId,
    /// The provider.
    pub provider: ProviderName,
    /// The provider's id of the person, once known.
    pub person: Option<String>,
    /// The account to which the tokens belonged, if any.
    pub account: Option<AccountId>,
    /// Whether the revocation is pending, or how it ended.
    pub status: RevocationStatus,
    /// When the revocation was stored.
    pub created_at: Timestamp,
    /// When the revocation ended.
    pub ended_at: Option<Timestamp>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// How many attempts have failed.
    pub failures: u32,
    /// The last error.
    pub last_error: Option<Fault>,
    /// The lease of the replica that attempts the revocation.
    pub lease: Lease,
}

/// A revocation that the caller has leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationLease {
    /// The revocation.
    pub revocation: Revocation,
    /// The reference to which the tokens are sealed.
    pub reference: RevocationReference,
    /// The origin of the tokens.
    pub origin: TokenOrigin,
    /// The tokens.
    pub tokens: RevocableTokens,
    /// When the tokens were requested.
    pub requested_at: Timestamp,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevocationResult {
    /// The revocation has ended, and the tokens are deleted.
    Ended {
        /// The final status.
        status: RevocationStatus,
        /// The reason, if the provider has not confirmed the revocation.
        fault: Option<Fault>,
    },
    /// The revocation will be retried.
    Again {
        /// When to retry.
        at: Timestamp,
        /// How many attempts have failed.
        failures: u32,
        /// What went wrong.
        fault: Fault,
    },
}

impl Revocation {
    /// Returns the result of a failed attempt. The pause before a retry doubles up to five minutes. The revocation
    /// fails for good if the next attempt would be more than `GIVE_UP_AFTER` after its creation and it has failed
    /// `LEAST_ATTEMPTS` times.
    pub fn failed(
        &self,
        fault: Fault,
        retry_after: Option<Duration>,
        now: Timestamp,
        spread: f64,
    ) -> RevocationResult {
        let failures = self.failures.saturating_add(1);
        let at = now + pause_after(failures, retry_after, spread);
        if at > self.created_at + GIVE_UP_AFTER && failures >= LEAST_ATTEMPTS {
            return RevocationResult::Ended {
                status: RevocationStatus::Failed,
                fault: Some(fault),
            };
        }
        RevocationResult::Again {
            at,
            failures,
            fault,
        }
    }

    /// Postpones an attempt until `at`, because a link of the same person waits for its return code. This does not
    /// count as a failure.
    pub fn postponed(&self, at: Timestamp) -> RevocationResult {
        let detail = "a link of the same person waits for its return code: at some providers, revoking these tokens \
                      would also end the new grant";
        RevocationResult::Again {
            at,
            failures: self.failures,
            fault: Fault::new(FaultCode::LinkInProgress, detail),
        }
    }

    /// Returns the owner of the tokens, once known.
    pub fn owner(&self) -> Option<AccountKey> {
        Some(AccountKey {
            provider: self.provider.clone(),
            account_id: self.person.clone()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(failures: u32) -> Revocation {
        Revocation {
            id: RevocationId(1),
            provider: ProviderName::new("one"),
            person: None,
            account: None,
            status: RevocationStatus::Pending,
            created_at: Timestamp::from_millis(0),
            ended_at: None,
            next_attempt_at: None,
            failures,
            last_error: None,
            lease: Lease::default(),
        }
    }

    #[test]
    fn a_provider_is_asked_for_a_day() {
        let (mut revocation, mut now) = (pending(0), Timestamp::from_millis(0));
        let mut asked = 0;
        let status = loop {
            let fault = Fault::new("provider_unavailable", "gone");
            match revocation.failed(fault, None, now, 0.5) {
                RevocationResult::Again { at, .. } => now = at,
                RevocationResult::Ended { status, .. } => break status,
            }
            (asked, revocation.failures) = (asked + 1, revocation.failures + 1);
        };
        assert_eq!(status, RevocationStatus::Failed);
        assert!(now <= revocation.created_at + GIVE_UP_AFTER);
        assert!((200..400).contains(&asked), "{asked}");
    }

    #[test]
    fn a_wrong_clock_or_a_service_that_was_down_ends_none() {
        let years_later = Timestamp::from_millis(0) + 3650 * GIVE_UP_AFTER;
        let failed = |failures| {
            let fault = Fault::new("provider_unavailable", "gone");
            pending(failures).failed(fault, None, years_later, 0.5)
        };
        let (last_but_one, last) = (LEAST_ATTEMPTS - 2, LEAST_ATTEMPTS - 1);
        assert!(matches!(failed(0), RevocationResult::Again { .. }));
        assert!(matches!(
            failed(last_but_one),
            RevocationResult::Again { .. }
        ));
        assert!(matches!(failed(last), RevocationResult::Ended { .. }));
    }

    #[test]
    fn the_provider_s_pause_is_kept() {
        let (now, hour) = (Timestamp::from_millis(0), Duration::from_secs(3600));
        let fault = Fault::new("provider_unavailable", "later");
        let result = pending(0).failed(fault.clone(), Some(hour), now, 0.0);
        let at = now + hour;
        let expected = RevocationResult::Again {
            at,
            failures: 1,
            fault,
        };
        assert_eq!(result, expected);
    }
}
