//! The userinfo endpoint (OpenID Connect Core section 5.3), or what a plain OAuth 2.0 server has in its place.

use central_oauth_domain::ports::ProviderError;
use central_oauth_domain::secret::AccessToken;
use reqwest::StatusCode;
use url::Url;

use super::Person;
use crate::deadline::Deadline;
use crate::http::{Answer, Fields, Http, Request};

/// What may serve as a name, best first. `login` is GitHub's.
const NAMES: [&str; 6] = [
    "name",
    "preferred_username",
    "login",
    "display_name",
    "nickname",
    "email",
];

/// Asks whose token it is.
pub(crate) async fn ask(
    http: &Http,
    url: &Url,
    token: &AccessToken,
    deadline: Deadline,
) -> Result<Person, ProviderError> {
    let mut request = Request::get(url);
    request.authorize("Bearer", token.expose())?;
    let answer = http.send(request, deadline).await?;
    person(&accepted(answer)?)
}

/// A token that is not accepted here never will be (RFC 6750 section 3.1), save where a server limits requests with
/// 403 (GitHub does) and says so by `Retry-After`.
fn accepted(answer: Answer) -> Result<Fields, ProviderError> {
    let is_no = matches!(
        answer.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    );
    if is_no && answer.retry_after().is_some() {
        return Err(answer.unavailable());
    }
    if is_no {
        return Err(refused(&answer));
    }
    if answer.is_jwt() {
        return Err(ProviderError::Misconfigured {
            code: "signed_userinfo".to_owned(),
            detail: "userinfo comes as a JWT: set the client to plain JSON at the provider"
                .to_owned(),
        });
    }
    Ok(answer.success()?)
}

fn refused(answer: &Answer) -> ProviderError {
    let status = answer.status().as_u16();
    let (code, detail) = match answer.oauth_error() {
        Some(error) => (error.code, error.detail),
        None => ("invalid_token".to_owned(), format!("HTTP {status}")),
    };
    ProviderError::Refused {
        code,
        detail: format!("userinfo does not accept the access token: {detail}"),
    }
}

fn person(fields: &Fields) -> Result<Person, ProviderError> {
    let id = fields
        .identifier("sub")
        .or_else(|| fields.identifier("id"))
        .ok_or_else(|| ProviderError::Nonsense {
            detail: "a userinfo answer with neither sub nor id".to_owned(),
        })?;
    Person::new(id, fields.first_text(&NAMES))
}
