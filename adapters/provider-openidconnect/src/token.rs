//! Token responses (RFC 6749 section 5.1).

use std::time::Duration;

use central_oauth_domain::Timestamp;
use central_oauth_domain::grant::{TokenGrant, TokenOrigin};
use central_oauth_domain::ports::{ProviderError, RefreshAnswer};
use central_oauth_domain::secret::{AccessToken, IdToken, RefreshToken};

use serde_json::Value;

use crate::http::{Fields, date};
use crate::quirks::{Quirks, TokenQuirks};
use crate::{extra, token_exp, token_text};

/// How token responses of a provider are read.
pub(crate) struct TokenResponses<'a> {
    /// The scopes if the response names none.
    pub(crate) scopes: &'a [String],
    pub(crate) origin: TokenOrigin,
    pub(crate) quirks: &'a Quirks,
    /// The members for clients.
    pub(crate) extra: &'a [String],
    /// When the response arrived.
    pub(crate) now: Timestamp,
}

impl TokenResponses<'_> {
    /// Parses the response that starts a grant, with tokens of any type.
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

    /// Parses the response to a refresh. A new refresh token is kept even if the rest is unusable, because the provider
    /// has rotated. A response with neither a new refresh token nor an access token is an error: it has a message in
    /// the place of a token, or echoes the request.
    pub(crate) fn read_refresh(
        self,
        fields: &Fields,
        has_rotated: bool,
    ) -> Result<RefreshAnswer, ProviderError> {
        let refresh_token = token_text::refresh_token(fields).map(RefreshToken::new);
        let quirks = &self.quirks.token;
        let checked = self
            .read_unchecked(fields)
            .and_then(|grant| check_type(fields, quirks).map(|()| grant));
        match checked {
            Ok(grant) => Ok(RefreshAnswer::Granted(Box::new(grant))),
            Err(why) if !has_rotated && token_text::access_token(fields).is_none() => Err(why),
            Err(why) => Ok(RefreshAnswer::Unusable { refresh_token, why }),
        }
    }

    /// A missing, zero or negative `expires_in` counts as unknown: an expired token would be useless, and servers send 0
    /// for "never" or in the last second of a cached token.
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

/// In this order: Zoho Writer, whose `expires_in` is in milliseconds; RFC 6749 section 5.1; Stack Exchange and Deezer;
/// cTrader.
const LIFETIMES: [&str; 4] = ["expires_in_sec", "expires_in", "expires", "expiresIn"];

/// In this order: GitHub, Google and LinkedIn; Keycloak, which sends 0 for an unlimited token; QuickBooks.
const REFRESH_TOKEN_LIFETIMES: [&str; 3] = [
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
];

/// Members with the expiry of the refresh token: the first is Square's. TikTok Shop and others send a Unix time in the
/// place of a lifetime.
const REFRESH_TOKEN_ENDS: [&str; 3] = [
    "refresh_token_expires_at",
    "refresh_token_expires_in",
    "refresh_expires_in",
];

/// The end of the access token, which some servers send instead of a lifetime (`expires_on` of Microsoft, `expires_at` of
/// Strava and Square). Like the `exp` of a JWT it is only a hint.
const ENDS: [&str; 4] = ["expires_at", "expires_on", "expires", "expires_in"];

/// Returns a lifetime, unless it is so long that it must be a Unix time, or stands for "never".
fn lifetime(fields: &Fields, name: &str) -> Option<Duration> {
    plausible(fields.seconds(name)?)
}

fn plausible(lifetime: Duration) -> Option<Duration> {
    let is_plausible = !lifetime.is_zero() && lifetime < date::FIRST_UNIX_TIME;
    is_plausible.then_some(lifetime)
}

/// Returns the lifetime of the refresh token, or the time until its end. An end that has passed counts as unknown.
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

/// Returns the granted scopes of the response: `scope`, or where the profile says.
fn scopes(fields: &Fields, quirks: &TokenQuirks) -> Option<Vec<String>> {
    let mut places = quirks.scopes_at.iter();
    places
        .find_map(|pointer| fields.words_at(pointer))
        .or_else(|| fields.words("scope"))
}

/// Types that are sent like `Bearer`: of Apigee and of eBay.
const BEARER: [&str; 4] = [
    "bearer",
    "bearertoken",
    "user access token",
    "application access token",
];

/// A client must not use a token of unknown type (RFC 6749 section 7.1). Case does not matter; a missing type counts as
/// Bearer.
pub(crate) fn check_type(fields: &Fields, quirks: &TokenQuirks) -> Result<(), ProviderError> {
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
    Err(ProviderError::refused(
        "unsupported_token_type",
        "the provider issues tokens that are not bearer tokens",
    ))
}
