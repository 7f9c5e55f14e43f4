//! Tokens, fresh from a provider and as stored.

use std::time::Duration;

use super::{Account, AccountKey};
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
    /// What was granted, where the provider said so; otherwise what was asked for (RFC 6749 section 5.1).
    pub scopes: Vec<String>,
    /// Where they came from.
    pub origin: TokenOrigin,
}

/// Where tokens came from. A refresh token is sent nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOrigin {
    /// The token endpoint.
    pub token_endpoint: String,
    /// The client that they were given to.
    pub client_id: String,
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
    /// The refresh token. `None` keeps a stored one of the same origin, unless that one is known to be dead.
    pub refresh_token: Option<Sealed>,
    /// Where they came from.
    pub origin: TokenOrigin,
    /// When the access token expires, if it does.
    pub access_token_expires_at: Option<Timestamp>,
}

/// The one row of tokens of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTokens {
    /// The account.
    pub account: Account,
    /// Grows whenever the refresh token is replaced: what decides between competing results.
    pub generation: i64,
    /// The access token.
    pub access_token: Sealed,
    /// The refresh token, if there is one.
    pub refresh_token: Option<Sealed>,
    /// Where they came from.
    pub origin: TokenOrigin,
}
