//! Parses responses to refreshes (RFC 6749 section 6), and decides whether a failed one may have used up the refresh
//! token.

use central_oauth_domain::ports::{ProviderError, RefreshAnswer, RefreshError};
use central_oauth_domain::secret::RefreshToken;
use reqwest::StatusCode;

use crate::dialect::Meaning;
use crate::http::{ProviderResponse, Rejection, unworded};
use crate::oauth_error::{OAuthError, UNNAMED};
use crate::quirks::RefreshQuirks;
use crate::token::TokenResponses;
use crate::token_text;

/// Parses the response to a refresh with the `presented` token. An ID token is ignored, so that a bad one does no harm.
pub(crate) fn read(
    answer: ProviderResponse,
    presented: &RefreshToken,
    responses: TokenResponses<'_>,
) -> Result<RefreshAnswer, RefreshError> {
    let quirks = &responses.quirks.refresh;
    let answer = answer.unwrapped();
    let (status, is_page) = (answer.status, answer.is_page());
    let has_rotated = brings_another(&answer, presented);
    let secrets = answer.secrets.clone();
    match answer.tokens() {
        // The server may have rotated the refresh token, whatever is wrong with the response.
        Ok(fields) => responses
            .read_refresh(&fields, has_rotated, &secrets)
            .map_err(|cause| RefreshError {
                cause,
                may_have_acted: true,
            }),
        Err(Rejection::Worded(error)) => Err(RefreshError {
            may_have_acted: has_rotated
                || is_outage(&error)
                || quirks.may_have_acted.contains(&error.code),
            cause: judge(error, quirks),
        }),
        Err(Rejection::Failed(cause)) if is_refusal(status) => Err(RefreshError {
            may_have_acted: has_rotated,
            cause: unworded(cause, status, is_page),
        }),
        Err(Rejection::Failed(cause)) => Err(RefreshError {
            may_have_acted: has_rotated || status != StatusCode::TOO_MANY_REQUESTS,
            cause,
        }),
    }
}

/// Whether the response has a new refresh token. A token in an error response is not stored, but shows that the
/// provider may have rotated.
fn brings_another(answer: &ProviderResponse, presented: &RefreshToken) -> bool {
    let returned = answer.fields().and_then(token_text::refresh_token);
    returned.is_some_and(|token| token != presented.expose())
}

/// Whether the error is a gateway's, which may have passed the request on, rather than one of the OAuth server.
fn is_outage(error: &OAuthError) -> bool {
    error.code == UNNAMED && error.meaning == Meaning::Passing
}

/// Uses the domain's code, `invalid_grant`, for every error that means a dead refresh token. A doubtful rejection gets
/// another code, which ends the grant only if it persists.
fn judge(error: OAuthError, quirks: &RefreshQuirks) -> ProviderError {
    if !error.is_dead {
        return error.into();
    }
    match error.code.as_str() {
        "invalid_grant" if quirks.dead_is_doubtful => OAuthError {
            code: "doubtful_invalid_grant".to_owned(),
            is_dead: false,
            ..error
        }
        .into(),
        "invalid_grant" | UNNAMED => dead(error.detail),
        _ => dead(error.text()),
    }
}

fn dead(detail: String) -> ProviderError {
    ProviderError::refused("invalid_grant", detail)
}

/// Whether the status rejects the refresh token. A 408 never reached the endpoint, and a 429 is a rate limit.
fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS
}
