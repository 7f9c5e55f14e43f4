//! Answers to a refresh (RFC 6749 section 6), and whether the refresh token may be spent although they bring none.

use central_oauth_domain::grant::TokenOrigin;
use central_oauth_domain::ports::{ProviderError, RefreshAnswer, RefreshError};
use reqwest::StatusCode;

use crate::http::{Answer, Rejection, unworded};
use crate::oauth_error::OAuthError;
use crate::quirks::{Quirks, RefreshQuirks};
use crate::token;

/// Reads one; `granted` is what the tokens are good for where the answer does not say. An ID token in it is of no
/// interest, so a bad one does no harm.
pub(crate) fn read(
    answer: Answer,
    granted: &[String],
    origin: TokenOrigin,
    quirks: &Quirks,
    listed: &[String],
) -> Result<RefreshAnswer, RefreshError> {
    let status = answer.status();
    match answer.success() {
        // The server has done its part, whatever is wrong with the answer.
        Ok(fields) => {
            token::read_refreshed(&fields, granted, origin, quirks, listed).map_err(|cause| {
                RefreshError {
                    cause,
                    may_have_acted: true,
                }
            })
        }
        Err(Rejection::Worded(error)) => Err(RefreshError {
            may_have_acted: quirks.refresh.may_have_acted.contains(&error.code),
            cause: judge(error, &quirks.refresh),
        }),
        Err(Rejection::Failed(cause)) if is_refusal(status) => Err(unworded(cause, status).into()),
        Err(Rejection::Failed(cause)) => Err(RefreshError {
            may_have_acted: status != StatusCode::TOO_MANY_REQUESTS,
            cause,
        }),
    }
}

/// A dead refresh token has one name for the domain. Where it is doubtful, it gets another: the grant then ends only
/// when the refusal stays.
fn judge(error: OAuthError, quirks: &RefreshQuirks) -> ProviderError {
    if !error.is_dead {
        return error.into();
    }
    let (code, detail) = match error.code.as_str() {
        code @ "invalid_grant" if quirks.dead_is_doubtful => {
            (format!("doubtful_{code}"), error.detail)
        }
        "invalid_grant" => (error.code, error.detail),
        code => (
            "invalid_grant".to_owned(),
            format!("{code}: {}", error.detail),
        ),
    };
    ProviderError::Refused { code, detail }
}

/// Whether there may be no token endpoint at this address any more: the issuer's metadata name another one by now.
pub(crate) fn may_have_moved(status: StatusCode) -> bool {
    let is_gone = [
        StatusCode::NOT_FOUND,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::GONE,
    ]
    .contains(&status);
    is_gone || status.is_redirection()
}

/// A 408 is a request that got lost on its way in, a 429 a limit: neither says anything about the refresh token.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS
}
