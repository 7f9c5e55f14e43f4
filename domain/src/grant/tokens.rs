//! Tokens, fresh from a provider and as stored.

use std::time::Duration;

use super::refresh::{Attempts, RefreshFailure};
use super::{AccessEnd, Account, AccountKey, Lease, LifetimeHints, ListedMembers, TokenOrigin};
use crate::secret::{AccessToken, IdToken, RefreshToken, Sealed};
use crate::time::Timestamp;

/// A token answer (RFC 6749 section 5.1).
#[derive(Clone)]
pub struct TokenGrant {
    /// The access token.
    pub access_token: AccessToken,
    /// The refresh token, if one came.
    pub refresh_token: Option<RefreshToken>,
    /// The ID token, if one came.
    pub id_token: Option<IdToken>,
    /// How long the access token lasts from when the request was sent; `None` when the provider did not say.
    pub expires_in: Option<Duration>,
    /// How long it is taken to last where an answer says nothing about it, if that is known of the provider.
    pub assumed_expires_in: Option<Duration>,
    /// The `exp` of an access token that is a JWT. Nobody has verified it.
    pub exp: Option<Timestamp>,
    /// How long the refresh token lasts from then unless it is used, where that is known.
    pub refresh_token_expires_in: Option<Duration>,
    /// How long the grant lasts from then whatever is done, where that is known. Of answers that begin one; a refresh begins
    /// none.
    pub grant_expires_in: Option<Duration>,
    /// What was granted, where the provider said so; otherwise what was asked for (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    /// The members that the operator listed for clients.
    pub extra: ListedMembers,
    /// Where they came from.
    pub origin: TokenOrigin,
}

/// What completes a link: whose account, and the tokens sealed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// Provider and the provider's id of the person.
    pub account: AccountKey,
    /// Whether the provider named the person.
    pub identified: bool,
    /// A name to show.
    pub display_name: String,
    /// What was granted.
    pub scopes: Vec<String>,
    /// The access token.
    pub access_token: Sealed,
    /// The refresh token. `None` keeps a stored one of the same origin, unless that one is known to be dead: some providers
    /// give one at the first consent alone.
    pub refresh_token: Option<Sealed>,
    /// What clients need beside the access token, sealed together with it.
    pub extra: Option<Sealed>,
    /// Where they came from.
    pub origin: TokenOrigin,
    /// When they were asked for.
    pub requested_at: Timestamp,
    /// When the access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
    /// What else is known about how long it lasts.
    pub hints: LifetimeHints,
    /// When the refresh token dies unless it is used, where that is known. A refresh token that stays keeps its own.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// When the grant ends whatever is done, where that is known. A refresh token that stays keeps its own.
    pub grant_expires_at: Option<Timestamp>,
    /// When to refresh next, if there is a refresh token in the end, be it a kept one.
    pub next_refresh_at: Option<Timestamp>,
}

/// What a refresh brought, sealed to the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshedTokens {
    /// The access token. An error where the answer brought none that may be used: the stored one then stays, with its end,
    /// its scopes and its extra, and the error says how the account fares.
    pub access_token: Result<Sealed, Box<RefreshFailure>>,
    /// The new refresh token; `None` when the old one stays good.
    pub refresh_token: Option<Sealed>,
    /// What is granted now.
    pub scopes: Vec<String>,
    /// What clients need beside the access token, sealed together with it.
    pub extra: Option<Sealed>,
    /// Where they came from.
    pub origin: TokenOrigin,
    /// When they were asked for.
    pub requested_at: Timestamp,
    /// When the access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
    /// What else is known about how long it lasts.
    pub hints: LifetimeHints,
    /// When the refresh token dies unless it is used; `None` leaves what was known before.
    pub refresh_token_expires_at: Option<Timestamp>,
    /// When to refresh next.
    pub next_refresh_at: Option<Timestamp>,
}

/// Within less than this an end that moves cannot be told from one that is rounded.
const TELLING: Duration = Duration::from_secs(10);

impl RefreshedTokens {
    /// Whether using the refresh token has put its end off, given what its end was and when the tokens before had been asked
    /// for. `None` where that cannot be told. An end that moves does so by about as much time as has passed; an answer that
    /// says nothing has moved nothing.
    #[must_use]
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
        (passed >= TELLING).then(|| end.since(end_before) >= passed / 2)
    }
}

/// Which refresh token is stored: decides between competing results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i64);

impl Generation {
    /// The first one of an account.
    pub const FIRST: Self = Self(1);

    /// Returns the generation of the refresh token that replaces this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The one row of tokens of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTokens {
    /// The account.
    pub account: Account,
    /// Grows whenever the refresh token is replaced.
    pub generation: Generation,
    /// The access token.
    pub access_token: Sealed,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Sealed>,
    /// A refresh token that came too late to be the stored one: tried once before a grant is given up.
    pub spare_refresh_token: Option<Sealed>,
    /// What clients need beside the access token, sealed together with it.
    pub extra: Option<Sealed>,
    /// Where they came from.
    pub origin: TokenOrigin,
    /// When the access token was got.
    pub obtained_at: Timestamp,
    /// What is known about how long access tokens last, beside the end of this one.
    pub hints: LifetimeHints,
    /// Who may present the refresh token.
    pub lease: Lease,
    /// How refreshing has gone since it last succeeded.
    pub attempts: Attempts,
}

impl StoredTokens {
    /// What is known about the end of the access token.
    #[must_use]
    pub fn access_end(&self) -> AccessEnd {
        let expires_at = self.account.access_token_expires_at;
        AccessEnd::of_stored(expires_at, self.hints, self.obtained_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_moves_is_told_from_one_that_stands() {
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
        // What is left, in whole seconds.
        assert_eq!(renews(3000, Some(9001)), Some(false));
        assert_eq!(renews(3000, Some(8999)), Some(false));
        assert_eq!(renews(3000, None), Some(false));
        assert_eq!(renews(2, Some(9002)), None, "too soon to tell");
        assert_eq!(answer(3000, Some(9000)).renews(None, at(0)), None);
    }
}
