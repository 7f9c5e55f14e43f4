//! Giving a token back (RFC 7009), and what the answer says about it.
//!
//! The library's own request is of no use: it takes no endpoint on loopback, and no success but 200.

use central_oauth_domain::ports::{ProviderError, Revoked, TokenToRevoke};
use reqwest::StatusCode;
use url::Url;

use crate::http::{Answer, Rejection, Request, unworded};
use crate::oauth_error::OAuthError;

/// The request, but for who asks (section 2.1).
pub(crate) fn request(endpoint: &Url, token: TokenToRevoke<'_>) -> Request {
    let (token, hint) = match token {
        TokenToRevoke::Refresh(token) => (token.expose(), "refresh_token"),
        TokenToRevoke::Access(token) => (token.expose(), "access_token"),
    };
    let mut request = Request::post(endpoint);
    request.secret_field("token", token);
    request.field("token_type_hint", hint);
    request
}

/// Reads the answer. The status alone makes a success: its body is to be ignored (section 2.2).
pub(crate) fn read(answer: Answer) -> Result<Revoked, ProviderError> {
    let status = answer.status();
    if status.is_success() || is_invalid_at_twitch(&answer) {
        return Ok(Revoked::Revoked);
    }
    match answer.success() {
        Ok(_) => Ok(Revoked::Revoked),
        Err(Rejection::Worded(error)) => judge(error, status),
        Err(Rejection::Failed(cause)) => Err(ours(unworded(cause, status), status)),
    }
}

/// A token that the server does not know is a success by section 2.2, but Google answers 400 with `invalid_token`, and
/// others with `invalid_grant`. With 401 it is the client that is not known (RFC 6749 section 5.2).
fn judge(error: OAuthError, status: StatusCode) -> Result<Revoked, ProviderError> {
    match error.code.as_str() {
        "unsupported_token_type" => Ok(Revoked::Unsupported),
        "invalid_token" | "invalid_grant" if status == StatusCode::BAD_REQUEST => {
            Ok(Revoked::Revoked)
        }
        _ => Err(ours(error.into(), status)),
    }
}

/// Twitch, "Revoking access tokens": a token that is not valid (any more) has this message, and no code.
fn is_invalid_at_twitch(answer: &Answer) -> bool {
    answer.status() == StatusCode::BAD_REQUEST && answer.description() == Some("Invalid token")
}

/// A 401 is about who asks, whatever it is called.
fn ours(error: ProviderError, status: StatusCode) -> ProviderError {
    match error {
        ProviderError::Refused { code, detail } if status == StatusCode::UNAUTHORIZED => {
            ProviderError::Misconfigured { code, detail }
        }
        other => other,
    }
}
