//! Token answers (RFC 6749 section 5.1).

use std::time::Duration;

use central_oauth_domain::grant::{TokenGrant, TokenOrigin};
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::{AccessToken, IdToken, RefreshToken};

use crate::http::Fields;
use crate::quirks::{Quirks, TokenQuirks};

/// Reads an answer that begins a grant, whatever type its tokens are of; `asked_for` is what was granted where the answer does not say.
pub(crate) fn read(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
) -> Result<TokenGrant, ProviderError> {
    let mut grant = read_unchecked(fields, asked_for, origin, quirks)?;
    let lasts = quirks.refresh.lasts(false);
    grant.refresh_token_expires_in = grant.refresh_token_expires_in.or(lasts);
    grant.grant_expires_in = quirks.refresh.grant_lasts();
    Ok(grant)
}

/// Reads an answer that goes on with one.
pub(crate) fn read_refreshed(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
) -> Result<TokenGrant, ProviderError> {
    let grant = read_unchecked(fields, asked_for, origin, quirks)?;
    check_type(fields, &quirks.token)?;
    Ok(grant)
}

/// `expires_in` that is missing, zero or negative means that the provider did not say: a token that is dead on arrival
/// would be of no use to anybody, and servers write 0 for "never".
fn read_unchecked(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
) -> Result<TokenGrant, ProviderError> {
    let access_token = fields
        .text("access_token")
        .ok_or_else(|| ProviderError::Nonsense {
            detail: "a token answer without an access_token".to_owned(),
        })?;
    let default_expires_in = quirks.token.default_expires_in.map(Duration::from_secs);
    let scopes = scopes(fields, &quirks.token);
    Ok(TokenGrant {
        access_token: AccessToken::new(access_token),
        refresh_token: fields.text("refresh_token").map(RefreshToken::new),
        id_token: fields.text("id_token").map(IdToken::new),
        expires_in: lifetime(fields, "expires_in").or(default_expires_in),
        // GitHub, Google and LinkedIn; Keycloak, which says 0 for a token without an end.
        refresh_token_expires_in: lifetime(fields, "refresh_token_expires_in")
            .or_else(|| lifetime(fields, "refresh_expires_in"))
            .or_else(|| quirks.refresh.lasts(true)),
        grant_expires_in: None,
        scopes: scopes.unwrap_or_else(|| asked_for.to_vec()),
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
    let token_type = fields.text("token_type");
    let aliases = quirks.bearer_types.iter().map(String::as_str);
    let mut names = aliases.chain(["bearer"]);
    if token_type.is_none_or(|name| names.any(|known| known.eq_ignore_ascii_case(name))) {
        return Ok(());
    }
    Err(ProviderError::Refused {
        code: "unsupported_token_type".to_owned(),
        detail: "the provider issues tokens that are no bearer tokens".to_owned(),
    })
}
