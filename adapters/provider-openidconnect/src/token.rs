//! Token responses (RFC 6749 section 5.1).

use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{TokenGrant, TokenOrigin};
use central_oauth_domain::ports::{ProviderError, RefreshAnswer};
use central_oauth_domain::secret::{AccessToken, IdToken, RefreshToken};

use serde_json::Value;

use crate::http::{Fields, date};
use crate::quirks::{Quirks, TokenQuirks};
use crate::scrub::Scrubber;
use crate::{extra, token_exp, token_text};

/// Parses the token responses of a provider.
pub(crate) struct TokenResponses<'a> {
    /// The scopes of responses that name none.
    pub(crate) scopes: &'a [String],
    pub(crate) origin: TokenOrigin,
    pub(crate) quirks: &'a Quirks,
    /// The members that clients get.
    pub(crate) extra: &'a [String],
    /// When the response arrived.
    pub(crate) now: Timestamp,
}

impl TokenResponses<'_> {
    /// Parses the response that starts a grant. Does not check the token type.
    pub(crate) fn read_grant(self, fields: &Fields) -> Result<TokenGrant, ProviderError> {
        let quirks = &self.quirks.refresh;
        let mut grant = self.read_unchecked(fields)?;
        grant.grant_expires_in = quirks.grant_lasts();
        if grant.refresh_token_expires_in.is_none() {
            let lasts = quirks.lasts();
            grant.refresh_token_expires_in = lasts;
            grant.grant_expires_in = grant
                .grant_expires_in
                .or(lasts.filter(|_| !quirks.use_renews));
        }
        Ok(grant)
    }

    /// Parses the response to a refresh that sent these secrets. A new refresh token is kept even if the rest is
    /// unusable, because the provider has rotated the token. A response with neither a new refresh token nor an access
    /// token is an error: it contains a message instead of a token, or echoes the request.
    pub(crate) fn read_refresh(
        self,
        fields: &Fields,
        has_rotated: bool,
        secrets: &Scrubber,
    ) -> Result<RefreshAnswer, ProviderError> {
        let refresh_token = token_text::refresh_token(fields).map(RefreshToken::new);
        let quirks = &self.quirks.token;
        let checked = self
            .read_unchecked(fields)
            .and_then(|grant| check_type(fields, quirks, secrets).map(|()| grant));
        match checked {
            Ok(grant) => Ok(RefreshAnswer::Granted(Box::new(grant))),
            Err(why) if !has_rotated && token_text::access_token(fields).is_none() => Err(why),
            Err(why) => Ok(RefreshAnswer::Unusable { refresh_token, why }),
        }
    }

    /// Parses the response without checking the token type. A missing, zero or negative `expires_in` counts as unknown:
    /// some servers send 0 for "never", others for a cached token that expires within a second.
    fn read_unchecked(self, fields: &Fields) -> Result<TokenGrant, ProviderError> {
        let missing = || ProviderError::nonsense("a token response without a usable access_token");
        let access_token = token_text::access_token(fields).ok_or_else(missing)?;
        let quirks = self.quirks;
        let is_unsaid = |name: &&str| fields.get(name).is_none_or(Value::is_null);
        let is_silent = LIFETIMES.iter().all(is_unsaid);
        let assumed = quirks.token.default_expires_in.filter(|_| is_silent);
        let scopes = scopes(fields, &quirks.token);
        Ok(TokenGrant {
            access_token: AccessToken::new(access_token),
            exp: token_exp::exp(access_token).or_else(|| end(fields, &ENDS)),
            refresh_token: token_text::refresh_token(fields).map(RefreshToken::new),
            id_token: fields.text("id_token").map(IdToken::new),
            expires_in: LIFETIMES.iter().find_map(|name| lifetime(fields, name)),
            assumed_expires_in: assumed.map(Duration::from_secs),
            refresh_token_expires_in: refresh_token_lifetime(fields, self.now)
                .or_else(|| quirks.refresh.lasts_if_renewed()),
            grant_expires_in: None,
            scopes: scopes.unwrap_or_else(|| self.scopes.to_vec()),
            extra: extra::read(fields, self.extra),
            origin: self.origin,
        })
    }
}

/// Members with the lifetime of the access token. The first is Zoho Writer's, whose `expires_in` is in milliseconds.
/// Then come those of RFC 6749 section 5.1, of Stack Exchange and Deezer, and of cTrader.
const LIFETIMES: [&str; 4] = ["expires_in_sec", "expires_in", "expires", "expiresIn"];

/// Members with the lifetime of the refresh token. The first is GitHub's, Google's and LinkedIn's. The second is
/// Keycloak's, which sends 0 for an unlimited token. The last is QuickBooks'.
const REFRESH_TOKEN_LIFETIMES: [&str; 3] = [
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
];

/// Members with the expiry of the refresh token. The first is Square's. In the other two, TikTok Shop and other servers
/// send a Unix time instead of a lifetime.
const REFRESH_TOKEN_ENDS: [&str; 3] = [
    "refresh_token_expires_at",
    "refresh_token_expires_in",
    "refresh_expires_in",
];

/// Members with the expiry of the access token, which some servers send instead of a lifetime (`expires_on` of
/// Microsoft, `expires_at` of Strava and Square). Like the `exp` of a JWT, the expiry is only a hint.
const ENDS: [&str; 4] = ["expires_at", "expires_on", "expires", "expires_in"];

/// Returns a lifetime. Zero stands for "never", and a huge number must be a Unix time, so neither is a lifetime.
fn lifetime(fields: &Fields, name: &str) -> Option<Duration> {
    plausible(fields.seconds(name)?)
}

fn plausible(lifetime: Duration) -> Option<Duration> {
    let is_plausible = !lifetime.is_zero() && lifetime < date::FIRST_UNIX_TIME;
    is_plausible.then_some(lifetime)
}

/// Returns the lifetime of the refresh token, or the time until its expiry. An expiry in the past counts as unknown.
fn refresh_token_lifetime(fields: &Fields, now: Timestamp) -> Option<Duration> {
    let mut names = REFRESH_TOKEN_LIFETIMES.iter();
    names
        .find_map(|name| lifetime(fields, name))
        .or_else(|| plausible(end(fields, &REFRESH_TOKEN_ENDS)?.since(now)))
}

/// Returns the first of these members that is a Unix time or a date.
fn end(fields: &Fields, names: &[&str]) -> Option<Timestamp> {
    names.iter().find_map(|name| {
        let seconds = fields.seconds(name).and_then(date::of_unix);
        seconds.or_else(|| date::parse(fields.text(name)?))
    })
}

/// Returns the granted scopes: at a pointer of the profile, or else in `scope`.
fn scopes(fields: &Fields, quirks: &TokenQuirks) -> Option<Vec<String>> {
    let mut places = quirks.scopes_at.iter();
    places
        .find_map(|pointer| fields.words_at(pointer))
        .or_else(|| fields.words("scope"))
}

/// Token types that mean Bearer, in lower case. The second is Apigee's, the third Azure DevOps'
/// (MicrosoftDocs/azure-devops-docs#810), the others are eBay's.
const BEARER: [&str; 5] = [
    "bearer",
    "bearertoken",
    "jwt-bearer",
    "user access token",
    "application access token",
];

/// Maximum length of a quoted token type.
const MAX_TYPE: usize = 40;

/// Checks that the token is a bearer token, because a client must not use a token of unknown type (RFC 6749 section
/// 7.1). Case does not matter. A missing type counts as Bearer. The error names the type, but no token and none of
/// these secrets.
pub(crate) fn check_type(
    fields: &Fields,
    quirks: &TokenQuirks,
    secrets: &Scrubber,
) -> Result<(), ProviderError> {
    let token_type = match fields.get("token_type") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(name)) => name.trim(),
        Some(_) => "no text",
    };
    let aliases = quirks.bearer_types.iter().map(String::as_str);
    let mut names = aliases.chain(BEARER).chain([""]);
    if names.any(|known| known.eq_ignore_ascii_case(token_type)) {
        return Ok(());
    }
    let mut secrets = secrets.clone();
    for token in extra::TOKENS.iter().filter_map(|name| fields.text(name)) {
        secrets.add(token.trim());
    }
    let shown: String = secrets.text(token_type).chars().take(MAX_TYPE).collect();
    Err(ProviderError::refused(
        "unsupported_token_type",
        format!("the provider issues tokens that are not bearer tokens (token_type: {shown})"),
    ))
}
