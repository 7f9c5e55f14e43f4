//! Tokens, as a provider issues them and as they are stored.

use std::time::Duration;

use super::refresh::{Attempts, RefreshFailure};
use super::{
    AccessTokenExpiry, Account, AccountKey, Lease, LifetimeHints, ListedMembers, TokenOrigin,
};
use crate::number;
use crate::secret::{AccessToken, IdToken, RefreshToken, Sealed};
use crate::time::Timestamp;

/// A token response (RFC 6749 section 5.1).
#[derive(Clone)]
pub struct TokenGrant {
    /// The access token.
    pub access_token: AccessToken,
    /// The refresh token, if the response has one.
    pub refresh_token: Option<RefreshToken>,
    /// The ID token, if the response has one.
    pub id_token: Option<IdToken>,
    /// The lifetime of the access token, counted from the request; `None` if the provider did not state it.
    pub expires_in: Option<Duration>,
    /// The usual lifetime of access tokens at this provider, if known. It applies if the response states no lifetime.
    pub assumed_expires_in: Option<Duration>,
    /// The unverified `exp` of an access token that is a JWT.
    pub exp: Option<Timestamp>,
    /// The lifetime of an unused refresh token, counted from the request, if known.
    pub refresh_token_expires_in: Option<Duration>,
    /// The maximum lifetime of the grant, counted from the request, if known. `None` in the response to a refresh.
    pub grant_expires_in: Option<Duration>,
    /// The granted scopes: the scopes in the response, or else the requested scopes (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    /// The members of the response that the operator configured for clients.
    pub extra: ListedMembers,
    /// Where the tokens came from.
    pub origin: TokenOrigin,
}

/// The result of a link: the account, and the tokens sealed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Provider and the provider's id of the person.
    pub account: AccountKey,
    /// Whether the provider identified the person.
    pub identified: bool,
    /// A name to show.
    pub display_name: String,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The access token.
    pub access_token: Sealed,
    /// The refresh token. Some providers issue a refresh token only at the first consent. So if the response has none,
    /// the account keeps its stored refresh token, unless that token has another origin or its grant has ended.
    pub refresh_token: Option<Sealed>,
    /// The additional members of the token response, encrypted with the same key as the access token.
    pub extra: Option<Sealed>,
    /// Where the tokens came from.
    pub origin: TokenOrigin,
    /// When the tokens were requested.
    pub requested_at: Timestamp,
    /// When the access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
    /// What else is known about the lifetime of access tokens.
    pub hints: LifetimeHints,
    /// When an unused refresh token expires, if known. If the response has no refresh token, the stored time is kept.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// When the grant ends, if known. No refresh can extend it. If the response has no refresh token, the stored time
    /// is kept.
    pub grant_expires_at: Option<Timestamp>,
    /// When to refresh next, if the account has a new or a stored refresh token.
    pub next_refresh_at: Option<Timestamp>,
}

/// The tokens of a refresh, sealed to the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshedTokens {
    /// The access token, or an error if the response has no usable access token. On an error, the account keeps the
    /// stored access token with its expiry, scopes and extra members, and the error becomes the account's last error.
    pub access_token: Result<Sealed, Box<RefreshFailure>>,
    /// The new refresh token; `None` if the old one stays valid.
    pub refresh_token: Option<Sealed>,
    /// The granted scopes.
    pub scopes: Vec<String>,
    /// The additional members of the token response, encrypted with the same key as the access token.
    pub extra: Option<Sealed>,
    /// Where the tokens came from.
    pub origin: TokenOrigin,
    /// When the tokens were requested.
    pub requested_at: Timestamp,
    /// When the access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
    /// What else is known about the lifetime of access tokens.
    pub hints: LifetimeHints,
    /// When an unused refresh token expires; `None` if the response does not state it.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// When to refresh next.
    pub next_refresh_at: Option<Timestamp>,
}

/// Minimum time between two responses whose expiries are compared. With less time, rounding could explain a difference.
const SIGNIFICANT_CHANGE: Duration = Duration::from_secs(10);

impl RefreshedTokens {
    /// Whether using the refresh token has extended its lifetime. Compares the new expiry with `end_before`, the expiry
    /// stored since `obtained_at`. An extended expiry moves by about the time that has passed. If the response has no
    /// expiry, the lifetime is not extended. `None` if unknown.
    pub(super) fn renews(
        &self,
        end_before: Option<Timestamp>,
        obtained_at: Timestamp,
    ) -> Option<bool> {
        let end_before = end_before?;
        let Some(end) = self.refresh_token_expires_at else {
            return Some(false);
        };
        let passed = self.requested_at.since(obtained_at);
        (passed >= SIGNIFICANT_CHANGE).then(|| end.since(end_before) >= passed / 2)
    }
}

/// The version of the stored refresh token. It decides which of two competing results is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i64);

impl Generation {
    /// The first generation of an account.
    pub const FIRST: Self = Self(1);

    /// Returns the next generation.
    pub const fn next(self) -> Self {
        Self(number::next(self.0))
    }
}

/// The stored tokens of an account: one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTokens {
    /// The account.
    pub account: Account,
    /// Incremented by every recorded refresh, and when a consent replaces the refresh token.
    pub generation: Generation,
    /// The access token.
    pub access_token: Sealed,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Sealed>,
    /// The additional members of the token response, encrypted with the same key as the access token.
    pub extra: Option<Sealed>,
    /// Where the tokens came from.
    pub origin: TokenOrigin,
    /// When the access token was obtained.
    pub obtained_at: Timestamp,
    /// What is known about the lifetime of access tokens, in addition to the expiry of the stored access token.
    pub hints: LifetimeHints,
    /// The lease for using the refresh token.
    pub lease: Lease,
    /// The refresh attempts since the last success.
    pub attempts: Attempts,
}

impl StoredTokens {
    /// Returns what is known about the expiry of the access token.
    pub fn access_token_expiry(&self) -> AccessTokenExpiry {
        let expires_at = self.account.access_token_expires_at;
        AccessTokenExpiry::of_stored(expires_at, self.hints, self.obtained_at)
    }

    /// Returns the last known lifetime of an unused refresh token. It applies to a new refresh token if the provider
    /// does not state a lifetime. `None` if a refresh does not extend the lifetime, or if the refresh token does not
    /// expire before the grant.
    pub fn refresh_token_lasts(&self) -> Option<Duration> {
        let account = &self.account;
        let end = account.refresh_token_expires_at;
        end.filter(|_| account.renewed_by_use != Some(false))
            .filter(|end| account.grant_expires_at.is_none_or(|grant| *end < grant))
            .map(|end| end.since(self.obtained_at))
            .filter(|lasts| !lasts.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_moves_is_distinguished_from_a_fixed_one() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let answer = |requested_at: i64, end: Option<i64>| RefreshedTokens {
            access_token: Ok(Sealed::from_bytes(Vec::new())),
            refresh_token: None,
            scopes: Vec::new(),
            extra: None,
            origin: TokenOrigin {
                issuer: None,
                token_endpoint: String::new(),
                client_id: String::new(),
            },
            requested_at: at(requested_at),
            access_token_expires_at: None,
            hints: LifetimeHints::default(),
            refresh_token_expires_at: end.map(at),
            next_refresh_at: None,
        };
        let renews = |requested_at, end| answer(requested_at, end).renews(Some(at(9000)), at(0));
        assert_eq!(renews(3000, Some(12_000)), Some(true));
        assert_eq!(renews(3000, Some(9000)), Some(false));
        // Rounding the remaining lifetime to whole seconds moves the expiry by a second.
        assert_eq!(renews(3000, Some(9001)), Some(false));
        assert_eq!(renews(3000, Some(8999)), Some(false));
        assert_eq!(renews(3000, None), Some(false));
        assert_eq!(renews(2, Some(9002)), None, "too soon to tell");
        assert_eq!(answer(3000, Some(9000)).renews(None, at(0)), None);
    }
}
