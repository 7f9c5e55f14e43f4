//! Token answers (RFC 6749 section 5.1).

use std::time::Duration;

use central_oauth_domain::grant::{TokenGrant, TokenOrigin};
use central_oauth_domain::ports::{ProviderError, RefreshAnswer};
use central_oauth_domain::secret::{AccessToken, IdToken, RefreshToken};

use serde_json::Value;

use crate::http::Fields;
use crate::quirks::{Quirks, TokenQuirks};
use crate::{extra, token_exp};

/// Reads an answer that begins a grant, whatever type its tokens are of; `asked_for` is what was granted where the answer does not say.
pub(crate) fn read(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
    listed: &[String],
) -> Result<TokenGrant, ProviderError> {
    let mut grant = read_unchecked(fields, asked_for, origin, quirks, listed)?;
    let lasts = quirks.refresh.lasts(false);
    grant.refresh_token_expires_in = grant.refresh_token_expires_in.or(lasts);
    grant.grant_expires_in = quirks.refresh.grant_lasts();
    Ok(grant)
}

/// Reads an answer that goes on with one. A new refresh token in it is kept, whatever is wrong with the rest: the provider has
/// rotated.
pub(crate) fn read_refreshed(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
    listed: &[String],
) -> Result<RefreshAnswer, ProviderError> {
    let refresh_token = fields.text("refresh_token").map(RefreshToken::new);
    let grant = read_unchecked(fields, asked_for, origin, quirks, listed);
    let checked = grant.and_then(|grant| check_type(fields, &quirks.token).map(|()| grant));
    match checked {
        Ok(grant) => Ok(RefreshAnswer::Granted(Box::new(grant))),
        // Without tokens of any kind this is no answer at all.
        Err(why) if refresh_token.is_none() && fields.text("access_token").is_none() => Err(why),
        Err(why) => Ok(RefreshAnswer::Unusable { refresh_token, why }),
    }
}

/// `expires_in` that is missing, zero or negative means that the provider did not say: a token that is dead on arrival
/// would be of no use to anybody, and servers write 0 for "never", or in the last second of a cached token.
fn read_unchecked(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
    listed: &[String],
) -> Result<TokenGrant, ProviderError> {
    let access_token = fields
        .text("access_token")
        .ok_or_else(|| ProviderError::Nonsense {
            detail: "a token answer without an access_token".to_owned(),
        })?;
    let is_silent = fields.get("expires_in").is_none_or(Value::is_null);
    let assumed = quirks.token.default_expires_in.filter(|_| is_silent);
    let scopes = scopes(fields, &quirks.token);
    Ok(TokenGrant {
        access_token: AccessToken::new(access_token),
        exp: token_exp::exp(access_token),
        refresh_token: fields.text("refresh_token").map(RefreshToken::new),
        id_token: fields.text("id_token").map(IdToken::new),
        expires_in: lifetime(fields, "expires_in"),
        assumed_expires_in: assumed.map(Duration::from_secs),
        // GitHub, Google and LinkedIn; Keycloak, which says 0 for a token without an end.
        refresh_token_expires_in: lifetime(fields, "refresh_token_expires_in")
            .or_else(|| lifetime(fields, "refresh_expires_in"))
            .or_else(|| quirks.refresh.lasts(true)),
        grant_expires_in: None,
        scopes: scopes.unwrap_or_else(|| asked_for.to_vec()),
        extra: extra::read(fields, listed),
        origin,
    })
}

fn lifetime(fields: &Fields, name: &str) -> Option<Duration> {
    let lifetime = fields.seconds(name);
    lifetime.filter(|lifetime| !lifetime.is_zero())
}

/// What was granted, where the answer says so: `scope`, or where the profile knows it to stand.
fn scopes(fields: &Fields, quirks: &TokenQuirks) -> Option<Vec<String>> {
    let mut places = quirks.scopes_at.iter();
    places
        .find_map(|pointer| fields.words_at(pointer))
        .or_else(|| fields.words("scope"))
}

/// A client must not use a token whose type it does not understand (RFC 6749 section 7.1). The type comes in any case;
/// a missing one is taken for Bearer.
pub(crate) fn check_type(fields: &Fields, quirks: &TokenQuirks) -> Result<(), ProviderError> {
    let token_type = match fields.get("token_type") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(name)) => name.trim(),
        Some(_) => "no text",
    };
    let aliases = quirks.bearer_types.iter().map(String::as_str);
    let mut names = aliases.chain(["bearer", ""]);
    if names.any(|known| known.eq_ignore_ascii_case(token_type)) {
        return Ok(());
    }
    Err(ProviderError::Refused {
        code: "unsupported_token_type".to_owned(),
        detail: "the provider issues tokens that are no bearer tokens".to_owned(),
    })
}
