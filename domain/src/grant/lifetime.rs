//! Computes when an access token expires, even if the response does not state its lifetime.

use std::time::Duration;

use super::NewGrant;
use crate::time::Timestamp;

/// The maximum distance of an `exp` in the future. A later `exp` is ignored.
const FARTHEST_EXP: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Tolerance for providers that round lifetimes to whole seconds. A token in a response counts as expired only if it
/// expired at least this long before the request.
const ROUNDING: Duration = Duration::from_secs(2);

/// What is known about the lifetime of an account's access tokens, in addition to the effective expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LifetimeHints {
    /// The lifetime of the last new access token.
    pub lifetime: Option<Duration>,
    /// The `exp` of an access token whose provider has never stated a lifetime. The service refreshes the token before
    /// this time. If no refresh succeeds, it still serves the token afterwards, with a warning.
    pub hinted_end: Option<Timestamp>,
}

/// The lifetime of an access token, according to the token response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatedLifetime {
    /// When the request was sent.
    pub requested_at: Timestamp,
    /// `expires_in`, if greater than zero.
    pub expires_in: Option<Duration>,
    /// The usual lifetime at this provider, if known.
    pub assumed: Option<Duration>,
    /// The unverified `exp` of a JWT (RFC 7519 section 4.1.4).
    pub exp: Option<Timestamp>,
    /// Whether the access token in the response is already stored.
    pub is_stored: bool,
}

/// When an access token expires, as far as known.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccessTokenExpiry {
    /// The effective expiry. The token is not served after this time.
    pub expires_at: Option<Timestamp>,
    /// Everything else that is known.
    pub hints: LifetimeHints,
}

impl AccessTokenExpiry {
    /// Returns what is known about the expiry of stored tokens. If an earlier version of the service stored no
    /// lifetime, the lifetime is the time from `obtained_at` to `expires_at`.
    pub fn of_stored(
        expires_at: Option<Timestamp>,
        hints: LifetimeHints,
        obtained_at: Timestamp,
    ) -> Self {
        let stated = || expires_at.map(|at| at.since(obtained_at));
        let lifetime = hints
            .lifetime
            .or_else(stated)
            .filter(|lifetime| !lifetime.is_zero());
        Self {
            expires_at,
            hints: LifetimeHints { lifetime, ..hints },
        }
    }

    /// Computes the expiry of the access token in a response. `expires_in` takes precedence. Without it, the expiry is
    /// the `exp` of a JWT, or else follows from the usual lifetime at the provider or from the last known lifetime. If
    /// no lifetime is known, the expiry stays unknown and `exp` is only a hint.
    ///
    /// If the provider returns the stored token again, its known expiry changes only if the response states a lifetime
    /// or the usual lifetime is known. The expiry never moves beyond the token's `exp`, because some servers return the
    /// stored token with the lifetime of a new token.
    pub fn after(self, said: StatedLifetime) -> Self {
        let from = said.requested_at;
        let exp = said
            .exp
            .filter(|exp| *exp > from && *exp <= from + FARTHEST_EXP);
        let known = said.assumed.or(self.hints.lifetime);
        if let Some(expires_in) = said.expires_in {
            let lifetime = if said.is_stored {
                known.or(Some(expires_in))
            } else {
                Some(expires_in)
            };
            // If `exp` has passed, the provider's clock may be behind ours. The known expiry then remains the limit.
            let latest = match said.exp {
                Some(over) if over <= from => self.expires_at,
                _ => exp,
            };
            let latest = latest.filter(|_| said.is_stored);
            let end = from + expires_in;
            return Self::at(latest.map_or(end, |latest| latest.min(end)), lifetime);
        }
        if said.is_stored && said.assumed.is_none() && self.expires_at.is_some() {
            return self;
        }
        match (exp, known) {
            (Some(exp), Some(known)) if said.is_stored => Self::at(exp, Some(known)),
            (Some(exp), Some(_)) => Self::at(exp, Some(exp.since(from))),
            (None, Some(known)) => Self::at(from + known, Some(known)),
            (None, None) if said.is_stored => self,
            (hinted_end, None) => Self {
                expires_at: None,
                hints: LifetimeHints {
                    lifetime: None,
                    hinted_end,
                },
            },
        }
    }

    fn at(end: Timestamp, lifetime: Option<Duration>) -> Self {
        Self {
            expires_at: Some(end),
            hints: LifetimeHints {
                lifetime,
                hinted_end: None,
            },
        }
    }

    /// Returns the time before which a refresh is scheduled: the effective expiry, or else the hint.
    pub fn expected_expiry(&self) -> Option<Timestamp> {
        self.expires_at.or(self.hints.hinted_end)
    }

    /// Whether the token had already expired when it was requested. Tolerates differences that rounding explains.
    pub fn is_over(&self, requested_at: Timestamp) -> bool {
        self.expires_at
            .is_some_and(|end| end + ROUNDING <= requested_at)
    }
}

impl NewGrant {
    /// Returns this grant with the last known lifetime of the account's access tokens, if the provider does not state a
    /// lifetime. A grant without a refresh token is returned unchanged: the person may have consented to another kind
    /// of token, and a wrong lifetime would end the account.
    #[must_use]
    pub fn with_earlier_lifetime(
        mut self,
        before: AccessTokenExpiry,
        has_refresh_token: bool,
    ) -> Self {
        let Some(lifetime) = before.hints.lifetime.filter(|_| has_refresh_token) else {
            return self;
        };
        if self.access_token_expires_at.is_none() {
            let hinted = self.hints.hinted_end.take();
            let end = hinted.unwrap_or(self.requested_at + lifetime);
            let ahead = end - end.since(self.requested_at) / 20;
            self.access_token_expires_at = Some(end);
            self.next_refresh_at = Some(self.next_refresh_at.map_or(ahead, |at| at.min(ahead)));
        }
        self.hints.lifetime = self.hints.lifetime.or(Some(lifetime));
        self
    }

    /// Returns this grant with `lasts`, the last known lifetime of the account's unused refresh tokens, if the provider
    /// does not state the lifetime of the new refresh token.
    #[must_use]
    pub fn with_earlier_refresh_token_lifetime(mut self, lasts: Option<Duration>) -> Self {
        if self.refresh_token.is_some()
            && self.refresh_token_expires_at.is_none()
            && let Some(lasts) = lasts
        {
            let half = self.requested_at + lasts / 2;
            self.refresh_token_expires_at = Some(self.requested_at + lasts);
            self.next_refresh_at = Some(self.next_refresh_at.map_or(half, |at| at.min(half)));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn said(
        expires_in: Option<Duration>,
        exp: Option<Timestamp>,
        is_stored: bool,
    ) -> StatedLifetime {
        StatedLifetime {
            requested_at: NOW,
            expires_in,
            assumed: None,
            exp,
            is_stored,
        }
    }

    fn known(left: Duration) -> AccessTokenExpiry {
        AccessTokenExpiry::at(NOW + left, Some(HOUR))
    }

    #[test]
    fn expires_in_comes_first_then_exp_then_the_last_lifetime() {
        let before = known(HOUR / 20);
        let exp = Some(NOW + HOUR / 2);
        let after = |expires_in, exp| before.after(said(expires_in, exp, false));
        assert_eq!(
            after(Some(2 * HOUR), exp),
            AccessTokenExpiry::at(NOW + 2 * HOUR, Some(2 * HOUR))
        );
        assert_eq!(
            after(None, exp),
            AccessTokenExpiry::at(NOW + HOUR / 2, Some(HOUR / 2))
        );
        assert_eq!(
            after(None, None),
            AccessTokenExpiry::at(NOW + HOUR, Some(HOUR))
        );
    }

    #[test]
    fn an_implausible_exp_is_ignored() {
        for exp in [
            NOW,
            NOW - HOUR,
            NOW + 400 * 24 * HOUR,
            Timestamp::from_millis(i64::MAX),
        ] {
            let first = AccessTokenExpiry::default().after(said(None, Some(exp), false));
            assert_eq!(first, AccessTokenExpiry::default(), "{exp:?}");
            let later = known(HOUR).after(said(None, Some(exp), false));
            assert_eq!(later, AccessTokenExpiry::at(NOW + HOUR, Some(HOUR)));
        }
    }

    #[test]
    fn exp_alone_is_a_hint_and_no_end() {
        let hinted = AccessTokenExpiry::default().after(said(None, Some(NOW + HOUR), false));
        assert_eq!(
            (hinted.expires_at, hinted.expected_expiry()),
            (None, Some(NOW + HOUR))
        );
        let opaque = hinted.after(said(None, None, false));
        assert_eq!(opaque, AccessTokenExpiry::default());
        assert_eq!(hinted.after(said(None, None, true)), hinted);
    }

    #[test]
    fn a_stored_token_that_comes_again_is_not_prolonged() {
        let before = known(Duration::from_secs(1));
        assert_eq!(before.after(said(None, None, true)), before);
        let exp = Some(NOW + HOUR);
        assert_eq!(before.after(said(None, exp, true)), before);
        let left = Duration::from_secs(7);
        let again = before.after(said(Some(left), None, true));
        // The known lifetime of new tokens stays an hour.
        assert_eq!(again, AccessTokenExpiry::at(NOW + left, Some(HOUR)));
        // Some servers return a cached token with the lifetime of a new token.
        let full = before.after(said(Some(HOUR), Some(NOW + left), true));
        assert_eq!(full, AccessTokenExpiry::at(NOW + left, Some(HOUR)));
        let dead = before.after(said(Some(HOUR), Some(NOW - left), true));
        assert_eq!(
            dead, before,
            "its end is known, whatever the clock of the provider says"
        );
        let far = before.after(said(Some(HOUR), Some(NOW + FARTHEST_EXP * 2), true));
        assert_eq!(far, AccessTokenExpiry::at(NOW + HOUR, Some(HOUR)));
        let new = before.after(said(Some(HOUR), Some(NOW + left), false));
        assert_eq!(
            new,
            AccessTokenExpiry::at(NOW + HOUR, Some(HOUR)),
            "clocks differ"
        );
    }

    #[test]
    fn a_token_without_any_end_stays_one() {
        let never = AccessTokenExpiry::default();
        assert_eq!(never.after(said(None, None, false)), never);
        assert_eq!(never.expected_expiry(), None);
        assert!(!never.is_over(NOW));
    }

    #[test]
    fn dates_tell_a_lifetime_that_was_not_stored() {
        let hints = LifetimeHints::default();
        let stored = AccessTokenExpiry::of_stored(Some(NOW + HOUR), hints, NOW);
        assert_eq!(stored.hints.lifetime, Some(HOUR));
        let none = AccessTokenExpiry::of_stored(Some(NOW), hints, NOW);
        assert_eq!(none.hints.lifetime, None, "a lifetime of nothing is none");
    }

    #[test]
    fn a_cached_token_is_over_once_rounding_does_not_explain_it() {
        let end = |ago| AccessTokenExpiry::at(NOW - Duration::from_millis(ago), None);
        assert!(!end(0).is_over(NOW) && !end(1900).is_over(NOW));
        assert!(end(2000).is_over(NOW));
    }

    #[test]
    fn an_assumed_lifetime_counts_from_every_answer() {
        let silent = |is_stored| StatedLifetime {
            assumed: Some(2 * HOUR),
            ..said(None, None, is_stored)
        };
        let assumed = AccessTokenExpiry::at(NOW + 2 * HOUR, Some(2 * HOUR));
        for before in [AccessTokenExpiry::default(), known(HOUR / 20)] {
            assert_eq!(before.after(silent(false)), assumed);
            assert_eq!(before.after(silent(true)), assumed);
        }
    }
}
