//! Answers to a refresh (RFC 6749 section 6), and whether the refresh token may be spent although they bring none.

use central_oauth_domain::grant::{TokenGrant, TokenOrigin};
use central_oauth_domain::ports::{ProviderError, RefreshError};
use reqwest::StatusCode;

use crate::http::{Answer, Rejection, unworded};
use crate::oauth_error::OAuthError;
use crate::token;

/// Reads one; `granted` is what the tokens are good for where the answer does not say. An ID token in it is of no
/// interest, so a bad one does no harm.
pub(crate) fn read(
    answer: Answer,
    granted: &[String],
    origin: TokenOrigin,
) -> Result<TokenGrant, RefreshError> {
    let status = answer.status();
    match answer.success() {
        // The server has done its part, whatever is wrong with the answer.
        Ok(fields) => token::read(&fields, granted, origin).map_err(|cause| RefreshError {
            cause,
            may_have_acted: true,
        }),
        Err(Rejection::Worded(error)) => Err(ProviderError::from(spelled_alike(error)).into()),
        Err(Rejection::Failed(cause)) if is_refusal(status) => Err(unworded(cause, status).into()),
        Err(Rejection::Failed(cause)) => Err(RefreshError {
            may_have_acted: status != StatusCode::TOO_MANY_REQUESTS,
            cause,
        }),
    }
}

/// GitHub's and Slack's words for a refresh token that is dead, by their documentation.
fn spelled_alike(error: OAuthError) -> OAuthError {
    match error.code.as_str() {
        "bad_refresh_token" | "invalid_refresh_token" => OAuthError {
            detail: format!("{}: {}", error.code, error.detail),
            code: "invalid_grant".to_owned(),
            ..error
        },
        _ => error,
    }
}

/// A 408 is a request that got lost on its way in, a 429 a limit: neither says anything about the refresh token.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS
}
