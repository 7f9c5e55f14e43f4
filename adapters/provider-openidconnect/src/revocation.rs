//! Revocation requests (RFC 7009, or as the provider requires) and their responses.
//!
//! The request of the openidconnect crate is not used, because it accepts no endpoint on loopback and no success other
//! than 200.

use central_oauth_domain::ports::{ProviderError, Revoked, TokenToRevoke};
use reqwest::StatusCode;
use url::Url;

use crate::client_auth::{ClientAuth, ClientAuthMethod};
use crate::http::{Fields, ProviderResponse, Rejection, Request, unworded};
use crate::oauth_error::OAuthError;
use crate::quirks::{RevocationAuth, RevocationQuirks, TokenPlace, TokenType};

/// Whether the provider revokes tokens of this type.
pub(crate) fn takes(token: TokenToRevoke<'_>, quirks: &RevocationQuirks) -> bool {
    matches!(
        (quirks.takes, token),
        (None, _)
            | (Some(TokenType::AccessToken), TokenToRevoke::Access(_))
            | (Some(TokenType::RefreshToken), TokenToRevoke::Refresh(_))
    )
}

/// Builds the request without client authentication (section 2.1).
pub(crate) fn request(
    endpoint: &Url,
    token: TokenToRevoke<'_>,
    quirks: &RevocationQuirks,
) -> Result<Request, ProviderError> {
    let (token, hint) = match token {
        TokenToRevoke::Refresh(token) => (token.expose(), "refresh_token"),
        TokenToRevoke::Access(token) => (token.expose(), "access_token"),
    };
    let request = if quirks.delete {
        Request::delete(endpoint)
    } else {
        Request::post(endpoint)
    };
    let mut request = request.json_if(quirks.token_in == TokenPlace::Json);
    request.extra_fields(&quirks.parameters);
    if quirks.token_in == TokenPlace::Bearer {
        request.authorize("Bearer", token)?;
        return Ok(request);
    }
    request.secret_field(quirks.parameter.as_deref().unwrap_or("token"), token);
    if quirks.token_in == TokenPlace::Form {
        request.field("token_type_hint", hint);
    }
    Ok(request)
}

/// Returns the client authentication, or `None` if the request has none.
pub(crate) fn auth(
    quirks: &RevocationQuirks,
    has_secret: bool,
    usual: ClientAuth,
) -> Result<Option<ClientAuth>, ProviderError> {
    let fixed = |method| Ok(Some(ClientAuth::fixed(method)));
    match quirks.auth_method {
        None if quirks.token_in == TokenPlace::Bearer => Ok(None),
        None => Ok(Some(usual)),
        Some(RevocationAuth::None) => Ok(None),
        Some(RevocationAuth::ClientId) => fixed(ClientAuthMethod::None),
        Some(RevocationAuth::ClientSecretBasic) if has_secret => fixed(ClientAuthMethod::Basic),
        Some(RevocationAuth::ClientSecretBasic) => Err(ProviderError::misconfigured(
            "client_secret_missing",
            "this provider revokes tokens only with the client secret",
        )),
    }
}

/// Parses the response. A success needs no body (section 2.2). A member `error` makes the response a failure, whatever
/// its status.
///
/// An HTML page is never a success: it comes from a proxy or a sign-in in front of the server.
pub(crate) fn read(
    answer: ProviderResponse,
    quirks: &RevocationQuirks,
) -> Result<Revoked, ProviderError> {
    let (status, is_page) = (answer.status, answer.is_page());
    if quirks.gone_statuses.contains(&status.as_u16()) || is_gone_by_words(&answer, quirks) {
        return Ok(Revoked::Unknown);
    }
    let revoked = if quirks.leaves_grant {
        Revoked::TokenAlone
    } else {
        Revoked::Revoked
    };
    let is_plain = quirks.success_member.is_none() && !quirks.doubts_unknown;
    if status.is_success() && is_plain && !denies(&answer) {
        return Ok(revoked);
    }
    match answer.success() {
        Ok(fields) => confirmed(&fields, quirks).map(|()| revoked),
        Err(Rejection::Worded(error)) if quirks.doubts_unknown => Err(ours(error.into(), status)),
        Err(Rejection::Worded(error)) => judge(error, status),
        Err(Rejection::Failed(cause)) => Err(ours(unworded(cause, status, is_page), status)),
    }
}

/// Whether a response contradicts its successful status.
fn denies(answer: &ProviderResponse) -> bool {
    let denies = |fields: &Fields| fields.says_error() || fields.says_failure();
    answer.is_page() || answer.is_challenge() || answer.fields().is_some_and(denies)
}

fn confirmed(fields: &Fields, quirks: &RevocationQuirks) -> Result<(), ProviderError> {
    let member = quirks.success_member.as_deref();
    let is_true = |name| fields.get(name).is_some_and(|value| value == true);
    if member.map_or(!fields.says_failure(), is_true) {
        return Ok(());
    }
    Err(ProviderError::nonsense(
        "a response that does not say whether the token was revoked",
    ))
}

/// Interprets an OAuth error. By section 2.2, an unknown token is a success, but Google answers 400 with
/// `invalid_token`, and others send `invalid_grant` or status 200. A 401 means that the client is unknown (RFC 6749
/// section 5.2).
fn judge(error: OAuthError, status: StatusCode) -> Result<Revoked, ProviderError> {
    match error.code.as_str() {
        "unsupported_token_type" => Ok(Revoked::Unsupported),
        "invalid_token" | "invalid_grant"
            if status == StatusCode::BAD_REQUEST || status.is_success() =>
        {
            Ok(Revoked::Unknown)
        }
        _ => Err(ours(error.into(), status)),
    }
}

/// Whether the profile lists this error as "already gone". Server errors and redirects never count.
fn is_gone_by_words(answer: &ProviderResponse, quirks: &RevocationQuirks) -> bool {
    let status = answer.status;
    if status.is_server_error() || status.is_redirection() {
        return false;
    }
    let is_known = |word: &str| {
        quirks
            .gone
            .iter()
            .any(|gone| gone.eq_ignore_ascii_case(word))
    };
    answer.description().is_some_and(is_known)
        || answer
            .oauth_error()
            .is_some_and(|error| is_known(&error.code))
}

/// Turns a rejection with status 401 into a misconfiguration: a 401 is about the client, whatever its error code.
fn ours(error: ProviderError, status: StatusCode) -> ProviderError {
    match error {
        ProviderError::Refused { code, detail } if status == StatusCode::UNAUTHORIZED => {
            ProviderError::misconfigured(code, detail)
        }
        other => other,
    }
}
