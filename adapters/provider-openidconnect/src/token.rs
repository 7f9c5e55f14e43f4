//! Token answers (RFC 6749 section 5.1).

use central_oauth_domain::grant::{TokenGrant, TokenOrigin};
use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::{AccessToken, IdToken, RefreshToken};

use crate::http::Fields;

/// Reads one; `asked_for` is what was granted where the answer does not say.
///
/// `expires_in` that is missing, zero or negative means that the provider did not say: a token that is dead on arrival
/// would be of no use to anybody, and servers write 0 for "never". A missing `token_type` is taken for Bearer.
pub(crate) fn read(
    fields: &Fields,
    asked_for: &[String],
    origin: TokenOrigin,
) -> Result<TokenGrant, ProviderError> {
    let access_token = fields
        .text("access_token")
        .ok_or_else(|| ProviderError::Nonsense {
            detail: "a token answer without an access_token".to_owned(),
        })?;
    check_type(fields.text("token_type"))?;
    Ok(TokenGrant {
        access_token: AccessToken::new(access_token),
        refresh_token: fields.text("refresh_token").map(RefreshToken::new),
        id_token: fields.text("id_token").map(IdToken::new),
        expires_in: fields
            .seconds("expires_in")
            .filter(|lifetime| !lifetime.is_zero()),
        scopes: fields.words("scope").unwrap_or_else(|| asked_for.to_vec()),
        origin,
    })
}

/// A client must not use a token whose type it does not understand (RFC 6749 section 7.1). The type comes in any case.
fn check_type(token_type: Option<&str>) -> Result<(), ProviderError> {
    if token_type.is_none_or(|name| name.eq_ignore_ascii_case("bearer")) {
        return Ok(());
    }
    Err(ProviderError::Refused {
        code: "unsupported_token_type".to_owned(),
        detail: "the provider issues tokens that are no bearer tokens".to_owned(),
    })
}
